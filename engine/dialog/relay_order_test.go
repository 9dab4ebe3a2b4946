package dialog_test

import (
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// A party that takes its offer back while that is being relayed takes back nothing else: its peer
// is being put on hold.
func TestRelayTakesBackNoHold(t *testing.T) {
	x := newRelayed(t, 720, 0)
	o, _ := x.talks()
	x.m.wait = func() time.Duration { return 3 * time.Second }
	var held result
	x.does(func(*lane.Lane) { _ = x.legs[1].Hold(held.tell) })
	hold := x.got(x.bob, "INVITE", 2)
	x.reply(hold, 180, phone.Reply{})
	re := o.Dialog().Send(phone.Spec{Method: "INVITE", Media: own})
	x.w.Run(time.Second)
	if err := re.Cancel(nil); err != nil {
		t.Fatal(err)
	}
	x.answered(re, 487)
	if x.w.Run(time.Second); len(x.methods(x.bob, "CANCEL")) != 0 {
		t.Fatal("the hold was cancelled")
	}
	x.reply(hold, 200, phone.Reply{Media: own})
	x.w.Run(time.Second)
	if held.told != 1 || held.res != nil || !x.legs[1].Held() {
		t.Errorf("the hold was told %d times, %v", held.told, held.res)
	}
	x.w.Run(5 * time.Second)
	x.hangUp(o)
}

// Early media that nothing relays is not heard: the caller hears that somebody rings.
func TestRelayFailsEarly(t *testing.T) {
	for _, early := range []dialog.Early{dialog.EarlyFirst, dialog.EarlyEach} {
		t.Run(string(early), func(t *testing.T) {
			x := newRelayed(t, 721, 0)
			x.joins(dialog.DialOptions{Early: early}, bobURI)
			x.m.fails = func() bool { return x.m.shown == 2 }
			o := x.alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
			in := x.got(x.bob, "INVITE", 1)
			x.reply(in, 183, phone.Reply{Media: own})
			x.w.Run(time.Second)
			if n := len(o.Answers); n == 0 || o.Answers[n-1].Msg.Status() != 180 || len(o.Answers[n-1].Msg.Body()) > 0 {
				t.Errorf("the caller heard %d answers", n)
			}
			x.reply(in, 200, phone.Reply{Media: own})
			x.answered(o, 200)
			x.w.Run(2 * time.Second)
			x.hangUp(o)
		})
	}
}

// Legs whose offers are being relayed count: there are not more than there may be.
func TestRelayBounds(t *testing.T) {
	b := newBenchOf(t, 722, dialog.Options{MaxLegs: 3})
	m := b.relays()
	m.wait = func() time.Duration { return time.Second }
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
	b.joins(dialog.DialOptions{}, bobURI)
	one := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
	two := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
	b.w.Run(2 * time.Second)
	if n := b.agent.Calls(); n > 3 {
		t.Errorf("%d legs", n)
	}
	b.reply(b.got(bob, "INVITE", 1), 486, phone.Reply{})
	b.w.Run(2 * time.Second)
	codes := []int{statusOf(one.Final()), statusOf(two.Final())}
	if codes[0]+codes[1] != 486+503 {
		t.Errorf("answered %v", codes)
	}
	b.over()
}

// Whoever hears that a caller was answered may take the two apart, and join them again: their media
// go to a relay that is there.
func TestRelayPartsInTheAnswer(t *testing.T) {
	x := newRelayed(t, 723, 0)
	var apart bool
	x.hears = func(e dialog.Event) {
		if e.Kind == dialog.EventAnswered && e.Leg == x.legs[0] && !apart {
			apart = true
			e.Leg.Part()
		}
	}
	x.route = func(r *engine.Request) error {
		a, _ := x.accepts(r)
		return x.agent.Dial(nil, a, []*engine.Target{{URI: bobURI}}, dialog.DialOptions{}, func(far *dialog.Leg, _ *engine.Response) {
			x.legs = append(x.legs, far)
			if err := x.agent.Bridge(a, far, dialog.BridgeOptions{}, func(*dialog.Leg, string) {}); err != nil {
				t.Error(err)
			}
		})
	}
	o := x.alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
	x.reply(x.got(x.bob, "INVITE", 1), 200, phone.Reply{Media: own})
	x.answered(o, 200)
	x.w.Run(time.Second)
	if !apart {
		t.Error("they were not taken apart")
	}
	x.does(func(*lane.Lane) { x.join(x.legs[0], x.legs[1]) })
	x.settle(x.alice, x.bob)
	if r := x.legs[0].Relay(); r == nil || r != x.legs[1].Relay() || len(x.m.open) != 1 || !x.m.open[r.(*relayed)] {
		t.Errorf("the media of the two go to %v and %v; %d relays are open", r, x.legs[1].Relay(), len(x.m.open))
	}
	x.hangUp(o)
}

// An offer that was refused is not what the next one is answered to: each later offer of either
// side passes, with its answer.
func TestRelayAfterARefusal(t *testing.T) {
	x := newRelayed(t, 724, 100*time.Millisecond)
	o, in := x.talks()
	for n := range 3 {
		re := o.Dialog().Send(phone.Spec{Method: "INVITE", Media: own})
		x.reply(x.got(x.bob, "INVITE", 2+n), 488, phone.Reply{})
		x.answered(re, 488)
		x.w.Run(time.Second)
	}
	shown := x.m.shown
	re := in.Dialog().Send(phone.Spec{Method: "INVITE", Media: own})
	x.reply(x.got(x.alice, "INVITE", 1), 200, phone.Reply{Media: own})
	has(t, "the answer", x.answered(re, 200), "10.9.1.1")
	if x.m.shown != shown+2 || x.m.made != 1 {
		t.Errorf("%d descriptions shown, %d relays", x.m.shown-shown, x.m.made)
	}
	x.w.Run(time.Second)
	x.hangUp(o)
}
