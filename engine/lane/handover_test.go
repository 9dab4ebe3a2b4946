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
