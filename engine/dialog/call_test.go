package dialog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

const bobURI = "sip:bob@10.0.2.1:5060"

// A call from end to end: two dialogs that share nothing, and end together.
func TestCall(t *testing.T) {
	for _, hangsUp := range []string{"caller", "callee"} {
		t.Run(hangsUp, func(t *testing.T) {
			b := newBench(t, 1)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
			b.joins(dialog.DialOptions{Headers: []engine.HeaderEdit{{Name: "X-Own", Values: []string{"yes"}}}}, bobURI)
			o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own, Headers: []proxy.HeaderEdit{{Name: "X-Secret", Values: []string{"leaks"}}}})
			in := b.got(bob, "INVITE", 1)
			b.reply(in, 180, phone.Reply{})
			b.reply(in, 200, phone.Reply{Media: own})
			res := b.answered(o, 200)
			b.got(bob, "ACK", 1)
			text := string(in.Msg.Original())
			for _, leak := range []string{o.CallID(), "leaks", "10.0.1.1:5060;branch"} {
				if strings.Contains(text, leak) {
					t.Errorf("%q of one leg is in the other:\n%s", leak, text)
				}
			}
			if !strings.Contains(text, "X-Own: yes") || !strings.Contains(text, "\r\no=- ") {
				t.Errorf("what was to be passed is not there:\n%s", text)
			}
			if string(res.ToTag()) == string(in.Dialog().CallID()) || !strings.Contains(string(res.Original()), "\r\no=- ") {
				t.Errorf("the answer:\n%s", res.Original())
			}
			if hangsUp == "caller" {
				bye := o.Dialog().Send(phone.Spec{Method: "BYE"})
				b.answered(bye, 200)
				b.reply(b.got(bob, "BYE", 1), 200, phone.Reply{})
			} else {
				bye := in.Dialog().Send(phone.Spec{Method: "BYE"})
				b.answered(bye, 200)
				b.reply(b.got(alice, "BYE", 1), 200, phone.Reply{})
			}
			b.over()
		})
	}
}

// The caller gives up: 487 for it, CANCEL for the others; a 200 that crosses it gets ACK and BYE.
func TestCancel(t *testing.T) {
	for _, c := range []struct {
		name    string
		crosses bool
	}{{"rings", false}, {"answers", true}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 2)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
			b.joins(dialog.DialOptions{}, bobURI)
			o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
			in := b.got(bob, "INVITE", 1)
			b.reply(in, 180, phone.Reply{})
			b.w.Run(time.Second)
			if c.crosses {
				b.w.Do(func() { _ = o.Cancel(nil); _ = in.Reply(200, phone.Reply{Media: own}) })
				b.answered(o, 487)
				b.reply(b.got(bob, "BYE", 1), 200, phone.Reply{})
			} else {
				_ = o.Cancel(nil)
				b.answered(o, 487)
			}
			b.over()
		})
	}
}

// Nobody answers, or refuses.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name       string
		code, want int
	}{{"busy", 486, 486}, {"silent", 0, 408}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 3)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
			b.joins(dialog.DialOptions{Timeout: 5 * time.Second}, bobURI)
			o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
			in := b.got(bob, "INVITE", 1)
			b.reply(in, 180, phone.Reply{})
			if c.code != 0 {
				b.reply(in, c.code, phone.Reply{})
			}
			b.answered(o, c.want)
			b.over()
		})
	}
}

// Two are called: one wins, the other is told that; both answer at once: one call.
func TestParallel(t *testing.T) {
	for _, both := range []bool{false, true} {
		name := "one answers"
		if both {
			name = "both answer"
		}
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 4)
			alice, bob, carol := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060"), b.phone("carol", "10.0.3.1:5060")
			b.joins(dialog.DialOptions{}, bobURI, "sip:carol@10.0.3.1:5060")
			o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
			one, two := b.got(bob, "INVITE", 1), b.got(carol, "INVITE", 1)
			b.reply(one, 180, phone.Reply{})
			b.reply(two, 180, phone.Reply{})
			b.w.Run(time.Second)
			b.w.Do(func() {
				_ = one.Reply(200, phone.Reply{Media: own})
				if both {
					_ = two.Reply(200, phone.Reply{Media: own})
				}
			})
			b.answered(o, 200)
			if both {
				b.reply(b.got(carol, "BYE", 1), 200, phone.Reply{})
			}
			b.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			b.reply(b.got(bob, "BYE", 1), 200, phone.Reply{})
			b.over()
		})
	}
}

