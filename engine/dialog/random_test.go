package dialog_test

import (
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	came := 0
	for seed := range seeds * 5 / 3 {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			x := &chaos{rnd: rand.New(rand.NewPCG(seed, 19)), owns: map[*dialog.Leg]bool{}, since: map[*dialog.Leg]time.Duration{}}
			lanes := 1
			if seed >= seeds { // legs go from one lane to another
				lanes = 3
			}
			b := newBenchOn(t, 1000+seed, dialog.Options{Refer: x.refer, Taken: func(l *dialog.Leg) { x.own(l, false) }}, lanes)
			x.bench = b
			if seed%2 == 1 { // all media are relayed, which takes a while and fails at times
				m := b.relays()
				slow := x.random(2) * 800
				m.wait = func() time.Duration { return time.Duration(x.random(40+slow)) * time.Millisecond }
				m.fails = func() bool { return x.chance(4) }
			}
			x.run()
			b.over()
			came += int(x.came.Load())
		})
	}
	if came < 3*int(seeds) {
		t.Errorf("legs have gone to another lane %d times in %d runs", came, seeds*2/3)
	}
}

// chaos is one such run.
type chaos struct {
	*bench
	mu     sync.Mutex // guards rnd, met and owns: lanes work at the same time
	rnd    *rand.Rand
	phones []*phone.Phone
	calls  []*phone.Outgoing
	met    []*dialog.Leg                 // that were answered
	owns   map[*dialog.Leg]bool          // that belong to the test: the others are the agent's
	since  map[*dialog.Leg]time.Duration // from when on nobody has it
	came   atomic.Int32                  // legs that have gone to another lane
	comes  []coming                      // and those that are on their way
}

// owned checks that each leg belongs to somebody who will end it: the test, a bridge, a dial, a
// REFER whose last NOTIFY does, or, for as long as one dials, a transfer.
func (x *chaos) owned() {
	for l := range x.legsOf() {
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

func (x *chaos) chance(n int) bool { return x.random(100) < n }

func (x *chaos) random(n int) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.rnd.IntN(n)
}

// own makes a leg the test's, or the agent's.
func (x *chaos) own(l *dialog.Leg, mine bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if delete(x.owns, l); mine {
		x.owns[l] = true
	}
}

func (x *chaos) run() {
	x.w.SetLink(sim.Link{Delay: 5 * time.Millisecond, Jitter: time.Duration(x.random(120)) * time.Millisecond, Loss: float64(x.random(4)) * 0.08, Duplicate: 0.05})
	for i, name := range []string{"alice", "bob", "carol", "dave"} {
		x.phones = append(x.phones, x.phone(name, fmt.Sprintf("10.0.%d.1:5060", i+1)))
	}
	x.route = x.accept
	for range 60 {
		if len(x.calls) < 6 && x.chance(30) {
			s := phone.Spec{AckDelays: phone.AckDelays{AckDelay: time.Duration(x.random(3)) * time.Second, AckManual: x.chance(8)}}
			if x.chance(75) {
				s.Media = own
			}
			s.Headers = with("Allow", updates)
			if x.chance(50) {
				s.Headers = append(s.Headers, with([]string{"Supported", "Require"}[x.random(2)], "100rel", "timer")...)
			}
			x.calls = append(x.calls, x.phones[x.random(2)].Invite("sip:someone@example.com", s))
		}
		x.w.Run(time.Duration(x.random(900)) * time.Millisecond)
		x.answer()
		x.meddle()
		x.owned()
	}
	x.agent.EndCalls()
	for range 100 {
		x.w.Run(400 * time.Millisecond)
		x.answer()
		x.owned()
	}
}

// legsOf are the legs of all lanes.
func (x *chaos) legsOf() iter.Seq[*dialog.Leg] {
	return func(yield func(*dialog.Leg) bool) {
		for _, at := range x.eng.Lanes() {
			for l := range x.agent.All(at) {
				if l.Lane() != at {
					x.t.Errorf("leg %s is on lane %d and thinks it is on %d", l.ID(), at.ID(), l.Lane().ID())
				}
				if !yield(l) {
					return
				}
			}
		}
	}
}

// crew follows a call, and has its legs be on one lane.
type crew struct {
	x    *chaos
	at   *lane.Lane // nil: on its way
	legs map[*dialog.Leg]bool
}

func (c *crew) Followed(e dialog.Event) {
	if e.Leg.Lane() != c.at {
		c.x.t.Errorf("%s of leg %s, which is not on the lane of its call", e.Kind, e.Leg.ID())
	}
	switch e.Kind {
	case dialog.EventBegan:
		c.legs[e.Leg] = true
	case dialog.EventEnded:
		delete(c.legs, e.Leg)
	}
}

func (c *crew) Goes() ([]*dialog.Leg, bool) {
	return slices.SortedFunc(maps.Keys(c.legs), func(a, b *dialog.Leg) int { return strings.Compare(a.ID(), b.ID()) }), true
}

func (c *crew) Leaves(*lane.Lane) func(*lane.Lane) {
	c.at = nil
	return func(at *lane.Lane) {
		c.at = at
		for l := range c.legs {
			if l.Lane() != at {
				c.x.t.Errorf("leg %s has not come along", l.ID())
			}
		}
	}
}

// onLane has f run on the lane of a leg, and waits for what follows from it at once. It is called
// while no lane works.
func (x *chaos) onLane(l *dialog.Leg, f func()) {
	l.Lane().Post(lane.Func(func(*lane.Lane) { f() }))
	x.w.Run(0)
}

// coming is a leg that is to come to another.
type coming struct {
	a, far *dialog.Leg
	since  time.Duration
}

// accept is the owner: it dials, bridges, and has whims.
func (x *chaos) accept(r *engine.Request) error {
	a, err := x.accepts(r)
	if err != nil {
		return nil
	}
	x.own(a, true)
	if x.chance(40) {
		a.Follow(&crew{x: x, at: a.Lane(), legs: map[*dialog.Leg]bool{a: true}})
	}
	var targets []*engine.Target
	for range 1 + x.random(2) {
		targets = append(targets, &engine.Target{URI: "sip:callee@" + x.phones[2+x.random(2)].Addr().String()})
	}
	o := dialog.DialOptions{Timeout: time.Duration(2+x.random(10)) * time.Second, Serial: x.chance(40)}
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
		x.knows(far)
		x.mu.Lock()
		x.met = append(x.met, a, far)
		x.mu.Unlock()
		x.own(far, true)
		x.join(a, far)
	})
}

