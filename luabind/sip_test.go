package luabind_test

import (
	"testing"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

func TestURI(t *testing.T) {
	w := luabindtest.New(t, idle)
	evals(t, w, map[string][]any{
		`local u = sip.uri("sip:Al%69ce:pw@Example.COM:5070;transport=tcp;lr?Subject=a%20b&To=x") return u.scheme, u.user, u.host, u.port, u.params.transport, u.params.lr, u.params.none, u.headers.subject, u.headers.to, u.aor`: {"sip", "Alice", "Example.COM", 5070.0, "tcp", "", nil, "a b", "x", "sip:Alice@example.com:5070"},
		`local u = sip.uri("sip:example.com") return u.user, u.port, tostring(u), "<" .. u .. ">", u .. ";x"`:                                                                                                                      {nil, nil, "sip:example.com", "<sip:example.com>", "sip:example.com;x"},
		`local u = sip.uri("tel:+1-201-555-0123;phone-context=x") return u.scheme, u.user, u.host, u.params["phone-context"]`:                                                                                                      {"tel", "+1-201-555-0123", nil, "x"},
		`local u = sip.uri("sip:[2001:db8::1]:5060") return u.host, u.port, tostring(u)`:                                                                                                                                           {"2001:db8::1", 5060.0, "sip:[2001:db8::1]:5060"},
		`return sip.uri("no uri") == nil, type(select(2, sip.uri("no uri")))`:                                                                                                                                                      {true, "string"},
		`return sip.uri("sip:a@B.com") == sip.uri("sip:a@b.com"), sip.uri("sip:a@b") == sip.uri("sip:c@b"), sip.uri("sip:a@b") == "sip:a@b"`:                                                                                       {true, false, false},
		`local u = sip.uri("sip:a@B") return u:equals("sip:a@b"), u:equals(sip.uri("sip:a@b")), u:equals("nothing")`:                                                                                                               {true, true, false},
		`local u = sip.uri("sip:a@b") local c = sip.uri(u) c.user = "z" return tostring(u), tostring(c)`:                                                                                                                           {"sip:a@b", "sip:z@b"},
		`local u = sip.uri("sip:a@b;x=1;y") local n = 0 for k, v in pairs(u.params) do n = n + 1 assert(u.params[k] == v) end return n`:                                                                                            {2.0},
		`local u = sip.uri("sip:a@b") u.params.method = "INVITE;x" u.params["a b"] = 1 return tostring(u)`:                                                                                                                         {"sip:a@b;method=INVITE%3Bx;a%20b=1"},
		`local u = sip.uri("sip:a@b") u.user = "o'x;y=z/\"" u.port = 5061 u.headers = {subject = "a&b"} return tostring(u), u.user`:                                                                                                {`sip:o'x;y=z/%22@b:5061?subject=a%26b`, `o'x;y=z/"`},
		`local u = sip.uri("sip:a@b") u.scheme = "sips" u.host = "c.example" return tostring(u)`:                                                                                                                                   {"sips:a@c.example"},
		`local t = {[sip.uri("sip:a@b").aor] = 1} return t["sip:a@b"]`:                                                                                                                                                             {1.0},
		`local a = sip.address('"A \\"B\\"" <sip:a@b;lr>;tag=x;Flag') return a.display, tostring(a.uri), a.params.flag, a.tag, a.params.none`:                                                                                      {`A "B"`, "sip:a@b;lr", "", "x", nil},
		`local a = sip.address("sip:a@b;tag=x") return a.display, tostring(a.uri), a.tag, tostring(a)`:                                                                                                                             {nil, "sip:a@b", "x", "sip:a@b;tag=x"},
		`return (sip.address("<<"))`: {nil},
		`return tostring(sip.uri(sip.address("<sip:a@b>"))), sip.address("*").uri`: {"sip:a@b", nil},
	})
	evalFails(t, w, map[string]string{
		`sip.uri(5)`:      "sip.uri: argument 1 must be a string or a uri, not the number 5",
		`sip.uri(nil)`:    "not nil",
		`sip.address({})`: "sip.address: uri must be a string or a uri, not nil",
		`sip.address{uri = "sip:a@b", dsplay = "x"}`:     "did you mean 'display'?",
		`sip.address("sip:a@b").uri.user = "x"`:          "read-only: sip.uri(...) makes a copy",
		`sip.address("sip:a@b").display = "x"`:           "read-only",
		`return sip.address("sip:a@b").name`:             "an address has no field 'name'",
		`sip.uri("sip:a@b").headers.x = 1`:               "assign all headers of a uri at once",
		`sip.address("<sip:a@b>;x=1").params.x = 2`:      "these parameters are read-only",
		`return sip.uri("sip:a@b").params[1]`:            "read by name",
		`return sip.uri("sip:a@b") .. {}`:                "a table cannot be concatenated",
		`return sip.uri("sip:a@b"):equals(5)`:            "a uri is expected here, not the number 5",
		`return sip.uri("sip:a@b") < sip.uri("sip:a@c")`: "attempt to compare",
		`sip.uri("sip:a@b").params = 5`:                  "params must be a table or a string",
		`sip.uri("sip:a@b").user = {}`:                   "user must be a string",
	})
}

func TestCodecs(t *testing.T) {
	w := luabindtest.New(t, idle, luabindtest.Script(func(o *luabind.Options) {
		o.Args = map[string]string{"KEY": "value"}
		o.Env = func(name string) string { return map[string]string{"HOME": "/root"}[name] }
	}))
	evals(t, w, map[string][]any{
		`return sip.hash.md5("a"), #sip.hash.sha256("a"), #sip.hash.hmac_sha256("k", "a")`:                                                                                   {"0cc175b9c0f1b6a831c399e269772661", 64.0, 64.0},
		`return sip.hash.hmac_sha256("key", "The quick brown fox jumps over the lazy dog")`:                                                                                  {"f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"},
		`return sip.base64.encode("a\0b"), sip.base64.decode("YQBi"), (sip.base64.decode("!"))`:                                                                              {"YQBi", "a\x00b", nil},
		`return #sip.token(8), #sip.token(), sip.token() == sip.token()`:                                                                                                     {16.0, 32.0, false},
		`for i = 1, 50 do local r = sip.random(3) assert(r >= 1 and r <= 3 and r % 1 == 0) end return sip.random(1)`:                                                         {1.0},
		`return sip.args.KEY, sip.args.OTHER, sip.env("HOME"), sip.env("NONE")`:                                                                                              {"value", nil, "/root", nil},
		`return sip.json.encode({a = 1, b = {1, "x", true, sip.json.null}, c = {}, d = 1.5, e = sip.json.empty_list, f = sip.uri("sip:a@b")})`:                               {`{"a":1,"b":[1,"x",true,null],"c":{},"d":1.5,"e":[],"f":"sip:a@b"}`},
		`return sip.json.encode("a\"<\n\1"), sip.json.encode(nil), sip.json.encode(2^53 - 1)`:                                                                                {`"a\"<\n\u0001"`, "null", "9007199254740991"},
		`local t = sip.json.decode('{"a": [1, 2, {"b": null}], "c": "\\u00e4", "d": -1.5e3, "e": false}') return t.a[2], t.a[3].b == sip.json.null, t.c, t.d, t.e, #t.a`:     {2.0, true, "ä", -1500.0, false, 3.0},
		`return sip.json.decode("[1"), (select(2, sip.json.decode("[1 2]"))) ~= nil, (sip.json.decode("1 2")), sip.json.decode(" 5 ")`:                                       {nil, true, nil, 5.0},
		`return unpack(sip.json.decode("[9007199254740993, -9007199254740993, 18446744073709551616, 9007199254740992, -9007199254740992, 9007199254740991]"))`:               {"9007199254740993", "-9007199254740993", "18446744073709551616", 9007199254740992.0, -9007199254740992.0, 9007199254740991.0},
		`return unpack(sip.json.decode("[1e18, 9007199254740993.0, 1" .. ("0"):rep(400) .. "]"), 1, 2), #sip.json.decode("1" .. ("0"):rep(400)), (sip.json.decode("1e999"))`: {1e18, 401.0, nil},
		`local n = 2^60 return sip.json.decode(sip.json.encode { n })[1] == n, sip.json.decode(sip.json.encode { 2^53 })[1], sip.json.decode("-0")`:                          {true, 9007199254740992.0, 0.0},
		`return (sip.json.decode(("["):rep(100) .. ("]"):rep(100)))`:                                                                                                         {nil},
		`return (sip.json.decode("")), sip.json.decode("null") == sip.json.null, tostring(sip.json.null)`:                                                                    {nil, true, "null"},
		`return sip.now() > 1e9`: {true},
	})
	evalFails(t, w, map[string]string{
		`sip.json.encode(print)`:                      "a function cannot be represented in JSON",
		`sip.json.encode({1, x = 2})`:                 "either a list or an object",
		`sip.json.encode({[true] = 1})`:               "must be a string",
		`sip.json.encode(0/0)`:                        "cannot be represented in JSON",
		`sip.json.encode()`:                           "needs a value",
		`sip.json.decode({})`:                         "must be a string",
		`return sip.json.null.x`:                      "has no fields",
		`sip.hash.md5()`:                              "argument 1 must be a string",
		`sip.hash.sha1("x")`:                          "sip.hash has no function 'sha1'",
		`sip.base64.decode({})`:                       "must be a string",
		`sip.token(0)`:                                "from 1 to 1024",
		`sip.random(0)`:                               "greater than 0",
		`sip.random()`:                                "greater than 0",
		`sip.args.KEY2 = 1`:                           "sip.args is read-only",
		`sip.env()`:                                   "must be a string",
		`sip.log.info({}, 1)`:                         "the format must be a string",
		`sip.log.info("%d")  sip.log.info("%d", "x")`: "needs a number",
		`sip.log.inf("x")`:                            "did you mean 'info'?",
		`sip.log.warning("x")`:                        "sip.log has no function 'warning'; did you mean 'warn'?",
		`sip.lgo.info("x")`:                           "sip has no function 'lgo'; did you mean 'log'?",
		`sip.domain.add("x")`:                         "sip has no function 'domain'; did you mean 'domains'?",
	})
}

func TestLocalsAndDomains(t *testing.T) {
	w := luabindtest.New(t, idle)
	evals(t, w, map[string][]any{
		`return sip.is_local("example.com"), sip.is_local("EXAMPLE.com"), sip.is_local("other.com"), sip.is_local("10.0.0.1"), sip.is_local("10.0.0.1:5060"), sip.is_local("10.0.0.1:5999"), sip.is_local("")`: {true, true, false, true, true, false, false},
		`return sip.is_local(sip.uri("sip:x@example.com:7000")), sip.is_local(sip.uri("tel:+1")), sip.is_local("sip:a@example.com"), sip.is_local(sip.address("<sip:a@example.com>"))`:                         {true, false, true, true},
		`sip.domains.add("new.example") local a = sip.is_local("new.example") sip.domains.remove("new.example") return a, sip.is_local("new.example"), #sip.domains.list(), sip.domains.list()[1]`:             {true, false, 1.0, "example.com"},
		`return sip.listens_at("10.0.0.1"), sip.listens_at("10.0.0.99"), sip.listens_at("example.com")`:                                                                                                        {true, false, false},
	})
	evalFails(t, w, map[string]string{
		`sip.is_local(nil)`:    "must be a host or a uri, not nil",
		`sip.domains.add(nil)`: "argument 1 must be a string, not nil",
		`sip.domains.ad("x")`:  "did you mean 'add'?",
	})
}

func TestSend(t *testing.T) {
	w := luabindtest.New(t, idle)
	p := w.Peer("10.0.0.9:5060", luabindtest.Answering(404))
	evals(t, w, map[string][]any{
		`local r = sip.send{method = "OPTIONS", uri = "sip:10.0.0.9", headers = {["X-A"] = "b"}, body = "hi", content_type = "text/plain", to = "sip:x@y"} return r.code, r.reason, r.cause`: {404.0, "Not Found", nil},
		`local r = sip.send{method = "OPTIONS", target = {uri = "sip:x@example.org", next_hop = "sip:10.0.0.9"}} return r.code`:                                                              {404.0},
		`local r, err = sip.send{method = "OPTIONS", uri = "sip:10.0.0.77", timeout = 1} return r, err ~= nil`:                                                                               {nil, true},
	})
	m := p.Requests("OPTIONS")[0]
	if string(m.HeaderName("X-A")) == "" && len(p.Requests("OPTIONS")) > 1 {
		m = p.Requests("OPTIONS")[1]
	}
	if string(m.HeaderName("X-A")) != "b" || string(m.Body()) != "hi" || m.Method() != message.MethodOptions {
		t.Errorf("sent:\n%s", m.AppendTo(nil))
	}
	evalFails(t, w, map[string]string{
		`sip.send()`:                                                                   "needs a table",
		`sip.send{uri = "sip:a@b"}`:                                                    "option method is required",
		`sip.send{method = "OPTIONS"}`:                                                 "uri or target is required",
		`sip.send{method = "OPTIONS", urn = 1}`:                                        "unknown option",
		`sip.send{method = "INVITE", uri = "sip:10.0.0.9"}`:                            "INVITE",
		`sip.send{method = "OPTIONS", uri = 5}`:                                        "uri",
		`sip.send{method = "OPTIONS", target = {}}`:                                    "has no destination",
		`sip.send{method = "OPTIONS", uri = "sip:10.0.0.9", headers = {X = "a\r\nb"}}`: "CR, LF or NUL",
	})
}
