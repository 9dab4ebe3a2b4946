// Package collector sets how often garbage is collected.
package collector

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// Floor has the heap grow by a percentage of what is live between two collections, but to least
// bytes in any case: while little is live, collections would be many, and each holds calls up. stop
// leaves the percentage as it is without a floor.
func Floor(percent int, least uint64) (stop func()) {
	f := &floor{percent: percent, least: least}
	debug.SetGCPercent(percent)
	f.watch()
	return f.stop
}

type floor struct {
	percent int
	least   uint64

	mu      sync.Mutex
	stopped bool // guarded by mu
}

// sentinel is garbage from the beginning: its finalizer runs after each collection.
type sentinel struct{ floor *floor }

func (f *floor) watch() {
	runtime.SetFinalizer(&sentinel{f}, func(s *sentinel) {
		if s.floor.adjust() {
			s.floor.watch()
		}
	})
}

// adjust is called after a collection; false: it is over.
func (f *floor) adjust() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return false
	}
	figures := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/gogc:percent"}}
	metrics.Read(figures)
	now, want := figures[1].Value.Uint64(), uint64(f.want(figures[0].Value.Uint64()))
	// To set it stops everything for a moment. Where it is off, somebody wants it so.
	if now < most*2 && (want > now+now/8 || want < now-now/8) {
		debug.SetGCPercent(int(want))
	}
	return true
}

// most bounds the percentage where hardly anything is live.
const most = 5000

// want is the percentage for so many bytes that are live.
func (f *floor) want(live uint64) int {
	if live == 0 {
		return f.percent
	}
	return max(f.percent, min(most, int(f.least*100/live)-100))
}

func (f *floor) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.stopped {
		f.stopped = true
		debug.SetGCPercent(f.percent)
	}
}