// refer follows what a party asks for, or does not.
func (x *chaos) refer(r *dialog.Referral) {
	switch n := x.random(100); {
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
		o.Timeout = time.Duration(1+x.random(5)) * time.Second
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
			switch n := x.random(10); {
			case n < 2:
				_ = i.Reply(180, phone.Reply{})
			case n < 3:
				_ = i.Reply(183, phone.Reply{Media: own, Reliable: x.chance(70), Headers: with("Allow", updates)})
			case n < 7:
				_ = i.Reply(200, phone.Reply{Media: own, Headers: with("Allow", updates)})
			case n < 8:
				_ = i.Reply([]int{486, 491, 500, 603, 481}[x.random(5)], phone.Reply{})
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
		switch n := x.random(100); {
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
			o.Dialog().Send(phone.Spec{Method: "REFER", Headers: with("Refer-To", "<sip:callee@"+x.phones[2+x.random(2)].Addr().String()+">")})
		}
	}
	if len(x.eng.Lanes()) > 1 {
		x.travel()
	}
	for _, p := range x.phones[2:] {
		for _, i := range p.Inbox() {
			d := i.Dialog()
			if i.Method() != "INVITE" || d == nil || !d.Confirmed() {
				continue
			}
			x.notify(i)
			switch n := x.random(100); {
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
		a, far := x.met[x.random(n)], x.met[x.random(n)]
		if a.Lane() != far.Lane() {
			x.bring(far, a.Lane())
			x.comes = append(x.comes, coming{a, far, x.w.Elapsed()})
			return
		}
		x.onLane(a, func() {
			ignore := func(*engine.Response) {}
			switch x.random(8) {
			case 0, 1:
				_ = a.Hold(ignore)
			case 2:
				_ = a.Resume(ignore)
			case 3:
				_ = x.agent.Move(a, far, dialog.BridgeOptions{})
			case 4:
				to := []*engine.Target{{URI: "sip:callee@" + x.phones[2+x.random(2)].Addr().String()}}
				_ = x.agent.Transfer(a, to, dialog.DialOptions{Timeout: 5 * time.Second}, dialog.BridgeOptions{}, func(l *dialog.Leg, _ *engine.Response) {
					if l != nil {
						x.knows(l)
					}
				})
			case 5:
				a.HangUp("SIP;cause=200")
			}
			if a != far && a.Peer() == nil && far.Peer() == nil {
				x.join(a, far)
			}
		})
	}
}

// travel has legs go to other lanes, while their parties talk.
func (x *chaos) travel() {
	for _, o := range x.calls {
		if d := o.Dialog(); d != nil && d.Confirmed() && x.chance(30) {
			d.Send(phone.Spec{Method: "INFO", ContentType: "application/dtmf-relay", Body: []byte("Signal=1\r\n")})
			x.w.Run(time.Duration(x.random(30)) * time.Millisecond)
		}
	}
	for range min(3, len(x.met)) {
		x.bring(x.met[x.random(len(x.met))], x.eng.Lanes()[x.random(3)])
	}
	x.comes = slices.DeleteFunc(x.comes, func(c coming) bool {
		if c.a.Lane() != c.far.Lane() {
			return x.w.Elapsed()-c.since > 6*time.Second
		}
		x.onLane(c.a, func() {
			switch a, far := c.a, c.far; {
			case x.chance(50):
				_ = x.agent.Move(a, far, dialog.BridgeOptions{})
			case a != far && a.Peer() == nil && far.Peer() == nil && a.State() == dialog.Answered && far.State() == dialog.Answered:
				x.join(a, far)
			}
		})
		return true
	})
}

// bring has a leg go to another lane.
func (x *chaos) bring(l *dialog.Leg, to *lane.Lane) {
	x.onLane(l, func() {
		x.agent.BringSoon(l, to, func(err error) {
			if err == nil {
				x.came.Add(1)
			}
		})
	})
}
