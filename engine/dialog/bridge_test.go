package dialog_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// A caller whose callee has left is joined with somebody else: the two agree by INVITEs of ours
// (RFC 3725).
func TestSecondCallee(t *testing.T) {
	b := newBench(t, 11)
	alice, bob, carol := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060"), b.phone("carol", "10.0.3.1:5060")
	b.route = func(r *engine.Request) error {
		a, err := b.agent.Accept(r, dialog.AcceptOptions{})
		if err != nil {
			return err
		}
		b.legs = append(b.legs, a)
		b.chain(a, bobURI, "sip:carol@10.0.3.1:5060")
		return nil
	}
	o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
	in := b.got(bob, "INVITE", 1)
	b.reply(in, 200, phone.Reply{Media: own})
	b.answered(o, 200)
	b.got(bob, "ACK", 1)
	b.answered(in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	second := b.got(carol, "INVITE", 1)
	if len(second.Msg.Body()) != 0 {
		t.Error("carol is offered what alice offered bob")
	}
	b.reply(second, 200, phone.Reply{Media: own})
	re := b.got(alice, "INVITE", 1)
	if !bytes.Contains(re.Msg.Body(), []byte("10.0.3.1")) {
		t.Errorf("alice is not offered what carol offers:\n%s", re.Msg.Body())
	}
	b.reply(re, 200, phone.Reply{Media: own})
	if ack := b.got(carol, "ACK", 1); !bytes.Contains(ack.Msg.Body(), []byte("10.0.1.1")) {
		t.Errorf("carol's ACK has not alice's answer:\n%s", ack.Msg.Body())
	}
	b.answered(second.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	b.reply(b.got(alice, "BYE", 1), 200, phone.Reply{})
	b.over()
}

// chain joins a leg with one target after the other, and ends it after the last.
func (b *bench) chain(a *dialog.Leg, targets ...string) {
	if len(targets) == 0 {
		a.HangUp("")
		return
	}
	err := b.agent.Dial(nil, a, []*engine.Target{{URI: targets[0]}}, dialog.DialOptions{}, func(far *dialog.Leg, res *engine.Response) {
		if far == nil {
			a.HangUp("")
			return
		}
		b.legs = append(b.legs, far)
		if err := b.agent.Bridge(a, far, dialog.BridgeOptions{}, func(*dialog.Leg, string) {
			far.HangUp("")
			b.chain(a, targets[1:]...)
		}); err != nil {
			b.t.Error(err)
		}
	})
	if err != nil {
		b.t.Error(err)
	}
}

// A bridge with a time ends neither leg, and begins again without a word on the wire.
func TestBridgeAgain(t *testing.T) {
	b := newBench(t, 12)
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
	times := 0
	b.route = func(r *engine.Request) error {
		a, err := b.agent.Accept(r, dialog.AcceptOptions{})
		if err != nil {
			return err
		}
		return b.agent.Dial(nil, a, []*engine.Target{{URI: bobURI}}, dialog.DialOptions{}, func(far *dialog.Leg, _ *engine.Response) {
			b.legs = append(b.legs, a, far)
			var again func(ended *dialog.Leg, why string)
			again = func(ended *dialog.Leg, why string) {
				if times++; times == 4 || ended != nil {
					a.HangUp("")
					far.HangUp("")
					return
				}
				if err := b.agent.Bridge(a, far, dialog.BridgeOptions{Timeout: 10 * time.Second}, again); err != nil {
					t.Error(err)
				}
			}
			again(nil, "")
		})
	}
	o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
	b.reply(b.got(bob, "INVITE", 1), 200, phone.Reply{Media: own})
	b.answered(o, 200)
	b.w.Run(29 * time.Second)
	if len(bob.Inbox()) != 2 || times != 3 {
		t.Errorf("bob got %d requests, the bridge ended %d times", len(bob.Inbox()), times)
	}
	b.reply(b.got(alice, "BYE", 1), 200, phone.Reply{})
	b.reply(b.got(bob, "BYE", 1), 200, phone.Reply{})
	b.over()
}

// Early media reach the caller; if somebody else answers, that is another dialog for the caller.
func TestEarlyMedia(t *testing.T) {
	for _, c := range []struct {
		name    string
		another bool
	}{{"the same answers", false}, {"another answers", true}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 13)
			alice, bob, carol := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060"), b.phone("carol", "10.0.3.1:5060")
			b.joins(dialog.DialOptions{Early: dialog.EarlyFirst}, bobURI, "sip:carol@10.0.3.1:5060")
			o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
			one, two := b.got(bob, "INVITE", 1), b.got(carol, "INVITE", 1)
			b.reply(one, 183, phone.Reply{Media: own})
			b.w.Run(time.Second)
			b.reply(two, 183, phone.Reply{Media: own})
			b.w.Run(time.Second)
			winner, loser := one, bob
			if c.another {
				winner, loser = two, carol
			}
			b.reply(winner, 200, phone.Reply{Media: own})
			b.answered(o, 200)
			var early, final []byte
			for _, a := range o.Answers {
				switch {
				case a.Msg.Status() == 183 && early == nil:
					early = append([]byte(nil), a.Msg.ToTag()...)
					if !bytes.Contains(a.Msg.Body(), []byte("10.0.2.1")) {
						t.Error("no early media of bob's")
					}
				case a.Msg.Status() == 183:
					t.Error("a second early description")
				case a.Msg.Status() == 200:
					final = a.Msg.ToTag()
				}
			}
			if early == nil || bytes.Equal(early, final) == c.another {
				t.Errorf("tags: early %q, final %q", early, final)
			}
			b.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			b.reply(b.got(loser, "BYE", 1), 200, phone.Reply{})
			b.over()
		})
	}
}

