package proxy

import (
	"slices"

	"github.com/sipscript/sipscript/engine/lane"
)

// Fork is one target set in progress (§16.5, §16.6).
type Fork struct {
	x        *Context
	opts     *ForkOptions
	queue    []*Target // not yet tried
	branches []*Branch
	best     *Response // of the fork's branches, for its outcome
	group    *Response // the best of the present group, for failover
	prior    *Fork     // of the same request, ended before it

	active   int32 // branches without a final response
	followed int8  // redirect contacts that became targets
	relay    bool  // nobody waits for it
	closed   bool  // no further targets
	ended    bool
	won      bool // a 2xx came

	result *Response // the outcome, as far as somebody wants it
	waiter *lane.Waiter

	// Most forks have one branch: it and the list of it are here
	first Branch
	one   [1]*Branch
	alone [1]*Fork // the request's list of forks, if there is no other
}

var noOptions ForkOptions

// maxRedirects bounds how many contacts of 3xx responses one fork follows (§16.7 step 4 requires no
// bound; loops do).
const maxRedirects = 16

// Fork starts on the targets. relay: hands over, and OnFailure is called when all failed.
func (x *Context) Fork(targets []*Target, o *ForkOptions, relay bool) *Fork {
	if o == nil {
		o = &noOptions
	}
	o = o.ruled(targets)
	f := &Fork{x: x, opts: o, relay: relay}
	x.begin(f)
	f.queue = distinct(targets)
	if o.Order == ByQ {
		f.queue = slices.Clone(f.queue)
		slices.SortStableFunc(f.queue, func(a, b *Target) int {
			switch {
			case f.q(a) > f.q(b):
				return -1
			case f.q(a) < f.q(b):
				return 1
			}
			return 0
		})
	}
	if len(targets) == 0 && relay && x.core.Lane.Post(lane.Func(func(*lane.Lane) { f.advance(); x.drain() })) {
		return f // OnFailure must not be called by the code that is just making the request
	}
	f.advance()
	return f
}

// Vouched forks to where the request itself leads: its Route, or its Request-URI.
func (x *Context) Vouched(o *ForkOptions, relay bool) *Fork {
	if o == nil {
		o = &noOptions
	}
	f := &Fork{x: x, opts: o, relay: relay}
	x.begin(f)
	f.queue = vouchedTargets
	f.advance()
	return f
}

// Empty is the outcome of a fork to no target at all.
func (x *Context) Empty(o *ForkOptions) *Response {
	x.started = true
	r := NewResponse(o.nobody(), CauseEmpty, nil)
	x.consider(r)
	return r
}

// nobody is the code of a fork to no target; o may be nil.
func (o *ForkOptions) nobody() int {
	if o == nil || o.Nobody == 0 {
		return 480
	}
	return o.Nobody
}

// begin enters a fork.
func (x *Context) begin(f *Fork) {
	x.started = true
	x.tries++
	x.edge = f.opts.Edge
	if x.forks == nil {
		x.forks = f.alone[:0]
	}
	x.forks = append(x.forks, f)
	if f.opts.OnResponse != nil {
		x.shown = true
	}
}

// q is a target's preference, or the default if it has none.
func (f *Fork) q(t *Target) float64 {
	if t.Q != 0 {
		return t.Q
	}
	return f.opts.Defaults.Q
}

// vouched represents "no target": never shown, never changed.
var (
	vouched        = &Target{}
	vouchedTargets = []*Target{vouched}
)

// shown is what the router sees as a response's target.
func (t *Target) shown() *Target {
	if t == vouched {
		return nil
	}
	return t
}

// advance starts the next group of targets; without one the fork ends.
func (f *Fork) advance() {
	if f.closed || f.x.over {
		f.untried()
		f.queue = nil
	}
	n := len(f.queue)
	if n == 0 {
		f.finish()
		return
	}
	switch f.opts.Order {
	case Serial:
		n = 1
	case ByQ:
		for n = 1; n < len(f.queue) && f.q(f.queue[n]) == f.q(f.queue[0]); n++ {
		}
	}
	group := f.queue[:n]
	f.queue = f.queue[n:]
	f.group = nil
	f.active += int32(n)
	first := len(f.branches)
	for _, t := range group {
		f.add(t)
	}
	f.share(f.branches[first : first+n])
	for _, b := range f.branches[first : first+n] {
		b.begin()
	}
}

