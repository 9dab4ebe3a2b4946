package registrar

// This file says what a registrar asks of the place where bindings are kept.

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

// Bindings is what serving requests takes.
type Bindings interface {
	// Lookup returns the bindings of aor that have not expired at now, sorted as Update was given
	// them; none is not an error.
	Lookup(ctx context.Context, aor string, now time.Time) ([]*Binding, error)

	// Update replaces what is stored for aor by what change makes of it, atomically: no other
	// Update of aor, on any node, comes in between. old holds expired bindings as well, if they are
	// still stored. An error of change is returned as it is, and then nothing is changed; so it is
	// when storing fails. change must not block, and may be called again after a conflict with
	// another node: only its last call counts. When Update returns nil the change is as safe as d
	// asks. change may run on another goroutine, never after Update has returned.
	Update(ctx context.Context, aor string, d Durability, change func(old []*Binding) ([]*Binding, error)) error

	// Waits reports whether Lookup and Update may block (disk, network). One that does not is
	// called on a lane as it is; for one that does, the lane is lent meanwhile. The answers never
	// change.
	Waits() (lookup, update bool)
}

// Durability is how safe a change is when it is answered.
type Durability uint8

const (
	Commit  Durability = iota // it survives the process, killed at once
	Relaxed                   // it may be lost with the process: it is written soon after
)

// Peeker is a Store whose lookups may wait, but not always.
type Peeker interface {
	// Peek is Lookup where the answer is at hand; ok is false where it is not.
	Peek(aor string, now time.Time) (found []*Binding, ok bool)
}

// Served is a Store whose lookups are answered by a copy in memory; the registrar asks that
// directly.
type Served interface {
	Serving() *Memory
}

// Upkeep is what a store needs beside.
type Upkeep interface {
	// Count is how many bindings are stored.
	Count(ctx context.Context) (int, error)

	// Sweep removes what has expired at now and tells gone about each, on the caller's goroutine
	// and without a lock held. Where many nodes share one store, one of them is told.
	Sweep(ctx context.Context, now time.Time, gone func(aor string, b *Binding)) error

	// Close flushes and lets go. Nothing is called after it.
	Close() error
}
