package dialog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// answers is a call that the owner answers by itself.
func (b *bench) answers(from *phone.Phone) (leg *dialog.Leg, o *phone.Outgoing) {
	b.t.Helper()
	b.takes(func(l *dialog.Leg) {
		leg = l
		if err := l.Answer([]byte("v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n")); err != nil {
			b.t.Error(err)
		}
	})
	o = from.Invite("sip:ivr@example.com", phone.Spec{Media: own})
	b.answered(o, 200)
	b.w.Run(time.Second)
	return leg, o
}

// What is heard of a request, by who waits for digits, for the request, or for both.
func TestHear(t *testing.T) {
	const relay, plain = "application/dtmf-relay", "application/dtmf"
	for _, c := range []struct {
		name, method, kind, body, wanted, heard string
		code                                    int
	}{
		{"a digit", "INFO", relay, "Signal=5\r\nDuration=160\r\n", "dtmf", "dtmf 5", 200},
		{"with blanks and another case", "INFO", "Application/DTMF-Relay; x=y", "duration = 160\nSIGNAL = #\n", "dtmf", "dtmf #", 200},
		{"the body alone", "INFO", plain, "*", "dtmf", "dtmf *", 200},
		{"by number", "INFO", plain, "11\r\n", "dtmf", "dtmf #", 200},
		{"a letter", "INFO", plain, "d", "dtmf", "dtmf D", 200},
		{"a flash", "INFO", relay, "Signal=16", "dtmf", "dtmf !", 200},
		{"no digit", "INFO", relay, "Signal=17\r\n", "dtmf", "", 200},
		{"no signal", "INFO", relay, "Duration=160\r\n", "dtmf", "", 200},
		{"nothing", "INFO", plain, "", "dtmf", "", 200},
		{"another type", "INFO", "text/plain", "5", "dtmf", "", 200},
		{"a digit as a request", "INFO", plain, "5", "INFO", "INFO 5", 200},
		{"a digit before the request", "INFO", plain, "5", "INFO dtmf", "dtmf 5", 200},
		{"a request", "INFO", "application/json", "{}", "dtmf INFO", "INFO {}", 200},
		{"a message", "MESSAGE", "text/plain", "hello", "MESSAGE", "MESSAGE hello", 200},
		{"a message that nobody waits for", "MESSAGE", "text/plain", "hello", "INFO", "", 405},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newBench(t, 650)
			leg, o := x.answers(x.phone("alice", "10.0.1.1:5060"))
			got, why := "", ""
			x.does(func(*lane.Lane) {
				if err := leg.Hear(strings.Fields(c.wanted), time.Minute, func(h dialog.Heard, w string) {
					got, why = strings.TrimSpace(h.What+" "+string(h.Value)), w
				}); err != nil {
					t.Error(err)
				}
				if err := leg.Hear([]string{"INFO"}, time.Minute, nil); err != dialog.ErrBusy {
					t.Errorf("a second one waits: %v", err)
				}
			})
			x.answered(o.Dialog().Send(phone.Spec{Method: c.method, Body: []byte(c.body), ContentType: c.kind}), c.code)
			if got != c.heard || why != "" {
				t.Errorf("heard %q, %q, want %q", got, why, c.heard)
			}
			x.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			if c.heard == "" && why != dialog.WhyOver {
				t.Errorf("the end is told as %q", why)
			}
			x.over()
		})
	}
}

// Keys that are pressed while nobody listens are kept, the last 32 of them.
func TestHearKeeps(t *testing.T) {
	x := newBench(t, 651)
	alice := x.phone("alice", "10.0.1.1:5060")
	leg, o := x.answers(alice)
	for i := range 40 {
		x.answered(o.Dialog().Send(phone.Spec{Method: "INFO", Body: []byte{'0' + byte(i%10)}, ContentType: "application/dtmf"}), 200)
	}
	var got []string
	for range 33 {
		x.does(func(*lane.Lane) {
			if err := leg.Hear([]string{dialog.Digit}, time.Second, func(h dialog.Heard, why string) { got = append(got, string(h.Value)+why) }); err != nil {
				t.Error(err)
			}
		})
	}
	x.w.Run(2 * time.Second)
	if want := "89" + "012345678901234567890123456789" + dialog.WhyAgain; strings.Join(got, "") != want {
		t.Errorf("heard %q, want %q", strings.Join(got, ""), want)
	}
	x.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	x.over()
}

// The end of a leg is told as such, whatever it ended for: one whose time was over ended by a
// timeout, too, and who waits again and again for that would never be done.
func TestHearEnds(t *testing.T) {
	x := newBench(t, 653)
	leg, _ := x.answers(x.phone("alice", "10.0.1.1:5060"))
	var got []string
	hear := func() {
		_ = leg.Hear([]string{dialog.Digit}, time.Minute, func(_ dialog.Heard, why string) { got = append(got, why) })
	}
	x.does(func(*lane.Lane) {
		hear()
		leg.EndFor(dialog.WhyTimeout, "")
		hear()
	})
	x.w.Run(time.Second)
	if strings.Join(got, " ") != dialog.WhyOver+" "+dialog.WhyOver {
		t.Errorf("told %q", got)
	}
	x.w.Run(time.Minute)
}

// The keys of one who talks to somebody are passed, heard by who listens, and not kept.
func TestHearPasses(t *testing.T) {
	x := newThree(t, 652)
	passed, got := 0, ""
	pass := func(body string) {
		info := x.o.Dialog().Send(phone.Spec{Method: "INFO", Body: []byte(body), ContentType: "application/dtmf"})
		passed++
		in := x.got(x.bob, "INFO", passed)
		if string(in.Msg.Body()) != body {
			t.Errorf("passed %q", in.Msg.Body())
		}
		x.reply(in, 486, phone.Reply{})
		x.answered(info, 486)
	}
	pass("1")
	x.does(func(*lane.Lane) {
		_ = x.a.Hear([]string{dialog.Digit}, time.Minute, func(h dialog.Heard, why string) { got += string(h.Value) + why })
	})
	pass("2")
	pass("3")
	if got != "2" {
		t.Errorf("heard %q", got)
	}
	x.answered(x.o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	x.reply(x.got(x.bob, "BYE", 1), 200, phone.Reply{})
	x.over()
}
