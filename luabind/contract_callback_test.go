package luabind_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// on_branch, on_response, on_failure: what they get, in which order they run, and that responses
// wait for them.
func TestContractCallbacksRunInOrder(t *testing.T) {
	w := scene(t, `
local list = {}
local function note(fmt, ...) list[#list + 1] = fmt:format(...) end
req:relay({"sip:b@10.0.0.9", "sip:c@10.0.0.8"}, {
  order = "serial",
  on_branch = function(branch, r) note("branch %s %s", branch.ruri.user, r == req) sip.sleep(0.5) end,
  on_response = function(res, r)
    note("res %d %s %s begins", res.code, res.target, r == req)
    sip.sleep(1)
    note("res %d ends", res.code)
    if res.code == 180 then res:set_header("X-Seen", "by " .. res.target) end
  end,
  on_failure = function(res, r) note("failure %d %s", res.code, r == req) r:reply(res.code + 1) note("answered %s", tostring(r.answered)) sip.log.info("order: %s", table.concat(list, ", ")) end,
})
note("route ends")`)
	newPhone(w, "10.0.0.9:5060", "", 100, 180, 486)
	newPhone(w, "10.0.0.8:5060", "", 183, 404)
	c := call(w)
	w.Run(10 * second)
	if got := c.codes(); got != "180 183 487" {
		t.Errorf("the caller got %s", got)
	}
	logs(t, w, "order: branch b true, route ends, res 180 sip:b@10.0.0.9 true begins, res 180 ends, res 486 sip:b@10.0.0.9 true begins, res 486 ends, "+
		"branch c true, res 183 sip:c@10.0.0.8 true begins, res 183 ends, res 404 sip:c@10.0.0.8 true begins, res 404 ends, failure 486 true, answered 487")
	for _, m := range c.Got {
		if m.Status() == 180 && string(m.HeaderName("X-Seen")) != "by sip:b@10.0.0.9" {
			t.Errorf("the 180 went on before its callback had ended")
		}
	}
}

// "relay hands over and returns at once", true; "fork … waits for the outcome".
func TestContractRelayReturnsAtOnce(t *testing.T) {
	w := scene(t, `sip.log.info("relay %s answered %s", req:relay("sip:b@10.0.0.9"), tostring(req.answered))`)
	newPhone(w, "10.0.0.9:5060", "", 180, 200)
	c := call(w)
	w.Run(second)
	logs(t, w, "relay true answered nil")
	if c.codes() != "180 200" {
		t.Errorf("got %s", c.codes())
	}
}

// "on_failure … when all failed or the caller cancelled; it may reply, relay or fork again."
func TestContractOnFailure(t *testing.T) {
	for body, want := range map[string]string{
		`on_failure = function(res, r) r:reply(404) end`:                                                                      "404",
		`on_failure = function(res, r) r:reply(res) end`:                                                                      "486",
		`on_failure = function(res, r) end`:                                                                                   "486",
		`on_failure = function(res, r) error("x") end`:                                                                        "486",
		`on_failure = function(res, r) r:redirect("sip:x@y") end`:                                                             "302",
		`on_failure = function(res, r) r:relay("sip:c@10.0.0.8") end`:                                                         "180 200",
		`on_failure = function(res, r) r:relay("sip:c@10.0.0.7", {on_failure = function(s, q) q:reply(s.code + 1) end}) end`:  "405",
		`on_failure = function(res, r) local x = r:fork("sip:c@10.0.0.7") r:reply(x) end`:                                     "404",
		`on_failure = function(res, r) r:fork("sip:c@10.0.0.8") end`:                                                          "180 200",
		`on_failure = function(res, r) sip.sleep(3) r:relay("sip:c@10.0.0.8") end`:                                            "180 200",
		`on_failure = function(res, r) r:reply(404) pcall(r.reply, r, 405) end`:                                               "404",
		`on_failure = function(res, r) r:relay(nil, "away") end`:                                                              "503",
		`on_failure = function(res, r) r:relay({}) end`:                                                                       "480",
		`on_failure = function(res, r) if res.code == 486 then r.ruri.user = "vm" r:relay{next_hop = "sip:10.0.0.8"} end end`: "180 200",
	} {
		t.Run(body, func(t *testing.T) {
			w := scene(t, `req:relay("sip:b@10.0.0.9", {`+body+`})`)
			newPhone(w, "10.0.0.9:5060", "", 486)
			newPhone(w, "10.0.0.8:5060", "", 180, 200)
			newPhone(w, "10.0.0.7:5060", "", 404)
			c := call(w)
			w.Run(10 * second)
			if got := c.codes(); got != want {
				t.Errorf("%s\n got %s\nwant %s\n%s", body, got, want, w.Log())
			}
		})
	}
	w := scene(t, `req:relay("sip:b@10.0.0.9", {on_failure = function(res, r)
  sip.log.info("failed %d cancelled %s reply %s relay %s", res.code, r.cancelled, r:reply(404), r:relay("sip:c@10.0.0.8")) end})`)
	newPhone(w, "10.0.0.9:5060", "", 180)
	vm := newPhone(w, "10.0.0.8:5060", "", 200)
	c := call(w)
	w.Run(second)
	c.cancel()
	w.Run(second)
	logs(t, w, "failed 487 cancelled true reply false relay false")
	if c.codes() != "180 487" || len(vm.Got) != 0 {
		t.Errorf("after a CANCEL the caller got %s, the voicemail %d messages", c.codes(), len(vm.Got))
	}
}

