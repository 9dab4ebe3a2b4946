package luabind_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// "A request takes one decision … A second one raises and the first stands."
func TestContractSecondDecisionRaises(t *testing.T) {
	decisions := map[string]int{
		`req:reply(404)`: 404, `req:redirect("sip:x@y")`: 302, `req:relay("sip:b@10.0.0.8")`: 200, `req:forward("sip:b@10.0.0.8")`: 200, `req:drop()`: 0,
	}
	for first, code := range decisions {
		for second := range decisions {
			w, _, _ := routed(t, first+"\nlocal ok, err = pcall(function() "+second+" end) sip.log.info('second %s %s', ok, err)")
			if got := w.Code("MESSAGE", "sip:bob@example.com"); got != code {
				t.Errorf("%s, then %s: answered %d, want %d", first, second, got, code)
			}
			logs(t, w, "second false", "decided already")
		}
		w, _, _ := routed(t, first+"\nlocal ok, err = pcall(function() req:fork('sip:b@10.0.0.9') end) sip.log.info('fork %s %s', ok, err)")
		w.Code("MESSAGE", "sip:bob@example.com")
		logs(t, w, "fork false", "decided already")
	}
}

// "Provisional replies and fork decide nothing."
func TestContractProvisionalAndForkDecideNothing(t *testing.T) {
	w := scene(t, `req:reply(180) req:reply(183, "Progress") req:fork("sip:b@10.0.0.9") req:fork("sip:c@10.0.0.9") req:reply(404)`)
	newPhone(w, "10.0.0.9:5060", "", 486)
	c := call(w)
	w.Run(5 * second)
	if got := c.codes(); got != "180 183 404" {
		t.Errorf("the caller got %s", got)
	}
}

// "When route ends: decided: done. After fork: the best response (§16.7) of all its forks is sent.
// Else, and on a script error before a decision: 500."
func TestContractWhenRouteEnds(t *testing.T) {
	for body, want := range map[string]int{
		`req:fork("sip:b@10.0.0.9")`:                            486,
		`req:fork("sip:b@10.0.0.9") req:fork("sip:b@10.0.0.7")`: 486,
		`req:fork("sip:b@10.0.0.7") req:fork("sip:b@10.0.0.9")`: 404,
		`req:fork("sip:b@10.0.0.7")`:                            404,
		`req:fork({})`:                                          480,
		`req:fork("sip:b@10.0.0.9") error("x")`:                 500,
		`req:reply(404) error("x")`:                             404,
		`req:relay("sip:b@10.0.0.9") error("x")`:                486,
		`error("x")`:                                            500,
		``:                                                      500,
		`req:reply(180)`:                                        500,
		`local t = sip.spawn(function() req:fork("sip:b@10.0.0.9") end) t:wait()`:                            486,
		`pcall(req.relay, req, nil) req:reply(299)`:                                                          299,
		`req:fork("sip:b@10.0.0.9") req:reply(404)`:                                                          404,
		`req:fork("sip:b@10.0.0.9") req:relay("sip:b@10.0.0.8")`:                                             200,
		`local a = sip.spawn(function() req:fork("sip:b@10.0.0.7") end) req:fork("sip:b@10.0.0.9") a:wait()`: 486,
	} {
		t.Run(body, func(t *testing.T) {
			w := scene(t, body)
			newPhone(w, "10.0.0.9:5060", "", 486)
			newPhone(w, "10.0.0.8:5060", "", 200)
			newPhone(w, "10.0.0.7:5060", "", 404)
			c := call(w)
			w.Run(5 * second)
			if got := status(c.last()); got != want {
				t.Errorf("%s\ngot %d, want %d\n%s", body, got, want, w.Log())
			}
		})
	}
}

// "To an ACK nothing is ever answered."
func TestContractToAnAckNothingIsAnswered(t *testing.T) {
	for _, body := range []string{``, `error("x")`, `req:reply(404)`, `req:relay()`, `req:relay({})`, `req:relay(nil, "away")`, `req:redirect("sip:x@y")`,
		`req:fork("sip:b@10.0.0.9")`, `req:forward()`, `req:drop()`, `req:reply(180)`} {
		w := scene(t, body)
		newPhone(w, "10.0.0.9:5060", "", 486)
		caller := w.Peer(luabindtest.Caller, nil)
		caller.Send(luabindtest.Addr, w.Request("ACK", "sip:bob@example.com", "", ""))
		w.Run(5 * second)
		if len(caller.Got) != 0 {
			t.Errorf("%s: an ACK was answered:\n%s", body, caller.Got[0].AppendTo(nil))
		}
	}
}

