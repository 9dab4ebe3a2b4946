package luabind_test

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/luabindtest"
)

func TestRequestFields(t *testing.T) {
	check(t, map[string]string{
		`return req.method, req.ruri`:                                        "MESSAGE sip:bob%40x@example.com:5070;transport=udp;Flag?subject=hi",
		`return req.from.display, req.from.uri, req.from.tag`:                "Alice A. sip:alice@example.com from1",
		`return req.to.uri.host, req.to.tag, req.to.display`:                 "example.com",
		`return req.call_id, req.cseq.number, req.cseq.method`:               "call-1 7 MESSAGE",
		`return req.max_forwards, #req.contacts, req.contacts[1].params.q`:   "70 2 0.5",
		`return req.contacts[2].display, req.contacts[2].uri`:                "B, b sip:b@10.0.0.3;x=y",
		`return req.body, req.content_type, req.user_agent, req.expires`:     "hello text/plain UA/1 60",
		`return #req.id, req.id == req.id, req.in_dialog`:                    "16 true false",
		`return req.answered, req.cancelled`:                                 "nil false",
		`return req.source.ip, req.source.port, req.source.transport`:        "10.0.0.2 5060 udp",
		`local r = req.received_on return r.ip, r.port, r.transport, r.name`: "10.0.0.1 5060 udp udp:10.0.0.1:5060",
		`return #req.routes, req.routes[1].uri.host, req.routes[1]`:          "1 next.example.net <sip:next.example.net;lr>",
		`return req.route_params`:                                            "nil",
		`req.vars.x = 5 return req.vars.x, req.vars == req.vars`:             "5 true",
		`return req:is("INVITE", "MESSAGE"), req:is("INVITE")`:               "true false",
		`return req:header("x-a"), #req:headers("X-A"), req:header("No")`:    "1 2",
		`return req:header("m"), req:headers("Contact")[2]`:                  `<sip:a@10.0.0.2>;q=0.5 "B, b" <sip:b@10.0.0.3;x=y>`,
		`return req`: "MESSAGE sip:bob%40x@example.com:5070;transport=udp;Flag?subject=hi call-1",
		`return req:header("Subject"), req:is("MESSAGE")`:                                             "nil true",
		`local ok, e = pcall(function() return req.methd end) return e:match("did you mean '(%w+)'")`: "method",
	})
}

func TestRequestEdits(t *testing.T) {
	check(t, map[string]string{
		`req:set_header("X-A", "new") return req:header("X-A"), #req:headers("X-A")`:                "new 1",
		`req:set_header("X-A", {"p", "q", 3}) return table.concat(req:headers("X-A"), "|")`:         "p|q|3",
		`req:add_header("X-A", "last") return req:headers("X-A")[3]`:                                "last",
		`req:add_header("X-A", "first", "first") return req:headers("X-A")[1]`:                      "first",
		`req:remove_header("X-A") return req:header("X-A")`:                                         "nil",
		`req:set_header("X-U", req.ruri) return req:header("X-U"):match("^sip:bob")`:                "sip:bob",
		`req:set_body("x", "text/html") return req.body, req.content_type`:                          "x text/html",
		`req:set_body(nil) return req.body, req.content_type`:                                       "nil",
		`req.ruri = "sip:other@b.example" return req.ruri.host, req.ruri.port, req.ruri`:            "b.example nil sip:other@b.example",
		`req.ruri = sip.uri("sips:z@h") return req.ruri.scheme`:                                     "sips",
		`req.ruri.user = "a/b c@d" return req.ruri.user, req.ruri`:                                  "a/b c@d sip:a/b%20c%40d@example.com:5070;transport=udp;Flag?subject=hi",
		`local u = req.ruri u.port = nil u.headers = nil u.params = {a = "1", b = true} return u`:   "sip:bob%40x@example.com;a=1;b",
		`req.ruri.user = nil return req.ruri.user, req.ruri.host`:                                   "nil example.com",
		`req.ruri.host = "::1" return req.ruri.host, tostring(req.ruri):match("%[::1%]")`:           "::1 [::1]",
		`req.ruri.params.transport = "tcp" return req.ruri.params.TRANSPORT, #req.ruri.params.flag`: "tcp 0",
		`req.ruri.params.flag = nil req.ruri.params.new = true return req.ruri.params`:              ";transport=udp;new",
	})
}

