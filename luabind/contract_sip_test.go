package luabind_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// "sip.is_local(host | uri) -> boolean: domains at any port; listen addresses at their port". What
// can't be read is not local: it came off the wire.
func TestContractIsLocal(t *testing.T) {
	w := luabindtest.New(t, idle, luabindtest.Engine(func(c *engine.Config) { c.Domains = []string{"example.com", "[2001:db8::1]"} }))
	for text, want := range map[string]bool{
		`"example.com"`: true, `"EXAMPLE.COM"`: true, `"example.com:7000"`: true, `"sub.example.com"`: false,
		`"10.0.0.1"`: true, `"10.0.0.1:5060"`: true, `"10.0.0.1:5061"`: false, `"10.0.0.2"`: false, `"2001:db8::1"`: true, `"[2001:db8::1]"`: true,
		`"[2001:db8::1]:5060"`: true,
		`"sip:x@example.com"`:  true, `"SIP:x@example.com"`: true, `"sips:example.com"`: true, `"sip:x@10.0.0.1"`: true, `"sip:x@10.0.0.1:5099"`: false,
		`"sip:"`: false, `"sip:@"`: false, `""`: false, `"not a host"`: false, `"tel:+1"`: false, `"sip:x@other.example"`: false,
		`sip.uri("sip:x@example.com:7000")`: true, `sip.uri("sip:10.0.0.1:5060")`: true, `sip.uri("sip:10.0.0.1:5070")`: false, `sip.uri("tel:+1")`: false,
		`sip.address("<sip:x@example.com>;tag=1")`: true, `sip.uri("sips:10.0.0.1:5060")`: true, `sip.uri("sips:10.0.0.1")`: false, `sip.address("*")`: false,
	} {
		t.Run(text, func(t *testing.T) {
			got, err := w.Eval("return sip.is_local(" + text + ")")
			if err != nil || got[0] != any(want) {
				t.Errorf("sip.is_local(%s): %v %v, want %v", text, got, err, want)
			}
		})
	}
}

// "URIs: scheme user host port params headers aor. They are views: assigning edits the message;
// sip.uri(u) copies."
func TestContractURIViews(t *testing.T) {
	check(t, map[string]string{
		`local u = req.ruri u.user = "x" return req.ruri.user, u == req.ruri`:                                          "x true",
		`local u = sip.uri(req.ruri) u.user = "x" return req.ruri.user, u.user, u == req.ruri`:                         "bob@x x false",
		`local p = req.ruri.params p.x = "1" req.ruri.params.y = true return req.ruri`:                                 "sip:bob%40x@example.com:5070;transport=udp;Flag;x=1;y?subject=hi",
		`local p = req.ruri.params req.ruri = "sip:n@m;z=1" return p.z, p.transport == nil`:                            "1 true",
		`req.ruri.params = nil req.ruri.headers = nil req.ruri.port = nil return req.ruri`:                             "sip:bob%40x@example.com",
		`req.ruri.user = "a:b" return req.ruri`:                                                                        "sip:a%3Ab@example.com:5070;transport=udp;Flag?subject=hi",
		`req.ruri.user = 100 return req.ruri.user, type(req.ruri.user)`:                                                "100 string",
		`req.ruri = req.from.uri return req.ruri, req.ruri == req.from.uri`:                                            "sip:alice@example.com true",
		`req.ruri = req.from return req.ruri`:                                                                          "sip:alice@example.com",
		`req.ruri = req.contacts[2] return req.ruri`:                                                                   "sip:b@10.0.0.3;x=y",
		`return req.ruri == "sip:bob%40x@example.com:5070", "sip:a@b" == req.ruri`:                                     "false false",
		`return req.ruri:equals("sip:bob%40x@EXAMPLE.com:5070;transport=udp;flag?subject=hi"), req.ruri:equals("x y")`: "true false",
		`return "to " .. req.ruri .. "!", ("%s"):format(req.from.uri), #tostring(req.to)`:                              "to sip:bob%40x@example.com:5070;transport=udp;Flag?subject=hi! sip:alice@example.com 60",
		`return req.ruri.aor, sip.uri("sip:Bob@EXAMPLE.com;x").aor, sip.uri("sips:bob@example.com").aor`:               "sip:bob%40x@example.com:5070 sip:Bob@example.com sip:bob@example.com",
		`return sip.uri("sip:b%6Fb@example.com").aor == sip.uri("sip:bob@example.com:5060").aor`:                       "true",
		`req.ruri = "tel:+49-30-123" return req.ruri.scheme, req.ruri.user, req.ruri.host == nil`:                      "tel +49-30-123 true",
		`return req.from.params.tag, req.from.tag, req.to.params.x == nil`:                                             "from1 from1 true",
		`local t = {} for k, v in pairs(req.ruri.params) do t[#t + 1] = k .. "=" .. v end return table.concat(t, ",")`: "transport=udp,flag=",
	})
}