// add makes a branch of a target.
func (f *Fork) add(t *Target) {
	b := &f.first
	if b.fork != nil {
		b = new(Branch)
	}
	b.fork, b.target = f, t
	if len(t.Others) > 0 {
		b.seldom().others = t.Others
	}
	if f.branches == nil {
		f.branches = f.one[:0]
	}
	f.branches = append(f.branches, b)
}

// concluded takes the final non-2xx response of one of the fork's branches.
func (f *Fork) concluded(r *Response) {
	f.consider(r)
	if code := r.Code(); code >= 600 {
		// §16.7 step 5: nobody else is tried any more, and those being tried are cancelled.
		if f.opts.Failover == nil || f.opts.Order == Parallel {
			f.closed = true
		}
		for _, b := range f.branches {
			if !b.done {
				b.cancel(nil)
			}
		}
	}
	if f.active > 0 || f.ended {
		return
	}
	if len(f.queue) > 0 && !f.closed && !f.x.over && f.opts.Failover != nil {
		next, r := false, f.group
		f.x.run(func() { next = f.opts.Failover(r) })
		if !next {
			f.closed = true
		}
	}
	f.advance()
}

// consider keeps r if it is the best so far.
func (f *Fork) consider(r *Response) {
	f.x.consider(r)
	if f.best == nil || rank(r) < rank(f.best) {
		f.best = r
	}
	if f.group == nil || rank(r) < rank(f.group) {
		f.group = r
	}
}

// settled reports whether the outcome is known.
func (f *Fork) settled() bool { return f.won || f.result != nil }

// succeeded ends the fork with a 2xx; r is nil if nobody asked to see it.
func (f *Fork) succeeded(r *Response) {
	f.closed = true
	if !f.settled() { // another 2xx doesn't change the outcome
		f.result = r
		if f.waiter != nil {
			f.x.core.Lane.Wake(f.waiter)
		}
	}
	f.won = true
	if f.active == 0 {
		f.finish()
	}
}

// finish ends the fork: nothing of it is pending.
func (f *Fork) finish() {
	if f.ended {
		return
	}
	f.ended = true
	x := f.x
	f.prior, x.ended = x.ended, f
	best := f.best
	if best == nil && !f.settled() {
		code, cause := f.opts.nobody(), CauseEmpty
		if x.cancelled {
			code, cause = 487, CauseCancelled
		}
		best = NewResponse(code, cause, nil)
		x.consider(best)
	}
	if f.relay && !f.settled() && f.opts.OnFailure != nil {
		x.run(func() { f.opts.OnFailure(best) })
	}
	if i := slices.Index(x.forks, f); i >= 0 {
		x.forks = slices.Delete(x.forks, i, i+1)
	}
	if !f.settled() {
		f.result = best
		if f.waiter != nil {
			x.core.Lane.Wake(f.waiter)
		}
	}
	if x.handling == 0 {
		x.check()
	}
}

// wake gives the waiting script its outcome before the fork itself has ended.
func (f *Fork) wake(r *Response) {
	f.result = r
	f.x.core.Lane.Wake(f.waiter)
}

// Wait lends the lane until the fork has an outcome, and returns it.
func (f *Fork) Wait() *Response {
	x := f.x
	if !f.settled() {
		f.waiter = lane.NewWaiter()
		own := x.Suspend()
		inside := own != nil && !own.yielded
		if inside { // a callback that waits for the outcome must let it come
			x.yield(own)
		}
		x.core.Lane.Park(f.waiter)
		if inside {
			x.unyield(own)
		}
		x.Resume(own)
	}
	if f.result == nil {
		f.result = NewResponse(x.Answered(), "", nil)
	}
	return f.result
}
