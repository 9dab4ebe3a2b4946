package luabind_test

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// routed runs body as the route function, with a peer at 10.0.0.9 that answers 486 and one at
// 10.0.0.8 that answers 200.
func routed(t *testing.T, body string, options ...luabindtest.Option) (w *luabindtest.World, busy, fine *luabindtest.Peer) {
	t.Helper()
	w = luabindtest.New(t, "function route(req)\n"+body+"\nend", options...)
	return w, w.Peer("10.0.0.9:5060", luabindtest.Answering(486)), w.Peer("10.0.0.8:5060", luabindtest.Answering(200))
}

func TestRelayTargets(t *testing.T) {
	for body, want := range map[string]int{
		`req:relay("sip:b@10.0.0.9")`:                             486,
		`req:relay(sip.uri("sip:b@10.0.0.9"))`:                    486,
		`req:relay{uri = "sip:b@10.0.0.9"}`:                       486,
		`req:relay{next_hop = "sip:10.0.0.9"}`:                    486,
		`req:relay({"sip:b@10.0.0.9", {uri = "sip:b@10.0.0.8"}})`: 200,
		`req:relay({"sip:b@10.0.0.9"}, {timeout = 5})`:            486,
		`req:relay({})`: 480,
		`req:relay()`:   403,
		`req.ruri = "sip:b@10.0.0.8" req:relay()`:                                                      200,
		`req.ruri.host = "10.0.0.8" req:relay{ring_timeout = 20}`:                                      200,
		`req:relay{timeout = 3}`:                                                                       403,
		`req:relay(nil, "store away")`:                                                                 503,
		`req:redirect("sip:x@y")`:                                                                      302,
		`req:redirect({{uri = "sip:x@y", q = 0.5}}, {code = 301})`:                                     301,
		`req:redirect({})`:                                                                             480,
		`req:redirect(nil, "away")`:                                                                    503,
		`req:forward("sip:b@10.0.0.9")`:                                                                486,
		`local r = req:fork("sip:b@10.0.0.9") req:reply(r.code + 1)`:                                   487,
		`local r = req:fork("sip:b@10.0.0.9") req:reply(r)`:                                            486,
		`req:fork("sip:b@10.0.0.9")`:                                                                   486,
		`local r = req:fork{} req:reply(r.cause == "empty" and 299 or 500)`:                            299,
		`local r = req:fork(nil, "away") if r.code ~= 503 then error("x") end`:                         503,
		`req:relay({"sip:b@10.0.0.9", "sip:b@10.0.0.8"}, {order = "serial", failover = {486, "5xx"}})`: 200,
		`req:relay({"sip:b@10.0.0.9", "sip:b@10.0.0.8"}, {order = "serial", failover = "5xx"})`:        486,
		`req:relay({"sip:b@10.0.0.9", "sip:b@10.0.0.8"}, {order = "serial", failover = function(res) return res.code == 486 end})`: 200,
		`req:relay("sip:b@10.0.0.9", {on_failure = function(res, r) r:reply(res.code + 100) end})`:                                 586,
		`req:relay("sip:b@10.0.0.9", {on_failure = function(res, r) r:relay("sip:b@10.0.0.8") end})`:                               200,
		`req:relay("sip:b@10.0.0.9", {on_failure = function(res, r) local x = r:fork("sip:b@10.0.0.9") r:reply(x.code + 1) end})`:  487,
	} {
		t.Run(body, func(t *testing.T) {
			w, _, _ := routed(t, body)
			if got := w.Code("MESSAGE", "sip:bob@example.com"); got != want {
				t.Errorf("%s\ngot %d, want %d\n%s", body, got, want, w.Log())
			}
		})
	}
}