// sip.address writes what it reads: quotes, brackets and escapes are its business.
func TestContractAddressIsWritten(t *testing.T) {
	w := luabindtest.New(t, idle)
	evals(t, w, map[string][]any{
		`return tostring(sip.address{uri = "sip:a@b"})`: {"<sip:a@b>"},
		`return tostring(sip.address{display = 'Al "Ace" \\ A.', uri = sip.uri("sip:a@b;x=1"), params = {reason = "user-busy", flag = true}})`: {`"Al \"Ace\" \\ A." <sip:a@b;x=1>;flag;reason=user-busy`},
		`local a = sip.address{display = 'Al "Ace"', uri = "sip:a@b"} return a.display, a.uri.user, sip.address(tostring(a)).display`:          {`Al "Ace"`, "a", `Al "Ace"`},
		`return tostring(sip.address{display = "x\r\nVia: y", uri = "sip:a@b"})`:                                                               {`"x  Via: y" <sip:a@b>`},
		`return sip.address{uri = "no uri>"} == nil, tostring(sip.address{uri = sip.address("\"x\" <sip:c@d>;y")})`:                            {true, "<sip:c@d>"},
	})
}

// "incr(key, by, init, ttl)": a counter of a window: init and ttl count when it begins, and only
// then.
func TestContractIncrCountsAWindow(t *testing.T) {
	w := luabindtest.New(t, idle)
	evals(t, w, map[string][]any{
		`local d = sip.shared("a") d:incr("n", 1, 0, 10) sip.sleep(6) d:incr("n", 1, 0, 10) local left = d:ttl("n") sip.sleep(5) return left < 5, d:get("n"), d:incr("n", 1, 0, 10)`: {true, nil, 1.0},
		`local d = sip.shared("b") return d:incr("n", 2, 100), d:incr("n", 2, 100), d:incr("n"), d:incr("n", nil, nil, 5)`:                                                           {102.0, 104.0, 105.0, 106.0},
		`local d = sip.shared("c", {ttl = 3}) d:incr("n") sip.sleep(4) return d:get("n")`:                                                                                            {nil},
		`local d = sip.shared("e") d:set("n", 5) d:replace("n", 6, 2) sip.sleep(3) return d:get("n")`:                                                                                {nil},
	})
}

// "sip.after and sip.spawn called in route run where it runs"; at file level, sip.every and sip.on
// run once in the process.
func TestContractWhereTasksRun(t *testing.T) {
	w := luabindtest.New(t, `
local mine = 0
local d = sip.shared("d")
sip.spawn(function() d:incr("spawned") end)
sip.after(1, function() d:incr("after") end)
sip.every(1, function() d:incr("every") end)
sip.on("start", function() d:incr("started") end)
function route(req)
  mine = mine + 1
  local before = mine
  local t = sip.spawn(function() return mine end)
  sip.after(0.5, function() d:set("later", mine == before) end)
  req:reply(299, tostring(t:wait() == before))
end`, luabindtest.Lanes(3))
	w.Run(3500 * second / 1000)
	if got := string(w.Ask("MESSAGE", "sip:b@example.com").ReasonPhrase()); got != "true" {
		t.Errorf("a task of route ran in another VM: %s", got)
	}
	w.Run(second)
	evals(t, w, map[string][]any{`local d = sip.shared("d") return d:get("spawned"), d:get("after"), d:get("started"), d:get("later")`: {1.0, 1.0, 1.0, true}})
}

// An error in sip.every is logged, and it goes on.
func TestContractEverySurvivesErrors(t *testing.T) {
	w := luabindtest.New(t, `sip.every(1, function() error("oops") end) `+idle)
	w.Run(5500 * second / 1000)
	if n := strings.Count(w.Log(), "oops"); n < 5 {
		t.Errorf("called %d times\n%s", n, w.Log())
	}
	logs(t, w, "function=every", "route.lua:1")
}

// "sip.shared … survives reload", with the options of the new file.
func TestContractSharedAfterReload(t *testing.T) {
	w := luabindtest.New(t, `local d = sip.shared("d", {ttl = 100}) `+idle)
	if _, err := w.Eval(`sip.shared("d"):set("k", {1, 2})`); err != nil {
		t.Fatal(err)
	}
	if err := w.Router.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	evals(t, w, map[string][]any{`return sip.shared("d"):get("k")[2]`: {2.0}})
}

