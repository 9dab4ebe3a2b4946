package dialog_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// Both parties are pinged within their dialog, with a number that takes nothing from the other: the
// last it has seen of that, 0 if there was none. What the parties send afterwards is still in
// order.
func TestPings(t *testing.T) {
	w := newWorld(t, scriptOf("keepalive = 30", "", "10.0.0.3"))
	manual := func(o *phone.Options) { o.Manual = true }
	alice, bob := w.Phone("alice", "10.0.0.2", manual), w.Phone("bob", "10.0.0.3", manual)
	out, in := w.talk(alice, bob)
	for round := range 3 {
		toBob, toAlice := w.Came(bob, "OPTIONS"), w.Came(alice, "OPTIONS")
		if b, a := header(toBob, message.HeaderCSeq), header(toAlice, message.HeaderCSeq); b != fmt.Sprint(1+round, " OPTIONS") || a != "0 OPTIONS" {
			t.Errorf("CSeq %s and %s", b, a)
		}
		if toBob.Dialog() != in.Dialog() || toAlice.Dialog() != out.Dialog() {
			t.Error("a ping is outside of the dialog")
		}
		w.Reply(toBob, []int{200, 500, 405}[round])
		w.Reply(toAlice, 200)
		info := out.Dialog().Send(phone.Spec{Method: "INFO"})
		got := w.Came(bob, "INFO")
		if n := header(got, message.HeaderCSeq); n != fmt.Sprint(2+round, " INFO") {
			t.Errorf("CSeq of the caller's INFO: %s", n)
		}
		w.Reply(got, 200)
		w.Answered(info, 200)
	}
	w.calls(1)
}

// A party that no longer knows the call, or is silent three times, ends it; whatever else it
// answers is a sign of life.
func TestPingsFindNobody(t *testing.T) {
	for _, row := range []struct {
		name  string
		codes []int // of bob's answers; 0: none
		ends  bool
	}{
		{"481", []int{481}, true},
		{"three losses", []int{0, 0, 0}, true},
		{"408 of a proxy behind us", []int{408, 408, 408}, true},
		{"two losses and an answer", []int{0, 0, 500, 0, 0, 200}, false},
		{"other failures", []int{404, 500, 501, 603}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, scriptOf("keepalive = 60, limits = { x = 1 }", "", "10.0.0.3"))
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3", func(o *phone.Options) { o.Manual = true })
			w.talk(alice, bob)
			for _, code := range row.codes {
				ping := w.Came(bob, "OPTIONS")
				if code == 0 {
					_ = ping.Ignore()
				} else {
					w.Reply(ping, code)
				}
				w.Reply(w.Came(alice, "OPTIONS"), 200)
				w.Run(40 * time.Second)
			}
			if !row.ends {
				w.calls(1)
				return
			}
			w.heard("early", "answered", "ended keepalive server")
			w.Came(alice, "BYE")
			w.Came(bob, "BYE")
			w.calls(0)
			if w.d.Count("x") != 0 {
				t.Error("a slot is left")
			}
		})
	}
}

// Calls with limits are pinged unless the script says otherwise.
func TestWhoIsPinged(t *testing.T) {
	for _, row := range []struct {
		name, options string
		pings         int
	}{
		{"no limits", "", 0},
		{"limits", "limits = { x = 1 }", 1},
		{"limits, and no pings", "limits = { x = 1 }, keepalive = 0", 0},
		{"asked for", "keepalive = 100", 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, scriptOf(row.options, "", "10.0.0.3"))
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
			w.talk(alice, bob)
			if n := w.pingsOf(33, alice, bob); n != 2*row.pings {
				t.Errorf("%d pings, want %d", n, 2*row.pings)
			}
		})
	}
}

// What is given when track or limit are called again is what changes; slots that came later are
// pinged for as well.
func TestPingedLater(t *testing.T) {
	for _, row := range []struct {
		name, first, again, later string
		pings                     int
	}{
		{"a bare track keeps the limits' pings", "{ limits = { x = 1 } }", "dialog.track(req)", "", 1},
		{"a bare track keeps what was asked for", "{ keepalive = 100 }", "dialog.track(req)", "", 3},
		{"a bare track keeps that there are none", "{ limits = { x = 1 }, keepalive = 0 }", "dialog.track(req)", "", 0},
		{"other options do so too", "{ keepalive = 100 }", "dialog.track(req, { max_duration = 3000 })", "", 3},
		{"a second track with limits", "{}", "dialog.track(req, { limits = { x = 1 } })", "", 1},
		{"a limit before the answer", "{}", "dialog.of(req):limit({ x = 1 })", "", 1},
		{"a limit after the answer", "{}", "", "call:limit({ x = 1 })", 1},
		{"a limit, and no pings", "{ keepalive = 0 }", "", "call:limit({ x = 1 })", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, `
dialog = require "dialog"
function route(req)
  if not req.in_dialog then
    dialog.track(req, `+row.first+`)
    `+row.again+`
    return req:relay("sip:bob@10.0.0.3:5060")
  end
  if req.method == "INFO" then
    local call = dialog.of(req)
    `+row.later+`
  end
  req:relay()
end`)
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
			out, _ := w.talk(alice, bob)
			info := out.Dialog().Send(phone.Spec{Method: "INFO"})
			w.Reply(w.Came(bob, "INFO"), 200)
			w.Answered(info, 200)
			if n := w.pingsOf(33, alice, bob); n != 2*row.pings {
				t.Errorf("%d pings, want %d", n, 2*row.pings)
			}
		})
	}
}

// pingsOf answers and counts pings for so many times 10 s.
func (w *world) pingsOf(tens int, phones ...*phone.Phone) (n int) {
	for range tens {
		w.Run(10 * time.Second)
		for _, p := range phones {
			for _, r := range p.Inbox() {
				if r.Method() == "OPTIONS" && !r.Taken {
					r.Taken = true
					n++
					w.Reply(r, 200)
				}
			}
		}
	}
	return n
}

// Media that is gone ends the calls that want it.
func TestMediaLost(t *testing.T) {
	for _, row := range []struct {
		name, options string
		ends          bool
	}{{"asked for", "end_without_media = true", true}, {"not asked for", "", false},
		{"not any more", "end_without_media = true }) dialog.track(req, { end_without_media = false", false}} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, scriptOf(row.options, "", "10.0.0.3"))
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
			out, _ := w.talk(alice, bob)
			w.d.MediaLost("another")
			w.calls(1)
			w.d.MediaLost(out.CallID())
			if !row.ends {
				w.calls(1)
				return
			}
			w.Came(alice, "BYE")
			w.Came(bob, "BYE")
			w.heard("early", "answered", "ended media server")
		})
	}
}
