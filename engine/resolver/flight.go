package resolver

// This file keeps answers, and makes sure that a question is on the wire only once, however many
// ask (single flight).

import (
	"context"
	"time"

	"github.com/miekg/dns"
)

// flight is a question on its way, or answered.
type flight struct {
	question question
	done     chan struct{} // closed when answer is set
	answer   *answer
}

// answered is a flight that has landed.
func (r *Resolver) answered(q question, a *answer) *flight {
	return &flight{question: q, done: r.landed, answer: a}
}

// cached is the answer to q if there is a valid one, or nil.
func (r *Resolver) cached(q question, now time.Time) *answer {
	if !q.raw && (q.qtype == dns.TypeA || q.qtype == dns.TypeAAAA) {
		if a := r.known(q, now); a != nil {
			return a
		}
	}
	if a, ok := r.answers.Get(q); ok && now.Before(a.expires) {
		return a
	}
	return nil
}

// known is the answer when the name needs no DNS.
func (r *Resolver) known(q question, now time.Time) *answer {
	addrs, ok := r.hosts.find(q.name)
	if !ok {
		return nil
	}
	a := &answer{expires: now.Add(hostsLook)}
	for _, addr := range addrs {
		if addr.Is4() == (q.qtype == dns.TypeA) {
			a.addrs = append(a.addrs, addr)
		}
	}
	if len(a.addrs) == 0 {
		a.err = errNoRecords
	}
	return a
}

// launch finds the answer to q, or sends the question. The caller is a goroutine of the resolver,
// so that Close waits for what is begun here.
func (r *Resolver) launch(q question) *flight {
	now := r.opts.Now()
	if a := r.cached(q, now); a != nil {
		return r.answered(q, a)
	}
	r.flightsMu.Lock()
	defer r.flightsMu.Unlock()
	if f := r.flights[q]; f != nil {
		return f
	}
	if a := r.cached(q, now); a != nil { // landed meanwhile
		return r.answered(q, a)
	}
	f := &flight{question: q, done: make(chan struct{})}
	r.flights[q] = f
	r.running.Go(func() { r.fly(f) }) // ends within Options.Budget, or with Close
	return f
}

// fly brings the answer to a question.
func (r *Resolver) fly(f *flight) {
	ctx, cancel := context.WithTimeout(r.ctx, r.opts.Budget)
	defer cancel()
	a := r.fetch(ctx, f.question)
	if r.ctx.Err() == nil {
		r.answers.Add(f.question, a)
	}
	f.answer = a
	r.flightsMu.Lock()
	delete(r.flights, f.question)
	r.flightsMu.Unlock()
	close(f.done)
}

// fetch asks the servers, as often as aliases lead on (each message advances along the chain by at
// least one step, and the chain is bounded).
func (r *Resolver) fetch(ctx context.Context, q question) *answer {
	state := reading{name: q.name, ttl: 1<<31 - 1, raw: q.raw}
	for done := false; !done; {
		in, err := r.inTurn(ctx, question{name: state.name, qtype: q.qtype})
		if err != nil {
			state.answer.err = err
			break
		}
		done = state.read(in, q.qtype)
	}
	a := &state.answer
	a.expires = r.opts.Now().Add(r.lifetime(a, state.ttl))
	return a
}

// inTurn asks once there are fewer than Options.MaxInFlight questions on the wire.
func (r *Resolver) inTurn(ctx context.Context, q question) (*dns.Msg, error) {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
		return r.query(ctx, q)
	case <-ctx.Done():
		return nil, errTimeout
	}
}

// lifetime is how long an answer is kept, given the time to live in seconds of its records.
func (r *Resolver) lifetime(a *answer, ttl uint32) time.Duration {
	d := max(time.Duration(ttl)*time.Second, r.opts.MinTTL)
	switch {
	case a.err == nil:
		return min(d, r.opts.MaxTTL)
	case a.absent():
		return min(d, r.opts.NegativeTTL)
	}
	return r.opts.FailureTTL
}