// "sip.send{method=, uri= | target=, from=, to=, headers=, body=, timeout=} -> response | nil, err
// (waits; not INVITE)"
func TestContractSend(t *testing.T) {
	w := luabindtest.New(t, idle)
	p := w.Peer("10.0.0.9:5060", luabindtest.Answering(202))
	evals(t, w, map[string][]any{
		`local r = sip.send{method = "MESSAGE", uri = sip.uri("sip:b@10.0.0.9"), from = '"Bot" <sip:bot@example.com>', to = sip.address("<sip:x@y>"), body = "hi",
		   content_type = "text/plain", headers = {["X-A"] = {"1", "2"}}} return r.code, r.final, r.cause, r.target, r.source.ip`: {202.0, true, nil, "sip:b@10.0.0.9", "10.0.0.9"},
	})
	m := p.Requests("MESSAGE")[0]
	for name, want := range map[string]string{"From": `"Bot" <sip:bot@example.com>;tag=`, "To": "<sip:x@y>", "X-A": "1", "Content-Type": "text/plain"} {
		t.Run(name, func(t *testing.T) {
			if got := string(m.HeaderName(name)); !strings.HasPrefix(got, want) {
				t.Errorf("%s is %q", name, got)
			}
		})
	}
	evals(t, w, map[string][]any{
		`return sip.send{method = "NOTIFY", uri = "sip:b@10.0.0.9", body = "x", headers = {["content-type"] = "text/a", ["X-A"] = "1"}}.code`:  {202.0},
		`return sip.send{method = "PUBLISH", uri = "sip:b@10.0.0.9", headers = {["Content-Type"] = "text/a"}}.code`:                            {202.0},
		`return sip.send{method = "OPTIONS", uri = "sip:b@10.0.0.9", credentials = {user = "u", password = {password = "p"}}}.code`:            {202.0},
		`return sip.send{method = "OPTIONS", target = {uri = "sip:b@10.0.0.9", credentials = {user = "u", password = {password = "p"}}}}.code`: {202.0},
	})
	if m := p.Requests("NOTIFY")[0]; string(m.Header(message.HeaderContentType)) != "text/a" || string(m.Body()) != "x" || strings.Count(strings.ToLower(string(m.AppendTo(nil))), "content-type") != 1 {
		t.Errorf("%s", m.AppendTo(nil))
	}
	if m := p.Requests("PUBLISH")[0]; string(m.Header(message.HeaderContentType)) != "text/a" {
		t.Errorf("%s", m.AppendTo(nil))
	}
	evalFails(t, w, map[string]string{
		`sip.send{method = "NOTIFY", uri = "sip:b@10.0.0.9", body = "x", content_type = "text/b", headers = {["Content-Type"] = "text/a"}}`: "a body has one type",
		`sip.send{method = "NOTIFY", uri = "sip:b@10.0.0.9", body = "x", headers = {["Content-Type"] = {"text/a", "text/b"}}}`:              "a body has one type",
		`sip.send{method = "OPTIONS", uri = "sip:b@10.0.0.9", credentials = {user = "u", password = {ha1 = "p"}}}`:                          `unknown option "credentials.password.ha1"`,
		`sip.send{method = "OPTIONS", uri = "sip:b@10.0.0.9", credentials = {user = "u"}}`:                                                  "credentials must be",
		`sip.send{method = "INVITE", uri = "sip:b@10.0.0.9"}`:                                                                               "INVITE",
		`sip.send{method = "MESSAGE", uri = "sip:b@10.0.0.9", body = "x"}`:                                                                  "content_type",
		`sip.send{method = "MESSAGE", uri = "sip:b@10.0.0.9", headers = {To = "x"}}`:                                                        "engine's own",
		`sip.send{method = "OPTIONS", uri = "sip:b@10.0.0.9", timeout = "5"}`:                                                               "timeout must be a number of seconds",
		`sip.send{method = "MESSAGE", uri = "sip:b@10.0.0.9", body = "x", content_type = "text/plain\r\nX-Evil: 1"}`:                        "Content-Type",
		`sip.send{method = "OPTIONS", ruri = "sip:b@10.0.0.9"}`:                                                                             `unknown option "ruri"; did you mean 'uri'?; the options are: body, content_type, credentials, from, headers, method, target, timeout, to, uri`,
		`sip.send{method = "TWO WORDS", uri = "sip:b@10.0.0.9"}`:                                                                            `"TWO WORDS" is not a method`,
	})
}
