package dialog_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/dialog"
)

// begun is something that was asked of a call.
type begun struct {
	err  error
	over bool
}

func (w *world) begin(f func(done func(error)) bool) *begun {
	w.t.Helper()
	b := &begun{}
	if !f(func(err error) { b.err, b.over = err, true }) {
		w.t.Fatal("overloaded")
	}
	return b
}

// ends checks how it ends; want is "" for nil.
func (w *world) ends(b *begun, want string) {
	w.t.Helper()
	for range 200 {
		if w.Run(500 * time.Millisecond); b.over {
			break
		}
	}
	if got := fmt.Sprint(b.err); !b.over || want == "" && b.err != nil || want != "" && got != want {
		w.t.Errorf("over %v, %v, want %q", b.over, b.err, want)
	}
}

// speak sets up a call with descriptions.
func (w *world) speak(a, b *phone.Phone) (out *phone.Outgoing, in *phone.Incoming) {
	w.t.Helper()
	out = a.Invite("sip:bob@example.com", phone.Spec{Media: phone.Media{Own: true}})
	in = w.Came(b, "INVITE")
	if err := in.Reply(200, phone.Reply{Media: phone.Media{Own: true}}); err != nil {
		w.t.Fatal(err)
	}
	w.Answered(out, 200)
	w.Came(b, "ACK")
	return out, in
}

func answer(t *testing.T, in *phone.Incoming) {
	t.Helper()
	if err := in.Reply(200, phone.Reply{Media: phone.Media{Own: true}}); err != nil {
		t.Fatal(err)
	}
}

func direction(m *message.Message) string {
	for _, d := range []string{"inactive", "sendonly", "recvonly"} {
		if strings.Contains(string(m.Body()), "a="+d) {
			return d
		}
	}
	return "sendrecv"
}

// Both parties negotiate with each other, and everything within the dialog goes on afterwards.
func TestHold(t *testing.T) {
	w := newWorld(t, scriptOf("", "", "10.0.0.3"))
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
	out, in := w.speak(alice, bob)
	c := w.only()
	for _, row := range []struct {
		name string
		do   func(func(error)) bool
		want string
	}{{"hold", c.Hold, "inactive"}, {"resume", c.Resume, "sendrecv"}, {"hold again", c.Hold, "inactive"}} {
		t.Run(row.name, func(t *testing.T) {
			b := w.begin(row.do)
			ask := w.Came(alice, "INVITE")
			if len(ask.Msg.Body()) > 0 || string(ask.Msg.Header(message.HeaderContact)) != "<sip:bob@10.0.0.3:5060>" {
				t.Errorf("%s", ask.Msg.AppendTo(nil))
			}
			answer(t, ask)
			offer := w.Came(bob, "INVITE")
			if d := direction(offer.Msg); d != row.want {
				t.Errorf("bob is offered %s", d)
			}
			answer(t, offer)
			if ack := w.Came(alice, "ACK"); direction(ack.Msg) != row.want || ack.Msg.Body() == nil {
				t.Errorf("alice: %s", ack.Msg.AppendTo(nil))
			}
			if ack := w.Came(bob, "ACK"); len(ack.Msg.Body()) > 0 {
				t.Errorf("bob: %s", ack.Msg.AppendTo(nil))
			}
			w.ends(b, "")
			if got := c.View().Held; got != (row.want == "inactive") {
				t.Errorf("held: %v", got)
			}
			// Requests of both pass, with numbers that the other has not seen.
			for _, who := range []string{"caller", "callee"} {
				w.infoFrom(who, out, in, alice, bob)
			}
		})
	}
	o := out.Dialog().Send(phone.Spec{Method: "BYE"})
	bye := w.Came(bob, "BYE")
	w.Answered(o, 200)
	if cs, _ := bye.Msg.CSeq(); cs.Number != 1+3+3+1 { // INVITE, ours, INFO
		t.Errorf("the BYE has the number %d", cs.Number)
	}
	w.calls(0)
}

// A party that refuses, is busy or silent: the call goes on, as far as it can.
func TestHoldRefused(t *testing.T) {
	for _, row := range []struct {
		name   string
		alice  []int // answers to what she is asked
		bob    []int
		want   string
		calls  int
		silent bool
	}{
		{"the caller refuses", []int{488}, nil, "the caller answered 488", 1, false},
		{"the callee refuses", []int{200}, []int{488}, "the callee answered 488", 1, false},
		{"the caller negotiates", []int{491, 200}, []int{200}, "", 1, false},
		{"the callee negotiates", []int{200}, []int{491, 491, 200}, "", 1, false},
		{"the callee always negotiates", []int{200}, []int{491, 491, 491, 491}, "the callee answered 491", 1, false},
		{"the caller is gone", []int{481}, nil, "the caller answered 481", 0, false},
		{"the callee is gone", []int{200}, []int{481}, "the callee answered 481", 0, false},
		{"the callee is silent", []int{200}, nil, "the callee answered 408", 1, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, scriptOf("", "", "10.0.0.3"))
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
			w.speak(alice, bob)
			b := w.begin(w.only().Hold)
			reply := func(p *phone.Phone, codes []int) {
				for _, code := range codes {
					in := w.Came(p, "INVITE")
					if code == 200 {
						answer(t, in)
					} else {
						w.Reply(in, code)
					}
				}
			}
			reply(alice, row.alice)
			reply(bob, row.bob)
			if row.silent {
				_ = w.Came(bob, "INVITE").Ignore()
			}
			if len(row.alice) > 0 && row.alice[len(row.alice)-1] == 200 {
				if ack := w.Came(alice, "ACK"); direction(ack.Msg) != "inactive" {
					t.Errorf("%s", ack.Msg.AppendTo(nil))
				}
			}
			w.ends(b, row.want)
			w.calls(row.calls)
		})
	}
}

