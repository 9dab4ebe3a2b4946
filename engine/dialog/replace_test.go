package dialog_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// replaces has INVITEs with Replaces take the place of legs from now on, and others refused.
func (x *three) replaces() {
	x.route = func(r *engine.Request) error {
		l, code := x.agent.Replaced(r)
		if l == nil {
			if code == 0 {
				code = 480
			}
			_, err := r.Reply(code, "", nil)
			return err
		}
		n, err := x.agent.Replace(r, l, dialog.AcceptOptions{}, dialog.BridgeOptions{})
		if err == nil {
			x.legs = append(x.legs, n)
		}
		return err
	}
}

// named is the dialog of an INVITE of a phone's, as its callee knows it.
func named(o *phone.Outgoing) string {
	m := o.Final()
	return fmt.Sprintf("%s;to-tag=%s;from-tag=%s", o.CallID(), m.ToTag(), m.FromTag())
}

// An INVITE takes the place of a party in its call: its peer agrees on a new session with it, and
// it is answered before the other is ended (RFC 3891 §3). On whatever lane it would be.
func TestReplaces(t *testing.T) {
	for _, c := range []struct {
		name  string
		late  bool // it has no offer
		other bool // it names the dialog as the peer's party does
		seeds uint64
		lanes int
	}{{"with an offer", false, false, 1, 1}, {"without one", true, false, 1, 1}, {"as the peer's party names it", false, true, 1, 1}, {"many lanes", false, false, 4, 4}} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range c.seeds {
				x := newThreeOn(t, 401+seed, c.lanes)
				x.replaces()
				value := named(x.o)
				if c.other {
					value = fmt.Sprintf("%s;to-tag=%s;from-tag=%s", x.in.Dialog().CallID(), tagOf(x.in), x.far.ID())
				}
				s := phone.Spec{Media: own, Headers: append(with("Replaces", value), with("Require", "replaces")...)}
				if c.late {
					s.Media = phone.Media{}
				}
				o := x.carol.Invite("sip:alice@example.com", s)
				in := x.got(x.bob, "INVITE", 2)
				if len(x.methods(x.alice, "BYE")) != 0 {
					t.Error("alice is ended before bob agrees")
				}
				x.reply(in, 200, phone.Reply{Media: own})
				has(t, "the 200", x.answered(o, 200), "10.0.2.1")
				x.settle(x.alice, x.bob, x.carol)
				if n := len(x.methods(x.alice, "BYE")); n != 1 || x.a.Why() != dialog.WhyReplaced {
					t.Errorf("alice got %d BYEs: %s", n, x.a.Why())
				}
				if x.far.Peer() == nil || x.taken[x.far] != 1 || len(x.whys) != 1 || x.whys[0] != dialog.WhyMoved {
					t.Errorf("taken %v, the bridge ended %v", x.taken, x.whys)
				}
				if !c.late {
					x.told(x.bob, "10.0.3.1")
				}
				x.answered(x.in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
				x.settle(x.carol)
				x.over()
			}
		})
	}
}

// A peer that refuses the new session, and a caller that gives up, leave the two together.
func TestReplacesFails(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(x *three, o *phone.Outgoing, in *phone.Incoming)
		code int
	}{
		{"the peer refuses", func(x *three, _ *phone.Outgoing, in *phone.Incoming) { x.reply(in, 488, phone.Reply{}) }, 488},
		{"the caller gives up", func(x *three, o *phone.Outgoing, in *phone.Incoming) {
			x.reply(in, 180, phone.Reply{})
			x.w.Run(time.Second)
			_ = o.Cancel(nil)
		}, 487},
		{"the peer leaves", func(x *three, _ *phone.Outgoing, _ *phone.Incoming) {
			x.answered(x.in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		}, 480},
		{"the other leaves, and the peer refuses", func(x *three, _ *phone.Outgoing, in *phone.Incoming) {
			x.answered(x.o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			x.reply(in, 488, phone.Reply{})
		}, 488},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newThree(t, 410)
			x.replaces()
			o := x.carol.Invite("sip:alice@example.com", phone.Spec{Media: own, Headers: with("Replaces", named(x.o))})
			c.do(x, o, x.got(x.bob, "INVITE", 2))
			x.answered(o, c.code)
			x.settle(x.alice, x.bob, x.carol)
			if strings.Contains(c.name, "leaves") {
				x.over()
				return
			}
			if x.a.Peer() != x.far || len(x.methods(x.alice, "BYE")) != 0 {
				t.Error("they are not together")
			}
			x.ended(x.o.Dialog(), x.bob)
		})
	}
}

