package lane

import (
	"runtime"
	"sync/atomic"
	"testing"
)

// slowMeter takes its time to count up, so that whatever may overtake does.
type slowMeter struct {
	busy   atomic.Int64
	lowest atomic.Int64
}

func (m *slowMeter) Add(delta int) {
	for range 20 {
		if delta > 0 {
			runtime.Gosched()
		}
	}
	if n := m.busy.Add(int64(delta)); n < m.lowest.Load() {
		m.lowest.Store(n)
	}
}

// Who posts work is busy until it has, and the work is busy from then on: a simulation that sees 0
// in between would move time on.
func TestMeterNeverDropsToZeroWhilePosting(t *testing.T) {
	m := &slowMeter{}
	m.busy.Store(1) // this goroutine
	m.lowest.Store(1)
	l := New(0, Options{Clock: NewSystem(), Meter: m})
	for range 500 {
		done := make(chan struct{})
		l.Post(Func(func(*Lane) { close(done) }))
		<-done
	}
	if n := m.lowest.Load(); n < 1 {
		t.Errorf("the meter fell to %d while work was being posted", n)
	}
	l.Stop()
}
