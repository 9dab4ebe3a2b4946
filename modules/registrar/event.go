package registrar

// This file is what the registrar reports about changes: events, and those who wait for a binding
// to appear.

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Kind is what happened to a binding.
type Kind uint8

const (
	Bound     Kind = iota + 1 // a new binding
	Refreshed                 // registered again before it ended
	Expired                   // ended, unless it was removed before
	Removed                   // by its UA, or by Remove
)

// String is the event's name for scripts: "registrar.bound".
func (k Kind) String() string {
	return [...]string{"", "registrar.bound", "registrar.refreshed", "registrar.expired", "registrar.removed"}[k]
}

// Event is one change that was stored. Binding is the new one if there is one, otherwise the one
// that is gone.
type Event struct {
	Kind    Kind   // what happened
	AOR     string // the address of record in its canonical form, "sip:bob@example.com"
	Binding *Binding
	Forced  bool // Removed by Remove, not by the UA
}

// changes are the effects of an update, reported once it is stored.
type changes struct {
	list   []change
	room   [4]change
	forced bool // Remove's
}

type change struct {
	kind Kind
	b    *Binding
	old  *Binding // refreshed: the binding it replaced
}

func (c *changes) reset() { c.list = c.room[:0] }

func (c *changes) add(k Kind, b *Binding) { c.list = append(c.list, change{kind: k, b: b}) }

func (c *changes) find(b *Binding) int {
	for i := range c.list {
		if c.list[i].b == b {
			return i
		}
	}
	return -1
}

// has reports whether b was made by this very update.
func (c *changes) has(b *Binding) bool { return c.find(b) >= 0 }

// remove records that b is removed. If the update itself had made it, only the binding it replaced
// is gone.
func (c *changes) remove(b *Binding) {
	i := c.find(b)
	switch {
	case i < 0:
		c.add(Removed, b)
	case c.list[i].kind == Refreshed:
		c.list[i] = change{kind: Removed, b: c.list[i].old}
	default:
		c.list = append(c.list[:i], c.list[i+1:]...)
	}
}

// refresh records that now replaces b.
func (c *changes) refresh(b, now *Binding) {
	if i := c.find(b); i >= 0 {
		c.list[i].b = now
		return
	}
	c.list = append(c.list, change{kind: Refreshed, b: now, old: b})
}

func (c *changes) count(k Kind) int {
	n := 0
	for _, e := range c.list {
		if e.kind == k {
			n++
		}
	}
	return n
}

// tell counts the changes of an update, reports them, and wakes those who wait for a binding of
// aor.
func (s *service) tell(aor string, done *changes) {
	appeared := false
	for _, e := range done.list {
		s.figures.change(e.kind)
		appeared = appeared || e.kind == Bound || e.kind == Refreshed
		s.emit(Event{Kind: e.kind, AOR: aor, Binding: e.b, Forced: done.forced && e.kind == Removed})
	}
	if appeared {
		s.waiters.wake(aor)
	}
}

func (s *service) emit(e Event) {
	s.notify(&e)
	s.followers.tell(&e)
	s.script.Emit(e)
	if s.event != nil {
		s.event(e)
	}
}

// followers see every change; the list itself never changes, but is replaced.
type followers struct {
	mu  sync.Mutex
	all atomic.Pointer[[]*follower]
}

type follower struct{ f func(*Event) }

func (s *followers) tell(e *Event) {
	if all := s.all.Load(); all != nil {
		for _, o := range *all {
			o.f(e)
		}
	}
}

func (s *followers) change(edit func([]*follower) []*follower) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*follower
	if old := s.all.Load(); old != nil {
		list = slices.Clone(*old)
	}
	list = edit(list)
	s.all.Store(&list)
}

// Follow calls f with each change that is made in this process, on whatever goroutine, until stop
// is called. f must not block or keep the event; the binding in it never changes.
func (r *Registrar) Follow(f func(*Event)) (stop func()) {
	o := &follower{f}
	r.followers.change(func(l []*follower) []*follower { return append(l, o) })
	return func() {
		r.followers.change(func(l []*follower) []*follower {
			return slices.DeleteFunc(l, func(p *follower) bool { return p == o })
		})
	}
}

// FollowElsewhere calls f for each change that another process has made in the store, with the
// address, or "" where any may have changed, on whatever goroutine, until stop is called. f must
// not block.
func (r *Registrar) FollowElsewhere(f func(aor string)) (stop func()) {
	o := &distant{f}
	r.distants.Store(o, struct{}{})
	return func() { r.distants.Delete(o) }
}

// distant is who follows the changes of other processes.
type distant struct{ f func(aor string) }

// tellElsewhere tells them.
func (s *service) tellElsewhere(aor string) {
	s.distants.Range(func(o, _ any) bool {
		o.(*distant).f(aor)
		return true
	})
}

// waiters are those who wait for a binding to appear.
type waiters struct {
	// How many there are: registrations pay for the lock only if somebody waits
	any   atomic.Int64
	mu    sync.Mutex
	byAOR map[string]map[*watch]struct{} // guarded by mu
}

type watch struct{ f func() }

// Watch calls f, on whatever goroutine, each time a binding of the canonical address-of-record aor
// was made or refreshed in this process, until stop is called. f must not block, and may still be
// called once while stop is.
func (r *Registrar) Watch(aor string, f func()) (stop func()) {
	s, w := &r.waiters, &watch{f}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byAOR == nil {
		s.byAOR = make(map[string]map[*watch]struct{})
	}
	if s.byAOR[aor] == nil {
		s.byAOR[aor] = make(map[*watch]struct{})
	}
	s.byAOR[aor][w] = struct{}{}
	s.any.Add(1)
	return func() { s.drop(aor, w) }
}

func (s *waiters) drop(aor string, w *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.byAOR[aor][w]; !ok {
		return
	}
	s.any.Add(-1)
	delete(s.byAOR[aor], w)
	if len(s.byAOR[aor]) == 0 {
		delete(s.byAOR, aor)
	}
}

func (s *waiters) wake(aor string) {
	if s.any.Load() == 0 {
		return
	}
	s.mu.Lock()
	list := make([]func(), 0, len(s.byAOR[aor]))
	for w := range s.byAOR[aor] {
		list = append(list, w.f)
	}
	s.mu.Unlock()
	for _, f := range list {
		f()
	}
}

// wakeAll wakes everybody: what they wait for may have arrived.
func (s *waiters) wakeAll() {
	s.mu.Lock()
	all := make([]string, 0, len(s.byAOR))
	for aor := range s.byAOR {
		all = append(all, aor)
	}
	s.mu.Unlock()
	for _, aor := range all {
		s.wake(aor)
	}
}