func TestForkedResponse(t *testing.T) {
	w, _, _ := routed(t, `
local target = {uri = "sip:b@10.0.0.9", vars = {name = "desk"}}
local r = req:fork(target)
assert(r.code == 486 and r.final and r.reason == "Busy Here" and r.cause == nil, "fields")
assert(r.target == target and r.target.vars.name == "desk", "target")
assert(r:header("CSeq"):match("MESSAGE") and r.body == nil and #r.contacts == 0, "headers")
assert(not pcall(function() return r.cod end), "typo")
local ok, err = pcall(function() r.code = 5 end)
assert(not ok and err:find("read-only", 1, true), err)
ok, err = pcall(function() r:drop() end)
assert(not ok and err:find("provisional"), err)
r:set_header("X-New", "yes")
local t = req:fork({uri = "sip:b@10.0.0.77", timeout = 2})
assert(t.code == 408 and t.cause == "timeout", "timeout: " .. tostring(t.code) .. tostring(t.cause))
req:reply(r)`)
	m := w.Ask("MESSAGE", "sip:bob@example.com")
	if status(m) != 486 || string(m.HeaderName("X-New")) != "yes" {
		t.Errorf("got %v\n%s", status(m), w.Log())
	}
}

func TestCallbacks(t *testing.T) {
	w, busy, _ := routed(t, `
local seen = {}
req.vars.n = 1
req:relay("sip:b@10.0.0.9", {
  headers = {["X-Static"] = {"a", "b"}, ["User-Agent"] = false},
  on_branch = function(branch, r)
    assert(r == req and r.vars.n == 1)
    branch:set_header("X-Branch", branch.ruri.user .. "/" .. branch.method)
    branch.ruri.user = "carol"
    sip.sleep(0.1)
  end,
  on_response = function(res, r)
    seen[#seen + 1] = res.code
    res:set_header("X-Seen", table.concat(seen, ","))
  end,
})`)
	m := w.Ask("MESSAGE", "sip:bob@example.com", "User-Agent: x\r\n")
	if status(m) != 486 || string(m.HeaderName("X-Seen")) != "486" {
		t.Errorf("got %d, X-Seen %q", status(m), m.HeaderName("X-Seen"))
	}
	got := busy.Requests("MESSAGE")
	if len(got) == 0 {
		t.Fatal("nothing reached the peer")
	}
	for header, want := range map[string]string{"X-Branch": "b/MESSAGE", "X-Static": "a", "User-Agent": ""} {
		t.Run(header, func(t *testing.T) {
			if v := string(got[0].HeaderName(header)); v != want {
				t.Errorf("%s is %q, want %q", header, v, want)
			}
		})
	}
	if u := string(got[0].RequestURI()); u != "sip:carol@10.0.0.9" {
		t.Errorf("Request-URI %s", u)
	}
}

func TestErrorInACallbackIsLogged(t *testing.T) {
	w, _, _ := routed(t, `req:relay("sip:b@10.0.0.9", {on_response = function(res) error("oops") end})`)
	if c := w.Code("MESSAGE", "sip:bob@example.com"); c != 486 {
		t.Errorf("got %d", c)
	}
	if log := w.Log(); !strings.Contains(log, "oops") || !strings.Contains(log, "on_response") {
		t.Error(log)
	}
}

// Trap 31: a failover loop that goes on after the caller's CANCEL places a call nobody wants.
func TestTrap31NothingIsSentAfterCancel(t *testing.T) {
	w := luabindtest.New(t, `
function route(req)
  if req.method ~= "INVITE" then return end
  local codes = {}
  for i, host in ipairs{"10.0.0.8", "10.0.0.9"} do
    local r = req:fork("sip:b@" .. host)
    codes[i] = r.code .. (r.cause or "")
  end
  sip.log.info("ended %s cancelled %s reply %s relay %s sleep %s", table.concat(codes, ","), req.cancelled, req:reply(404), req:relay("sip:x@10.0.0.9"), sip.sleep(1))
end`)
	var invite *message.Message
	var at sim.Packet
	w.Peer("10.0.0.8:5060", func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
		switch m.Method() {
		case message.MethodInvite:
			invite, at = m, in
			p.Reply(m, in, 180, "")
		case message.MethodCancel:
			p.Reply(m, in, 200, "")
			p.Reply(invite, at, 487, "")
		}
	})
	second := w.Peer("10.0.0.9:5060", nil)
	caller := w.Peer(luabindtest.Caller, nil)
	text := string(w.Request("INVITE", "sip:bob@example.com", "", ""))
	caller.Send(luabindtest.Addr, []byte(text))
	w.Run(1e9)
	caller.Send(luabindtest.Addr, []byte(strings.ReplaceAll(text, "INVITE", "CANCEL")))
	w.Run(5e9)
	if len(second.Got) != 0 {
		t.Errorf("the second target was tried after the CANCEL")
	}
	final := 0
	for _, m := range caller.Got {
		if c, _ := m.CSeq(); c.Method == message.MethodInvite {
			final = m.Status()
		}
	}
	if final != 487 {
		t.Errorf("the caller got %d, want 487", final)
	}
	if log := w.Log(); !strings.Contains(log, "cancelled true reply false relay false sleep nil") {
		t.Error(log)
	}
}