// "An unmatched CANCEL reaches route: forward sends it on; everything else about it, or no
// decision, answers 481."
func TestContractUnmatchedCancel(t *testing.T) {
	for body, want := range map[string]int{
		``:                                      481,
		`error("x")`:                            481,
		`req:relay("sip:b@10.0.0.9")`:           481,
		`req:relay()`:                           481,
		`req:relay({})`:                         481,
		`req:relay(nil, "away")`:                481,
		`req:reply(404)`:                        481,
		`req:reply(200)`:                        481,
		`req:redirect("sip:x@y")`:               481,
		`req:fork("sip:b@10.0.0.9")`:            481,
		`req:reply(req:fork("sip:b@10.0.0.9"))`: 481,
		`req:forward("sip:b@10.0.0.9")`:         200,
	} {
		t.Run(body, func(t *testing.T) {
			w := scene(t, body)
			p := newPhone(w, "10.0.0.9:5060", "")
			if got := w.Code("CANCEL", "sip:bob@example.com"); got != want {
				t.Errorf("%s: answered %d, want %d\n%s", body, got, want, w.Log())
			}
			if n := len(p.Got); n != 0 && want == 481 {
				t.Errorf("%s: the CANCEL went on", body)
			}
		})
	}
}

// "fork always returns a response": a stray CANCEL or ACK is not an error of the script.
func TestContractForkAlwaysReturnsAResponse(t *testing.T) {
	for _, method := range []string{"MESSAGE", "INVITE", "ACK", "CANCEL"} {
		for _, args := range []string{`"sip:b@10.0.0.9"`, `{}`, `nil, "away"`, ``, `{timeout = 1}`, `"sip:b@10.0.0.66", {timeout = 1}`, `"sip:b@nowhere.invalid"`} {
			w := scene(t, `local res = req:fork(`+args+`) sip.log.info("forked %s %s", res.code, res.final)`)
			newPhone(w, "10.0.0.9:5060", "", 486)
			w.Peer(luabindtest.Caller, nil).Send(luabindtest.Addr, w.Request(method, "sip:bob@example.com", "", ""))
			w.Run(40 * second)
			if !strings.Contains(w.Log(), "forked") {
				t.Errorf("%s, fork(%s) returned nothing\n%s", method, args, w.Log())
			}
		}
	}
}

// "A request is over once a final response went out (req.answered is its code) …: reply and relay
// return false, fork returns at once the response that ended it."
func TestContractOverOnceAnswered(t *testing.T) {
	w := scene(t, `
local other = sip.spawn(function()
  sip.sleep(1)
  sip.log.info("reply %s relay %s redirect %s forward %s drop %s", req:reply(404), req:relay("sip:c@10.0.0.8"), req:redirect("sip:x@y"),
    req:forward("sip:c@10.0.0.8"), req:drop())
  local r, e = req:fork("sip:c@10.0.0.8"), req:fork(nil, "away")
  sip.log.info("over %s forked %s %s provisional %s relayed %s", req.answered, r.code, e.code, req:reply(180), req:relay(nil, "away"))
end)
sip.log.info("before %s", tostring(req.answered))
local res = req:fork("sip:b@10.0.0.9")
other:wait()
sip.log.info("res %s", res.code)`)
	newPhone(w, "10.0.0.9:5060", "", 180, 200)
	late := newPhone(w, "10.0.0.8:5060", "", 200)
	c := call(w)
	w.Run(5 * second)
	if c.codes() != "180 200" || len(late.Got) != 0 {
		t.Errorf("the caller got %s, the second phone %d messages", c.codes(), len(late.Got))
	}
	logs(t, w, "before nil", "reply false relay false redirect false forward false drop false", "over 200 forked 200 200 provisional false relayed false", "res 200")
}

