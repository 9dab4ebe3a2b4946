package dialog_test

import (
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// Requests within a dialog have each a number of its own, though some were challenged when others
// had been sent (RFC 3261 §12.2.1.1).
func TestNumbersOfChallenged(t *testing.T) {
	b := newBench(t, 1)
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
	b.route = func(r *engine.Request) error {
		a, err := b.agent.Accept(r, dialog.AcceptOptions{})
		if err != nil {
			return err
		}
		target := &engine.Target{URI: bobURI, Credentials: &engine.Credentials{User: "u", Password: "p"}}
		return b.agent.Dial(nil, a, []*engine.Target{target}, dialog.DialOptions{}, func(far *dialog.Leg, _ *engine.Response) {
			_ = b.agent.Bridge(a, far, dialog.BridgeOptions{}, func(*dialog.Leg, string) {
				a.HangUp("")
				far.HangUp("")
			})
		})
	}
	o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
	b.reply(b.got(bob, "INVITE", 1), 200, phone.Reply{Media: own})
	b.answered(o, 200)
	b.w.Run(time.Second)
	first, second := o.Dialog().Send(phone.Spec{Method: "INFO"}), o.Dialog().Send(phone.Spec{Method: "INFO"})
	one, two := b.got(bob, "INFO", 1), b.got(bob, "INFO", 2)
	b.reply(two, 200, phone.Reply{})
	b.reply(one, 407, phone.Reply{Headers: []proxy.HeaderEdit{{Name: "Proxy-Authenticate", Values: []string{`Digest realm="x", nonce="y", qop="auth"`}}}})
	b.reply(b.got(bob, "INFO", 3), 200, phone.Reply{})
	b.answered(first, 200)
	b.answered(second, 200)
	o.Dialog().Send(phone.Spec{Method: "BYE"})
	b.reply(b.got(bob, "BYE", 1), 200, phone.Reply{})
	seen := map[uint32]bool{}
	for _, i := range bob.Inbox() {
		cs, err := i.Msg.CSeq()
		if err != nil || cs.Method != message.MethodAck && seen[cs.Number] {
			t.Errorf("%s has a number that was used: %d, %v", i.Method(), cs.Number, err)
		}
		seen[cs.Number] = true
	}
	b.w.Run(100 * time.Second)
	if n := b.agent.Calls(); n != 0 {
		t.Errorf("%d legs are left", n)
	}
}
