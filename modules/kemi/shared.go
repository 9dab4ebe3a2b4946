package kemi

// What all lanes share: $shv, hash tables, and the counts of pike. It survives reloads.

import (
	"net/netip"
	"regexp"
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
	// looks is how many entries of a full map are looked at for one that is over: whoever fills it
	// must not have each packet walk through all of it.
	looks = 64
)

// shared has a lock for the names, one for each table and one for the addresses, none of them held
// for longer than a look-up in a map.
type shared struct {
	mu     sync.Mutex
	vars   map[string]pv.Value // guarded by mu
	tables map[string]*htable  // guarded by mu; what they have is not
	pike   sources
	// The requests that wait for t_continue
	suspended suspensions
}

// sources are the addresses that pike counts.
type sources struct {
	mu   sync.Mutex
	hits map[netip.Addr]*hits // guarded by mu
	most int
}

// htable is one hash table. mu guards its entries.
type htable struct {
	mu      sync.Mutex
	entries map[string]entry
	most    int
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
	return &shared{vars: map[string]pv.Value{}, tables: map[string]*htable{}, pike: sources{hits: map[netip.Addr]*hits{}, most: maxSources}}
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
	t := &htable{entries: map[string]entry{}, most: maxEntries}
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
	t := s.table(c, name)
	s.mu.Unlock()
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f(t)
	return true
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
	if _, there := t.entries[key]; !there && !room(t.entries, t.most, func(e entry) bool { return e.over(now) }) {
		return false
	}
	e := entry{value: v, ttl: ttl}
	if ttl > 0 {
		e.until = now.Add(ttl)
	}
	t.entries[key] = e
	return true
}

// room reports whether one more fits into a map of at most most entries. Of a full one a few are
// looked at, which Go chooses at random, and those that are over leave it.
func room[K comparable, V any](m map[K]V, most int, over func(V) bool) bool {
	if len(m) < most {
		return true
	}
	n := 0
	for k, v := range m {
		if over(v) {
			delete(m, k)
		}
		if n++; n == looks {
			break
		}
	}
	return len(m) < most
}

// comparison is what op compares a name or a value with want by; ok is false for an op that there
// is not, and for a regular expression that is none. It is made once for all entries.
func comparison(op, want string) (compare func(string) bool, ok bool) {
	switch op {
	case "eq":
		return func(s string) bool { return s == want }, true
	case "ne":
		return func(s string) bool { return s != want }, true
	case "sw":
		return func(s string) bool { return strings.HasPrefix(s, want) }, true
	case "re":
		re, err := regexp.Compile(want)
		if err != nil {
			return nil, false
		}
		return re.MatchString, true
	}
	return nil, false
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
func (s *sources) hit(a netip.Addr, r pikeRule, now time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hits[a]
	if h == nil {
		if !room(s.hits, s.most, func(old *hits) bool { return now.Sub(old.since) > 2*r.unit }) {
			return 1
		}
		h = &hits{since: now}
		s.hits[a] = h
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
