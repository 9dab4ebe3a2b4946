package dialog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// relayedPair is a call of alice with bob whose media are relayed.
type relayedPair struct {
	*bench
	m          *relays
	alice, bob *phone.Phone
}

func newRelayed(t *testing.T, seed uint64, wait time.Duration) *relayedPair {
	b := newBench(t, seed)
	x := &relayedPair{bench: b, m: b.relays(), alice: b.phone("alice", "10.0.1.1:5060"), bob: b.phone("bob", "10.0.2.1:5060")}
	if wait > 0 {
		x.m.wait = func() time.Duration { return wait }
	}
	b.joins(dialog.DialOptions{}, bobURI)
	return x
}

// talks has alice call bob.
func (x *relayedPair) talks() (*phone.Outgoing, *phone.Incoming) {
	x.t.Helper()
	o := x.alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
	in := x.got(x.bob, "INVITE", 1)
	x.reply(in, 200, phone.Reply{Media: own})
	x.answered(o, 200)
	x.w.Run(time.Second)
	return o, in
}

// hangUp ends the call, and checks what is left.
func (x *relayedPair) hangUp(o *phone.Outgoing) {
	x.t.Helper()
	x.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	x.reply(x.got(x.bob, "BYE", 1), 200, phone.Reply{})
	x.bench.over()
}

// Each offer and each answer passes: those of the call, of later INVITEs from either side, with and
// without an offer, of UPDATEs, and early ones, reliable or not. The same answer again asks
// nothing.
func TestRelay(t *testing.T) {
	for _, wait := range []time.Duration{0, 300 * time.Millisecond} {
		for _, c := range []struct {
			name   string
			by     string // the method of the later offer, of "alice" or "bob"
			method string
			late   bool
			early  int
			rel    bool
			shown  int // shown in all
		}{
			{name: "a call", shown: 2},
			{name: "alice's INVITE", by: "alice", method: "INVITE", shown: 4},
			{name: "bob's INVITE", by: "bob", method: "INVITE", shown: 4},
			{name: "alice's UPDATE", by: "alice", method: "UPDATE", shown: 4},
			{name: "bob's UPDATE", by: "bob", method: "UPDATE", shown: 4},
			{name: "alice's INVITE without an offer", by: "alice", method: "INVITE", late: true, shown: 4},
			{name: "early media", early: 183, shown: 2},
			{name: "early media with PRACK", early: 183, rel: true, shown: 2},
		} {
			t.Run(c.name+" after "+wait.String(), func(t *testing.T) {
				x := newRelayed(t, 701, wait)
				s := phone.Spec{Media: own, Headers: with("Allow", updates)}
				if c.rel {
					s.Headers = relies("Supported")
				}
				o := x.alice.Invite("sip:bob@example.com", s)
				in := x.got(x.bob, "INVITE", 1)
				has(t, "bob's INVITE", in.Msg, "10.9.1.1")
				if c.early > 0 {
					x.reply(in, c.early, phone.Reply{Media: own, Reliable: c.rel})
					x.w.Run(2 * time.Second)
					if m := o.Answers[len(o.Answers)-1].Msg; m.Status() != 183 || !strings.Contains(string(m.Body()), "10.9.1.2") {
						t.Errorf("alice heard %d %q", m.Status(), m.Body())
					}
				}
				final := phone.Reply{Media: own, Headers: with("Allow", updates)}
				if c.rel {
					final.Media = phone.Media{}
				}
				x.reply(in, 200, final)
				has(t, "the 200", x.answered(o, 200), "10.9.1.2")
				x.w.Run(2 * time.Second)
				if c.by != "" {
					d, other, n := o.Dialog(), x.bob, 1
					if c.by == "bob" {
						d, other = in.Dialog(), x.alice
					}
					if c.method == "INVITE" && c.by == "alice" {
						n = 2
					}
					later := phone.Spec{Method: c.method}
					if !c.late {
						later.Media = own
					}
					re := d.Send(later)
					x.reply(x.got(other, c.method, n), 200, phone.Reply{Media: own})
					has(t, "the answer", x.answered(re, 200), map[string]string{"alice": "10.9.1.2", "bob": "10.9.1.1"}[c.by])
					x.w.Run(2 * time.Second)
				}
				if x.m.made != 1 || x.m.shown != c.shown {
					t.Errorf("%d relays, %d descriptions shown, not 1 and %d", x.m.made, x.m.shown, c.shown)
				}
				x.hangUp(o)
			})
		}
	}
}