func TestRequestMisuse(t *testing.T) {
	refuse(t, map[string]string{
		`return req.methd`:                                           "request has no field 'methd'; did you mean 'method'?",
		`req.metod = 1`:                                              "did you mean 'method'?",
		`req.method = "X"`:                                           "req.method is read-only",
		`req.body = "X"`:                                             "req:set_body",
		`req.from = "sip:x@y"`:                                       "uac.mask",
		`req.from.uri.user = "x"`:                                    "uac.mask",
		`req.from.uri.params.x = "x"`:                                "uac.mask",
		`req.ruri = nil`:                                             "req.ruri must be a uri or a string, not nil",
		`req.ruri = "no uri"`:                                        "is not a uri",
		`req.ruri.port = 99999`:                                      "port must be a number from 1 to 65535",
		`req.ruri.host = "a b"`:                                      "is not a host",
		`req.ruri.aor = "x"`:                                         "aor is computed",
		`req.ruri.hots = "x"`:                                        "did you mean 'host'?",
		`return req.ruri.usr`:                                        "did you mean 'user'?",
		`return req.reply(200)`:                                      "write req:name(...), not req.name(...)",
		`req:reply()`:                                                "argument 1 must be a code or a response, not nil",
		`req:reply("200")`:                                           "must be a code or a response",
		`req:reply(99)`:                                              "from 100 to 699",
		`req:reply(200, "a\r\nb")`:                                   "CR, LF",
		`req:reply(200, {bdy = "x"})`:                                `unknown option "bdy"; did you mean 'body'?; the options are: body, content_type, headers`,
		`req:reply(200, {body = "x"})`:                               "needs a content_type",
		`req:reply(200, {headers = {X = "a\r\nb: c"}})`:              "CR, LF or NUL",
		`req:set_header("X", "a\r\nVia: x")`:                         "X",
		`req:set_header("Via", "x")`:                                 "Via",
		`req:set_header("X", {})  req:set_header(nil, "x")`:          "the name of a header must be a string",
		`req:set_header("X", true)`:                                  "must be a string or a list of strings, not true",
		`req:add_header("X", nil)`:                                   "req:add_header: argument 2 must be a string, not nil",
		`req:add_header("X", "a", "last")`:                           `must be "first" or nothing`,
		`req:header()`:                                               "the name of a header must be a string",
		`req:set_body("x")`:                                          "the content type must be a string",
		`req:is()`:                                                   "needs a method name",
		`req:is(5)`:                                                  "must be a method name",
		`req:relay(nil)`:                                             "req:relay was given nil as its target",
		`req:relay(nil, {})`:                                         "was given nil as its target",
		`req:fork(nil)`:                                              "was given nil as its target",
		`req:relay(5)`:                                               "a target is a uri, a binding or a table",
		`req:relay({uri = "sip:a@b", quality = 1})`:                  `unknown option "quality"`,
		`req:relay("sip:a@b", {ordr = "q"})`:                         `unknown option "ordr"; did you mean 'order'?`,
		`req:relay("sip:a@b", {order = "best"})`:                     `order must be "parallel", "serial" or "q"`,
		`req:relay({"sip:a@b", q = 1})`:                              `a list of targets has the key "q"`,
		`req:relay({timeout = 3}, {order = "q"})`:                    "has no destination",
		`req:relay({"sip:a@b", {}})`:                                 "target 2: the table has no destination",
		`req:relay("sip:a@b", {on_branch = 5})`:                      "on_branch must be a function",
		`req:relay("sip:a@b", {timeout = -1})`:                       "timeout must be a number of seconds greater than 0",
		`req:relay{uri = "sip:a@b", q = 2}`:                          "q must be a number from 0 to 1",
		`req:relay{uri = "sip:a@b", headers = {X = "\r\n"}}`:         "CR, LF or NUL",
		`req:relay("sip:a@b", {failover = {486}})`:                   `failover needs order`,
		`req:relay("sip:a@b", {order="serial", failover = {"7xx"}})`: "failover accepts codes",
		`req:fork("sip:a@b", {on_failure = function() end})`:         "on_failure belongs to relay",
		`req:forward({"sip:a@b", "sip:c@d"})`:                        "needs one target",
		`req:redirect({code = 302})`:                                 "has no destination",
		`req:redirect("sip:a@b", {code = 200})`:                      "code must be at least 300",
		`req:cancel(true)`:                                           "the reason must be a string",
		`req:record_route(5)`:                                        "params must be a table or a string",
	})
}

func TestSecondDecisionRaisesAndTheFirstStands(t *testing.T) {
	w := luabindtest.New(t, `function route(req) req:reply(202) req:reply(404) end`)
	if c := w.Code("MESSAGE", "sip:bob@example.com"); c != 202 {
		t.Errorf("answered %d, want 202", c)
	}
	if log := w.Log(); !strings.Contains(log, "decided already") || !strings.Contains(log, "route.lua:1") {
		t.Errorf("the second decision was not reported:\n%s", log)
	}
}

func TestNoDecisionIs500(t *testing.T) {
	w := luabindtest.New(t, idle)
	if c := w.Code("MESSAGE", "sip:bob@example.com"); c != 500 {
		t.Errorf("answered %d, want 500", c)
	}
}

// Trap 16: a script error meant silence on the wire and a line without a traceback.
func TestTrap16ScriptErrorIs500WithTraceback(t *testing.T) {
	w := luabindtest.New(t, "local function inner(req)\n  local x = nil\n  return x.field\nend\nfunction route(req)\n  local y = inner(req)\n  return y\nend")
	if c := w.Code("MESSAGE", "sip:bob@example.com"); c != 500 {
		t.Errorf("answered %d, want 500", c)
	}
	log := w.Log()
	for _, want := range []string{"route.lua:3:", "traceback", "route.lua:6", "call_id=call-1", "method=MESSAGE"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	if s := w.Router.Stats(); s.Errors != 1 || s.Calls != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestObjectsEndWithTheirHandlers(t *testing.T) {
	w := luabindtest.New(t, `
local keep = {}
function route(req)
  keep.req, keep.ruri, keep.from, keep.uri, keep.contact, keep.vars = req, req.ruri, req.from, req.from.uri, req.contacts[1], req.vars
  keep.params, keep.copy = req.ruri.params, sip.uri(req.ruri)
  sip.after(1, function()
    local n = 0
    for _, f in ipairs{function() return keep.req.method end, function() return keep.ruri.user end, function() return keep.from.tag end,
      function() return tostring(keep.uri) end, function() return keep.contact.uri end, function() keep.req:reply(200) end,
      function() return keep.params.x end} do
      local ok, err = pcall(f)
      if not ok and tostring(err):find("this request is over", 1, true) then n = n + 1 else sip.log.error("no error from %d: %s", _, tostring(err)) end
    end
    sip.log.info("refused %d, copy %s", n, keep.copy)
  end)
  req:reply(200)
end`)
	w.Ask("MESSAGE", "sip:bob@example.com", "Contact: <sip:a@b>\r\n")
	w.Run(2e9)
	if log := w.Log(); !strings.Contains(log, "refused 7, copy sip:bob@example.com") {
		t.Error(log)
	}
}
