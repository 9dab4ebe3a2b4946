package dialog

import (
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// timer is one of a call's moments. They share one entry of the lane's wheel.
type timer int

const (
	timerMax     timer = iota // max_duration is over
	timerFlow                 // a party whose connection was lost has not come back
	timerPing                 // the parties are pinged
	timerSession              // nobody has refreshed the session
	timerAck                  // the ACK that a BYE waits for did not come
	timers
)

// set sets a moment; 0 takes it away.
func (c *Call) set(t timer, at lane.Time) {
	c.due[t] = at
	c.arm()
}

// arm sets the wheel to the earliest.
func (c *Call) arm() {
	first := lane.Time(0)
	for _, at := range c.due {
		if at != 0 && (first == 0 || at < first) {
			first = at
		}
	}
	switch {
	case first == 0:
		c.lane().StopTimer(&c.timer)
	case !c.timer.Active() || c.timer.When() != first:
		c.lane().After(first.Sub(c.lane().Now()), &c.timer, c)
	}
}

// Expire is the call's timer.
func (c *Call) Expire(*lane.Timer) {
	now := c.lane().Now()
	for t, at := range c.due {
		if at == 0 || at > now {
			continue
		}
		c.due[t] = 0
		switch timer(t) {
		case timerMax:
			c.end(track.CauseMaxDuration, "")
		case timerPing:
			c.ping()
		case timerSession:
			c.expired()
		case timerFlow:
			c.end(track.CauseFlowLost, "")
		case timerAck:
			c.sayGoodbye()
		}
	}
	c.arm()
}
