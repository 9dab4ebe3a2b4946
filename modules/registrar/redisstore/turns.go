package redisstore

// This file lets the changes of one address within this process take turns.

import (
	"context"
	"hash/maphash"
)

// turns are locks that addresses share by chance, each a channel of capacity 1, so that a wait can
// end with its context.
type turns struct {
	seed  maphash.Seed
	locks [256]chan struct{}
}

func newTurns() turns {
	t := turns{seed: maphash.MakeSeed()}
	for i := range t.locks {
		t.locks[i] = make(chan struct{}, 1)
	}
	return t
}

func (t *turns) of(aor string) chan struct{} {
	return t.locks[maphash.String(t.seed, aor)%uint64(len(t.locks))]
}

func (t *turns) take(ctx context.Context, aor string) error {
	select {
	case t.of(aor) <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *turns) give(aor string) { <-t.of(aor) }
