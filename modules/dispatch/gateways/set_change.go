package gateways

// What operators and scripts change in a set.

import (
	"fmt"
	"slices"
	"time"
)

// Mark sets the mark of a gateway; d is for how long, 0: until another mark. Up ends every mark,
// and what was learned about it. The error is ErrUnknown.
func (s *Set) Mark(uri string, m Mark, d time.Duration) error {
	found := s.view.Load().find(uri)
	if len(found) == 0 {
		return fmt.Errorf("%w: %s", ErrUnknown, uri)
	}
	s.mu.Lock()
	for _, g := range found {
		g.gate.markLocked(m, d)
	}
	s.mu.Unlock()
	s.tell()
	s.keeper.changed()
	return nil
}

// markLocked sets a mark.
func (g *gate) markLocked(m Mark, d time.Duration) {
	now := g.set.now()
	g.until.Store(0)
	if d > 0 {
		g.until.Store(int64(now.Add(d)))
	}
	if m == Down && d == 0 { // what probes find counts from now on
		g.mark.Store(uint32(Up))
		for _, s := range g.spots {
			s.putLocked(false, "marked down")
		}
		return
	}
	g.mark.Store(uint32(m))
	if m == Up {
		for _, s := range g.spots {
			s.putLocked(true, "marked up")
		}
	}
	g.settleLocked("marked " + m.String())
}

// Add adds a gateway, or replaces one that was added. It stays until the process ends, whatever the
// list says.
func (s *Set) Add(e Entry) error {
	if err := e.Check(); err != nil {
		return err
	}
	full := false
	s.change(func() {
		delete(s.removed, e.NextHop)
		s.added = slices.DeleteFunc(s.added, func(x Entry) bool { return x.key() == e.key() })
		if full = len(s.listed)+len(s.added) >= MostGateways; !full {
			s.added = append(s.added, e)
		}
	})
	if full {
		return ErrFull
	}
	return nil
}

// Remove takes a gateway away: one that was added, or one of the list, until it is added again. Its
// calls go on. The error is ErrUnknown.
func (s *Set) Remove(uri string) error {
	found := s.view.Load().find(uri)
	if len(found) == 0 {
		return fmt.Errorf("%w: %s", ErrUnknown, uri)
	}
	s.change(func() {
		for _, g := range found {
			s.added = slices.DeleteFunc(s.added, func(x Entry) bool { return x.NextHop == g.NextHop })
			if slices.ContainsFunc(s.listed, func(x Entry) bool { return x.NextHop == g.NextHop }) {
				s.removed[g.NextHop] = true
			}
		}
	})
	return nil
}
