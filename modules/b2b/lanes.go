package b2b

// Legs of other lanes: what is asked of them goes to where they are, and one of two that are to be
// joined comes to the other.

import (
	"errors"

	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/luabind"
)

// lane is the lane of the leg, or to which it is on its way: it may be another one at any time,
// unless isOn has reported that it is there.
func (x *leg) lane() *lane.Lane { return x.home.Load() }

// isOn reports whether the leg is on a lane, whose token is held: it stays there meanwhile.
func (x *leg) isOn(l *lane.Lane) bool {
	return x.lane() == l && (x.state.Load() == ended || x.m.known[l.ID()][x.id] == x)
}

// on has f run on the lane of the leg: now, if that is here, whose token is held.
func (x *leg) on(here *lane.Lane, f func(l *lane.Lane)) {
	if x.isOn(here) {
		f(here)
		return
	}
	// If it is on its way there, behind it: its arrival is in the queue, or about to be
	x.lane().Return(lane.Func(func(l *lane.Lane) { x.on(l, f) }))
}

// ask is Engine.AskOn for the lane of the leg.
func (x *leg) ask(here *lane.Lane, begin func(done func())) bool {
	e := x.m.eng.Load()
	home := x.lane()
	return e.AskOn(here, home, func(done func()) {
		x.on(home, func(*lane.Lane) {
			begin(func() {
				if here == home { // it is woken there, and the leg may have gone on
					here.Return(lane.Func(func(*lane.Lane) { done() }))
					return
				}
				done()
			})
		})
	})
}

// back has f run on the lane of a script that waits for what the leg's brings: the leg may have
// gone to another meanwhile. The token of the leg's lane is held.
func (x *leg) back(here *lane.Lane, f func()) { on(x.lane(), here, f) }

// together has two legs be on one lane: one that the script is not on comes to the other, if it may
// leave. errElsewhere: it may not; dialog.ErrBusy: not now. One that talks to somebody comes with
// that if peers may; otherwise it is busy.
func together(c *luabind.Call, x, y *leg, peers bool) error {
	if x.lane() == y.lane() {
		return nil
	}
	if y.isOn(c.Lane()) {
		x, y = y, x
	}
	var err error
	c.Lend(func(l *lane.Lane) {
		if !y.ask(l, func(done func()) {
			if !peers && y.l.Peer() != nil || y.spot != nil {
				err = dialog.ErrBusy
				done()
				return
			}
			y.m.agent.BringSoon(y.l, x.lane(), func(e error) {
				err = e
				done()
			})
		}) {
			err = errMany
		}
	})
	if errors.Is(err, dialog.ErrPinned) {
		return errElsewhere
	}
	return err
}

// mayLeave says why a leg cannot go to another lane now.
func (m *B2B) mayLeave(l *dialog.Leg) error {
	if m.control.Busy(l) {
		return dialog.ErrBusy
	}
	return nil
}

// leaves has a leg go to another lane.
func (m *B2B) leaves(l *dialog.Leg, to *lane.Lane) (arrives func(at *lane.Lane)) {
	x, from := m.of(l), l.Lane()
	left, parked, held := x.keeps.pause(), x.spot.pause(), m.control.Leaves(l)
	was, named := m.names.Load(x.id)
	moved := x.moved
	x.moved = true
	m.names.Store(x.id, x)
	delete(m.known[from.ID()], x.id)
	x.home.Store(to)
	return func(at *lane.Lane) {
		if at == from { // it stays
			if x.moved = moved; named {
				m.names.Store(x.id, was)
			} else {
				m.names.Delete(x.id)
			}
			x.home.Store(from)
		}
		m.known[at.ID()][x.id] = x
		x.keeps.goOn(left)
		x.spot.goOn(parked)
		held(at)
	}
}

// pause stops the time that a leg may last, and returns when it is over; 0 for never.
func (k *keeps) pause() lane.Time {
	if k == nil {
		return 0
	}
	return k.x.pause(&k.timer)
}

// goOn has it go on, on the lane where the leg is now.
func (k *keeps) goOn(when lane.Time) {
	if when != 0 {
		k.x.goOn(&k.timer, when, k)
	}
}

// pause stops the time that a leg may be parked.
func (s *spot) pause() lane.Time {
	if s == nil {
		return 0
	}
	return s.leg.pause(&s.timer)
}

func (s *spot) goOn(when lane.Time) {
	if when != 0 {
		s.leg.goOn(&s.timer, when, s)
	}
}

// pause stops a timer of the leg's lane, and returns when it runs out; 0 for never.
func (x *leg) pause(t *lane.Timer) lane.Time {
	if !t.Active() {
		return 0
	}
	when := t.When()
	x.l.Lane().StopTimer(t)
	return when
}

func (x *leg) goOn(t *lane.Timer, when lane.Time, to lane.Expirer) {
	home := x.l.Lane()
	home.After(when.Sub(home.Now()), t, to)
}
