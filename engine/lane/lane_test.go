package lane

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func newLane(t *testing.T, clock Clock) *Lane {
	l := New(0, Options{Clock: clock})
	t.Cleanup(l.Stop)
	return l
}

// manual is a clock that stands until it is set.
type manual struct{ now atomic.Int64 }

func (m *manual) Now() Time       { return Time(m.now.Load()) }
func (m *manual) Wall() time.Time { return time.Unix(0, m.now.Load()) }

func TestRunIsInlineAndExclusive(t *testing.T) {
	l := newLane(t, NewSystem())
	inside, total := 0, 0
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 2000 {
				l.Run(Func(func(*Lane) {
					inside++
					if inside != 1 {
						t.Error("two holders")
					}
					total++
					inside--
				}), nil)
			}
		})
	}
	wg.Wait()
	done := make(chan int)
	l.Post(Func(func(*Lane) { done <- total }))
	if got := <-done; got != 16000 {
		t.Fatalf("done %d of 16000", got)
	}
}

func TestPostKeepsOrder(t *testing.T) {
	l := newLane(t, NewSystem())
	var got []int
	done := make(chan struct{})
	for i := range 1000 {
		f := Func(func(*Lane) { got = append(got, i) })
		if i%3 == 0 {
			l.Run(f, nil)
		} else {
			l.Post(f)
		}
	}
	l.Post(Func(func(*Lane) { close(done) }))
	<-done
	for i, v := range got {
		if i != v {
			t.Fatalf("place %d has %d", i, v)
		}
	}
}

// A goroutine that waits gives its duty away, others work meanwhile, and it gets the token back.
func TestAwaitLendsTheLaneAndTheDuty(t *testing.T) {
	l := newLane(t, NewSystem())
	source := make(chan Work)
	ended := make(chan bool, 10)
	loop := func(c *Carrier) {
		for w := range source {
			l.Run(w, c)
			if c.Lent() {
				ended <- true
				return
			}
		}
		ended <- false
	}
	go loop(NewCarrier(loop))
	gate := make(chan struct{})
	var order []string
	source <- Func(func(l *Lane) {
		order = append(order, "a1")
		l.Await(func() { <-gate })
		order = append(order, "a2")
	})
	done := make(chan struct{})
	source <- Func(func(*Lane) { order = append(order, "b"); close(done) })
	<-done
	close(gate)
	if !<-ended {
		t.Fatal("the goroutine that waited did not end its loop")
	}
	close(source)
	if <-ended {
		t.Fatal("the successor thinks it was lent")
	}
	got := make(chan []string)
	l.Post(Func(func(*Lane) { got <- order }))
	if o := <-got; len(o) != 3 || o[0] != "a1" || o[1] != "b" || o[2] != "a2" {
		t.Fatalf("order %v", o)
	}
}

func TestParkAndWake(t *testing.T) {
	l := newLane(t, NewSystem())
	const n = 500
	waiters := make([]*Waiter, n)
	var wg sync.WaitGroup
	held := 0
	for i := range n {
		w := NewWaiter()
		waiters[i] = w
		wg.Add(1)
		l.Post(Func(func(l *Lane) {
			l.Park(w)
			if held++; held != 1 {
				t.Error("two holders after a park")
			}
			held--
			wg.Done()
		}))
	}
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(n) {
		l.Post(Func(func(l *Lane) { l.Wake(waiters[i]); l.Wake(waiters[i]) }))
	}
	wg.Wait()
	early := NewWaiter()
	done := make(chan struct{})
	l.Post(Func(func(l *Lane) { l.Wake(early); l.Park(early); close(done) }))
	<-done
}

func TestPanicLeavesTheLaneWorking(t *testing.T) {
	caught := make(chan any, 1)
	l := New(0, Options{Clock: NewSystem(), Panicked: func(_ *Lane, v any, _ []byte) { caught <- v }})
	defer l.Stop()
	l.Run(Func(func(*Lane) { panic("bad") }), nil)
	if v := <-caught; v != "bad" {
		t.Fatalf("caught %v", v)
	}
	ok := false
	l.Run(Func(func(*Lane) { ok = true }), nil)
	if !ok {
		t.Fatal("the lane did no work after a panic")
	}
}

func TestQueueIsBounded(t *testing.T) {
	l := New(0, Options{Clock: NewSystem(), Queue: 10})
	defer l.Stop()
	gate, in := make(chan struct{}), make(chan struct{})
	go l.Run(Func(func(*Lane) { close(in); <-gate }), nil)
	<-in
	accepted := 0
	for range 20 {
		if l.Post(Func(func(*Lane) {})) {
			accepted++
		}
	}
	close(gate)
	if accepted != 10 || l.Stats().Refused.Load() != 10 {
		t.Fatalf("accepted %d, refused %d", accepted, l.Stats().Refused.Load())
	}
}

// fired records when each timer ran out.
type fired struct {
	l  *Lane
	at map[*Timer]Time
}

func (f *fired) Expire(t *Timer) { f.at[t] = f.l.Now() }