// An empty list is a failure like another for on_failure: the voicemail of a user who is not
// registered. It runs when relay has returned.
func TestContractOnFailureOfAnEmptyList(t *testing.T) {
	for body, want := range map[string]string{
		`sip.sleep(1) r:relay("sip:vm@10.0.0.8")`: "180 200",
		`r:reply(404)`: "404",
		``:             "480",
		`error("x")`:   "480",
	} {
		t.Run(body, func(t *testing.T) {
			w := scene(t, `
req:relay({}, {on_failure = function(res, r)
  sip.log.info("failed %d %s after %s", res.code, tostring(res.cause), tostring(r.vars.after))
  `+body+`
end})
req.vars.after = "relay"`)
			newPhone(w, "10.0.0.8:5060", "", 180, 200)
			c := call(w)
			w.Run(5 * second)
			if c.codes() != want {
				t.Errorf("%s: the caller got %s, want %s", body, c.codes(), want)
			}
			logs(t, w, "failed 480 empty after relay")
		})
	}
}

// "on_response sees each response but 100, once …; a retransmission leaves with the same edits."
func TestContractOnResponseSeesEachOnce(t *testing.T) {
	w := scene(t, `
local n = 0
req:relay("sip:b@10.0.0.9", {on_response = function(res) n = n + 1 sip.log.info("saw %d", res.code) res:set_header("X-N", n) end})`)
	p := newPhone(w, "10.0.0.9:5060", "", 100, 180)
	c := call(w)
	w.Run(second)
	p.answer(200, "")
	w.Run(second)
	p.answer(200, "")
	p.answer(200, "")
	w.Run(second)
	if n := strings.Count(w.Log(), "saw"); n != 2 {
		t.Errorf("on_response was called %d times\n%s", n, w.Log())
	}
	seen := 0
	for _, m := range c.Got {
		if m.Status() == 200 {
			if seen++; string(m.HeaderName("X-N")) != "2" {
				t.Errorf("a 200 left with X-N %q", m.HeaderName("X-N"))
			}
		}
	}
	if seen < 3 {
		t.Errorf("%d 200s went on", seen)
	}
}

// "on_branch(branch, req) edits the request of one branch", and no other; the branch ends with the
// call.
func TestContractOnBranchEditsOneBranch(t *testing.T) {
	w := scene(t, `
local keep
req:relay({"sip:b@10.0.0.9", {uri = "sip:c@10.0.0.8", vars = {name = "second"}}}, {on_branch = function(branch, r)
  keep = branch
  local vars = type(branch.target) == "table" and branch.target.vars
  branch:set_header("X-Branch", vars and vars.name or "first")
  branch:add_header("X-List", "a") branch:add_header("X-List", "b", "first") branch:remove_header("X-Sent")
  branch:set_body("text of " .. branch.ruri.user, "text/plain")
  branch.ruri.params.x = branch.ruri.user
  sip.after(1, function() sip.log.info("late %s %s", pcall(function() return keep.ruri.user end)) end)
end})`)
	p, q := newPhone(w, "10.0.0.9:5060", "", 180), newPhone(w, "10.0.0.8:5060", "", 180)
	call(w, "X-Sent: x\r\n")
	w.Run(2 * second)
	for _, s := range []struct {
		p          *callee
		name, ruri string
		body       string
	}{{p, "first", "sip:b@10.0.0.9;x=b", "text of b"}, {q, "second", "sip:c@10.0.0.8;x=c", "text of c"}} {
		t.Run(s.name, func(t *testing.T) {
			m := s.p.invite
			if string(m.HeaderName("X-Branch")) != s.name || string(m.HeaderName("X-List")) != "b" || m.HeaderName("X-Sent") != nil ||
				string(m.RequestURI()) != s.ruri || string(m.Body()) != s.body || string(m.HeaderName("Content-Type")) != "text/plain" {
				t.Errorf("sent:\n%s", m.AppendTo(nil))
			}
		})
	}
	logs(t, w, "late false", "can be edited only while its on_branch runs")
}

