// Package lane is the share-nothing execution unit of the engine. All messages, timers and scripts
// of one call run on one lane, one at a time and in order, so that nothing on a call's path takes a
// lock.
//
// A lane is a token, not a goroutine. Whoever brings work (a socket reader, the clock, a finished
// wait) and finds the token free does the work on the spot; if the token is taken, the work goes
// into the lane's queue, and the holder drains the queue before it releases the token. Work that
// must wait lends the token ([Lane.Park], [Lane.Await]): the duties of its goroutine (draining the
// queue, reading a socket) pass to a successor, the wait delays nobody else, and the work continues
// when it has the token back.
//
// Timers of a lane ([Lane.After]) live in a hierarchical wheel owned by the holder of the token.
// Time comes from a [Clock], so that the same code runs on the wall clock and in a simulation.
package lane

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Time is a moment on the engine's monotonic clock, in nanoseconds from an origin of the clock's
// choice.
type Time int64

// Add returns t moved by d.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Sub returns the time from u to t.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Clock is a source of time. Now is monotonic; Wall is the time of day and may jump.
type Clock interface {
	Now() Time
	Wall() time.Time
}

// Work is something a lane does while its token is held. Do must not block; work that waits calls
// Park or Await.
type Work interface {
	Do(l *Lane)
}

// Transient is work that refers to storage of whoever brings it (a reader's buffer). If it cannot
// be done at once the lane asks it for a copy that may be kept.
type Transient interface {
	Work
	Keep() Work
}

// Func makes a function Work.
type Func func(l *Lane)

// Do calls f.
func (f Func) Do(l *Lane) { f(l) }

// Meter counts goroutines that have something to do. A simulation sets one to learn when nothing is
// left to do at the current virtual time; in production it is nil.
type Meter interface {
	Add(delta int)
}

// Options of a lane. Clock is required.
type Options struct {
	Clock Clock
	Queue int   // work items that may wait, default 65536; beyond it Run and Post refuse
	Meter Meter // what a simulation learns by that nothing is left to do; nil: nothing counts
	Round Round // of the lane's own worker, and of whoever has waited; nil: none
	// Panicked is called with the token held when a piece of work panicked; the lane continues with
	// the next.
	Panicked func(l *Lane, value any, stack []byte)
}

// Lane is one execution unit. Fields below "held" belong to the holder of the token.
type Lane struct {
	id   int
	opts Options

	mu    sync.Mutex // guards held, queue, stopped; never held while work runs
	held  bool
	stop  bool
	queue ring
	wake  chan struct{} // to the resident worker; capacity 1
	// Those who find the token taken write to the fields above, while the holder works with those
	// below.
	_      [64]byte
	dues   atomic.Int64 // when the wheel next wants to turn, 0: never; for the driver
	driver atomic.Pointer[Driver]
	stats  Stats

	// Owned by the holder of the token.
	now     Time
	waited  time.Duration // of the present piece of work in the queue
	wheel   wheel
	expiry  expiry // of the timer that runs out
	carrier *Carrier
	// Of a goroutine that has waited: it has no duty left but the queue. Never changed
	own Carrier

	// Local is for the layers above to attach their state. It is set before the first work and
	// never changed.
	Local any
}

// maxInline bounds how much queued work a goroutine with another duty (a socket reader) drains
// before the lane's own worker takes over, so that no socket starves.
const maxInline = 64

// New makes a lane and starts its resident worker, which ends with Stop.
func New(id int, opts Options) *Lane {
	if opts.Queue <= 0 {
		opts.Queue = 65536
	}
	l := &Lane{id: id, opts: opts, wake: make(chan struct{}, 1), own: Carrier{Round: opts.Round, resident: true, lent: true}}
	l.now = opts.Clock.Now()
	l.wheel.start(l.now)
	go l.work(&Carrier{Round: opts.Round, successor: l.work, resident: true})
	return l
}

// ID is the lane's number, from 0.
func (l *Lane) ID() int { return l.id }

// Now is the time at which the present piece of work began (holder only): a moment is the same for
// all it does.
func (l *Lane) Now() Time { return l.now }

// Waited is how long the present piece of work was in the lane's queue (holder only).
func (l *Lane) Waited() time.Duration { return l.waited }

// Wall is the present time of day.
func (l *Lane) Wall() time.Time { return l.opts.Clock.Wall() }

// Stats are the lane's figures; they may be read at any time.
func (l *Lane) Stats() *Stats { return &l.stats }

// Stop ends the resident worker once the queue is drained. Work brought later is refused.
func (l *Lane) Stop() {
	l.mu.Lock()
	l.stop = true
	l.mu.Unlock()
	l.poke()
}

// Run does w now, on this goroutine, if the token is free; otherwise w is queued behind the waiting
// work. c is the duty of the calling goroutine, which passes to a successor if w (or other work
// drained on the way) must wait: after Run returns the caller must ask c.Lent() and, if true, end
// without touching anything the duty covers. Run returns false if the queue is full or the lane has
// stopped: the work is lost.
func (l *Lane) Run(w Work, c *Carrier) bool {
	l.mu.Lock()
	// Somebody else will do w, perhaps at once: what earlier work left for later must not come
	// after it.
	if l.held && c != nil && c.Round != nil {
		l.mu.Unlock()
		c.Round.End()
		l.mu.Lock()
	}
	if l.held || l.stop {
		defer l.mu.Unlock()
		if l.stop || l.queue.len() >= l.opts.Queue {
			l.stats.Refused.Add(1)
			return false
		}
		if t, ok := w.(Transient); ok {
			w = t.Keep()
		}
		l.queue.push(item{work: w, at: l.opts.Clock.Now()})
		return true
	}
	l.held = true
	if l.queue.len() > 0 { // posted, and the worker has not come round yet: order first
		if t, ok := w.(Transient); ok {
			w = t.Keep()
		}
		l.queue.push(item{work: w, at: l.opts.Clock.Now()})
		l.mu.Unlock()
		l.carrier = c
		l.letGo()
		return true
	}
	l.mu.Unlock()
	l.carrier = c
	l.do(w, 0)
	l.letGo()
	return true
}

