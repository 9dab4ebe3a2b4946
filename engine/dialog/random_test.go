package dialog_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// Callers, callees and an owner who do anything at any time, over links that lose, delay, reorder
// and duplicate: each leg ends once, and what was on the wire is in order (wire).
func TestRandom(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 15
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			x := &chaos{rnd: rand.New(rand.NewPCG(seed, 19)), owns: map[*dialog.Leg]bool{}, since: map[*dialog.Leg]time.Duration{}}
			b := newBenchOf(t, 1000+seed, dialog.Options{Refer: x.refer, Taken: func(l *dialog.Leg) { delete(x.owns, l) }})
			x.bench = b
			if seed%2 == 1 { // all media are relayed, which takes a while and fails at times
				m := b.relays()
				slow := x.rnd.IntN(2) * 800
				m.wait = func() time.Duration { return time.Duration(x.rnd.IntN(40+slow)) * time.Millisecond }
				m.fails = func() bool { return x.chance(4) }
			}
			x.run()
			b.over()
		})
	}
}

// chaos is one such run.
type chaos struct {
	*bench
	rnd    *rand.Rand
	phones []*phone.Phone
	calls  []*phone.Outgoing
	met    []*dialog.Leg                 // that were answered
	owns   map[*dialog.Leg]bool          // that belong to the test: the others are the agent's
	since  map[*dialog.Leg]time.Duration // from when on nobody has it
}

// owned checks that each leg belongs to somebody who will end it: the test, a bridge, a dial, a
// REFER whose last NOTIFY does, or, for as long as one dials, a transfer.
func (x *chaos) owned() {
	for l := range x.agent.All(x.eng.Lanes()[0]) {
		if x.owns[l] || l.Peer() != nil || dialog.Dials(l) || l.Referring() || dialog.Notifies(l) {
			delete(x.since, l)
			continue
		}
		if _, ok := x.since[l]; !ok {
			x.since[l] = x.w.Elapsed()
		}
		if lasts := x.w.Elapsed() - x.since[l]; lasts > 10*time.Second {
			x.t.Errorf("leg %s to %s, %s, is nobody's for %v", l.ID(), l.To(), l.State(), lasts)
		}
	}
}

func (x *chaos) chance(n int) bool { return x.rnd.IntN(100) < n }

func (x *chaos) run() {
	x.w.SetLink(sim.Link{Delay: 5 * time.Millisecond, Jitter: time.Duration(x.rnd.IntN(120)) * time.Millisecond, Loss: float64(x.rnd.IntN(4)) * 0.08, Duplicate: 0.05})
	for i, name := range []string{"alice", "bob", "carol", "dave"} {
		x.phones = append(x.phones, x.phone(name, fmt.Sprintf("10.0.%d.1:5060", i+1)))
	}
	x.route = x.accept
	for range 60 {
		if len(x.calls) < 6 && x.chance(30) {
			s := phone.Spec{AckDelays: phone.AckDelays{AckDelay: time.Duration(x.rnd.IntN(3)) * time.Second, AckManual: x.chance(8)}}
			if x.chance(75) {
				s.Media = own
			}
			s.Headers = with("Allow", updates)
			if x.chance(50) {
				s.Headers = append(s.Headers, with([]string{"Supported", "Require"}[x.rnd.IntN(2)], "100rel", "timer")...)
			}
			x.calls = append(x.calls, x.phones[x.rnd.IntN(2)].Invite("sip:someone@example.com", s))
		}
		x.w.Run(time.Duration(x.rnd.IntN(900)) * time.Millisecond)
		x.answer()
		x.meddle()
		x.does(func(*lane.Lane) { x.owned() })
	}
	x.agent.EndCalls()
	for range 100 {
		x.w.Run(400 * time.Millisecond)
		x.answer()
		x.does(func(*lane.Lane) { x.owned() })
	}
}

// accept is the owner: it dials, bridges, and has whims.
func (x *chaos) accept(r *engine.Request) error {
	a, err := x.accepts(r)
	if err != nil {
		return nil
	}
	x.owns[a] = true
	var targets []*engine.Target
	for range 1 + x.rnd.IntN(2) {
		targets = append(targets, &engine.Target{URI: "sip:callee@" + x.phones[2+x.rnd.IntN(2)].Addr().String()})
	}
	o := dialog.DialOptions{Timeout: time.Duration(2+x.rnd.IntN(10)) * time.Second, Serial: x.chance(40)}
	var rang []*dialog.Leg
	o.Begun = func(l *dialog.Leg, _ *engine.Target) { rang = append(rang, l) }
	dials := 0
	return x.agent.Dial(nil, a, targets, o, func(far *dialog.Leg, res *engine.Response) {
		if dials++; dials > 1 {
			x.t.Error("a dial is done twice")
		}
		for _, l := range rang {
			if won := l == far; won != (l.State() == dialog.Answered) || !won && l.State() != dialog.Ended {
				x.t.Errorf("leg %s is %s, and the winner %v", l.ID(), l.State(), won)
			}
		}
		if far == nil {
			_ = a.Reject(res.Code())
			return
		}
		x.legs = append(x.legs, far)
		x.met = append(x.met, a, far)
		x.owns[far] = true
		x.join(a, far)
	})
}

// refer follows what a party asks for, or does not.
func (x *chaos) refer(r *dialog.Referral) {
	switch n := x.rnd.IntN(100); {
	case n < 25:
		r.Refuse(603)
		return
	case n < 60:
		_ = r.Pass()
		return
	}
	_ = r.Accept([]*engine.Target{{URI: r.To}}, dialog.DialOptions{Timeout: 5 * time.Second}, dialog.BridgeOptions{})
}

