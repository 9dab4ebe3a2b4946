package dialog

// Legs that go to another lane: two that are to be joined belong to one.

import (
	"errors"

	"github.com/sipscript/sipscript/engine/lane"
)

// ErrPinned is the error of Bring for a leg that stays where it is: somebody follows it, or its
// media are relayed.
var ErrPinned = errors.New("the leg cannot leave its lane")

// Bring has a leg go to another lane, where its messages come from now on. It must have been
// answered (ErrState), have no peer, call nobody, and have nothing under way: no request without
// its answer, nobody who listens (ErrBusy). then is called on that lane when it is there. The
// token of the lane that it leaves is held; once Bring has returned nil the leg is not the
// caller's any more.
func (a *Agent) Bring(l *Leg, to *lane.Lane, then func()) error {
	if err := l.mayLeave(); err != nil {
		return err
	}
	from := l.lane
	for i, x := range l.acks {
		if !x.ack.Bring(to) {
			for _, y := range l.acks[:i] {
				y.ack.Bring(from)
			}
			return ErrBusy
		}
	}
	session := l.leave()
	if a.eng.MoveHome(l.callID, l.tag, from, to, func() {
		l.arrive(to, session)
		then()
		if a.ends.Load() { // who has ended all others found it nowhere
			l.hangUp(503, WhyShutdown, "")
		}
	}) {
		return nil
	}
	for _, x := range l.acks {
		x.ack.Bring(from)
	}
	l.arrive(from, session)
	return ErrBusy
}

// mayLeave reports whether nothing of the leg is bound to its lane now.
func (l *Leg) mayLeave() error {
	switch s := l.s; {
	case s.phase != up:
		return ErrState
	case s.in != inNone || s.out != outNone || l.in != nil || l.out != nil || l.depth > 0 || l.byes > 0 || l.sends > 0:
		return ErrBusy
	case l.bridge != nil || l.hunt != nil || l.timer.Active() || l.patience.Active():
		return ErrBusy
	}
	if l.rare == nil {
		return nil
	}
	return l.rare.mayLeave()
}

func (r *rare) mayLeave() error {
	switch {
	case len(r.followers) > 0 || r.media != nil || r.relay != nil:
		return ErrPinned
	case r.ask != nil || r.refer != nil || r.takes != nil || len(r.refers) > 0 || r.notes > 0 || r.upIn != nil || r.upOut:
		return ErrBusy
	case r.ear != nil && r.ear.done != nil || len(r.earlies) > 0 || len(r.extras) > 0 || r.rel != nil && r.rel.timer.Active():
		return ErrBusy
	}
	return nil
}

// leave takes the leg from its lane. It returns when the session timer runs out; 0 for never.
func (l *Leg) leave() (session lane.Time) {
	delete(l.agent.tables[l.lane.ID()], l.tag)
	l.lane.StopTimer(&l.limit)
	l.met, l.answers = nil, nil // they are on the other lane
	if l.rare == nil {
		return 0
	}
	if x := l.rare.timer; x != nil && x.timer.Active() {
		session = x.timer.When()
		l.lane.StopTimer(&x.timer)
	}
	l.watch(0)
	return session
}

// arrive has it belong to a lane, whose token is held.
func (l *Leg) arrive(at *lane.Lane, session lane.Time) {
	l.lane = at
	l.agent.tables[at.ID()][l.tag] = l
	l.forgetAcks()
	if session != 0 {
		x := l.rare.timer
		at.After(session.Sub(at.Now()), &x.timer, x)
	}
	l.watchFlow()
}
