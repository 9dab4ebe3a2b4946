package kemi

// What all lanes share: $shv, hash tables, and the counts of pike. It survives reloads.

import (
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sipscript/sipscript/modules/kemi/cfg"
	"github.com/sipscript/sipscript/modules/kemi/pv"
)

// Bounds of what is kept.
const (
	maxTables  = 64
	maxEntries = 1 << 20 // of a table
	maxShared  = 1 << 16 // variables
	maxSources = 1 << 17 // addresses that pike counts
)

// shared is guarded by mu: it is held for a look-up in a map.
type shared struct {
	mu     sync.Mutex
	vars   map[string]pv.Value
	tables map[string]*htable
	pike   map[netip.Addr]*hits
}

// htable is one hash table.
type htable struct {
	entries map[string]entry
	ttl     time.Duration // 0: for ever
	initial pv.Value
}

type entry struct {
	value pv.Value
	until time.Time // zero: for ever
	ttl   time.Duration
}

func (e entry) over(now time.Time) bool { return !e.until.IsZero() && now.After(e.until) }

func newShared() *shared {
	return &shared{vars: map[string]pv.Value{}, tables: map[string]*htable{}, pike: map[netip.Addr]*hits{}}
}

func (s *shared) variable(name string) pv.Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.vars[name]; ok {
		return v
	}
	return pv.Num(0)
}

func (s *shared) setVariable(name string, v pv.Value) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.vars[name]; there || len(s.vars) < maxShared {
		s.vars[name] = v
	}
}

// table is the table of a name, nil if there is none. Without a configuration there is one of
// every name; with one, those that it defines. s.mu is held.
func (s *shared) table(c *cfg.Config, name string) *htable {
	if t := s.tables[name]; t != nil {
		return t
	}
	t := &htable{entries: map[string]entry{}}
	if c != nil {
		def, ok := c.Tables()[name]
		if !ok {
			return nil
		}
		if n, err := strconv.Atoi(def["autoexpire"]); err == nil {
			t.ttl = time.Duration(n) * time.Second
		}
		if v, ok := def["initval"]; ok {
			if n, err := strconv.ParseInt(v, 10, 64); err == nil {
				t.initial = pv.Num(n)
			} else {
				t.initial = pv.Str(v)
			}
		}
	}
	if len(s.tables) >= maxTables {
		return nil
	}
	s.tables[name] = t
	return t
}

// in calls f with a table; false if there is none.
func (s *shared) in(c *cfg.Config, name string, f func(t *htable)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table(c, name)
	if t != nil {
		f(t)
	}
	return t != nil
}

func (s *shared) get(c *cfg.Config, name, key string, now time.Time) (v pv.Value) {
	s.in(c, name, func(t *htable) { v = t.get(key, now) })
	return v
}

func (t *htable) get(key string, now time.Time) pv.Value {
	if e, ok := t.entries[key]; ok && !e.over(now) {
		return e.value
	}
	return t.initial
}

// set sets an entry; Null removes it.
func (s *shared) set(c *cfg.Config, name, key string, v pv.Value, now time.Time) (ok bool) {
	return s.in(c, name, func(t *htable) { ok = t.set(key, v, t.ttl, now) }) && ok
}

func (t *htable) set(key string, v pv.Value, ttl time.Duration, now time.Time) bool {
	if v.Kind == pv.Null {
		delete(t.entries, key)
		return true
	}
	if _, there := t.entries[key]; !there && len(t.entries) >= maxEntries {
		for k, e := range t.entries {
			if e.over(now) {
				delete(t.entries, k)
			}
		}
		if len(t.entries) >= maxEntries {
			return false
		}
	}
	e := entry{value: v, ttl: ttl}
	if ttl > 0 {
		e.until = now.Add(ttl)
	}
	t.entries[key] = e
	return true
}

// matches reports whether an entry's name compares as op says.
func matches(op, name, want string) (hit, known bool) {
	switch op {
	case "eq":
		return name == want, true
	case "ne":
		return name != want, true
	case "sw":
		return strings.HasPrefix(name, want), true
	case "re":
		re, err := expression(want)
		return err == nil && re.MatchString(name), err == nil
	}
	return false, false
}

// hits are those of one address.
type hits struct {
	since time.Time
	count int
	hot   bool
}

// pikeRule is how many requests are too many.
type pikeRule struct {
	unit    time.Duration
	density int
}

// hit counts a request: 1, -2 for the one that crosses the limit, then -1.
func (s *shared) hit(a netip.Addr, r pikeRule, now time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.pike[a]
	if h == nil {
		if len(s.pike) >= maxSources {
			for b, old := range s.pike {
				if now.Sub(old.since) > 2*r.unit {
					delete(s.pike, b)
				}
			}
			if len(s.pike) >= maxSources {
				return 1
			}
		}
		h = &hits{since: now}
		s.pike[a] = h
	}
	if passed := now.Sub(h.since); passed >= r.unit {
		h.hot = h.count > r.density && passed < 2*r.unit
		h.since, h.count = now, 0
	}
	h.count++
	switch {
	case h.hot:
		return -1
	case h.count > r.density:
		h.hot = true
		return -2
	}
	return 1
}
