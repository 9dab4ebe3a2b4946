package luabind

import (
	"context"
	"log/slog"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind/dict"
)

// Opener creates a module. It is the part that lives as long as the process: what must survive a
// reload (stores, sockets, counters) belongs to it.
//
// Its other capabilities are found by type assertion. If it is an [engine.Part] it is attached to
// the engine before the first generation is made, may see each request before the script does
// (engine.Interceptor), and learns when the engine drains and ends. See also [Metered] and
// [Sharer].
type Opener interface {
	// Name is what scripts require: lower case letters, digits and "_"; dots separate parts
	// ("sip.test").
	Name() string
	// Open makes the module of one script generation, before any VM of that generation exists. When
	// it fails, the Module it returned, if any, is closed all the same.
	Open(h *Host) (Module, error)
}

// Module is one module within one script generation. The life of it:
//
//  1. Opener.Open, once per generation.
//  2. Functions, once; the functions are bound into each VM. The script's file runs in each VM and
//     may call those that are allowed there (configure). All this happens on one goroutine.
//  3. Settle, if the module has it ([Settler]), when the file has run in all VMs.
//  4. Activate, if the module has it ([Activator]), when the generation begins to serve.
//  5. Calls from handlers, on all lanes at once: what the calls share is the module's to guard.
//  6. Close, once, when the last transaction of the generation is over, or when the generation
//     never served (its script failed).
type Module interface {
	Functions() []Function
	Close() error
}

// Settler is a Module that checks what the file said as a whole: names that another module may have
// been told later than this one. Its error is that of the load.
type Settler interface {
	Settle() error
}

// Activator is a Module that wants to know when its generation begins to serve: there it puts its
// configuration into force. Before it the old generation may still be serving.
type Activator interface {
	Activate() error
}

// Sharer is a module that keeps the dictionaries of sip.shared which servers have in common.
type Sharer interface {
	// Shared has them, or is nil.
	Shared() dict.Shared
}

// Metered is an Opener with metrics of its own.
type Metered interface {
	Metrics() []Metric
}

// Host is what a module receives of the process it runs in. It is valid until the module is closed.
type Host struct {
	router *Router
	gen    *generation
	module string
	log    *slog.Logger
	ctx    context.Context
}

// Engine is the engine the script serves, or nil if a script runs without one (a check, a test of a
// module).
func (h *Host) Engine() *engine.Engine { return h.router.engine() }

// Log is the module's logger.
func (h *Host) Log() *slog.Logger { return h.log }

// Context ends when the generation has been closed or the process stops.
func (h *Host) Context() context.Context { return h.ctx }

// Generation is the number of the script generation, from 1.
func (h *Host) Generation() uint64 { return h.gen.number }

// Emit calls the sip.on handlers of an event that the module declared, in the background VM, with
// args (strings, numbers, booleans, []any, map[string]any, [Object]s, nil). It never blocks and may
// be called from any goroutine. If nobody listens it costs a map look-up. It returns false if the
// event could not be queued.
func (h *Host) Emit(event string, args ...any) bool { return h.gen.emit(event, args) }

// hears reports whether anybody hears of an event: arguments need not be made for nobody.
func (h *Host) hears(event string) bool { return h.gen.hears(event) }

// MetricKind is the type of a metric.
type MetricKind uint8

const (
	Counter MetricKind = iota
	Gauge
	Histogram
)

// Metric is one figure for whoever exports them. Value, or for a histogram Buckets, may be called
// from any goroutine at any time.
type Metric struct {
	Name   string            // "script_calls_total", without the process's prefix
	Own    bool              // the name is whole: a script chose it
	Help   string            // one sentence, for # HELP
	Kind   MetricKind        // what Value means; Counter for the zero value
	Labels map[string]string // may be nil
	Value  func() float64    // math.NaN: unknown at the moment, and left out
	// Buckets of a Histogram: cumulative counts by upper bound in ascending order, the count of
	// all, and the sum.
	Buckets func() (bounds []float64, counts []uint64, count uint64, sum float64)
}