// Trap 32: the sender's preloaded Route would choose the next hop after our lookup.
func TestTrap32TargetReplacesTheSendersRoute(t *testing.T) {
	w, busy, fine := routed(t, `req:relay("sip:b@10.0.0.9")`)
	w.Ask("MESSAGE", "sip:bob@example.com", "Route: <sip:10.0.0.8;lr>\r\n")
	if len(fine.Got) != 0 || len(busy.Requests("MESSAGE")) == 0 {
		t.Errorf("the Route of the sender was followed")
	}
	w, _, fine = routed(t, `req:relay{uri = req.ruri, path = req.routes}`)
	w.Ask("MESSAGE", "sip:bob@example.com", "Route: <sip:10.0.0.8;lr>\r\n")
	if len(fine.Requests("MESSAGE")) == 0 {
		t.Errorf("path was not followed\n%s", w.Log())
	}
}

// Trap 33: CR/LF in a header value that came from a database: a second request.
func TestTrap33HeaderInjection(t *testing.T) {
	w, busy, _ := routed(t, `
local evil = "x\r\nContent-Length: 0\r\n\r\nBYE sip:a SIP/2.0"
for i, f in ipairs{
  function() req:set_header("X", evil) end, function() req:add_header("X", evil) end, function() req:set_header("X\r\nY", "a") end,
  function() req:relay("sip:b@10.0.0.9", {headers = {X = evil}}) end, function() req:relay{uri = "sip:b@10.0.0.9\r\nX: y"} end,
  function() req:reply(200, {headers = {X = evil}}) end, function() req:reply(200, evil) end, function() req.ruri = "sip:b@h\r\nX: y" end,
  function() req:record_route{x = evil} error("escaped") end, function() req:redirect("sip:b@h>\r\nX: y") end,
  function() req:set_body("x", evil) end, function() req:relay{uri = "sip:b@10.0.0.9", path = {"sip:h;lr>\r\nX: y"}} end,
} do
  assert(not pcall(f), "not refused: " .. i)
end
req:relay("sip:b@10.0.0.9")`)
	if c := w.Code("MESSAGE", "sip:bob@example.com"); c != 486 {
		t.Errorf("got %d\n%s", c, w.Log())
	}
	for _, m := range busy.Got {
		if m.HeaderName("X") != nil || strings.Contains(string(m.Body()), "BYE") {
			t.Errorf("injected:\n%s", m.AppendTo(nil))
		}
	}
}

func TestRecordRouteParams(t *testing.T) {
	w, busy, _ := routed(t, `
if req.in_dialog then
  return req:reply(299, "Ok", {headers = {X = tostring(req.route_params and req.route_params.side)}})
end
req:record_route{side = "a", flag = true}
req:relay("sip:b@10.0.0.9")`)
	w.Ask("INVITE", "sip:bob@example.com", "Contact: <sip:a@10.0.0.2>\r\n")
	rr := string(busy.Requests("INVITE")[0].HeaderName("Record-Route"))
	if !strings.Contains(rr, "side=a") || !strings.Contains(rr, ";flag") {
		t.Fatalf("Record-Route %q", rr)
	}
	text := string(w.Request("BYE", "sip:a@10.0.0.2", "Route: "+rr+"\r\n", ""))
	text = strings.Replace(text, "To: <sip:a@10.0.0.2>", "To: <sip:alice@example.com>;tag=from1", 1)
	text = strings.Replace(text, "Call-ID: call-2", "Call-ID: call-1", 1)
	if m := w.Send([]byte(text)); status(m) != 299 || string(m.HeaderName("X")) != "a" {
		t.Errorf("got %d %q for %s", status(m), m.HeaderName("X"), text)
	}
}
