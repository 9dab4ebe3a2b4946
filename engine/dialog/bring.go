package dialog

// Legs that go to another lane: two that are to be joined belong to one.

import (
	"errors"
	"slices"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
)

// ErrPinned is the error of Bring for a leg that stays where it is: who follows it cannot go along.
var ErrPinned = errors.New("the leg cannot leave its lane")

// Mover is a Follower that may go to another lane. Its methods are called with the token of the
// lane of the legs that it follows.
type Mover interface {
	Follower
	// Goes are the legs that go where one of them goes, because the follower belongs to their lane;
	// nil if it belongs to none. ok is false if it cannot go now.
	Goes() (legs []*Leg, ok bool)
	// Leaves is told, if there are such legs, that they go to another lane. What it returns is
	// called with the token of that lane when they are there, or of their own, if they stay.
	Leaves(to *lane.Lane) (arrives func(at *lane.Lane))
}

// mostTogether bounds the legs that go to another lane at once.
const mostTogether = 64

// Bring has a leg go to another lane, where its messages come from now on, with all that belong to
// its lane as it does: its peer, those of a call that somebody follows, and those whose media pass
// the same relay. All of them must have been answered (ErrState, of the leg itself), and have
// nothing under way: no request without its answer, nobody who listens or is called, no negotiation
// (ErrBusy). then is called on that lane when they are there. The token of the lane that they leave
// is held; once Bring has returned nil the leg is not the caller's any more.
func (a *Agent) Bring(l *Leg, to *lane.Lane, then func()) error {
	if l.s.phase != up {
		return ErrState
	}
	m, err := l.company()
	if err != nil {
		return err
	}
	from := l.lane
	homes := make([]engine.Dialog, len(m.legs))
	for i, x := range m.legs {
		homes[i] = x.home()
	}
	if !m.acks(to) {
		m.acks(from)
		return ErrBusy
	}
	m.leave(to)
	err = a.eng.MoveHomes(homes, from, to, func() {
		m.arrive(to)
		if then(); a.ends.Load() { // who has ended all others found them nowhere
			for _, x := range m.legs {
				x.hangUp(503, WhyShutdown, "")
			}
		}
	})
	if err == nil {
		return nil
	}
	m.acks(from)
	m.arrive(from)
	if errors.Is(err, engine.ErrSameCallID) {
		return ErrPinned
	}
	return ErrBusy
}

// home names its dialog.
func (l *Leg) home() engine.Dialog {
	return engine.Dialog{CallID: l.callID, Local: l.tag, Remote: l.remoteTag}
}

// movers are legs that go to another lane together.
type movers struct {
	legs      []*Leg
	bridges   []*bridge
	followers []Mover
	arrivals  []func(at *lane.Lane)
}

// company are the legs that go with this one, itself first.
func (l *Leg) company() (*movers, error) {
	m := &movers{legs: []*Leg{l}}
	for i := 0; i < len(m.legs); i++ {
		x := m.legs[i]
		if err := x.mayLeave(); err != nil {
			return nil, err
		}
		if b := x.bridge; b != nil && !slices.Contains(m.bridges, b) {
			if !b.rests() {
				return nil, ErrBusy
			}
			m.bridges = append(m.bridges, b)
			m.add(b.a, b.b)
		}
		if r := x.relay(); r != nil {
			if r.busy || len(r.queue) > 0 {
				return nil, ErrBusy
			}
			for _, y := range [...]*Leg{r.x, r.y} {
				if y.relay() == r && y.s.phase != over {
					m.add(y)
				}
			}
		}
		for _, f := range x.followers() {
			if err := m.follow(f); err != nil {
				return nil, err
			}
		}
		if len(m.legs) > mostTogether {
			return nil, ErrPinned
		}
	}
	return m, nil
}

func (m *movers) add(legs ...*Leg) {
	for _, l := range legs {
		if !slices.Contains(m.legs, l) {
			m.legs = append(m.legs, l)
		}
	}
}

// follow adds who follows one of them, and the legs that it goes with.
func (m *movers) follow(f Follower) error {
	x, ok := f.(Mover)
	switch {
	case !ok:
		return ErrPinned
	case slices.Contains(m.followers, x):
		return nil
	}
	legs, ok := x.Goes()
	if !ok {
		return ErrBusy
	}
	if len(legs) > 0 {
		m.followers = append(m.followers, x)
		m.add(legs...)
	}
	return nil
}

// acks has the ACKs that may have to be sent again come from a lane. It reports false for one that
// is not sent yet.
func (m *movers) acks(from *lane.Lane) bool {
	ready := true
	for _, l := range m.legs {
		for _, x := range l.acks {
			ready = x.ack.Bring(from) && ready
		}
		if l.rare == nil {
			continue
		}
		for _, x := range l.rare.extras {
			ready = (x.ack == nil || x.ack.Bring(from)) && ready
		}
	}
	return ready
}

// leave takes the legs from their lane.
func (m *movers) leave(to *lane.Lane) {
	for _, b := range m.bridges {
		left := pause(b.a.lane, &b.timer)
		m.arrivals = append(m.arrivals, func(at *lane.Lane) { goOn(at, &b.timer, left, b) })
	}
	for _, f := range m.followers {
		m.arrivals = append(m.arrivals, f.Leaves(to))
	}
	for _, l := range m.legs {
		if f := l.agent.o.Leaves; f != nil {
			m.arrivals = append(m.arrivals, f(l, to))
		}
	}
	for _, l := range m.legs {
		m.arrivals = append(m.arrivals, l.leave(to, m.legs))
	}
}

