package dialog_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// A REFER that names by Replaces the dialog it is in names no other call: nobody is called to take
// over its own.
func TestReferNamesItsOwnDialog(t *testing.T) {
	x := newThree(t, 904)
	x.refer = func(r *dialog.Referral) {
		if r.Talk || !r.Elsewhere {
			t.Errorf("%+v", r)
		}
		_ = r.Accept(nil, dialog.DialOptions{}, dialog.BridgeOptions{})
	}
	far := x.o.Dialog().ReplacedBy("sip:bob@example.com")
	x.answered(x.o.Dialog().Send(phone.Spec{Method: "REFER", Contact: true, Headers: with("Refer-To", far)}), 603)
	if n := len(x.methods(x.bob, "INVITE")); n != 1 {
		t.Errorf("bob got %d INVITEs", n)
	}
	x.ended(x.o.Dialog(), x.bob)
}

// While an INVITE waits to take a party's place, its peer goes to somebody else, or is taken out:
// the party is ended, and so is the caller.
func TestReplacesWhilePeerGoes(t *testing.T) {
	for _, how := range []string{"transfer", "a transfer that fails", "part"} {
		t.Run(how, func(t *testing.T) {
			x := newThree(t, 905)
			x.replaces()
			dave := x.phone("dave", "10.0.4.1:5060")
			o := x.carol.Invite("sip:alice@example.com", phone.Spec{Media: own, Headers: with("Replaces", named(x.o))})
			in := x.got(x.bob, "INVITE", 2)
			x.does(func(*lane.Lane) {
				if how == "part" {
					x.far.Part()
					return
				}
				if err := x.agent.Transfer(x.far, []*engine.Target{{URI: "sip:dave@10.0.4.1"}}, dialog.DialOptions{}, dialog.BridgeOptions{}, func(*dialog.Leg, *engine.Response) {}); err != nil {
					t.Error(err)
				}
			})
			x.reply(in, 200, phone.Reply{Media: own})
			if how == "a transfer that fails" {
				x.reply(x.got(dave, "INVITE", 1), 486, phone.Reply{})
			}
			x.settle(x.alice, x.bob, x.carol, dave)
			if n := len(x.methods(x.alice, "BYE")); n != 1 {
				t.Errorf("alice got %d BYEs", n)
			}
			if how != "a transfer that fails" {
				x.answered(o, 480)
			}
			x.agent.EndCalls()
			x.settle(x.alice, x.bob, x.carol, dave)
			x.over()
		})
	}
}

// Our Contact in the call that Replaces names is nothing to call, whoever has begun that call.
func TestReferPassTranslatesContactOfADialledLeg(t *testing.T) {
	x := passing(t, 907)
	_, in, _, _ := x.call(x.carol, x.alice)
	m := in.Msg
	contact := strings.Trim(string(m.HeaderName("Contact")), "<>")
	value := fmt.Sprintf("<%s?Replaces=%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s>", contact, m.CallID(), m.FromTag(), tagOf(in))
	r := x.o.Dialog().Send(phone.Spec{Method: "REFER", Contact: true, Headers: with("Refer-To", value)})
	got := x.got(x.bob, "REFER", 1)
	if text := string(got.Msg.HeaderName("Refer-To")); !strings.HasPrefix(text, "<sip:carol@example.com?Replaces=") || strings.Contains(text, string(m.CallID())) {
		t.Errorf("Refer-To: %s, from %s", text, value)
	}
	x.reply(got, 603, phone.Reply{})
	x.answered(r, 603)
	x.agent.EndCalls()
	x.settle(x.alice, x.bob, x.carol)
	x.over()
}

// An INVITE that takes the place of a dialog comes to its lane; somebody else's call with the same
// Call-ID stays where it is.
func TestReplacesMovesNoOtherCall(t *testing.T) {
	for seed := range uint64(6) {
		x := newThreeOn(t, 960+seed, 4)
		dave := x.phone("dave", "10.0.4.1:5060")
		x.takes(func(*dialog.Leg) {})
		o := dave.Invite("sip:somebody@example.com", phone.Spec{Media: own})
		x.w.Run(100 * time.Millisecond)
		x.replaces()
		p := x.carol.Invite("sip:alice@example.com", phone.Spec{CallID: o.CallID(), Media: own, Headers: with("Replaces", named(x.o))})
		x.w.Run(100 * time.Millisecond)
		if err := o.Cancel(nil); err != nil {
			t.Error(err)
		}
		x.answered(o, 487)
		x.settle(x.alice, x.bob, x.carol)
		_ = p
		x.agent.EndCalls()
		x.settle(x.alice, x.bob, x.carol)
		x.empty(200 * time.Second) // the wire has rules for one call of a Call-ID
	}
}
