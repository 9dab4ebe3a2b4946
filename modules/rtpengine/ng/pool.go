package ng

import (
	"cmp"
	"context"
	"hash/fnv"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options of a pool. The zero value has the defaults.
type Options struct {
	Interval time.Duration // between two pings of a daemon, default 5 s
	// Changed is called when a daemon goes up or down; nil: nobody wants to know. It must not
	// block.
	Changed func(e *Engine, up bool, why string)
	// Event is called for what a daemon says unasked: DTMF digits, over TCP (--dtmf-log-ng-tcp). It
	// must not block.
	Event func(e *Engine, d Dict)
	// Exchange stands for the daemons in a simulation; nil: they are really asked. Nobody is pinged
	// then.
	Exchange func(uri string, command map[string]any) (answer map[string]any, err error)
}

// Pool is all daemons of a process. Its methods may be called by any goroutine.
type Pool struct {
	interval time.Duration
	options  Options
	wait     atomic.Int64 // the timeout
	known    atomic.Pointer[[]*Engine]

	exchanges sync.Pool // those that no command uses

	mu sync.Mutex // guards Set and Close
}

// DefaultTimeout is how long a command waits for its answer if nothing else is said.
const DefaultTimeout = time.Second

// NewPool makes a pool without daemons.
func NewPool(o Options) *Pool {
	p := &Pool{interval: o.Interval, options: o}
	if p.interval <= 0 {
		p.interval = 5 * time.Second
	}
	p.wait.Store(int64(DefaultTimeout))
	p.known.Store(&[]*Engine{})
	return p
}

// Simulated reports whether a function stands for the daemons: it is asked only while somebody
// waits.
func (p *Pool) Simulated() bool { return p.options.Exchange != nil }

// SetTimeout is how long commands wait from now on.
func (p *Pool) SetTimeout(d time.Duration) { p.wait.Store(int64(d)) }

func (p *Pool) timeout() time.Duration { return time.Duration(p.wait.Load()) }

func (p *Pool) changed(e *Engine, up bool, why string) {
	if p.options.Changed != nil {
		p.options.Changed(e, up, why)
	}
}

func (p *Pool) happened(e *Engine, d Dict) {
	if p.options.Event != nil {
		p.options.Event(e, d)
	}
}

// Set replaces the daemons. Those with the same URI go on as they are, with what they do; a new one
// is taken for alive until it shows otherwise.
func (p *Pool) Set(specs []Spec) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := *p.known.Load()
	list := make([]*Engine, 0, len(specs))
	for _, s := range specs {
		i := slices.IndexFunc(old, func(e *Engine) bool { return e != nil && e.Spec == s })
		if i >= 0 {
			list = append(list, old[i])
			continue
		}
		e := &Engine{Spec: s, ID: engineID(s.URI), pool: p, pending: map[uint64]chan answer{}, done: make(chan struct{})}
		e.up.Store(true)
		ctx, cancel := context.WithCancel(context.Background())
		e.cancel = cancel
		go e.watch(ctx)
		list = append(list, e)
	}
	p.known.Store(&list)
	for _, e := range old {
		if !slices.Contains(list, e) {
			e.close()
		}
	}
}

// Close ends all daemons' watches and connections.
func (p *Pool) Close() { p.Set(nil) }

// Engines are all daemons, in the order of Set.
func (p *Pool) Engines() []*Engine { return *p.known.Load() }

// ByID is the daemon with that ID, or nil.
func (p *Pool) ByID(id uint32) *Engine {
	for _, e := range p.Engines() {
		if e.ID == id {
			return e
		}
	}
	return nil
}

// Choose are the daemons of a set that are up, in the order in which a call should try them: by
// weight and the hash of the Call-ID, so that each process comes to the same order. Those without
// weight take no new calls.
func (p *Pool) Choose(set, callID string) []*Engine {
	type ranked struct {
		e    *Engine
		rank float64
	}
	all := p.Engines()
	var space [8]ranked
	list := space[:0]
	for _, e := range all {
		if e.Set != set || e.Weight <= 0 || !e.Up() {
			continue
		}
		list = append(list, ranked{e, rank(e, callID)})
	}
	slices.SortStableFunc(list, func(a, b ranked) int {
		return cmp.Compare(b.rank, a.rank)
	})
	out := make([]*Engine, len(list))
	for i, r := range list {
		out[i] = r.e
	}
	return out
}

// rank is weighted rendezvous hashing: a daemon that goes moves only its own calls.
func rank(e *Engine, callID string) float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(callID))
	_, _ = h.Write([]byte{0, byte(e.ID), byte(e.ID >> 8), byte(e.ID >> 16), byte(e.ID >> 24)})
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	u := (float64(x>>11) + 0.5) / (1 << 53) // in (0, 1)
	return float64(e.Weight) / -math.Log(u)
}