// An INVITE without an offer: the callee's answer is the offer, the caller's ACK the answer, which
// the callee's ACK carries (§13.2.1).
func TestLateOffer(t *testing.T) {
	b := newBench(t, 5)
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
	b.joins(dialog.DialOptions{}, bobURI)
	o := alice.Invite("sip:bob@example.com", phone.Spec{})
	in := b.got(bob, "INVITE", 1)
	if len(in.Msg.Body()) > 0 {
		t.Error("the INVITE has a body")
	}
	b.reply(in, 200, phone.Reply{Media: own})
	if res := b.answered(o, 200); len(res.Body()) == 0 {
		t.Error("the 200 has no offer")
	}
	if ack := b.got(bob, "ACK", 1); len(ack.Msg.Body()) == 0 {
		t.Error("the ACK has no answer")
	}
	b.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	b.reply(b.got(bob, "BYE", 1), 200, phone.Reply{})
	b.over()
}

// A re-INVITE goes to the other side, and its answer, or refusal, back.
func TestReinvite(t *testing.T) {
	for _, c := range []struct {
		name string
		code int
	}{{"accepted", 200}, {"refused", 488}, {"glare there", 491}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 6)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
			o, in := b.talk(alice, bob)
			re := o.Dialog().Send(phone.Spec{Method: "INVITE", Media: own})
			again := b.got(bob, "INVITE", 2)
			reply := phone.Reply{}
			if c.code == 200 {
				reply.Media = own
			}
			b.reply(again, c.code, reply)
			b.answered(re, c.code)
			b.answered(in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			b.reply(b.got(alice, "BYE", 1), 200, phone.Reply{})
			b.over()
		})
	}
}

// talk has two phones in a call.
func (b *bench) talk(alice, bob *phone.Phone) (*phone.Outgoing, *phone.Incoming) {
	b.t.Helper()
	b.joins(dialog.DialOptions{}, "sip:bob@"+bob.Addr().String())
	o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
	in := b.got(bob, "INVITE", 1)
	b.reply(in, 200, phone.Reply{Media: own})
	b.answered(o, 200)
	b.got(bob, "ACK", 1)
	return o, in
}

// Both sides offer at once: each gets 491 (§14.2).
func TestGlare(t *testing.T) {
	b := newBench(t, 7)
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
	o, in := b.talk(alice, bob)
	var one, two *phone.Outgoing
	b.w.Do(func() {
		one = o.Dialog().Send(phone.Spec{Method: "INVITE", Media: own})
		two = in.Dialog().Send(phone.Spec{Method: "INVITE", Media: own})
	})
	b.w.Run(time.Second)
	codes := []int{statusOf(one.Final()), statusOf(two.Final())}
	if codes[0] != 491 && codes[1] != 491 {
		t.Errorf("answered %v", codes)
	}
	for _, i := range bob.Inbox() {
		if i.Method() == "INVITE" && i.Answered() == 0 {
			b.reply(i, 491, phone.Reply{})
		}
	}
	for _, i := range alice.Inbox() {
		if i.Method() == "INVITE" && i.Answered() == 0 {
			b.reply(i, 491, phone.Reply{})
		}
	}
	b.w.Run(time.Second)
	b.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	b.reply(b.got(bob, "BYE", 1), 200, phone.Reply{})
	b.over()
}

// A 2xx whose ACK does not come is repeated, and then the call ends (§13.3.1.4).
func TestNoAck(t *testing.T) {
	b := newBench(t, 8)
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
	b.joins(dialog.DialOptions{}, bobURI)
	o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own, AckDelays: phone.AckDelays{AckManual: true}})
	in := b.got(bob, "INVITE", 1)
	b.reply(in, 200, phone.Reply{Media: own})
	b.answered(o, 200)
	b.reply(b.got(alice, "BYE", 1), 200, phone.Reply{})
	b.reply(b.got(bob, "BYE", 1), 200, phone.Reply{})
	b.over()
	n := 0
	for _, line := range b.log {
		if strings.HasSuffix(line, "10.0.1.1:5060  SIP/2.0 200 OK") {
			n++
		}
	}
	if n != 11 { // at 0, 0.5, 1.5, 3.5, 7.5, and each 4 s until 31.5
		t.Errorf("the 200 was sent %d times", n)
	}
}
