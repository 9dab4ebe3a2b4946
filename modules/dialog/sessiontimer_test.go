package dialog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// lines are header edits, of "Name: value" separated by line feeds.
func lines(text string) (list []proxy.HeaderEdit) {
	for _, l := range strings.Split(text, "\n") {
		if name, value, ok := strings.Cut(l, ": "); ok {
			list = append(list, proxy.HeaderEdit{Name: name, Values: []string{value}})
		}
	}
	return list
}

func timersOf(m *message.Message) string {
	var list []string
	for _, id := range []message.HeaderID{message.HeaderSessionExpires, message.HeaderMinSE, message.HeaderRequire} {
		if m.Find(id, 0) >= 0 {
			list = append(list, id.String()+": "+string(m.Header(id)))
		}
	}
	return strings.Join(list, " | ")
}

// What a proxy does to requests (RFC 4028 §8.1) and their answers (§8.2): interval = 600, min =
// 200.
func TestSessionTimer(t *testing.T) {
	const none = "never"
	for _, row := range []struct {
		name         string
		invite, ok   string // headers of the INVITE and its 200
		sent, passed string // the timers in them as they went on
		ends         string // after how long, or never
	}{
		{"neither side knows timers", "", "", "Session-Expires: 600", "", none},
		{"the caller alone does", "Supported: timer", "", "Session-Expires: 600", "Session-Expires: 600;refresher=uac | Require: timer", "600s"},
		{"the caller alone does, and the callee requires something", "Supported: timer", "Require: precondition", "Session-Expires: 600",
			"Session-Expires: 600;refresher=uac | Require: precondition, timer", "600s"},
		{"the callee alone does", "", "Session-Expires: 600;refresher=uas", "Session-Expires: 600", "Session-Expires: 600;refresher=uas", "600s"},
		{"both do", "Supported: timer\nSession-Expires: 500;refresher=uac", "Session-Expires: 400;refresher=uac\nRequire: timer",
			"Session-Expires: 500;refresher=uac", "Session-Expires: 400;refresher=uac | Require: timer", "400s"},
		{"the caller asks for more", "Supported: timer\nSession-Expires: 3600;refresher=uas", "", "Session-Expires: 600;refresher=uas",
			"Session-Expires: 600;refresher=uac | Require: timer", "600s"},
		{"the caller insists on more", "Supported: timer\nSession-Expires: 3600\nMin-SE: 1000", "", "Session-Expires: 1000 | Min-SE: 1000",
			"Session-Expires: 1000;refresher=uac | Require: timer", "1000s"},
		{"less than its own Min-SE", "Supported: timer\nSession-Expires: 300\nMin-SE: 350", "", "Session-Expires: 350 | Min-SE: 350",
			"Session-Expires: 350;refresher=uac | Require: timer", "350s"},
		{"too little, of one who knows no timers", "Session-Expires: 100", "Session-Expires: 200;refresher=uas", "Session-Expires: 200 | Min-SE: 200",
			"Session-Expires: 200;refresher=uas", "200s"},
		{"the callee wants nothing", "Supported: timer", "Session-Expires: 0;refresher=uac", "Session-Expires: 600", "Session-Expires: 0;refresher=uac", "90s"},
		{"the callee wants less than the caller's least", "Supported: timer\nMin-SE: 300", "Session-Expires: 91;refresher=uac", "Session-Expires: 600 | Min-SE: 300",
			"Session-Expires: 91;refresher=uac", "300s"},
		{"too little, and a higher Min-SE", "Session-Expires: 100\nMin-SE: 300", "", "Session-Expires: 300 | Min-SE: 300", "", none},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, scriptOf("session_timer = { interval = 600, min = 200 }, limits = { x = 1 }, keepalive = 0", "", "10.0.0.3"))
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
			out := alice.Invite("sip:bob@example.com", phone.Spec{Headers: lines(row.invite)})
			in := w.Came(bob, "INVITE")
			if got := timersOf(in.Msg); got != row.sent {
				t.Errorf("sent %q, want %q", got, row.sent)
			}
			w.Reply(in, 200, lines(row.ok)...)
			if got := timersOf(w.Answered(out, 200)); got != row.passed {
				t.Errorf("passed %q, want %q", got, row.passed)
			}
			if row.ends == none {
				w.Run(2 * time.Hour)
				w.calls(1)
				return
			}
			d, _ := time.ParseDuration(row.ends)
			w.Run(d - time.Second)
			w.calls(1)
			w.Run(2 * time.Second)
			w.calls(0)
			w.heard("answered", "ended session")
			for _, p := range []*phone.Phone{alice, bob} { // §8.3: a proxy sends no BYE
				for _, r := range p.Inbox() {
					if r.Method() == "BYE" {
						t.Error("a BYE")
					}
				}
			}
		})
	}
}