// "… or the caller cancelled (req.cancelled)": fork returns 487 with the cause "cancelled", from
// then on nothing more is sent.
func TestContractOverOnceCancelled(t *testing.T) {
	w := scene(t, `
local res = req:fork("sip:b@10.0.0.9")
sip.log.info("first %s %s cancelled %s answered %s", res.code, tostring(res.cause), req.cancelled, tostring(req.answered))
local again, away = req:fork("sip:c@10.0.0.8"), req:fork(nil, "away")
sip.log.info("again %s %s away %s reply %s relay %s redirect %s forward %s drop %s", again.code, tostring(again.cause), away.code, req:reply(404),
  req:relay("sip:c@10.0.0.8"), req:redirect("sip:x@y"), req:forward("sip:c@10.0.0.8"), req:drop())
local slept, err = sip.sleep(1)
sip.log.info("slept %s %s", slept, err)`)
	p := newPhone(w, "10.0.0.9:5060", "", 180)
	late := newPhone(w, "10.0.0.8:5060", "", 200)
	c := call(w)
	w.Run(second)
	c.cancel()
	w.Run(5 * second)
	if c.codes() != "180 487" || len(late.Got) != 0 || len(p.Requests("CANCEL")) != 1 {
		t.Errorf("the caller got %s, the second phone %d messages", c.codes(), len(late.Got))
	}
	logs(t, w, "first 487 cancelled cancelled true", "again 487 cancelled away 487 reply false relay false redirect false forward false drop false", "slept nil")
}

// "fork always returns a response, at shutdown too": 503 with the cause "shutdown".
func TestContractForkReturnsAtShutdown(t *testing.T) {
	w := scene(t, `local res = req:fork("sip:b@10.0.0.9") sip.log.info("ended %s %s", res.code, tostring(res.cause))`)
	newPhone(w, "10.0.0.9:5060", "", 180)
	c := call(w)
	w.Run(second)
	w.Sim.Do(w.Engine.EndRequests)
	w.Run(second)
	if got := c.codes(); got != "180 503" {
		t.Errorf("the caller got %s", got)
	}
	logs(t, w, "ended 503 shutdown")
}

// "Done before route sees a request …" and "100 Trying goes out by itself after 200 ms".
func TestContractDoneBeforeRoute(t *testing.T) {
	w := luabindtest.New(t, `function route(req) sip.log.info("seen %s", req.method) sip.sleep(0.3) req:reply(200) end`)
	for name, c := range map[string]struct {
		change [2]string
		want   int
	}{
		"bad syntax":            {[2]string{"CSeq: 7 MESSAGE", "CSeq: x MESSAGE"}, 400},
		"unknown scheme":        {[2]string{"MESSAGE sip:bob@example.com", "MESSAGE nosuch:bob"}, 416},
		"other version":         {[2]string{"SIP/2.0\r\nVia", "SIP/3.0\r\nVia"}, 505},
		"no hops left":          {[2]string{"Max-Forwards: 70", "Max-Forwards: 0"}, 483},
		"unknown Proxy-Require": {[2]string{"Max-Forwards: 70", "Max-Forwards: 70\r\nProxy-Require: nosuch"}, 420},
	} {
		t.Run(name, func(t *testing.T) {
			before := strings.Count(w.Log(), "seen")
			text := strings.Replace(string(w.Request("MESSAGE", "sip:bob@example.com", "", "")), c.change[0], c.change[1], 1)
			if got := status(w.Send([]byte(text))); got != c.want {
				t.Errorf("%s: answered %d, want %d", name, got, c.want)
			}
			if strings.Count(w.Log(), "seen") != before {
				t.Errorf("%s: route saw it", name)
			}
		})
	}
	c := call(w)
	w.Run(190 * second / 1000)
	if len(c.Got) != 0 {
		t.Errorf("something came before 200 ms")
	}
	c.Send(luabindtest.Addr, []byte(c.text)) // absorbed
	w.Run(20 * second / 1000)
	if status(c.last()) != 100 {
		t.Errorf("no 100 after 200 ms")
	}
	w.Run(second)
	if c.codes() != "200" || strings.Count(w.Log(), "seen INVITE") != 1 {
		t.Errorf("got %s\n%s", c.codes(), w.Log())
	}
}

