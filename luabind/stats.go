package luabind

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

// Figures of the scripts.

// stats are those of the whole router.
type stats struct {
	suspended    atomic.Int64
	stopped      atomic.Uint64
	panics       atomic.Uint64
	reloads      atomic.Uint64
	reloadErrors atomic.Uint64
}

// timeBuckets: bucket i counts calls that held their lane below 2^i microseconds; the last takes
// the rest.
const timeBuckets = 20

// figures are those of one lane, over all generations. The lane writes, anybody reads.
type figures struct {
	calls    atomic.Uint64 // of route
	handlers atomic.Uint64 // of callbacks, timers, events, tasks
	errors   atomic.Uint64

	// The time that route held its lane, without its waits, for one call in sampleEvery.
	times [timeBuckets]atomic.Uint64
	timed atomic.Uint64
	sum   atomic.Int64 // nanoseconds
	_     [64]byte     // lanes don't share a cache line
}

// sampleEvery: reading the clock twice costs as much as a tenth of a short route.
const sampleEvery = 8

// stopwatch measures the sampled call that a thread runs.
type stopwatch struct {
	on    bool
	since lane.Time
	spent time.Duration
}

func (w *stopwatch) start(c lane.Clock) { w.since = c.Now() }
func (w *stopwatch) pause(c lane.Clock) { w.spent += c.Now().Sub(w.since) }

// timed notes one sampled call.
func (f *figures) note(d time.Duration) {
	f.timed.Add(1)
	f.sum.Add(int64(d))
	f.times[min(bits.Len64(uint64(max(d, 0)/time.Microsecond)), timeBuckets-1)].Add(1)
}

// Stats are the router's figures at one moment.
type Stats struct {
	Generation   uint64 // the number of the generation that serves
	Calls        uint64 // of route
	Handlers     uint64 // calls of callbacks, timers, events and tasks
	Errors       uint64 // calls of either kind that ended with an error
	Stopped      uint64 // of these: for overrunning the budget
	Panics       uint64 // of these: for a bug of a binding
	Suspended    int64  // scripts that wait
	Reloads      uint64 // generations that took over from another
	ReloadErrors uint64 // reloads that failed and left the old generation in service
}

// Stats reads the figures.
func (r *Router) Stats() Stats {
	s := Stats{
		Stopped: r.stats.stopped.Load(), Panics: r.stats.panics.Load(), Suspended: r.stats.suspended.Load(),
		Reloads: r.stats.reloads.Load(), ReloadErrors: r.stats.reloadErrors.Load(),
	}
	r.mu.Lock()
	if r.current != nil {
		s.Generation = r.current.number
	}
	figures := r.figures
	r.mu.Unlock()
	for _, f := range figures {
		s.Calls += f.calls.Load()
		s.Handlers += f.handlers.Load()
		s.Errors += f.errors.Load()
	}
	return s
}

// Metrics are the router's figures and those of its modules. How often route is called the engine
// counts: sipscript_routes_total.
func (r *Router) Metrics() []Metric {
	counter := func(name, help string, f func(Stats) float64) Metric {
		return Metric{Name: name, Help: help, Kind: Counter, Value: func() float64 { return f(r.Stats()) }}
	}
	list := []Metric{
		counter("script_handler_calls_total", "Calls of callbacks, timers, event handlers and tasks.", func(s Stats) float64 { return float64(s.Handlers) }),
		counter("script_errors_total", "Calls of route and of handlers that ended with an error.", func(s Stats) float64 { return float64(s.Errors) }),
		counter("script_budget_stops_total", "Scripts stopped for holding their lane too long.", func(s Stats) float64 { return float64(s.Stopped) }),
		counter("script_panics_total", "Script calls that ended with a bug of a binding.", func(s Stats) float64 { return float64(s.Panics) }),
		counter("script_reloads_total", "Successful reloads.", func(s Stats) float64 { return float64(s.Reloads) }),
		counter("script_reload_errors_total", "Reloads that were refused.", func(s Stats) float64 { return float64(s.ReloadErrors) }),
		{Name: "script_generation", Help: "Number of the script generation that serves.", Kind: Gauge,
			Value: func() float64 { return float64(r.Stats().Generation) }},
		{Name: "script_generations", Help: "Generations of the script that are there: those beside the one that serves finish what they began.", Kind: Gauge,
			Value: func() float64 { return float64(len(r.Generations())) }},
		{Name: "script_suspended", Help: "Scripts that wait.", Kind: Gauge, Value: func() float64 { return float64(r.stats.suspended.Load()) }},
		{Name: "script_seconds", Help: "Time route held its lane, without its waits; one call in 8 is measured.", Kind: Histogram, Buckets: r.buckets},
	}
	for _, o := range r.opts.Modules {
		if m, ok := o.(Metered); ok {
			list = append(list, m.Metrics()...)
		}
	}
	return append(list, r.scriptMetrics()...)
}

func (r *Router) buckets() (bounds []float64, counts []uint64, count uint64, sum float64) {
	r.mu.Lock()
	figures := r.figures
	r.mu.Unlock()
	for i := range timeBuckets - 1 {
		bounds = append(bounds, float64(uint64(1)<<i)/1e6)
		n := uint64(0)
		for _, f := range figures {
			n += f.times[i].Load()
		}
		if i > 0 {
			n += counts[i-1]
		}
		counts = append(counts, n)
	}
	for _, f := range figures {
		count += f.timed.Load()
		sum += float64(f.sum.Load()) / 1e9
	}
	return bounds, counts, count, sum
}