// What cannot be replaced is refused (RFC 3891 §3).
func TestReplacesRefused(t *testing.T) {
	x := newThree(t, 411)
	taken := 0
	x.replaces()
	id := named(x.o)
	tags := id[strings.Index(id, ";"):]
	refused := func(name string, code int, headers ...string) {
		t.Run(name, func(t *testing.T) {
			s := phone.Spec{Media: own}
			for _, h := range headers {
				n, v, _ := strings.Cut(h, ": ")
				s.Headers = append(s.Headers, with(n, strings.Split(v, " & ")...)...)
			}
			x.answered(x.carol.Invite("sip:alice@example.com", s), code)
			taken++
		})
	}
	refused("no tags", 400, "Replaces: "+x.o.CallID())
	refused("two tags", 400, "Replaces: "+id+";to-tag=x")
	refused("two of them", 400, "Replaces: "+id+" & "+id)
	refused("Join as well", 400, "Replaces: "+id, "Join: "+id)
	refused("another Call-ID", 481, "Replaces: nobody"+tags)
	refused("a wrong tag", 481, "Replaces: "+id+"x")
	refused("answered, and only early is meant", 486, "Replaces: "+id+";early-only")
	x.joins(dialog.DialOptions{}, bobURI) // one that rings here: it is not for us to answer (§3)
	o := x.alice.Invite("sip:somebody@example.com", phone.Spec{Media: own})
	ringing := x.got(x.bob, "INVITE", 2)
	x.reply(ringing, 183, phone.Reply{Media: own})
	x.w.Run(time.Second)
	var early string
	for _, a := range o.Answers {
		if a.Msg.Status() > 100 {
			early = fmt.Sprintf("%s;to-tag=%s;from-tag=%s", o.CallID(), a.Msg.ToTag(), a.Msg.FromTag())
		}
	}
	x.replaces()
	refused("one that rings here", 481, "Replaces: "+early)
	x.reply(ringing, 486, phone.Reply{})
	x.answered(o, 486)
	x.ended(x.o.Dialog(), x.bob)
	refused("one that is over", 603, "Replaces: "+id)
	if taken != 9 {
		t.Errorf("%d rows", taken)
	}
}

// One that rings is picked up: its INVITE is cancelled, and the caller talks to who has picked up.
func TestPickUp(t *testing.T) {
	for _, c := range []struct {
		name    string
		only    string
		late    bool
		early   bool // there was early media
		lanes   int
		without bool // neither side has an offer
	}{{"ringing", "", false, false, 1, false}, {"early only", ";early-only", false, false, 1, false}, {"without an offer", "", true, false, 1, false},
		{"after early media", "", false, true, 1, false}, {"many lanes", "", false, false, 4, false}, {"nobody offers", "", true, false, 1, true}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBenchOn(t, 420, dialog.Options{Replaces: func() bool { return true }}, c.lanes)
			x := &three{pair: &pair{bench: b, alice: b.phone("alice", "10.0.1.1:5060"), bob: b.phone("bob", "10.0.2.1:5060")}, taken: map[*dialog.Leg]int{}}
			x.carol = b.phone("carol", "10.0.3.1:5060")
			x.joins(dialog.DialOptions{}, bobURI)
			s := phone.Spec{Media: own}
			if c.without {
				s = phone.Spec{}
			}
			o := x.alice.Invite("sip:bob@example.com", s)
			in := x.got(x.bob, "INVITE", 1)
			r := phone.Reply{}
			if c.early {
				r.Media = own
			}
			x.reply(in, 183, r)
			x.w.Run(time.Second)
			x.replaces()
			m := in.Msg
			value := fmt.Sprintf("%s;to-tag=%s;from-tag=%s%s", m.CallID(), m.FromTag(), tagOf(in), c.only)
			s = phone.Spec{Media: own, Headers: with("Replaces", value)}
			if c.late {
				s.Media = phone.Media{}
			}
			p := x.carol.Invite("sip:bob@example.com", s)
			if c.without {
				x.answered(p, 488)
				_ = o.Cancel(nil)
				x.answered(o, 487)
				x.over()
				return
			}
			x.answered(p, 200)
			x.got(x.bob, "CANCEL", 1)
			x.agrees(x.carol)
			has(t, "alice's 200", x.answered(o, 200), "10.0.3.1")
			x.told(x.carol, "10.0.1.1")
			x.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			x.settle(x.carol)
			x.over()
		})
	}
}

// A call that is made in the place of another names that, and asks for it (RFC 3891 §6).
func TestDialReplaces(t *testing.T) {
	b := newBench(t, 430)
	alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
	const value = "x@y;to-tag=a;from-tag=b"
	b.joins(dialog.DialOptions{Replaces: value}, bobURI)
	o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
	in := b.got(bob, "INVITE", 1)
	if string(in.Msg.HeaderName("Replaces")) != value || string(in.Msg.HeaderName("Require")) != "replaces" {
		t.Errorf("an INVITE:\n%s", in.Msg.Original())
	}
	b.reply(in, 486, phone.Reply{})
	b.answered(o, 486)
	b.over()
}

// A transfer after a talk whose second call is on another lane: the third party is called, and
// takes that over.
func TestReferAttendedAcrossLanes(t *testing.T) {
	for seed := range uint64(4) {
		x := newThreeOn(t, 440+seed, 4)
		asked := 0
		x.refer = func(r *dialog.Referral) {
			asked++
			if !r.Talk || r.Elsewhere {
				t.Errorf("%+v", r)
			}
			_ = r.Accept(nil, dialog.DialOptions{}, dialog.BridgeOptions{})
		}
		o, in, _, d := x.call(x.alice, x.carol)
		far := o.Dialog().ReplacedBy("sip:carol@example.com")
		r := x.o.Dialog().Send(phone.Spec{Method: "REFER", Contact: true, Headers: with("Refer-To", far)})
		x.answered(r, 202)
		third := in
		if d.Lane() != x.a.Lane() {
			third = x.got(x.carol, "INVITE", 2)
			if third.Replaced() != in.Dialog() {
				t.Errorf("Replaces: %s", third.Msg.HeaderName("Replaces"))
			}
			x.reply(third, 200, phone.Reply{Media: own})
			x.w.Run(100 * time.Millisecond)
			x.answered(in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		}
		x.settle(x.alice, x.bob, x.carol)
		if n := len(x.methods(x.alice, "BYE")); n != 2 || asked != 1 {
			t.Errorf("alice got %d BYEs", n)
		}
		x.told(x.bob, "10.0.3.1")
		x.answered(x.in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		x.settle(x.carol)
		x.over()
	}
}