// Post queues w; the lane's own worker does it unless somebody holds the token. It returns false if
// the queue is full or the lane has stopped.
func (l *Lane) Post(w Work) bool {
	l.mu.Lock()
	if l.stop || l.queue.len() >= l.opts.Queue {
		l.mu.Unlock()
		l.stats.Refused.Add(1)
		return false
	}
	l.queue.push(item{work: w, at: l.opts.Clock.Now()})
	held := l.held
	l.mu.Unlock()
	if !held {
		l.poke()
	}
	return true
}

// Return brings back work that the lane itself handed out (the end of a lookup, a failed send): it
// is queued whatever the queue's bound, because whoever waits for it was admitted before. It
// returns false only if the lane has stopped.
func (l *Lane) Return(w Work) bool {
	l.mu.Lock()
	if l.stop {
		l.mu.Unlock()
		return false
	}
	l.queue.push(item{work: w, at: l.opts.Clock.Now()})
	held := l.held
	l.mu.Unlock()
	if !held {
		l.poke()
	}
	return true
}

// Depth is how many pieces of work wait in the queue.
func (l *Lane) Depth() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queue.len()
}

// poke wakes the resident worker.
func (l *Lane) poke() {
	// Before the worker can be done: otherwise a simulation would see nobody busy while the caller
	// still is.
	l.busy(1)
	select {
	case l.wake <- struct{}{}:
	default:
		l.busy(-1)
	}
}

func (l *Lane) busy(delta int) {
	if l.opts.Meter != nil {
		l.opts.Meter.Add(delta)
	}
}

// work is the resident worker: it drains the queue whenever it is woken. It ends after Stop, or
// when work that it was doing lent the lane and a successor took its place.
func (l *Lane) work(c *Carrier) {
	for range l.wake {
		l.mu.Lock()
		if l.held {
			l.mu.Unlock()
			l.busy(-1)
			continue
		}
		l.held = true
		stop := l.stop
		l.mu.Unlock()
		l.carrier = c
		l.letGo()
		if c.Lent() {
			// The successor has its own count; ours ends here.
			l.busy(-1)
			return
		}
		l.busy(-1)
		if stop && l.Depth() == 0 {
			select {
			// Releasing has called for a worker once more: there is none now, and nobody may wait
			// for it.
			case <-l.wake:
				l.busy(-1)
			default:
			}
			return
		}
	}
}

// do runs one piece of work with the token held.
func (l *Lane) do(w Work, queuedAt Time) {
	l.now = l.opts.Clock.Now()
	l.stats.Works.Add(1)
	l.waited = 0
	if queuedAt != 0 {
		l.waited = l.now.Sub(queuedAt)
		l.stats.delay(l.waited)
	}
	if c := l.carrier; c != nil && c.Round != nil {
		c.Round.Next(l.now)
	}
	l.guarded(w)
	if due := l.wheel.nextDue; due != 0 && l.now >= due {
		l.turn()
	}
}

func (l *Lane) guarded(w Work) {
	defer func() {
		if v := recover(); v != nil {
			l.stats.Panics.Add(1)
			if l.opts.Panicked != nil {
				l.opts.Panicked(l, v, debug.Stack())
			}
		}
	}()
	w.Do(l)
}

// letGo drains the queue and releases the token, or passes both on.
func (l *Lane) letGo() {
	most := 1 << 30
	if c := l.carrier; c != nil && !c.resident {
		most = maxInline
	}
	did, kept := l.drainSome(most)
	if !kept {
		return
	}
	if did > 0 || l.carrier == &l.own {
		// The goroutine that brought it may do its next work itself, which must not overtake this.
		// The round of a reader that did only its own work continues until everything it has read
		// is delivered.
		l.endRound()
	}
	l.release()
}

// drainSome does at most most pieces of queued work, and returns how many it did. kept is false if
// the token went to a goroutine that had been waiting for it: then the caller no longer has a
// token.
func (l *Lane) drainSome(most int) (did int, kept bool) {
	for did = range most {
		l.mu.Lock()
		it, ok := l.queue.pop()
		l.mu.Unlock()
		if !ok {
			return did, true
		}
		if it.resume != nil {
			l.endRound()
			l.carrier = nil
			l.busy(1)
			it.resume <- struct{}{}
			return did, false
		}
		l.do(it.work, it.at)
	}
	return most, true
}

// release gives the token back, unless work came meanwhile, which then wakes the worker.
func (l *Lane) release() {
	l.announce()
	l.mu.Lock()
	if l.queue.len() > 0 { // somebody else continues with it
		l.mu.Unlock()
		l.endRound()
		l.mu.Lock()
	}
	l.carrier = nil
	l.held = false
	more := l.queue.len() > 0 || l.stop
	l.mu.Unlock()
	if more {
		l.poke()
	}
}

// String names the lane in logs.
func (l *Lane) String() string { return fmt.Sprintf("lane %d", l.id) }
