package dialog_test

import (
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// A bridge is taken apart, neither leg ends, and whoever dialled has known each leg since it began.
func TestPart(t *testing.T) {
	b := newBench(t, 1)
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
	var a, far *dialog.Leg
	var whys []string
	b.takes(func(l *dialog.Leg) {
		a = l
		begun := func(x *dialog.Leg, target *engine.Target) {
			if far = x; target.URI != bobURI || x.State() != dialog.Calling {
				t.Errorf("%s %s has begun", target.URI, x.State())
			}
		}
		b.dial(l, l.Lane(), bobURI, dialog.DialOptions{Begun: begun}, func(x *dialog.Leg) {
			if x != far {
				t.Error("another leg has answered")
			}
			_ = b.agent.Bridge(l, x, dialog.BridgeOptions{}, func(ended *dialog.Leg, why string) {
				if ended != nil {
					t.Error("a leg has ended")
				}
				whys = append(whys, why)
			})
		})
	})
	o := alice.Invite("sip:someone@example.com", phone.Spec{Media: own})
	b.reply(b.got(bob, "INVITE", 1), 200, phone.Reply{Media: own})
	b.answered(o, 200)
	b.w.Run(5 * time.Second)
	b.does(func(*lane.Lane) {
		if !a.Part() || a.Part() || far.Peer() != nil || a.State() != dialog.Answered || far.State() != dialog.Answered {
			t.Error("they did not part")
		}
	})
	if len(whys) != 1 || whys[0] != dialog.WhyParted {
		t.Errorf("the bridge ended: %q", whys)
	}
}