// A caller without an offer gets that of who is called, and the answer in its ACK goes back.
func TestRelayLateOffer(t *testing.T) {
	x := newRelayed(t, 702, 200*time.Millisecond)
	o := x.alice.Invite("sip:bob@example.com", phone.Spec{})
	in := x.got(x.bob, "INVITE", 1)
	x.reply(in, 200, phone.Reply{Media: own})
	has(t, "the 200", x.answered(o, 200), "10.9.1.2")
	has(t, "bob's ACK", x.got(x.bob, "ACK", 1).Msg, "10.9.1.1")
	x.hangUp(o)
}

// What is not relayed does not go on: somebody is not called (503, media), a caller is not
// answered, a later offer gets 500 and may come again.
func TestRelayFails(t *testing.T) {
	for _, c := range []struct {
		name string
		at   int // the description that fails
		code int
	}{{"the offer", 1, 503}, {"the answer", 2, 480}, {"a later offer", 3, 500}, {"a later answer", 4, 500}} {
		t.Run(c.name, func(t *testing.T) {
			x := newRelayed(t, 703, 0)
			x.m.fails = func() bool { return x.m.shown == c.at }
			o := x.alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
			if c.at == 1 {
				x.answered(o, 503)
				if len(x.refusals) != 1 || x.refusals[0].Cause() != dialog.CauseMedia {
					t.Errorf("the dial came to %v", x.refusals)
				}
				x.bench.over()
				return
			}
			x.reply(x.got(x.bob, "INVITE", 1), 200, phone.Reply{Media: own})
			if c.at == 2 {
				x.answered(o, 480)
				if len(x.whys) != 1 || x.whys[0] != dialog.WhyMedia {
					t.Errorf("the bridge came to %v", x.whys)
				}
				x.reply(x.got(x.bob, "BYE", 1), 200, phone.Reply{})
				x.bench.over()
				return
			}
			x.answered(o, 200)
			re := o.Dialog().Send(phone.Spec{Method: "INVITE", Media: own})
			if c.at == 4 {
				x.reply(x.got(x.bob, "INVITE", 2), 200, phone.Reply{Media: own})
			}
			if m := x.answered(re, 500); m.HeaderName("Retry-After") == nil {
				t.Error("no Retry-After")
			}
			if c.at == 4 { // bob has a session that alice knows nothing of: the two agree anew
				for _, p := range []*phone.Phone{x.alice, x.bob} {
					for n := 1; n < 4; n++ {
						x.w.Run(3 * time.Second)
						for _, i := range x.methods(p, "INVITE") {
							if i.Answered() == 0 {
								x.reply(i, 200, phone.Reply{Media: own})
							}
						}
					}
				}
				x.w.Run(5 * time.Second)
			}
			re = o.Dialog().Send(phone.Spec{Method: "INVITE", Media: own})
			x.w.Run(time.Second)
			for _, i := range x.methods(x.bob, "INVITE") {
				if i.Answered() == 0 {
					x.reply(i, 200, phone.Reply{Media: own})
				}
			}
			x.answered(re, 200)
			x.hangUp(o)
		})
	}
}

