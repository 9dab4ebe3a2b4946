package lane

import "testing"

// left is a round with things left for later.
type left struct{ held, ended int }

func (r *left) Next(Time) {}
func (r *left) End()      { r.held = 0; r.ended++ }

// Work that has waited leaves things for the end of the lane's own round, which comes before
// anybody else has the token.
func TestRoundAfterAWait(t *testing.T) {
	waiter := NewWaiter()
	for _, x := range []struct {
		name string
		wait func(*Lane)
	}{
		{"Await", func(l *Lane) { l.Await(func() {}) }},
		{"Await while another has the lane", func(l *Lane) {
			l.Await(func() {
				taken, gate := make(chan struct{}), make(chan struct{})
				go l.Run(Func(func(*Lane) { close(taken); <-gate }), nil)
				<-taken
				go func() {
					for l.Depth() == 0 { // until the waiter queues
						<-newTurn()
					}
					close(gate)
				}()
			})
		}},
		{"Park", func(l *Lane) {
			l.Post(Func(func(l *Lane) { l.Wake(waiter) }))
			l.Park(waiter)
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			r := &left{}
			l := New(0, Options{Clock: NewSystem(), Round: r})
			t.Cleanup(l.Stop)
			l.Run(Func(func(l *Lane) {
				x.wait(l)
				own, is := l.Round().(*left)
				if !is {
					t.Error("there is no round")
					return
				}
				own.held++
			}), nil)
			held := make(chan int)
			go l.Run(Func(func(*Lane) { held <- r.held }), nil)
			if n := <-held; n != 0 || r.ended == 0 {
				t.Errorf("the token was free with %d left", n)
			}
		})
	}
	t.Run("Bring", func(t *testing.T) {
		r := &left{}
		l := New(0, Options{Clock: NewSystem(), Round: r})
		t.Cleanup(l.Stop)
		l.Expect()
		l.Bring(Func(func(l *Lane) { l.Round().(*left).held++ }))
		if r.held != 0 {
			t.Error("the token was free with something left")
		}
	})
}

// newTurn is closed when other goroutines have had a turn.
func newTurn() chan struct{} {
	c := make(chan struct{})
	go close(c)
	return c
}
