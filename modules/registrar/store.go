package registrar

// This file says what a registrar asks of the place where bindings are kept.

import (
	"context"
	"time"
)

// Store keeps bindings, by address-of-record in canonical form. All methods are safe for concurrent use and end early
// with an error when their context ends. Times are the time of day. A returned slice or binding is never changed by
// either side.
type Store interface {
	Bindings
	Upkeep
}

// Bindings is what serving requests takes.
type Bindings interface {
	// Lookup returns the bindings of aor that have not expired at now, sorted as Update was given them; none is no error.
	Lookup(ctx context.Context, aor string, now time.Time) ([]*Binding, error)

	// Update replaces what is stored for aor by what change makes of it, atomically: no other Update of aor, on any node,
	// comes in between. old holds expired bindings as well, if they are still stored. An error of change is returned as it
	// is, and then nothing is changed; so it is when storing fails. change must not block, and may be called again after
	// a conflict with another node: only its last call counts.
	Update(ctx context.Context, aor string, change func(old []*Binding) ([]*Binding, error)) error

	// Waits tells whether Lookup and Update may block (disk, network). Those of a store that does not wait are called on
	// a lane as they are; for one that does, the lane is lent meanwhile. The answer never changes.
	Waits() bool
}

// Upkeep is what a store needs beside.
type Upkeep interface {
	// Count is how many bindings are stored.
	Count(ctx context.Context) (int, error)

	// Sweep removes what has expired at now and tells gone about each, without a lock held. Where many nodes share one
	// store, one of them is told.
	Sweep(ctx context.Context, now time.Time, gone func(aor string, b *Binding)) error

	// Close flushes and lets go. Nothing is called after it.
	Close() error
}
