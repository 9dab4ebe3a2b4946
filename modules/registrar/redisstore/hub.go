package redisstore

// This file is for simulations, whose processes share a Redis that reports no changes.

import (
	"slices"
	"sync"
)

// Hub passes on changes among the stores of several simulated processes, at once. The zero value is
// ready; nil is none.
type Hub struct {
	mu     sync.Mutex
	stores []*Store // guarded by mu
}

func (h *Hub) join(s *Store) {
	if h == nil {
		return
	}
	h.mu.Lock()
	h.stores = append(h.stores, s)
	h.mu.Unlock()
}

func (h *Hub) leave(s *Store) {
	if h == nil {
		return
	}
	h.mu.Lock()
	h.stores = slices.DeleteFunc(h.stores, func(x *Store) bool { return x == s })
	h.mu.Unlock()
}

// changed tells all but the one that made it of a change.
func (h *Hub) changed(from *Store, aor string) {
	if h == nil {
		return
	}
	h.mu.Lock()
	others := slices.Clone(h.stores)
	h.mu.Unlock()
	for _, s := range others {
		if s != from {
			s.cache.changed(aor)
			s.tell(aor)
		}
	}
}
