package lane

// Waiting: the token and the duty of a goroutine are lent while its work waits.

// Carrier is the duty of a goroutine that brings work to lanes, so that a successor can take it
// over if the work must wait. It belongs to that goroutine.
type Carrier struct {
	Round     Round // nil: nothing is left for later; a successor continues it
	successor func(*Carrier)
	resident  bool
	lent      bool
}

// NewCarrier creates the carrier of a goroutine whose duty is the loop f. On a wait, f is started
// again on a new goroutine with its own carrier.
func NewCarrier(f func(*Carrier)) *Carrier { return &Carrier{successor: f} }

// EndRound ends the round, if there is one.
func (c *Carrier) EndRound() {
	if c != nil && c.Round != nil {
		c.Round.End()
	}
}

// Lent reports whether the goroutine's duty has passed to a successor.
func (c *Carrier) Lent() bool { return c.lent }

// Round gathers what the pieces of work that one goroutine brings together should do only once, at
// the end: above all system calls. Work finds it with [Lane.Round]. Its owner calls End when it has
// brought everything (a reader, when there is nothing left to read), and before it leaves work to
// somebody else with Post; the lane calls it when Run does that, when the goroutine gives up its
// duty or a queue that is not empty, and when it has done work from the queue. So what one
// goroutine brings takes effect in order, whoever does it.
type Round interface {
	// Next is called before each piece of work: what earlier work left may have waited long enough.
	Next(now Time)
	End()
}

// Round is the current one, or nil if whoever brings the work has none: then nothing may be left
// for later. Holder only.
func (l *Lane) Round() Round {
	if l.carrier == nil {
		return nil
	}
	return l.carrier.Round
}

func (l *Lane) endRound() { l.carrier.EndRound() }

// pass gives the duty of the calling goroutine to a successor.
func (l *Lane) pass() {
	l.endRound()
	c := l.carrier
	l.carrier = nil
	if c != nil && !c.lent {
		c.lent = true
		go c.successor(&Carrier{Round: c.Round, successor: c.successor, resident: c.resident})
	}
}

// HandOver passes on the duty of the calling goroutine, which keeps the token: work that takes long
// without waiting delays its own lane, but not the socket it was read from nor, if others turn the
// lane's timers, those. What the work has sent so far leaves. Holder only; a second call does
// nothing.
func (l *Lane) HandOver() {
	if c := l.carrier; c != nil && c.resident { // whose only duty is this lane's queue
		l.endRound()
		return
	}
	l.pass()
}

// lend passes on the token and the duty of the calling goroutine, which holds the token.
func (l *Lane) lend() {
	l.pass()
	l.announce()
	l.mu.Lock()
	l.held = false
	more := l.queue.len() > 0
	l.mu.Unlock()
	if more {
		l.poke()
	}
}

// retake waits for the token.
func (l *Lane) retake() {
	l.mu.Lock()
	if !l.held && l.queue.len() == 0 {
		l.held = true
		l.mu.Unlock()
	} else {
		back := make(chan struct{}, 1)
		l.queue.push(item{resume: back, at: l.opts.Clock.Now()})
		held := l.held
		l.mu.Unlock()
		if !held {
			l.poke()
		}
		l.busy(-1)
		<-back
	}
	l.carrier = &l.own
	l.now = l.opts.Clock.Now()
}

// Await lends the lane while f runs on the calling goroutine, which holds the token before and
// after. f may block; it must not touch what the lane owns.
func (l *Lane) Await(f func()) {
	l.lend()
	defer l.retake()
	f()
}

// Expect announces work that [Lane.Bring] will bring: to a simulation, whoever makes it is busy.
func (l *Lane) Expect() { l.busy(1) }

// Bring does expected work: now, on the calling goroutine, if nothing is in its way, or else when
// its turn comes, whatever the queue's bound. The caller may be any goroutine without a duty.
func (l *Lane) Bring(w Work) {
	defer l.busy(-1)
	l.mu.Lock()
	if l.held || l.stop || l.queue.len() > 0 {
		l.mu.Unlock()
		l.Return(w)
		return
	}
	l.held = true
	l.mu.Unlock()
	l.carrier = &l.own
	l.do(w, 0)
	l.letGo()
}

// Waiter is one wait for something that happens on the lane. It is made by NewWaiter and used once.
type Waiter struct {
	back   chan struct{}
	parked bool // holder only
	woken  bool // holder only
}

// NewWaiter makes a waiter.
func NewWaiter() *Waiter { return &Waiter{back: make(chan struct{}, 1)} }

// Park lends the lane until Wake was called for w, and returns with the token. It returns at once
// when w was woken before.
func (l *Lane) Park(w *Waiter) {
	if w.woken {
		return
	}
	w.parked = true
	l.lend()
	l.busy(-1)
	<-w.back
	l.carrier = &l.own
	l.now = l.opts.Clock.Now()
}

// Wake ends the wait of w: its goroutine gets the token after the work queued so far. Holder only;
// a second call does nothing.
func (l *Lane) Wake(w *Waiter) {
	if w.woken {
		return
	}
	w.woken = true
	if !w.parked {
		return
	}
	l.mu.Lock()
	l.queue.push(item{resume: w.back, at: l.opts.Clock.Now()})
	l.mu.Unlock()
}
