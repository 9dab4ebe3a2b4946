package lane

import (
	"strings"
	"testing"
)

// Work that takes long gives away the duty of its goroutine and keeps the token: another does what
// comes next for other lanes, and this lane's work waits, in order.
func TestHandOverKeepsTheToken(t *testing.T) {
	slow, other := newLane(t, NewSystem()), newLane(t, NewSystem())
	type brought struct {
		l *Lane
		w Work
	}
	source := make(chan brought)
	ended := make(chan bool, 10)
	loop := func(c *Carrier) {
		for b := range source {
			b.l.Run(b.w, c)
			if c.Lent() {
				ended <- true
				return
			}
		}
		ended <- false
	}
	go loop(NewCarrier(loop))
	gate, beside, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var order []string
	source <- brought{slow, Func(func(l *Lane) {
		order = append(order, "a1")
		l.HandOver()
		l.HandOver()
		<-gate
		order = append(order, "a2")
	})}
	source <- brought{slow, Func(func(*Lane) { order = append(order, "b"); close(done) })}
	source <- brought{other, Func(func(*Lane) { close(beside) })}
	<-beside
	close(gate)
	<-done
	if got := strings.Join(order, " "); got != "a1 a2 b" {
		t.Errorf("the order was %s", got)
	}
	if !<-ended {
		t.Error("the goroutine went on with the duty it gave away")
	}
	close(source)
	if <-ended {
		t.Error("the successor gave its duty away")
	}
}

// What is brought is done at once where nothing is in the way, in its turn where something is, and
// in both cases whoever watches knows that it is expected.
func TestBring(t *testing.T) {
	m := &slowMeter{}
	l := New(0, Options{Clock: NewSystem(), Queue: 1, Meter: m})
	t.Cleanup(l.Stop)
	l.Expect()
	if m.busy.Load() != 1 {
		t.Errorf("%d are busy", m.busy.Load())
	}
	done := false
	l.Bring(Func(func(*Lane) { done = m.busy.Load() == 1 }))
	if !done || m.busy.Load() != 0 {
		t.Errorf("done at once: %v, %d are busy", done, m.busy.Load())
	}
	var order []int
	end := make(chan struct{})
	l.Run(Func(func(*Lane) {
		l.Post(Func(func(*Lane) { order = append(order, 1) }))
		if l.Post(Func(func(*Lane) {})) {
			t.Error("the queue is not full")
		}
		l.Expect()
		brought := make(chan struct{})
		go func() {
			l.Bring(Func(func(*Lane) { order = append(order, 2); close(end) }))
			close(brought)
		}()
		<-brought
		order = append(order, 0)
	}), nil)
	<-end
	if len(order) != 3 || order[0] != 0 || order[1] != 1 || order[2] != 2 {
		t.Errorf("order %v", order)
	}
}