// arrive has them belong to a lane, whose token is held.
func (m *movers) arrive(at *lane.Lane) {
	for _, f := range slices.Backward(m.arrivals) { // the legs themselves first
		f(at)
	}
}

// pause stops a timer of a lane, and returns when it runs out; 0 for never.
func pause(at *lane.Lane, t *lane.Timer) lane.Time {
	if !t.Active() {
		return 0
	}
	when := t.When()
	at.StopTimer(t)
	return when
}

// goOn has it run on, on another lane.
func goOn(at *lane.Lane, t *lane.Timer, when lane.Time, x lane.Expirer) {
	if when != 0 {
		at.After(when.Sub(at.Now()), t, x)
	}
}

// rests reports whether the two legs have nothing to agree on.
func (b *bridge) rests() bool {
	return b.agreed && b.asks == nil && b.ours == nil && b.offered == nil && !b.waits && b.shows == 0 && !b.retry.Active()
}

// mayLeave reports whether nothing of the leg is bound to its lane now.
func (l *Leg) mayLeave() error {
	switch s := l.s; {
	case s.phase != up, s.in != inNone || s.out != outNone || l.in != nil || l.out != nil || l.depth > 0 || l.byes > 0 || l.sends > 0:
		return ErrBusy
	case l.hunt != nil || l.timer.Active() || l.patience.Active():
		return ErrBusy
	}
	if r := l.rare; r != nil {
		switch {
		case r.ask != nil || r.refer != nil || r.takes != nil || len(r.refers) > 0 || r.notes > 0 || r.former > 0 || r.upIn != nil || r.upOut:
			return ErrBusy
		case r.ear != nil && r.ear.done != nil || len(r.earlies) > 0 || r.rel != nil && r.rel.timer.Active():
			return ErrBusy
		}
	}
	if f := l.agent.o.MayLeave; f != nil {
		return f(l)
	}
	return nil
}

// leave takes the leg from its lane, with others. What it returns has it belong to one, whose token
// is held: another, or its own again.
func (l *Leg) leave(to *lane.Lane, with []*Leg) (arrives func(at *lane.Lane)) {
	from, met, answers := l.lane, l.met, l.answers
	if !slices.Contains(with, met) {
		l.met = nil
	}
	if !slices.Contains(with, answers) {
		l.answers = nil
	}
	delete(l.agent.tables[from.ID()], l.tag)
	from.StopTimer(&l.limit)
	var session, flow lane.Time
	if l.rare != nil {
		if x := l.rare.timer; x != nil {
			session = pause(from, &x.timer)
		}
		if w := l.rare.flow; w != nil {
			flow = pause(from, &w.timer)
		}
		l.watch(0)
	}
	l.lane = to
	return func(at *lane.Lane) {
		if l.lane = at; at == from {
			l.met, l.answers = met, answers
		}
		l.agent.tables[at.ID()][l.tag] = l
		l.forgetAcks()
		if session != 0 {
			goOn(at, &l.rare.timer.timer, session, l.rare.timer)
		}
		l.watchFlow()
		if flow != 0 && l.rare.flow.timer.Active() { // it was gone before, and is
			goOn(at, &l.rare.flow.timer, flow, l.rare.flow)
		}
	}
}

const (
	comesAgain  = 200 * time.Millisecond
	mostComings = 25
)

// coming is a leg that is to go to another lane as soon as what is under way is over. It belongs to
// the leg's lane.
type coming struct {
	l     *Leg
	to    *lane.Lane
	at    *lane.Lane // where the timer is
	tries int        // and lanes that it has followed the leg to
	timer lane.Timer
	then  func(error)
}

// BringSoon is Bring, which waits for up to 5 s until nothing is under way any more. then is called
// once: with nil on the lane that the leg has come to, or on the one that it was on with why it did
// not; it may be before BringSoon returns.
func (a *Agent) BringSoon(l *Leg, to *lane.Lane, then func(error)) {
	(&coming{l: l, to: to, then: then}).try()
}

func (k *coming) try() {
	l := k.l
	switch {
	case l.s.phase == over:
		k.then(ErrState)
		return
	case l.lane == k.to:
		k.then(nil)
		return
	}
	err := l.agent.Bring(l, k.to, func() { k.then(nil) })
	switch {
	case err == nil:
	case errors.Is(err, ErrBusy) && k.tries < mostComings && !l.agent.ends.Load():
		k.tries++
		k.at = l.lane
		l.lane.After(comesAgain, &k.timer, k)
	default:
		k.then(err)
	}
}

// Expire tries again.
func (k *coming) Expire(*lane.Timer) {
	if k.is(k.at) {
		k.try()
		return
	}
	k.follow(k.at)
}

// is reports whether the leg is on a lane, whose token is held.
func (k *coming) is(on *lane.Lane) bool { return k.l.agent.tables[on.ID()][k.l.tag] == k.l }

// follow goes on where the leg is, which went to another lane with others, or has ended.
func (k *coming) follow(at *lane.Lane) {
	home := k.l.agent.eng.LaneOfOwn(k.l.home())
	switch k.tries++; {
	case home == at: // nor is it on its way: its arrival would have come before
		k.then(ErrState)
		return
	case k.tries > mostComings:
		k.then(ErrBusy)
		return
	}
	home.Return(lane.Func(func(at *lane.Lane) {
		if k.is(at) {
			k.try()
		} else {
			k.follow(at)
		}
	}))
}
