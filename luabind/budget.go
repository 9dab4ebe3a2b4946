package luabind

import (
	"sync"
	"sync/atomic"
	"time"
)

// The budget of scripts. A script that holds its lane too long between waits is stopped, pcall or not: its thread is its own context.Context, which
// the interpreter asks before each instruction, and from the moment the watchdog trips it every instruction raises.
//
// What asking costs (BenchmarkContext, one shared core): 14 ns on a call of 75 ns, 2 to 3 ns for each instruction of a tight loop. A route of a few
// dozen instructions pays about 0.1 µs of the tens of µs that its request costs, so that there is no second way for scripts without loops.

// closedChannel is what a stopped thread's Done returns. It is made once and never changed.
var closedChannel = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// graceInstructions a script may still run when its time is over. A script that runs away is through them in a few milliseconds; one that held its
// lane only because the machine was busy with something else comes to its end.
const graceInstructions = 100_000

// Done is asked before each instruction. nil, which never is ready, is the cheapest answer there is.
func (t *thread) Done() <-chan struct{} {
	if t.vm.late.Load() != t.turn {
		return nil
	}
	return t.overdue()
}

// A late script sleeps for a moment each so many instructions (about half a millisecond): on a machine whose every processor runs such a script,
// sockets are else looked at only when Go's scheduler interrupts one, which takes 10 ms.
const (
	breathEvery = 10_000
	breath      = 50 * time.Microsecond
)

// overdue is asked before each instruction of a turn that has lasted longer than most do. The script keeps its lane, up to its budget, but not the
// duty of the goroutine it runs on: a socket goes on being read.
func (t *thread) overdue() <-chan struct{} {
	v := t.vm
	if t.steps%breathEvery == 0 {
		v.breathe()
	}
	t.steps++
	if v.stop.Load() != t.turn {
		return nil
	}
	if t.grace++; t.grace > graceInstructions || v.kill.Load() == t.turn {
		t.halted = true
		return closedChannel
	}
	return nil
}

// matchGrace is what a breath of the matcher takes of the grace: it is one instruction to the interpreter.
const matchGrace = graceInstructions / 5

// matching is what the matcher breathes by.
func (v *vm) matching() {
	t := v.current
	if t != nil && v.stop.Load() == t.turn {
		t.grace += matchGrace
	}
	v.breathe()
}

// breathe lets others run where the present turn is late.
func (v *vm) breathe() {
	if t := v.current; t == nil || v.late.Load() != t.turn {
		return
	}
	if !v.loading && v.lane != nil {
		v.lane.HandOver()
	}
	time.Sleep(breath)
}

// stopped tells whether the interpreter was told to stop in this turn.
func (t *thread) stopped() bool { return t.halted }

type stoppedError struct{}

func (stoppedError) Error() string { return "the script held its lane for too long without waiting" }

// Err is what the interpreter raises.
func (t *thread) Err() error {
	if t.stopped() {
		return stoppedError{}
	}
	return nil
}

func (t *thread) Deadline() (time.Time, bool) { return time.Time{}, false }
func (t *thread) Value(any) any               { return nil }

// watchdogTick is how often the watchdog looks while scripts run. A turn that is seen by two looks in a row is late.
const watchdogTick = 2 * time.Millisecond

// tickMost bounds what one look counts towards a budget: when the machine, or the watchdog, stood still for a while, the script did as well.
const tickMost = 20 * time.Millisecond

// wakeful is how many looks the watchdog takes with no script running before it sleeps until one begins.
const wakeful = 25

// lastCall is after how many budgets no grace is given.
const lastCall = 5

// watchdog stops scripts that overrun. It runs on the machine's clock, in simulations too: the budget is one of computing.
type watchdog struct {
	mu     sync.Mutex
	vms    map[*vm]*watched // guarded by mu
	asleep atomic.Bool
	poke   chan struct{} // wakes it; capacity 1
	done   chan struct{}
	once   sync.Once
	budget time.Duration // set by start
}

// watched is what the watchdog knows of one VM.
type watched struct {
	turn  uint64
	spent time.Duration
	most  int // budgets that a turn may last
}

func newWatchdog() *watchdog {
	return &watchdog{vms: map[*vm]*watched{}, poke: make(chan struct{}, 1), done: make(chan struct{})}
}

// start begins to look; the goroutine ends with close.
func (w *watchdog) start(budget time.Duration) {
	w.budget = budget
	go w.run()
}

// add watches v, which gets so many budgets.
func (w *watchdog) add(v *vm, budgets int) {
	w.mu.Lock()
	w.vms[v] = &watched{most: budgets}
	w.mu.Unlock()
	w.began()
}

func (w *watchdog) remove(v *vm) {
	w.mu.Lock()
	delete(w.vms, v)
	w.mu.Unlock()
}

func (w *watchdog) close() { w.once.Do(func() { close(w.done) }) }

// began is called when a turn has begun.
func (w *watchdog) began() {
	if w.asleep.Load() {
		select {
		case w.poke <- struct{}{}:
		default:
		}
	}
}

// run ends with close.
func (w *watchdog) run() {
	ticker := time.NewTicker(watchdogTick)
	defer ticker.Stop()
	idle, last := 0, time.Now()
	for {
		select {
		case <-w.done:
			return
		case <-ticker.C:
		}
		now := time.Now()
		spent := min(now.Sub(last), tickMost)
		if last = now; w.lookAtAll(spent) {
			idle = 0
			continue
		}
		if idle++; idle < wakeful {
			continue
		}
		ticker.Stop()
		// A turn that begins sets its mark and then asks whether the watchdog sleeps, so that one of the two sees the other.
		if w.asleep.Store(true); !w.lookAtAll(0) {
			select {
			case <-w.done:
				return
			case <-w.poke:
			}
		}
		w.asleep.Store(false)
		idle, last = 0, time.Now()
		ticker.Reset(watchdogTick)
	}
}

// lookAtAll reports whether a script runs.
func (w *watchdog) lookAtAll(spent time.Duration) (running bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for v, seen := range w.vms {
		if w.look(v, seen, spent) {
			running = true
		}
	}
	return running
}

// look marks the turn of v that was running at the last look as well. A turn's number is never used again but by what its script calls, so that a
// script that ends at this moment can't have another stopped in its place.
func (w *watchdog) look(v *vm, seen *watched, spent time.Duration) (running bool) {
	turn := v.watch.Load()
	if turn == 0 || turn != seen.turn {
		seen.turn, seen.spent = turn, 0
		return turn != 0
	}
	v.late.Store(turn)
	seen.spent += spent
	most := time.Duration(seen.most) * w.budget
	if seen.spent >= most {
		v.stop.Store(turn)
	}
	if seen.spent > lastCall*most { // its instructions are few, and each takes long
		v.kill.Store(turn)
	}
	return true
}
