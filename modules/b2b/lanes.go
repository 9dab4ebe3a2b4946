package b2b

// Legs of other lanes: what is asked of them goes to where they are, and one of two that are to be
// joined comes to the other.

import (
	"errors"
	"time"

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
		x.on(home, func(at *lane.Lane) {
			begin(func() {
				if here == home && at != here { // it is woken there
					here.Return(lane.Func(func(*lane.Lane) { done() }))
					return
				}
				done()
			})
		})
	})
}

// together has two legs be on one lane: one that the script is not on comes to the other, if it may
// leave. errElsewhere: it may not; dialog.ErrBusy: not now.
func together(c *luabind.Call, x, y *leg) error {
	if x.lane() == y.lane() {
		return nil
	}
	if y.isOn(c.Lane()) {
		x, y = y, x
	}
	var err error
	c.Lend(func(l *lane.Lane) {
		if !y.ask(l, func(done func()) {
			(&coming{x: y, to: x.lane(), done: func(e error) {
				err = e
				done()
			}}).try()
		}) {
			err = errMany
		}
	})
	if errors.Is(err, dialog.ErrPinned) {
		return errElsewhere
	}
	return err
}

// coming is a leg that is to go to another lane, as soon as what is under way with its party is
// over. It belongs to the leg's lane.
type coming struct {
	x     *leg
	to    *lane.Lane
	at    *lane.Lane // where the timer is
	tries int
	timer lane.Timer
	done  func(error)
}

const (
	comesAgain  = 200 * time.Millisecond
	mostComings = 25
)

func (k *coming) try() {
	err := k.x.goesTo(k.to, func() { k.done(nil) })
	if errors.Is(err, dialog.ErrBusy) && k.x.l.Peer() == nil && k.tries < mostComings {
		k.tries++
		k.at = k.x.lane()
		k.at.After(comesAgain, &k.timer, k)
		return
	}
	if err != nil {
		k.done(err)
	}
}

// Expire tries again, unless somebody else has taken the leg away.
func (k *coming) Expire(*lane.Timer) {
	if !k.x.isOn(k.at) {
		k.done(dialog.ErrBusy)
		return
	}
	k.try()
}

// goesTo has the leg go to another lane. then is called when it is there, unless there is an error.
// The token of its lane is held.
func (x *leg) goesTo(to *lane.Lane, then func()) error {
	m, from, moved := x.m, x.lane(), x.moved
	switch {
	case from == to:
		then()
		return nil
	case x.spot != nil || x.state.Load() == ended:
		return dialog.ErrState
	case m.control.Holds(x.l):
		return dialog.ErrPinned
	}
	left := x.keeps.pause()
	was, named := m.names.Load(x.id)
	x.moved = true
	m.names.Store(x.id, x)
	delete(m.known[from.ID()], x.id)
	x.home.Store(to)
	err := m.agent.Bring(x.l, to, func() {
		m.known[to.ID()][x.id] = x
		x.keeps.goOn(left)
		then()
	})
	if err == nil {
		return nil
	}
	if x.moved = moved; named {
		m.names.Store(x.id, was)
	} else {
		m.names.Delete(x.id)
	}
	m.known[from.ID()][x.id] = x
	x.home.Store(from)
	x.keeps.goOn(left)
	return err
}

// pause stops the time that a leg may last, and returns when it is over; 0 for never.
func (k *keeps) pause() lane.Time {
	if k == nil || !k.timer.Active() {
		return 0
	}
	when := k.timer.When()
	k.x.lane().StopTimer(&k.timer)
	return when
}

// goOn has it go on, on the lane where the leg is now.
func (k *keeps) goOn(when lane.Time) {
	if when != 0 {
		home := k.x.lane()
		home.After(when.Sub(home.Now()), &k.timer, k)
	}
}