// Nothing is asked of parties that negotiate, and they don't while they are asked.
func TestHoldAndGlare(t *testing.T) {
	w := newWorld(t, scriptOf("", "", "10.0.0.3"))
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
	out, _ := w.speak(alice, bob)
	c := w.only()
	o := out.Dialog().Send(phone.Spec{Method: "INVITE", Media: phone.Media{Own: true}})
	theirs := w.Came(bob, "INVITE")
	w.ends(w.begin(c.Hold), dialog.ErrBusy.Error())
	answer(t, theirs)
	w.Answered(o, 200)
	w.Came(bob, "ACK")

	b := w.begin(c.Hold)
	ask := w.Came(alice, "INVITE")
	w.ends(w.begin(c.Hold), dialog.ErrBusy.Error())
	w.Answered(out.Dialog().Send(phone.Spec{Method: "UPDATE"}), 491)
	answer(t, ask)
	answer(t, w.Came(bob, "INVITE"))
	w.ends(b, "")
}

// A call that ends while something is asked of it.
func TestHoldOfACallThatEnds(t *testing.T) {
	w := newWorld(t, scriptOf("", "", "10.0.0.3"))
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
	_, in := w.speak(alice, bob)
	c := w.only()
	b := w.begin(c.Hold)
	answer(t, w.Came(alice, "INVITE"))
	_ = w.Came(bob, "INVITE").Ignore()
	w.Answered(in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	w.ends(b, dialog.ErrOver.Error())
	w.Came(alice, "ACK")
	w.calls(0)
	w.ends(w.begin(c.Hold), dialog.ErrOver.Error())
}

// A restart forgets nothing of the numbers.
func TestHoldAndRestart(t *testing.T) {
	script := scriptOf("", "", "10.0.0.3")
	dir := t.TempDir()
	d := kept(t, dir)
	w := newWorldOf(t, d, script, luabindtest.Engine(secretOf))
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
	out, in := w.speak(alice, bob)
	b := w.begin(w.only().Hold)
	answer(t, w.Came(alice, "INVITE"))
	answer(t, w.Came(bob, "INVITE"))
	w.ends(b, "")
	d.Flush()
	w = w.killed(dir, script)
	if !w.only().View().Held {
		t.Error("it is not held any more")
	}
	for _, who := range []string{"caller", "callee"} {
		got := w.infoFrom(who, out, in, alice, bob)
		// Bob has seen 1 of alice and 2 of ours; alice has seen 1 or 2 of ours, and then bob's
		if cs, _ := got.Msg.CSeq(); who == "caller" && cs.Number != 3 {
			t.Errorf("the INFO of the %s has the number %d", who, cs.Number)
		}
	}
}

// A restart in the middle of a hold, or of its end: whoever has accepted an INVITE of before gets
// its ACK, and both parties negotiate for what stood before.
func TestHoldCutShort(t *testing.T) {
	script := scriptOf("", "", "10.0.0.3")
	for _, row := range []struct {
		name  string
		held  bool   // before; it was the end of the hold that was cut short
		alice string // when she answers the first INVITE: "before", "after" the restart, "never"
		bob   string // likewise; "" where he has got none
		want  string // what they agree on
	}{
		{"the caller's answer has come", false, "before", "never", "sendrecv"},
		{"the callee answers later", false, "before", "after", "sendrecv"},
		{"the caller answers later", false, "after", "", "sendrecv"},
		{"nobody answers", false, "never", "", "sendrecv"},
		{"the end of a hold", true, "before", "never", "inactive"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			d := kept(t, dir)
			w := newWorldOf(t, d, script, luabindtest.Engine(secretOf))
			manual := func(o *phone.Options) { o.Manual = true }
			alice, bob := w.Phone("alice", "10.0.0.2", manual), w.Phone("bob", "10.0.0.3", manual)
			w.speak(alice, bob)
			c := w.only()
			do := c.Hold
			if row.held {
				b := w.begin(c.Hold)
				answer(t, w.Came(alice, "INVITE"))
				answer(t, w.Came(bob, "INVITE"))
				w.Came(alice, "ACK")
				w.Came(bob, "ACK")
				w.ends(b, "")
				do = c.Resume
			}
			w.begin(do)
			first := w.Came(alice, "INVITE")
			var second *phone.Incoming
			if row.alice == "before" {
				answer(t, first)
				second = w.Came(bob, "INVITE")
			}
			d.Flush()
			w = w.killed(dir, script)
			w.Run(100 * time.Millisecond)
			if row.alice == "after" {
				answer(t, first)
			}
			if row.bob == "after" {
				answer(t, second)
				w.Came(bob, "ACK")
			}
			if row.alice != "never" {
				if ack := w.Came(alice, "ACK"); direction(ack.Msg) != "inactive" || ack.Msg.Body() == nil {
					t.Errorf("alice: %s", ack.Msg.AppendTo(nil))
				}
			} else {
				w.Reply(first, 488)
				w.Run(30 * time.Second)
			}
			if second != nil && row.bob == "never" {
				w.Reply(second, 488)
			}
			answer(t, w.Came(alice, "INVITE"))
			offer := w.Came(bob, "INVITE")
			answer(t, offer)
			if ack := w.Came(alice, "ACK"); direction(offer.Msg) != row.want || direction(ack.Msg) != row.want {
				t.Errorf("bob is offered %s, alice gets %s", direction(offer.Msg), direction(ack.Msg))
			}
			w.Came(bob, "ACK")
			w.Reply(w.Came(alice, "OPTIONS"), 200) // as after every restart
			w.Reply(w.Came(bob, "OPTIONS"), 200)
			w.Run(40 * time.Second)
			if v := w.only().View(); v.Held != row.held {
				t.Errorf("held: %v", v.Held)
			}
		})
	}
}

