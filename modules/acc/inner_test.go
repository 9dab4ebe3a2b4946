package acc_test

// This file tests which answers within a call end its record.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/modules/acc"
)

// picky answers requests within a call itself if they are for example.com, with the code in their
// user part.
const picky = `
function route(req)
  if not req.in_dialog then acc.record(req) return req:relay("sip:bob@10.0.0.3:5060") end
  if req.ruri.host == "example.com" then return req:reply(tonumber(req.ruri.user)) end
  req:relay()
end`

// Only what the other party says of a request ends the call: one that was answered here has not
// reached it, and both talk on. After 10 s the caller hangs up if that is still to be done.
func TestWhatEndsACall(t *testing.T) {
	const goesOn, gone = "200 bye by caller, 20 s; 10.0.0.3 200", "200 gone by , 10 s; 10.0.0.3 200"
	for _, row := range []struct {
		method string
		own    string // what the router answers, "": the request is relayed
		code   int    // what the other party answers, 0: nothing at all
		want   string
	}{
		{"BYE", "481", 0, goesOn}, {"BYE", "408", 0, goesOn}, {"BYE", "500", 0, goesOn}, {"BYE", "200", 0, goesOn},
		{"INFO", "481", 0, goesOn}, {"INFO", "408", 0, goesOn},
		{"BYE", "", 403, goesOn}, {"BYE", "", 500, goesOn},
		{"BYE", "", 481, "200 bye by caller, 10 s; 10.0.0.3 200"}, {"BYE", "", 0, "200 bye by caller, 10 s; 10.0.0.3 200"},
		{"INFO", "", 481, gone}, {"INVITE", "", 481, gone}, {"INVITE", "", 408, gone}, {"INFO", "", 0, gone}, {"UPDATE", "", 481, gone}, {"OPTIONS", "", 481, gone},
		{"INFO", "", 500, goesOn}, {"NOTIFY", "", 481, goesOn}, {"SUBSCRIBE", "", 481, goesOn}, {"REFER", "", 481, goesOn}, {"MESSAGE", "", 0, "200 bye by caller, 52 s; 10.0.0.3 200"},
	} {
		t.Run(fmt.Sprint(row.method, " own ", row.own, " theirs ", row.code), func(t *testing.T) {
			w := newWorld(t, begin+picky)
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3", manual)
			out, _ := w.talk(alice, bob)
			w.Run(10 * time.Second)
			spec := phone.Spec{Method: row.method}
			if row.own != "" {
				spec.URI = "sip:" + row.own + "@example.com"
			}
			out.Dialog().Send(spec)
			if row.own == "" {
				if in := w.Came(bob, row.method); row.code != 0 {
					w.Reply(in, row.code)
				} else {
					w.Run(32 * time.Second) // Timer F
				}
			}
			w.Run(10 * time.Second)
			if len(w.records) == 0 {
				out.Dialog().Send(phone.Spec{Method: "BYE"})
				w.Reply(w.Came(bob, "BYE"), 200)
			}
			if got := brief(w.one()); got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

// Whoever says BYE has left, also where it can't be sent on; another request that can't be says
// nothing of the call.
func TestByeThatCannotBeSent(t *testing.T) {
	w := newWorld(t, begin+picky)
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3", manual)
	out := alice.Invite("sip:bob@example.com", phone.Spec{})
	in := w.Came(bob, "INVITE")
	w.Reply(in, 200, proxy.HeaderEdit{Name: "Contact", Values: []string{"<sip:bob@10.0.0.3;transport=tls>"}}) // there is no listener for it
	w.Answered(out, 200)
	w.Run(5 * time.Second)
	w.Answered(out.Dialog().Send(phone.Spec{Method: "INFO"}), 500)
	w.Run(5 * time.Second)
	if len(w.records) != 0 {
		t.Fatal("the INFO ended the call")
	}
	w.Answered(out.Dialog().Send(phone.Spec{Method: "BYE"}), 500)
	if r := w.one(); r.Cause != "bye" || r.EndedBy != "caller" || r.Duration < 9 || r.Duration > 11 {
		t.Error(brief(r))
	}
}

// A 2xx that crosses the CANCEL of a tracked call that is hung up does not answer it.
func TestHangUpCrossesAnswer(t *testing.T) {
	w := newWorld(t, begin+`
function route(req)
  if req.method == "MESSAGE" then dialog.list()[1]:hang_up() return req:reply(200) end
  dialog.track(req)
  acc.record(req)
  req:relay("sip:bob@10.0.0.3:5060")
end`)
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3", manual)
	out := alice.Invite("sip:bob@example.com", phone.Spec{})
	in := w.Came(bob, "INVITE")
	w.Reply(in, 180)
	w.Run(time.Second)
	message := alice.Send(phone.Spec{Method: "MESSAGE", URI: "sip:x@example.com"})
	w.Reply(in, 200) // both are on their way
	w.Answered(message, 200)
	w.Answered(out, 480)
	if r := w.one(); !r.Answered.IsZero() || r.Code != 480 || r.Cause != "hung up" {
		t.Error(brief(r), r.Answered)
	}
}

// A call that is tracked and goes on is not lost, however long it lasts.
func TestLongTrackedCall(t *testing.T) {
	w := newWorld(t, strings.Replace(begin, "to = {", "max_duration = 300, to = {", 1)+`
function route(req)
  if req.in_dialog then return req:relay() end
  dialog.track(req)
  acc.record(req)
  req:relay("sip:bob@10.0.0.3:5060")
end`)
	out, _ := w.talk(w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3"))
	w.Run(20 * time.Minute)
	if len(w.records) != 0 {
		t.Errorf("%s after 20 minutes", brief(w.records[0]))
	}
	w.bye(out.Dialog())
	if r := w.one(); r.Cause == acc.CauseLost || r.Duration < 1200 {
		t.Error(brief(r))
	}
}