// What legs do not serve is refused, and says what is allowed.
func TestWithin(t *testing.T) {
	for _, c := range []struct {
		method string
		header string
		code   int
	}{{"UPDATE", "", 200}, {"PRACK", "", 481}, {"REFER", "", 603}, {"OPTIONS", "", 200}, {"SUBSCRIBE", "", 405}, {"MESSAGE", "", 405}, {"INFO", "x-nothing", 420}} {
		t.Run(c.method, func(t *testing.T) {
			b := newBench(t, 14)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
			o, _ := b.talk(alice, bob)
			s := phone.Spec{Method: c.method}
			if c.header != "" {
				s.Headers = []proxy.HeaderEdit{{Name: "Require", Values: []string{c.header}}}
			}
			res := b.answered(o.Dialog().Send(s), c.code)
			if c.code == 405 && !strings.Contains(string(res.HeaderName("Allow")), "BYE") {
				t.Error("405 without Allow (§8.2.1)")
			}
			b.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			b.reply(b.got(bob, "BYE", 1), 200, phone.Reply{})
			b.over()
		})
	}
}

// INFO is passed, and its answer back.
func TestInfo(t *testing.T) {
	b := newBench(t, 15)
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
	o, _ := b.talk(alice, bob)
	info := o.Dialog().Send(phone.Spec{Method: "INFO", Body: []byte("Signal=5\r\n"), ContentType: "application/dtmf-relay"})
	got := b.got(bob, "INFO", 1)
	if string(got.Msg.Body()) != "Signal=5\r\n" {
		t.Errorf("the body is %q", got.Msg.Body())
	}
	b.reply(got, 200, phone.Reply{})
	b.answered(info, 200)
	b.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	b.reply(b.got(bob, "BYE", 1), 200, phone.Reply{})
	b.over()
}

// An INVITE that asks for what legs cannot do is refused before anything else.
func TestRefusesINVITE(t *testing.T) {
	for _, c := range []struct {
		name string
		spec phone.Spec
		code int
	}{
		{"requires", phone.Spec{Headers: []proxy.HeaderEdit{{Name: "Require", Values: []string{"100rel, precondition"}}}}, 420},
		{"body", phone.Spec{Body: []byte("x"), ContentType: "text/plain"}, 415},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 16)
			alice := b.phone("alice", "10.0.1.1:5060")
			b.joins(dialog.DialOptions{}, bobURI)
			b.answered(alice.Invite("sip:bob@example.com", c.spec), c.code)
			b.over()
		})
	}
}

// The end of the server ends ringing calls and answered ones.
func TestEndCalls(t *testing.T) {
	b := newBench(t, 17)
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
	b.talk(alice, bob)
	ringing := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
	b.reply(b.got(bob, "INVITE", 2), 180, phone.Reply{})
	b.w.Run(time.Second)
	b.agent.EndCalls()
	b.answered(ringing, 503)
	b.reply(b.got(alice, "BYE", 1), 200, phone.Reply{})
	b.reply(b.got(bob, "BYE", 1), 200, phone.Reply{})
	b.over()
}

// One target after the other; a 603 ends the search.
func TestSerial(t *testing.T) {
	for _, c := range []struct {
		name       string
		code, want int
		second     bool
	}{{"busy", 486, 200, true}, {"declined", 603, 603, false}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 18)
			alice, bob, carol := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060"), b.phone("carol", "10.0.3.1:5060")
			b.joins(dialog.DialOptions{Serial: true}, bobURI, "sip:carol@10.0.3.1:5060")
			o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
			b.reply(b.got(bob, "INVITE", 1), c.code, phone.Reply{})
			if c.second {
				b.reply(b.got(carol, "INVITE", 1), 200, phone.Reply{Media: own})
			}
			b.answered(o, c.want)
			if c.second {
				b.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
				b.reply(b.got(carol, "BYE", 1), 200, phone.Reply{})
			} else if len(carol.Inbox()) > 0 {
				t.Error("carol was called")
			}
			b.over()
		})
	}
}