// A 2xx that comes again gets its ACK again; one that comes too late, too.
func TestHoldAndLostMessages(t *testing.T) {
	for _, row := range []struct {
		name, want string
		after      time.Duration // the answer of the caller
		lost       bool          // the first ACK
	}{
		{"a lost ACK", "", 0, true},
		{"a late answer", "the caller answered 408", 11 * time.Second, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, scriptOf("", "", "10.0.0.3"))
			alice, bob := w.Phone("alice", "10.0.0.2", func(o *phone.Options) { o.Manual = row.after > 0 }), w.Phone("bob", "10.0.0.3")
			w.speak(alice, bob)
			b := w.begin(w.only().Hold)
			ask := w.Came(alice, "INVITE")
			if row.after > 0 {
				w.Run(row.after)
			}
			if row.lost {
				w.Sim.SetLinkBetween("10.0.0.1", "10.0.0.2", sim.Link{Loss: 1})
			}
			answer(t, ask)
			if row.lost {
				answer(t, w.Came(bob, "INVITE"))
				w.Came(bob, "ACK")
				w.Run(100 * time.Millisecond)
				w.Sim.SetLinkBetween("10.0.0.1", "10.0.0.2", sim.Link{Delay: time.Millisecond})
			}
			if ack := w.Came(alice, "ACK"); direction(ack.Msg) != "inactive" {
				t.Errorf("%s", ack.Msg.AppendTo(nil))
			}
			w.ends(b, row.want)
			w.calls(1)
		})
	}
}

// versionOf is that of a description (RFC 8866 §5.2).
func versionOf(t *testing.T, m *message.Message) int {
	t.Helper()
	var user string
	var id, version int
	_, rest, _ := strings.Cut(string(m.Body()), "\no=")
	if _, err := fmt.Sscan(rest, &user, &id, &version); err != nil {
		t.Fatalf("%v in %q", err, m.Body())
	}
	return version
}

// With each description that is another one the version rises by one, both ways: a phone passes
// over one whose version it knows (RFC 3264 §8). What the parties negotiate later goes on from
// there.
func TestVersionsOfHold(t *testing.T) {
	w := newWorld(t, scriptOf("", "", "10.0.0.3"))
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
	out := alice.Invite("sip:bob@example.com", phone.Spec{Media: phone.Media{Own: true}})
	in := w.Came(bob, "INVITE")
	fromAlice := versionOf(t, in.Msg)
	answer(t, in)
	w.Answered(out, 200)
	fromBob := versionOf(t, out.Final())
	w.Came(bob, "ACK")
	c := w.only()
	for n, do := range []func(func(error)) bool{c.Hold, c.Resume, c.Hold, c.Resume} {
		b := w.begin(do)
		answer(t, w.Came(alice, "INVITE"))
		offer := w.Came(bob, "INVITE")
		if got := versionOf(t, offer.Msg); got != fromAlice+n+1 {
			t.Errorf("%d: bob is offered version %d after %d", n, got, fromAlice+n)
		}
		answer(t, offer)
		if got := versionOf(t, w.Came(alice, "ACK").Msg); got != fromBob+n+1 {
			t.Errorf("%d: alice is answered version %d after %d", n, got, fromBob+n)
		}
		w.ends(b, "")
	}
	again := out.Dialog().Send(phone.Spec{Method: "INVITE", Media: phone.Media{Own: true}})
	passed := w.Came(bob, "INVITE")
	if got := versionOf(t, passed.Msg); got != fromAlice+4 {
		t.Errorf("alice's own offer, which is as it was, has version %d", got)
	}
	answer(t, passed)
	w.Answered(again, 200)
	if got := versionOf(t, again.Final()); got != fromBob+4 {
		t.Errorf("bob's own answer, which is as it was, has version %d", got)
	}
}