// join bridges two legs, sometimes again and with others.
func (x *chaos) join(a, far *dialog.Leg) {
	o := dialog.BridgeOptions{}
	if x.chance(30) {
		o.Timeout = time.Duration(1+x.rnd.IntN(5)) * time.Second
	}
	err := x.agent.Bridge(a, far, o, func(ended *dialog.Leg, why string) {
		switch {
		case why == dialog.WhyMoved:
		case ended == nil && x.chance(80):
			x.join(a, far)
		case ended == nil || x.chance(70):
			a.HangUp("")
			far.HangUp("")
		}
	})
	if err != nil {
		a.HangUp("")
		far.HangUp("")
	}
}

// answer answers what the phones have got.
func (x *chaos) answer() {
	for _, p := range x.phones {
		for _, i := range p.Inbox() {
			if i.Answered() != 0 || i.Method() == "ACK" || i.Method() == "CANCEL" {
				continue
			}
			if i.Method() != "INVITE" {
				_ = i.Reply(200, phone.Reply{Media: phone.Media{Own: i.Method() == "UPDATE" && len(i.Msg.Body()) > 0}})
				continue
			}
			switch n := x.rnd.IntN(10); {
			case n < 2:
				_ = i.Reply(180, phone.Reply{})
			case n < 3:
				_ = i.Reply(183, phone.Reply{Media: own, Reliable: x.chance(70), Headers: with("Allow", updates)})
			case n < 7:
				_ = i.Reply(200, phone.Reply{Media: own, Headers: with("Allow", updates)})
			case n < 8:
				_ = i.Reply([]int{486, 491, 500, 603, 481}[x.rnd.IntN(5)], phone.Reply{})
			}
		}
	}
}

// notify has a phone tell what it makes of a REFER.
func (x *chaos) notify(invite *phone.Incoming) {
	for _, i := range invite.Phone().Inbox() {
		cs, err := i.Msg.CSeq()
		if i.Method() != "REFER" || i.Dialog() != invite.Dialog() || err != nil || !x.chance(20) {
			continue
		}
		state, code := "active", 100
		if x.chance(50) {
			state, code = "terminated;reason=noresource", 200
		}
		i.Dialog().Send(phone.Spec{Method: "NOTIFY", Contact: true, Headers: append(with("Event", fmt.Sprint("refer;id=", cs.Number)), with("Subscription-State", state)...),
			Body: fmt.Appendf(nil, "SIP/2.0 %d X\r\n", code), ContentType: "message/sipfrag"})
	}
}

// meddle is what phones and the owner do by themselves.
func (x *chaos) meddle() {
	for _, o := range x.calls {
		switch n := x.rnd.IntN(100); {
		case n < 4:
			_ = o.Cancel(nil)
		case n < 8 && o.Dialog() != nil && o.Dialog().Confirmed():
			o.Dialog().Send(phone.Spec{Method: "INVITE", Media: own})
		case n < 10 && o.Dialog() != nil && o.Dialog().Confirmed():
			o.Dialog().Send(phone.Spec{Method: "BYE"})
		case n < 12 && o.Dialog() != nil && o.Dialog().Confirmed():
			o.Dialog().Send(phone.Spec{Method: "INVITE"})
		case n < 15 && o.Dialog() != nil:
			o.Dialog().Send(phone.Spec{Method: "UPDATE", Media: own})
		case n < 17 && o.Dialog() != nil && o.Dialog().Confirmed():
			o.Dialog().Send(phone.Spec{Method: "REFER", Headers: with("Refer-To", "<sip:callee@"+x.phones[2+x.rnd.IntN(2)].Addr().String()+">")})
		}
	}
	for _, p := range x.phones[2:] {
		for _, i := range p.Inbox() {
			d := i.Dialog()
			if i.Method() != "INVITE" || d == nil || !d.Confirmed() {
				continue
			}
			x.notify(i)
			switch n := x.rnd.IntN(100); {
			case n < 3:
				d.Send(phone.Spec{Method: "BYE"})
			case n < 8:
				d.Send(phone.Spec{Method: "INVITE", Media: own})
			case n < 11:
				d.Send(phone.Spec{Method: "UPDATE", Media: own})
			}
		}
	}
	if n := len(x.met); n >= 4 && x.chance(25) {
		x.eng.Lanes()[0].Post(lane.Func(func(*lane.Lane) {
			a, far := x.met[x.rnd.IntN(n)], x.met[x.rnd.IntN(n)]
			ignore := func(*engine.Response) {}
			switch x.rnd.IntN(8) {
			case 0, 1:
				_ = a.Hold(ignore)
			case 2:
				_ = a.Resume(ignore)
			case 3:
				_ = x.agent.Move(a, far, dialog.BridgeOptions{})
			case 4:
				to := []*engine.Target{{URI: "sip:callee@" + x.phones[2+x.rnd.IntN(2)].Addr().String()}}
				_ = x.agent.Transfer(a, to, dialog.DialOptions{Timeout: 5 * time.Second}, dialog.BridgeOptions{}, func(l *dialog.Leg, _ *engine.Response) {
					if l != nil {
						x.legs = append(x.legs, l)
					}
				})
			case 5:
				a.HangUp("SIP;cause=200")
			}
			if a != far && a.Peer() == nil && far.Peer() == nil {
				x.join(a, far)
			}
		}))
		x.w.Run(0) // it is done before the test goes on
	}
}