// Too short an interval is answered 422, at the beginning and in mid-call; a refresh begins the
// interval again.
func TestSessionIntervals(t *testing.T) {
	w := newWorld(t, scriptOf("session_timer = { interval = 600, min = 200 }, limits = { x = 1 }, keepalive = 0", "", "10.0.0.3"))
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
	short := lines("Supported: timer\nSession-Expires: 100")
	res := w.Answered(alice.Invite("sip:bob@example.com", phone.Spec{Headers: short}), 422)
	if got := string(res.Header(message.HeaderMinSE)); got != "200" {
		t.Errorf("Min-SE: %s", got)
	}
	w.calls(0)
	if strings.Contains(w.Log(), "script error") || w.d.Count("x") != 0 {
		t.Error("a script error, or a slot")
	}
	out := alice.Invite("sip:bob@example.com", phone.Spec{Headers: lines("Supported: timer")})
	w.Reply(w.Came(bob, "INVITE"), 200)
	w.Answered(out, 200)
	w.Run(400 * time.Second)
	w.Answered(out.Dialog().Send(phone.Spec{Method: "UPDATE", Headers: short}), 422)
	again := out.Dialog().Send(phone.Spec{Method: "UPDATE", Contact: true, Headers: lines("Supported: timer\nSession-Expires: 700;refresher=uac")})
	in := w.Came(bob, "UPDATE")
	if got := timersOf(in.Msg); got != "Session-Expires: 600;refresher=uac" {
		t.Errorf("sent %q", got)
	}
	w.Reply(in, 200)
	if got := timersOf(w.Answered(again, 200)); got != "Session-Expires: 600;refresher=uac | Require: timer" {
		t.Errorf("passed %q", got)
	}
	w.Run(500 * time.Second)
	w.calls(1)
	w.Run(101 * time.Second)
	w.calls(0)
}

// A 2xx that comes again, because its ACK is lost, is completed as the first was, and leaves the
// timer alone.
func TestSessionAnswerAgain(t *testing.T) {
	w := newWorld(t, scriptOf("session_timer = { interval = 600 }, limits = { x = 1 }, keepalive = 0", "", "10.0.0.3"))
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3", func(o *phone.Options) { o.Manual = true })
	out := alice.Invite("sip:bob@example.com", phone.Spec{Headers: lines("Supported: timer"), AckDelays: phone.AckDelays{AckManual: true}})
	passed, whole := 0, 0
	w.Sim.Trace(func(p sim.Packet) {
		if p.To.String() == "10.0.0.2:5060" && strings.HasPrefix(string(p.Bytes), "SIP/2.0 200") {
			passed++
			if text := string(p.Bytes); strings.Contains(text, "Session-Expires: 600;refresher=uac") && strings.Contains(text, "Require: timer") {
				whole++
			}
		}
	})
	w.Reply(w.Came(bob, "INVITE"), 200)
	w.Run(20 * time.Second)
	if err := out.Ack(phone.Spec{}); err != nil || passed < 4 || whole != passed {
		t.Errorf("%v; %d answers, %d of them with a timer", err, passed, whole)
	}
	w.Run(579 * time.Second)
	w.calls(1)
	w.Run(2 * time.Second)
	w.calls(0)
}
