package luabind

import (
	"sync"
	"time"
)

// The budget of scripts. A script that holds its lane too long between waits is stopped, pcall or
// not: the executor looks at the watchdog's mark at each jump backwards and each call (tick), and
// from the moment the watchdog trips it each of them raises. Its thread is also its own
// context.Context, which says the same to the interpreter.

// closedChannel is what a stopped thread's Done returns. It is made once and never changed.
var closedChannel = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// graceInstructions is how many instructions a script may still run when its time is over. A
// runaway script uses them up in a few milliseconds; one that held its lane only because the
// machine was busy with something else comes to its end.
const graceInstructions = 100_000

// checkEvery is the number of instructions after which a script looks at the clock; work done by a
// library function in one instruction counts as more (toil).
const checkEvery = 4096

// lateAfter is when a turn becomes late. A late script occasionally sleeps briefly: on a machine
// whose every processor runs such a script, sockets would otherwise be looked at only when Go's
// scheduler interrupts one, which takes 10 ms.
const (
	lateAfter   = 2 * time.Millisecond
	breathEvery = 500 * time.Microsecond
	breath      = 50 * time.Microsecond
)

// Done is called before each instruction. nil, which is never ready, is the cheapest answer.
func (t *thread) Done() <-chan struct{} {
	if t.steps++; t.steps < t.due && t.vm.stop.Load() != t.turn {
		return nil
	}
	return t.overdue()
}

// overdue looks at the clock, and stops the script when its time is over.
func (t *thread) overdue() <-chan struct{} {
	v := t.vm
	if t.steps >= t.due {
		t.due = t.steps + checkEvery
		t.breathe()
	}
	if v.stop.Load() != t.turn {
		return nil
	}
	if t.grace++; t.grace > graceInstructions || v.kill.Load() == t.turn {
		t.halted = true
		return closedChannel
	}
	return nil
}

// breathe lets others run if the current turn is late. The script keeps its lane, up to its budget,
// but not the duty of the goroutine it runs on: a socket continues to be read.
func (t *thread) breathe() {
	now := time.Since(origin)
	switch {
	case t.since == 0:
		t.since, t.breathed = now, now
		return
	case now-t.since < lateAfter || now-t.breathed < breathEvery:
		return
	}
	if v := t.vm; !v.loading && v.lane != nil {
		v.lane.HandOver()
	}
	time.Sleep(breath)
	t.breathed = time.Since(origin)
}

// origin is the base of the times of breaths. It is set once and never changed.
var origin = time.Now().Add(-time.Second)

// toil accounts for the work of a library function, equivalent to about n instructions.
func (v *vm) toil(n int) {
	if t := v.current; t != nil {
		t.steps += n
	}
}

// matchGrace is the part of the grace that a breath of the matcher uses: to the interpreter it is
// one instruction.
const matchGrace = graceInstructions / 5

// matching is called by the matcher from time to time.
func (v *vm) matching() {
	t := v.current
	if t == nil {
		return
	}
	if v.stop.Load() == t.turn {
		t.grace += matchGrace
	}
	t.breathe()
}

// stopped reports whether the interpreter was told to stop in this turn.
func (t *thread) stopped() bool { return t.halted }

type stoppedError struct{}

func (stoppedError) Error() string { return "the script held its lane for too long without waiting" }

// Err is the error that the interpreter raises.
func (t *thread) Err() error {
	if t.stopped() {
		return stoppedError{}
	}
	return nil
}

func (t *thread) Deadline() (time.Time, bool) { return time.Time{}, false }
func (t *thread) Value(any) any               { return nil }

// watchdogTicks is how often the watchdog looks within one budget. A script is stopped if it was
// seen in the same turn that many times, so between one budget, and one budget and a tick, after
// its turn began.
const watchdogTicks = 5

// lastCall is the number of budgets after which no grace is given.
const lastCall = 5

// watchdog stops scripts that overrun. It runs on the machine's clock, in simulations too: the
// budget is one of computing.
type watchdog struct {
	mu   sync.Mutex
	vms  map[*vm]*watched // guarded by mu
	done chan struct{}
	once sync.Once
}

// watched is what the watchdog knows about one VM.
type watched struct {
	turn  uint64
	times int
	most  int // ticks that a turn may last
}

func newWatchdog() *watchdog {
	return &watchdog{vms: map[*vm]*watched{}, done: make(chan struct{})}
}

// start starts the watchdog; the goroutine ends with close.
func (w *watchdog) start(budget time.Duration) {
	go w.run(max(budget/watchdogTicks, time.Millisecond))
}

// add watches v, which gets so many budgets.
func (w *watchdog) add(v *vm, budgets int) {
	w.mu.Lock()
	w.vms[v] = &watched{most: budgets * watchdogTicks}
	w.mu.Unlock()
}

// loadBudgets is how many budgets the file may take to run.
func (o *Options) loadBudgets() int {
	if o.LoadBudget <= 0 {
		return 10
	}
	return max(1, int((o.LoadBudget+o.Budget-1)/o.Budget))
}

func (w *watchdog) remove(v *vm) {
	w.mu.Lock()
	delete(w.vms, v)
	w.mu.Unlock()
}

func (w *watchdog) close() { w.once.Do(func() { close(w.done) }) }

// run ends with close.
func (w *watchdog) run(tick time.Duration) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-w.done:
			return
		case <-ticker.C:
		}
		w.mu.Lock()
		for v, seen := range w.vms {
			w.look(v, seen)
		}
		w.mu.Unlock()
	}
}

// look trips the turn of v that was running at each of the last ticks. A turn's number is used only
// once, except by what its script calls, so that a script that ends at this moment cannot cause
// another one to be stopped.
func (w *watchdog) look(v *vm, seen *watched) {
	turn := v.watch.Load()
	if turn == 0 || turn != seen.turn {
		seen.turn, seen.times = turn, 1
		return
	}
	seen.times++
	if seen.times > seen.most {
		v.stop.Store(turn)
	}
	if seen.times > lastCall*seen.most { // its instructions are few, and each takes long
		v.kill.Store(turn)
	}
}