// "received/rport set, own topmost Route removed and strict routing undone": what the script sees
// is what is left.
func TestContractRoutesLeftAfterOurs(t *testing.T) {
	w := scene(t, `req:reply(299, #req.routes .. " " .. tostring(req.routes[1] and req.routes[1].uri.host) .. " " .. req.ruri .. " " .. req:header("Via"))`)
	for route, want := range map[string]string{
		"":                             "0 nil sip:bob@example.com",
		"Route: <sip:10.0.0.1;lr>\r\n": "0 nil sip:bob@example.com",
		"Route: <sip:10.0.0.1;lr>, <sip:next.example.net;lr>\r\n":               "1 next.example.net sip:bob@example.com",
		"Route: <sip:next.example.net;lr>\r\nRoute: <sip:other.example;lr>\r\n": "2 next.example.net sip:bob@example.com",
	} {
		t.Run(route, func(t *testing.T) {
			m := w.Ask("MESSAGE", "sip:bob@example.com", route)
			if got := string(m.ReasonPhrase()); !strings.HasPrefix(got, want) {
				t.Errorf("%q: got %s", route, got)
			}
		})
	}
	behind := w.Peer("10.0.0.22:1024", nil)
	text := strings.Replace(string(w.Request("MESSAGE", "sip:bob@example.com", "", "")), ";branch", ";rport;branch", 1)
	behind.Send(luabindtest.Addr, []byte(text))
	w.Run(second)
	if got := string(behind.Got[0].ReasonPhrase()); !strings.Contains(got, "received=10.0.0.22") || !strings.Contains(got, "rport=1024") {
		t.Errorf("the Via reads %s", got)
	}
}

// Errors name file and line, and what the interpreter leaves out: which global isn't there, and
// what the message means.
func TestContractErrorsTellWhatToDo(t *testing.T) {
	refuse(t, map[string]string{
		`return regsitrar.lookup(req.ruri)`: "attempt to index nil: what comes before '.lookup' is nil; there is no global 'regsitrar'",
		`return spi.now()`:                  "there is no global 'spi'; did you mean 'sip'?",
		`send_reply(200)`:                   "attempt to call something that is not a function; there is no global 'send_reply'",
		`tostrin(5)`:                        "did you mean 'tostring'?",
		`exit()`:                            "there is no exit: return ends a handler",
		`local h = req:header("X-None") return h:lower()`: "attempt to index nil: what comes before '.lower' is nil",
		`return req.headers.To`:                           "what comes before '.To' is a function",
		`return #req:header("X-None")`:                    "attempt to take the length (#)",
		`return req.expires_in`:                           "request has no field 'expires_in'; did you mean 'expires'?",
		`return req.colour`:                               "request has no field 'colour'; it has",
		`return unset + 1`:                                "attempt to add nil and number; there is no global 'unset'",
		`req:relay("10.0.0.9:5060")`:                      `write "sip:10.0.0.9:5060"`,
		`req:relay{next_hop = "10.0.0.9"}`:                `write "sip:10.0.0.9"`,
		`return sip.nosuch`:                               "sip has no function 'nosuch'",
	})
	// What a script catches is what the interpreter said
	evals(t, luabindtest.New(t, idle), map[string][]any{
		`local ok, err = pcall(function() return nosuch.x end) return err`: {"eval:1: attempt to index a non-table object(nil) with key 'x'"},
		`return nosuch == nil, rawget(_G, "nosuch")`:                       {true, nil},
	})
}

// A response belongs to the request it answers: sent on for another it would show one caller what
// is another's, and answer neither.
func TestReplyTakesNoResponseOfAnotherRequest(t *testing.T) {
	w := luabindtest.New(t, `
local kept
function route(req)
  if req.method == "OPTIONS" then return req:reply((sip.send{method = "INFO", uri = "sip:b@10.0.0.9"})) end
  if req.method == "INFO" then sip.sleep(1) return req:reply(kept) end
  kept = req:fork("sip:b@10.0.0.9")
  sip.sleep(2)
  req:reply(kept)
end`)
	w.Peer("10.0.0.9:5060", luabindtest.Answering(200))
	if c := w.Code("OPTIONS", "sip:example.com"); c != 500 {
		t.Errorf("the response of sip.send was sent on: %d", c)
	}
	c := w.Peer(luabindtest.Caller, nil)
	c.Send(luabindtest.Addr, w.Request("MESSAGE", "sip:bob@example.com", "", ""))
	c.Send(luabindtest.Addr, w.Request("INFO", "sip:bob@example.com", "", ""))
	w.Run(5 * time.Second)
	codes := map[string]int{}
	for _, m := range c.Got {
		codes[string(m.HeaderName("CSeq"))] = m.Status()
	}
	if codes["7 MESSAGE"] != 200 || codes["7 INFO"] != 500 {
		t.Errorf("got %v", codes)
	}
	if log := w.Log(); strings.Count(log, "only a response to this request") != 2 {
		t.Error(log)
	}
}
