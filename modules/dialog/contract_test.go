package dialog_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
)

// Within a dialog track does nothing, whatever the method, and returns the call; nil for one that
// is not tracked.
func TestTrackInDialog(t *testing.T) {
	for _, row := range []struct{ name, method, first, want string }{
		{"a re-INVITE", "INVITE", "dialog.track(req)", "true"},
		{"INFO", "INFO", "dialog.track(req)", "true"},
		{"BYE", "BYE", "dialog.track(req)", "true"},
		{"a call that is not tracked", "BYE", "req:record_route()", "nil not tracked"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, `
dialog = require "dialog"
function route(req)
  if not req.in_dialog then `+row.first+` return req:relay("sip:bob@10.0.0.3:5060") end
  if req.method ~= "ACK" then
    local was = dialog.of(req)
    local call, why = dialog.track(req, { limits = { x = 0 } })
    sip.shared("seen"):set("got", call and tostring(call.id == was.id) or "nil " .. why)
  end
  req:relay()
end`)
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
			out, _ := w.talk(alice, bob)
			sent := out.Dialog().Send(phone.Spec{Method: row.method})
			if row.method != "BYE" {
				w.Reply(w.Came(bob, row.method), 200)
			}
			w.Answered(sent, 200)
			got, err := w.Eval(`return sip.shared("seen"):get("got")`)
			if err != nil || fmt.Sprint(got) != "["+row.want+"]" || w.d.Count("x") != 0 {
				t.Errorf("%v %v, want %s", got, err, row.want)
			}
		})
	}
}

// Only the other party's answer, or its silence, ends a leg: not a script's, nor an answer to a
// request of another usage.
func TestWhatEndsLegs(t *testing.T) {
	const up, gone, bye = "", "ended gone", "ended bye caller"
	for _, row := range []struct {
		name, method string
		code         int    // of the callee; 0: the script answers
		script       string // of requests in dialogs, in place of relay
		old          bool   // its CSeq is an old one
		want         string
	}{
		{"a script's 481 to INFO", "INFO", 0, `req:reply(481)`, false, up},
		{"a script's 481 to an old BYE", "BYE", 0, `if not dialog.validate(req) then return req:reply(481) end req:relay()`, true, up},
		{"a script's 408 to BYE", "BYE", 0, `req:reply(408)`, false, up},
		{"a script's 200 to BYE", "BYE", 0, `req:reply(200)`, false, up},
		{"the router's 500", "BYE", 0, `error("no")`, false, up},
		{"a script's 481 for the party's 500", "INFO", 500, `req:relay({ on_failure = function(_, r) r:reply(481) end })`, false, up},
		{"481 to INVITE", "INVITE", 481, "", false, gone},
		{"481 to UPDATE", "UPDATE", 481, "", false, gone},
		{"481 to INFO", "INFO", 481, "", false, gone},
		{"481 to OPTIONS", "OPTIONS", 481, "", false, gone},
		{"408 to INFO", "INFO", 408, "", false, gone},
		{"481 to NOTIFY", "NOTIFY", 481, "", false, up},
		{"481 to SUBSCRIBE", "SUBSCRIBE", 481, "", false, up},
		{"481 to REFER", "REFER", 481, "", false, up},
		{"481 to MESSAGE", "MESSAGE", 481, "", false, up},
		{"481 to PRACK", "PRACK", 481, "", false, up},
		{"500 to an old BYE", "BYE", 500, "", true, up},
		{"401 to BYE", "BYE", 401, "", false, up},
		{"481 to BYE", "BYE", 481, "", false, bye},
		{"408 to BYE", "BYE", 408, "", false, bye},
		{"200 to BYE", "BYE", 200, "", false, bye},
	} {
		t.Run(row.name, func(t *testing.T) {
			inDialog := row.script
			if inDialog == "" {
				inDialog = "req:relay()"
			}
			w := newWorld(t, `
dialog = require "dialog"
function route(req)
  if req.in_dialog then
    if req.method == "ACK" then return req:relay() end
    `+inDialog+`
    return
  end
  dialog.track(req, { limits = { x = 1 } })
  req:relay("sip:bob@10.0.0.3:5060")
end`)
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3", func(o *phone.Options) { o.Manual = true })
			out, _ := w.talk(alice, bob)
			spec := phone.Spec{Method: row.method}
			if row.old {
				spec.Headers = lines("CSeq: 1 " + row.method)
			}
			sent := out.Dialog().Send(spec)
			if row.code != 0 {
				w.Reply(w.Came(bob, row.method), row.code)
			}
			w.Sim.RunUntil(time.Minute, sent.Done)
			slots := 1
			if row.want == up {
				w.heard("early", "answered")
			} else {
				slots = 0
				w.heard("early", "answered", row.want)
			}
			if n := w.d.Count("x"); n != slots {
				t.Errorf("%d slots, want %d", n, slots)
			}
		})
	}
}

// What is answered 481 before the call is answered does not end that.
func TestEarlyLegStays(t *testing.T) {
	for _, method := range []string{"PRACK", "UPDATE", "BYE"} {
		t.Run(method, func(t *testing.T) {
			w := newWorld(t, scriptOf("limits = { x = 1 }", "", "10.0.0.3"))
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3", func(o *phone.Options) { o.Manual = true })
			out := alice.Invite("sip:bob@example.com", phone.Spec{})
			in := w.Came(bob, "INVITE")
			w.Reply(in, 180)
			w.Answered(out, 180)
			sent := out.Dialog().Send(phone.Spec{Method: method})
			w.Reply(w.Came(bob, method), 481)
			w.Answered(sent, 481)
			w.Reply(in, 200)
			w.Answered(out, 200)
			w.heard("early", "answered")
			w.calls(1)
			if n := w.d.Count("x"); n != 1 {
				t.Errorf("%d slots", n)
			}
		})
	}
}