// What comes while a description is being relayed: a party leaves, or offers too.
func TestRelayTakesTime(t *testing.T) {
	const wait = 3 * time.Second
	t.Run("the caller gives up before anybody is called", func(t *testing.T) {
		x := newRelayed(t, 704, wait)
		o := x.alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
		x.w.Run(time.Second)
		if err := o.Cancel(nil); err != nil {
			t.Fatal(err)
		}
		x.answered(o, 487)
		x.bench.over()
		if n := len(x.methods(x.bob, "INVITE")); n != 0 {
			t.Errorf("bob got %d INVITEs", n)
		}
	})
	t.Run("the caller gives up before the answer", func(t *testing.T) {
		x := newRelayed(t, 705, wait)
		o := x.alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
		x.reply(x.got(x.bob, "INVITE", 1), 200, phone.Reply{Media: own})
		x.w.Run(time.Second)
		if err := o.Cancel(nil); err != nil {
			t.Fatal(err)
		}
		x.answered(o, 487)
		x.reply(x.got(x.bob, "BYE", 1), 200, phone.Reply{})
		x.bench.over()
	})
	t.Run("who is called leaves before the answer", func(t *testing.T) {
		x := newRelayed(t, 706, wait)
		o := x.alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
		in := x.got(x.bob, "INVITE", 1)
		x.reply(in, 200, phone.Reply{Media: own})
		x.w.Run(time.Second)
		x.answered(in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		x.answered(o, 480)
		x.bench.over()
	})
	t.Run("both offer", func(t *testing.T) {
		x := newRelayed(t, 707, 0)
		o, in := x.talks()
		x.m.wait = func() time.Duration { return wait }
		re := o.Dialog().Send(phone.Spec{Method: "INVITE", Media: own})
		x.w.Run(time.Second)
		x.answered(in.Dialog().Send(phone.Spec{Method: "INVITE", Media: own}), 491)
		x.answered(in.Dialog().Send(phone.Spec{Method: "UPDATE", Media: own}), 491)
		x.reply(x.got(x.bob, "INVITE", 2), 200, phone.Reply{Media: own})
		x.answered(re, 200)
		x.w.Run(wait)
		x.hangUp(o)
	})
	t.Run("an offer is taken back", func(t *testing.T) {
		x := newRelayed(t, 708, 0)
		o, _ := x.talks()
		x.m.wait = func() time.Duration { return wait }
		re := o.Dialog().Send(phone.Spec{Method: "INVITE", Media: own})
		x.w.Run(time.Second)
		if err := re.Cancel(nil); err != nil {
			t.Fatal(err)
		}
		x.answered(re, 487)
		x.w.Run(wait)
		if n := len(x.methods(x.bob, "INVITE")); n != 1 {
			t.Errorf("bob got %d INVITEs", n)
		}
		x.hangUp(o)
	})
}

// Each of several that are called has a relay of its own, and that of who loses ends.
func TestRelayForks(t *testing.T) {
	for _, early := range []dialog.Early{dialog.EarlyRinging, dialog.EarlyFirst, dialog.EarlyEach} {
		t.Run(string(early), func(t *testing.T) {
			x := newRelayed(t, 709, 100*time.Millisecond)
			carol := x.phone("carol", "10.0.3.1:5060")
			x.joins(dialog.DialOptions{Early: early}, bobURI, "sip:carol@10.0.3.1:5060")
			o := x.alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
			in, loses := x.got(carol, "INVITE", 1), x.got(x.bob, "INVITE", 1)
			x.reply(loses, 183, phone.Reply{Media: own})
			x.w.Run(time.Second)
			x.reply(in, 183, phone.Reply{Media: own})
			x.w.Run(time.Second)
			x.reply(in, 200, phone.Reply{Media: own})
			has(t, "the 200", x.answered(o, 200), "10.9.2.2")
			x.w.Run(2 * time.Second)
			if x.m.made != 2 || len(x.m.open) != 1 {
				t.Errorf("%d relays, %d of them open", x.m.made, len(x.m.open))
			}
			x.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			x.reply(x.got(carol, "BYE", 1), 200, phone.Reply{})
			x.bench.over()
		})
	}
}

// A party that goes to somebody else has another relay with it, and the former one ends.
func TestRelayMoves(t *testing.T) {
	x := newThree(t, 710)
	x.w.Run(time.Second)
	b := x.bench
	b.wire.passes, b.media = nil, newRelays(t)
	carol := []*engine.Target{{URI: "sip:carol@10.0.3.1:5060"}}
	b.does(func(*lane.Lane) {
		if err := x.agent.Transfer(x.a, carol, dialog.DialOptions{Media: b.media}, dialog.BridgeOptions{}, func(*dialog.Leg, *engine.Response) {}); err != nil {
			t.Error(err)
		}
	})
	x.settle(x.alice, x.bob, x.carol)
	if b.media.made != 1 || len(b.media.open) != 1 {
		t.Errorf("%d relays, %d of them open", b.media.made, len(b.media.open))
	}
	said := func(p *phone.Phone) (text string) {
		for _, m := range []*phone.Incoming{x.methods(p, "ACK")[0], x.methods(p, "INVITE")[len(x.methods(p, "INVITE"))-1]} {
			if len(m.Msg.Body()) > 0 {
				text = string(m.Msg.Body())
			}
		}
		return text
	}
	if text := said(x.carol); !strings.Contains(text, "10.9.1.") {
		t.Errorf("carol was told %q", text)
	}
	x.answered(x.o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	x.settle(x.alice, x.bob, x.carol)
	b.over()
}
