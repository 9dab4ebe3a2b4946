package lane

import (
	"sync/atomic"
	"time"
)

// System is the clock of the machine.
type System struct{ origin time.Time }

// NewSystem returns the clock of the machine; its Now counts from this call, and is never 0.
func NewSystem() *System { return &System{origin: time.Now().Add(-time.Hour)} }

// Now is the time since the origin.
func (s *System) Now() Time { return Time(time.Since(s.origin)) }

// Wall is the time of day.
func (s *System) Wall() time.Time { return time.Now() }

// Driver brings the time to the lanes of an engine: one goroutine that sleeps until the first timer
// of any lane is due.
type Driver struct {
	clock Clock
	lanes []*Lane
	until atomic.Int64 // when the sleeping driver will check again
	poke  chan struct{}
	done  chan struct{}
}

// Drive starts a driver for the lanes; it ends with Stop.
func Drive(clock Clock, lanes []*Lane) *Driver {
	d := &Driver{clock: clock, lanes: lanes, poke: make(chan struct{}, 1), done: make(chan struct{})}
	for _, l := range lanes {
		l.driver.Store(d)
	}
	go d.run()
	return d
}

// Stop ends the driver.
func (d *Driver) Stop() { close(d.done) }

// tickWork turns the wheel of the lane it is brought to: do checks the wheel after each piece of
// work.
type tickWork struct{}

func (tickWork) Do(*Lane) {}

const restful = time.Hour

func (d *Driver) run() { d.loop(NewCarrier(d.loop)) }

func (d *Driver) loop(c *Carrier) {
	timer := time.NewTimer(restful)
	defer timer.Stop()
	for {
		now := d.clock.Now()
		first := now.Add(restful)
		// Announced before the lanes are read: a lane that gets an earlier timer meanwhile sees it
		// and pokes.
		d.until.Store(int64(first))
		for _, l := range d.lanes {
			if due := Time(l.dues.Load()); due != 0 && due <= now {
				l.dues.CompareAndSwap(int64(due), 0)
				if len(d.lanes) > 1 { // no lane's timers wait behind another lane's script
					l.Post(tickWork{})
				} else if l.Run(tickWork{}, c); c.Lent() {
					return
				}
			}
			if due := Time(l.dues.Load()); due != 0 && due < first {
				first = due
			}
		}
		d.until.Store(int64(first))
		if d.behind(first) {
			continue
		}
		timer.Reset(max(first.Sub(d.clock.Now()), 0))
		select {
		case <-timer.C:
		case <-d.poke:
		case <-d.done:
			return
		}
	}
}

// behind reports whether a lane announced something earlier than first while the driver was
// looking.
func (d *Driver) behind(first Time) bool {
	for _, l := range d.lanes {
		if due := Time(l.dues.Load()); due != 0 && due < first {
			return true
		}
	}
	return false
}

// announce tells the driver when the lane's wheel must next be turned. Holder only.
func (l *Lane) announce() {
	due := l.wheel.nextDue
	if Time(l.dues.Load()) == due {
		return
	}
	l.dues.Store(int64(due))
	d := l.driver.Load()
	if d == nil || due == 0 || int64(due) >= d.until.Load() {
		return
	}
	select {
	case d.poke <- struct{}{}:
	default:
	}
}

// NextDue is when the lane's wheel next has something to do, 0 for never. It may be read at any
// time; a simulation advances its clock to the earliest of them.
func (l *Lane) NextDue() Time { return Time(l.dues.Load()) }

// Turn brings the time to the lane, as the driver does.
func (l *Lane) Turn(c *Carrier) { l.Run(tickWork{}, c) }
