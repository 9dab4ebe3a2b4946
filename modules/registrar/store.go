package registrar

// This file says what a registrar requires of a store of bindings.

import (
	"context"
	"time"
)

// Store keeps bindings, by address-of-record in canonical form. All methods are safe for concurrent
// use and end early with an error when their context ends. Times are the time of day. A returned
// slice or binding is never changed by either side.
type Store interface {
	Bindings
	Upkeep
}

// Bindings is what serving requests requires.
type Bindings interface {
	// Lookup returns the bindings of aor that have not expired at now, sorted as they were given to
	// Update; an empty list is not an error.
	Lookup(ctx context.Context, aor string, now time.Time) ([]*Binding, error)

	// Update replaces what is stored for aor by the result of change, atomically: no other Update
	// of aor, on any node, comes in between. old includes expired bindings, if they are still
	// stored. An error of change is returned unchanged, and then nothing is changed; the same
	// applies if storing fails. change must not block, and may be called again after a conflict
	// with another node: only its last call takes effect. When Update returns nil the change is as
	// safe as d requires. change may run on another goroutine, but never after Update has returned.
	Update(ctx context.Context, aor string, d Durability, change func(old []*Binding) ([]*Binding, error)) error

	// Waits reports whether Lookup and Update may block (disk, network). One that does not is
	// called on a lane as it is; for one that does, the lane is lent meanwhile. The answers never
	// change.
	Waits() (lookup, update bool)
}

// Durability is how safe a change is when it is answered.
type Durability string

const (
	Commit  Durability = "commit"  // it survives the process, killed at once
	Relaxed Durability = "relaxed" // it may be lost with the process: it is written soon after
)

// Peeker is a Store whose lookups may wait, but not always.
type Peeker interface {
	// Peek is Lookup if the answer is at hand; ok is false if it is not.
	Peek(aor string, now time.Time) (found []*Binding, ok bool)
}

// Served is a Store whose lookups are answered by a copy in memory; the registrar asks that
// directly.
type Served interface {
	Serving() *Memory
}

// Upkeep is what a store needs in addition.
type Upkeep interface {
	// Count is how many bindings are stored.
	Count(ctx context.Context) (int, error)

	// Sweep removes what has expired at now and reports each binding to gone, on the caller's
	// goroutine and without a lock held. If several nodes share one store, one of them gets the
	// report.
	Sweep(ctx context.Context, now time.Time, gone func(aor string, b *Binding)) error

	// Close flushes and lets go. Nothing is called after it.
	Close() error
}