// Timers of all ranges, some stopped and restarted, against a clock moved in steps of all sizes:
// none early, none more than one tick and one step late, none lost.
func TestWheelAgainstManyTimers(t *testing.T) {
	for seed := range uint64(40) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		clock := &manual{}
		clock.now.Store(rnd.Int64N(int64(time.Hour)))
		l := newLane(t, clock)
		f := &fired{l, map[*Timer]Time{}}
		want := map[*Timer]Time{}
		var timers []*Timer
		step := func() {
			l.Run(Func(func(*Lane) {
				for range rnd.IntN(20) {
					tm := &Timer{}
					d := time.Duration(rnd.Int64N(int64(1) << (20 + rnd.IntN(27))))
					l.After(d, tm, f)
					want[tm] = l.Now().Add(d)
					timers = append(timers, tm)
				}
				if len(timers) > 0 && rnd.IntN(2) == 0 {
					tm := timers[rnd.IntN(len(timers))]
					if tm.Active() {
						l.StopTimer(tm)
						delete(want, tm)
					}
				}
			}), nil)
		}
		for range 300 {
			step()
			before := clock.Now()
			if rnd.IntN(2) == 0 {
				clock.now.Add(rnd.Int64N(int64(1) << (10 + rnd.IntN(34))))
			} else if due := l.NextDue(); due > before {
				clock.now.Store(int64(due))
			}
			l.Turn(nil)
			for tm, at := range f.at {
				w, ok := want[tm]
				if !ok {
					t.Fatalf("seed %d: a stopped timer fired", seed)
				}
				if at < w {
					t.Fatalf("seed %d: fired %v early", seed, w.Sub(at))
				}
				if w.Add(time.Duration(tick)) < before {
					t.Fatalf("seed %d: due %v before the step, fired only now", seed, before.Sub(w))
				}
				delete(f.at, tm)
				delete(want, tm)
			}
		}
		for l.NextDue() != 0 {
			clock.now.Store(max(clock.now.Load(), int64(l.NextDue())))
			l.Turn(nil)
		}
		if len(f.at) != len(want) {
			t.Fatalf("seed %d: %d timers fired at the end, want %d", seed, len(f.at), len(want))
		}
	}
}

// An owner that lends the lane while it is told delays no other timer, and none fires early when it
// goes on.
func TestTimersGoOnWhileAnOwnerWaits(t *testing.T) {
	clock := &manual{}
	clock.now.Store(int64(time.Hour))
	l := newLane(t, clock)
	w := NewWaiter()
	parked := make(chan struct{})
	back := make(chan struct{})
	f := &fired{l, map[*Timer]Time{}}
	var first, second, later, rotated Timer
	l.Run(Func(func(l *Lane) {
		l.After(100*time.Millisecond, &second, f)
		l.After(100*time.Millisecond, &first, expireFunc(func(*Timer) { close(parked); l.Park(w); close(back) }))
		l.After(200*time.Millisecond, &later, f)
	}), nil)
	clock.now.Add(int64(150 * time.Millisecond))
	go l.Turn(NewCarrier(func(*Carrier) {}))
	<-parked
	l.Run(Func(func(l *Lane) {
		if f.at[&second] == 0 {
			l.turn()
		}
		if f.at[&second] == 0 {
			t.Error("a timer of the same moment waits for another's owner")
		}
		// One that lands in the same slot, a rotation later.
		l.After(1100*time.Millisecond-50*time.Millisecond+24*time.Millisecond, &rotated, f)
	}), nil)
	clock.now.Add(int64(100 * time.Millisecond))
	l.Run(Func(func(l *Lane) {
		l.turn()
		if f.at[&later] == 0 {
			t.Error("a later timer did not fire in time")
		}
		l.Wake(w)
	}), nil)
	<-back
	l.Run(Func(func(*Lane) {
		if f.at[&rotated] != 0 {
			t.Error("fired a rotation early")
		}
	}), nil)
}

func TestDriverFiresOnTheSystemClock(t *testing.T) {
	clock := NewSystem()
	l := newLane(t, clock)
	d := Drive(clock, []*Lane{l})
	defer d.Stop()
	done := make(chan time.Duration, 2)
	start := clock.Now()
	var long, short Timer
	l.Post(Func(func(l *Lane) { l.After(time.Hour, &long, expireFunc(func(*Timer) {})) }))
	l.Post(Func(func(l *Lane) {
		l.After(20*time.Millisecond, &short, expireFunc(func(*Timer) { done <- clock.Now().Sub(start) }))
	}))
	if got := <-done; got < 20*time.Millisecond {
		t.Fatalf("fired after %v", got)
	}
}

type expireFunc func(*Timer)

func (f expireFunc) Expire(t *Timer) { f(t) }

func TestTimersAllocateNothing(t *testing.T) {
	l := newLane(t, &manual{})
	f := &fired{l, map[*Timer]Time{}}
	var tm Timer
	l.Run(Func(func(*Lane) {
		if n := testing.AllocsPerRun(1000, func() { l.After(time.Second, &tm, f); l.StopTimer(&tm) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}), nil)
}

func BenchmarkRunInline(b *testing.B) {
	l := New(0, Options{Clock: NewSystem()})
	defer l.Stop()
	w := Func(func(*Lane) {})
	for b.Loop() {
		l.Run(w, nil)
	}
}

func BenchmarkTimerStartStop(b *testing.B) {
	l := New(0, Options{Clock: NewSystem()})
	defer l.Stop()
	f := &fired{l, nil}
	var tm Timer
	l.Run(Func(func(*Lane) {
		for b.Loop() {
			l.After(500*time.Millisecond, &tm, f)
			l.StopTimer(&tm)
		}
	}), nil)
}

// Work brought to a free lane whose queue holds work that waits is not held up by that wait.
func TestRunBehindQueuedWorkThatWaits(t *testing.T) {
	for range 200 {
		l := newLane(t, NewSystem())
		gate, ran, brought := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			l.Post(Func(func(l *Lane) { l.Await(func() { <-gate }) }))
			l.Run(Func(func(*Lane) { close(ran) }), NewCarrier(func(*Carrier) {}))
			close(brought)
		}()
		select {
		case <-ran:
		case <-time.After(time.Minute):
			t.Fatal("the work waits for a wait that is not its own")
		}
		close(gate)
		<-brought
	}
}
