package resolver

// This file runs the resolutions that need the DNS: one for all callers with the same query, a
// bounded number at once.

import (
	"context"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/transport"
)

// caller is one Resolve that waits.
type caller struct {
	seed uint64
	done func(peers []transport.Peer, err error)
}

// job is the resolution of one query.
type job struct {
	key     key
	begun   time.Time
	callers []caller // guarded by Resolver.mu until the job is out of Resolver.jobs
}

// enqueue adds a caller to the job of k, which is started, or queued, if there is none.
func (r *Resolver) enqueue(k key, c caller) {
	if err := r.join(k, c); err != nil {
		c.done(nil, &Error{Query: k.String(), Err: err})
	}
}

func (r *Resolver) join(k key, c caller) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return ErrClosed
	case r.waiting >= r.opts.MaxWaiting:
		return ErrBusy
	}
	r.waiting++
	if j := r.jobs[k]; j != nil {
		j.callers = append(j.callers, c)
		return nil
	}
	k.host = strings.Clone(k.host)
	j := &job{key: k, begun: r.opts.Now(), callers: []caller{c}}
	r.jobs[k] = j
	if r.workers >= r.opts.MaxInFlight {
		r.queue = append(r.queue, j)
		return nil
	}
	r.workers++
	r.running.Go(func() { r.work(j) }) // ends when the queue is empty
	return nil
}

// work does a job, and then those waiting in the queue.
func (r *Resolver) work(j *job) {
	for ; j != nil; j = r.nextJob() {
		r.finish(j, r.run(j))
	}
}

// nextJob takes a job from the queue; without one the worker ends.
func (r *Resolver) nextJob() (j *job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		r.queue = nil
		r.workers--
		return nil
	}
	j, r.queue[0] = r.queue[0], nil
	r.queue = r.queue[1:]
	return j
}

// run makes the plan of a job.
func (r *Resolver) run(j *job) *plan {
	now := r.opts.Now()
	left := r.opts.Budget - now.Sub(j.begun)
	if left <= 0 {
		return &plan{err: &Error{Query: j.key.String(), Err: ErrBusy}}
	}
	ctx, cancel := context.WithTimeout(r.ctx, left)
	defer cancel()
	table, kinds := r.hosts.loaded.Load(), r.kinds.Load()
	w := walk{r: r, key: j.key, now: now, ctx: ctx}
	p := w.plan()
	p.hosts, p.kinds = table, kinds
	if r.ctx.Err() != nil {
		return &plan{err: &Error{Query: j.key.String(), Err: ErrClosed}}
	}
	r.plans.Add(j.key, p)
	return p
}

// finish informs the callers.
func (r *Resolver) finish(j *job, p *plan) {
	r.mu.Lock()
	delete(r.jobs, j.key)
	r.waiting -= len(j.callers)
	r.mu.Unlock()
	now := r.opts.Now()
	for _, c := range j.callers {
		c.done(r.choose(p, c.seed, now))
	}
}
