package resolver

// This file is lookups of records that say nothing about where to send a request.

import (
	"context"
	"sync/atomic"

	"github.com/miekg/dns"
)

// recordCounts are how often Records was answered from what was kept, and how often not.
type recordCounts struct{ kept, asked atomic.Uint64 }

// Stats are the figures of a Resolver.
type Stats struct {
	RecordsKept  uint64 // calls of Records that were answered from what was kept
	RecordsAsked uint64 // those that had to wait for a server
}

// Stats reads the figures.
func (r *Resolver) Stats() Stats {
	return Stats{RecordsKept: r.records.kept.Load(), RecordsAsked: r.records.asked.Load()}
}

// Records are the records of a name, as they are, along its aliases: at most 256. They are asked
// for once, however many want them, and kept as long as they live, within the bounds of Options. It
// waits, and must not be called on a lane. The list is shared: it must not be changed. Without a
// record the error is an [*Error]: ErrNotFound, ErrFailed or ErrClosed.
func (r *Resolver) Records(ctx context.Context, name string, qtype uint16) ([]dns.RR, error) {
	fail := func(why error) ([]dns.RR, error) {
		e := &Error{Query: dns.TypeToString[qtype] + " " + name, Err: ErrFailed}
		switch why {
		case errNoName, errNoRecords:
			e.Err = ErrNotFound
		case ErrClosed:
			e.Err = ErrClosed
		}
		if e.Err != ErrClosed {
			e.Trail = []string{why.Error()}
		}
		return nil, e
	}
	text, ok := canonical(name)
	if !ok {
		return fail(errNoName)
	}
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return fail(ErrClosed)
	}
	r.running.Add(1) // Close waits
	r.mu.Unlock()
	f := r.launch(question{name: text, qtype: qtype, raw: true})
	r.running.Done()
	if f.done == r.landed {
		r.records.kept.Add(1)
	} else {
		r.records.asked.Add(1)
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return fail(ctx.Err())
	}
	if f.answer.err != nil {
		return fail(f.answer.err)
	}
	return f.answer.records, nil
}