// An error in on_branch fails that branch alone, with the cause "unreachable"; the script's error
// is logged.
func TestContractErrorInOnBranch(t *testing.T) {
	w := scene(t, `
local res = req:fork({"sip:b@10.0.0.9", "sip:c@10.0.0.8"}, {order = "serial", on_branch = function(b) if b.ruri.user == "b" then error("oops") end end,
  on_response = function(res) sip.log.info("saw %d", res.code) end})
sip.log.info("res %d", res.code)`)
	p := newPhone(w, "10.0.0.9:5060", "", 180)
	newPhone(w, "10.0.0.8:5060", "", 200)
	c := call(w)
	w.Run(2 * second)
	if len(p.Got) != 0 || c.codes() != "200" {
		t.Errorf("the first phone got %d messages, the caller %s", len(p.Got), c.codes())
	}
	logs(t, w, "oops", "on_branch", "res 200")
}

// "res:drop(): provisional only; a reliable one (RSeq) raises."
func TestContractDropOfResponses(t *testing.T) {
	w := scene(t, `req:relay("sip:b@10.0.0.9", {on_response = function(res)
  local ok, err = pcall(res.drop, res)
  sip.log.info("drop %d %s %s", res.code, ok, tostring(err))
end})`)
	p := newPhone(w, "10.0.0.9:5060", "", 180, 183)
	c := call(w)
	w.Run(second)
	p.answer(182, "Require: 100rel\r\nRSeq: 5\r\n")
	w.Run(second)
	p.answer(200, "")
	w.Run(second)
	if got := c.codes(); got != "182 200" {
		t.Errorf("the caller got %s", got)
	}
	logs(t, w, "drop 180 true nil", "drop 183 true nil", "drop 182 false", "RSeq", "drop 200 false", "only a provisional response")
}

// "A response: code reason final body contacts source target cause and the header and body
// functions of a request."
func TestContractResponseFields(t *testing.T) {
	w := scene(t, `
local target = {uri = "sip:b@10.0.0.9", vars = {a = 1}}
local res = req:fork(target, {on_response = function(res)
  if res.final then
    res:set_body("changed", "text/html") res:set_header("X-A", {"1", "2"}) res:add_header("X-A", "0", "first") res:remove_header("X-B")
  end
end})
sip.log.info("%d|%s|%s|%s|%s|%d|%s|%s|%s", res.code, res.reason, res.final, res.body, res.content_type, #res.contacts, res.contacts[1].uri, res.target == target, tostring(res.cause))
sip.log.info("%s:%d %s", res.source.ip, res.source.port, res.source.transport)
sip.log.info("%s|%s", table.concat(res:headers("x-a"), ","), tostring(res:header("X-B")))
for _, f in ipairs{function() res.code = 5 end, function() return res.status end, function() res:set_header("Via", "x") end,
  function() res:set_header("X", "a\r\nb") end, function() res.contacts[1].display = "x" end} do
  local ok, err = pcall(f) sip.log.info("refused %s %s", not ok, tostring(err))
end
for host, opts in pairs{["10.0.0.66"] = {timeout = 1}, ["nowhere.invalid"] = {}, ["10.0.0.66:1"] = {reply_timeout = 2}} do
  local r = req:fork("sip:x@" .. host, opts)
  sip.log.info("made %s %d %s source %s body %s header %s target %s", host, r.code, tostring(r.cause), tostring(r.source), tostring(r.body), tostring(r:header("Contact")), tostring(r.target))
end`)
	newPhone(w, "10.0.0.9:5060", "X-B: y\r\nContact: <sip:b@c>, <sip:d@e>\r\n", 404)
	call(w)
	w.Run(10 * second)
	logs(t, w, "404|Not Found|true|changed|text/html|2|sip:b@c|true|nil", "10.0.0.9:5060 udp", "0,1,2|nil", "refused true", "it has code, reason, final", "read-only",
		"made 10.0.0.66 408 timeout source nil body nil header nil target sip:x@10.0.0.66", "made nowhere.invalid 503 unreachable")
	if strings.Contains(w.Log(), "refused false") {
		t.Error(w.Log())
	}
}

