// Package limits counts calls by keys, several at a time: all keys of a call are checked and
// counted in one step, or none.
package limits

import (
	"slices"
	"sync"
)

// Limit is how many calls may have a key at the same time.
type Limit struct {
	Key  string // what calls have in common
	Most int    // how many
}

// Table has the counts. The zero value is empty; it is safe for concurrent use.
type Table struct {
	mu     sync.Mutex
	counts map[string]*count // guarded by mu
	spare  []*count          // guarded by mu: of keys that nobody holds any more
}

// mostSpare bounds what is kept of keys that come and go.
const mostSpare = 256

// count is that of one key; it is in the table as long as somebody has it.
type count struct {
	key string
	n   int // guarded by Table.mu
}

// Slots are what a call has of keys. They belong to the call, whose owner has one goroutine at a
// time use them. The zero value is none.
type Slots struct{ of []*count }

// Take has a call hold the keys of the limits, in addition to those that it holds. If one of them
// is full nothing changes, and full is its key; a key that the call holds already is not counted
// again. beyond: they are counted however full they are, for a call that is there already.
func (t *Table) Take(s *Slots, limits []Limit, beyond bool) (full string, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]*count{}
	}
	for _, l := range limits {
		if c := t.counts[l.Key]; !beyond && !s.has(l.Key) && (c == nil && l.Most < 1 || c != nil && c.n >= l.Most) {
			return l.Key, false
		}
	}
	if s.of == nil && len(limits) > 0 {
		s.of = make([]*count, 0, len(limits))
	}
	for _, l := range limits {
		if s.has(l.Key) {
			continue
		}
		c := t.counts[l.Key]
		if c == nil {
			c = t.fresh(l.Key)
			t.counts[l.Key] = c
		}
		c.n++
		s.of = append(s.of, c)
	}
	return "", true
}

// fresh is the count of a key that nobody holds yet. t.mu is held.
func (t *Table) fresh(key string) *count {
	n := len(t.spare)
	if n == 0 {
		return &count{key: key}
	}
	c := t.spare[n-1]
	t.spare = t.spare[:n-1]
	c.key = key
	return c
}

// Give gives back all that a call holds; again, it does nothing.
func (t *Table) Give(s *Slots) { t.GiveFrom(s, 0) }

// GiveFrom gives back what a call took after the first n.
func (t *Table) GiveFrom(s *Slots, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, c := range s.of[n:] {
		s.of[n+i] = nil
		if c.n--; c.n > 0 {
			continue
		}
		delete(t.counts, c.key)
		if c.key = ""; len(t.spare) < mostSpare {
			t.spare = append(t.spare, c)
		}
	}
	if s.of = s.of[:n]; n == 0 {
		s.of = nil
	}
}

// Len is how many keys a call holds.
func (s *Slots) Len() int { return len(s.of) }

// Count is how many calls hold a key.
func (t *Table) Count(key string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.counts[key]; c != nil {
		return c.n
	}
	return 0
}

// Keys is how many keys are held.
func (t *Table) Keys() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.counts)
}

func (s *Slots) has(key string) bool {
	return slices.ContainsFunc(s.of, func(c *count) bool { return c.key == key })
}

// Keys are those that the call holds, in the order in which it took them.
func (s *Slots) Keys() []string {
	if len(s.of) == 0 {
		return nil
	}
	list := make([]string, len(s.of))
	for i, c := range s.of {
		list[i] = c.key
	}
	return list
}

// Has reports whether the call holds a key.
func (s *Slots) Has(key string) bool { return s.has(key) }