// "a response from fork is sent on as it is", with what reply's options change.
func TestContractReplyWithAResponse(t *testing.T) {
	for body, want := range map[string][3]string{
		`req:reply(res)`: {"404", "Not Found", "from the phone"},
		`req:reply(res, {headers = {["X-A"] = "changed"}})`:                                             {"404", "Not Found", "changed"},
		`req:reply(res, {headers = {["X-A"] = false}})`:                                                 {"404", "Not Found", ""},
		`res:set_header("X-A", "edited") req:reply(res)`:                                                {"404", "Not Found", "edited"},
		`req:reply(res.code, "Gone away", {headers = {["X-A"] = "new"}})`:                               {"404", "Gone away", "new"},
		`req:reply(res.code, nil, {headers = {["X-A"] = "new"}})`:                                       {"404", "Not Found", "new"},
		`req:reply(req:fork("sip:b@10.0.0.66", {timeout = 1}))`:                                         {"408", "Request Timeout", ""},
		`req:reply(486, {headers = {["X-A"] = {"l1", "l2"}}, body = "b", content_type = "text/plain"})`: {"486", "Busy Here", "l1"},
		`req:reply(486, {headers = {["X-A"] = "l", ["content-type"] = "text/plain"}, body = "b"})`:      {"486", "Busy Here", "l"},
		`req:reply(res, {headers = {["Content-Type"] = "text/plain"}, body = "b"})`:                     {"404", "Not Found", "from the phone"},
		`req:reply(486, {headers = {["Content-Type"] = "text/plain"}})`:                                 {"486", "Busy Here", ""},
	} {
		t.Run(body, func(t *testing.T) {
			w := scene(t, `local res = req:fork("sip:b@10.0.0.9") `+body)
			newPhone(w, "10.0.0.9:5060", "X-A: from the phone\r\n", 404)
			c := call(w)
			w.Run(10 * second)
			m := c.last()
			if m == nil || c.codes() != want[0] || string(m.ReasonPhrase()) != want[1] || string(m.HeaderName("X-A")) != want[2] {
				t.Errorf("%s\nwant %v, got\n%s\n%s", body, want, m.AppendTo(nil), w.Log())
			}
			if strings.Contains(body, "body =") && string(m.Body()) != "b" {
				t.Errorf("%s: body %q", body, m.Body())
			}
			if strings.Contains(strings.ToLower(body), "type") && (string(m.HeaderName("Content-Type")) != "text/plain" ||
				strings.Count(strings.ToLower(string(m.AppendTo(nil))), "\r\ncontent-type") != 1) {
				t.Errorf("%s\n%s", body, m.AppendTo(nil))
			}
		})
	}
}

// "the responses of a request come one after another": also when on_response waits for something
// other than time, and the fork begins to wait for its outcome meanwhile, which was held up by
// on_branch.
func TestResponsesWaitForEveryKindOfWait(t *testing.T) {
	for name, wait := range map[string]string{
		"sleep": `sip.sleep(2)`,
		"send":  `sip.send{method = "OPTIONS", uri = "sip:x@10.0.0.7:5060"}`,
		"task":  `sip.spawn(function() sip.sleep(2) end):wait()`,
	} {
		t.Run(name, func(t *testing.T) {
			w := luabindtest.New(t, `
function route(req)
  local first = true
  req:fork({"sip:b@10.0.0.9", "sip:c@10.0.0.8"}, {
    on_branch = function()
      if not first then sip.spawn(function() sip.sleep(1) end):wait() end
      first = false
    end,
    on_response = function(res)
      sip.log.info("begin %d", res.code)
      `+wait+`
      sip.log.info("end %d", res.code)
    end})
end`)
			w.Peer("10.0.0.8:5060", nil)
			w.Peer("10.0.0.9:5060", func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
				if m.Method() == message.MethodInvite {
					p.Reply(m, in, 183, "")
					w.Sim.After(1500*time.Millisecond, func() { p.Reply(m, in, 200, "Contact: <sip:b@10.0.0.9>\r\n") })
				}
			})
			w.Peer("10.0.0.7:5060", func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
				w.Sim.After(2*time.Second, func() { p.Reply(m, in, 200, "") })
			})
			caller := w.Peer(luabindtest.Caller, nil)
			caller.Send(luabindtest.Addr, w.Request("INVITE", "sip:bob@example.com", "", ""))
			w.Run(10 * time.Second)
			at := -1
			for _, want := range []string{"begin 183", "end 183", "begin 200", "end 200"} {
				next := strings.Index(w.Log(), want)
				if next <= at {
					t.Fatalf("%q is not where it belongs in\n%s", want, w.Log())
				}
				at = next
			}
		})
	}
}

// What is forwarded after a wait, of whatever kind, is seen through: its client may send it no
// more.
func TestForwardAfterEveryKindOfWait(t *testing.T) {
	for _, wait := range []string{`sip.sleep(2)`, `sip.spawn(function() sip.sleep(2) end):wait()`} {
		w := luabindtest.New(t, `function route(req) `+wait+` req:forward("sip:b@10.0.0.9") end`)
		bob := w.Peer("10.0.0.9:5060", nil)
		w.Peer(luabindtest.Caller, nil).Send(luabindtest.Addr, w.Request("MESSAGE", "sip:bob@example.com", "", ""))
		w.Run(10 * time.Second)
		if n := len(bob.Requests("MESSAGE")); n < 2 {
			t.Errorf("%s: sent %d times", wait, n)
		}
	}
}
