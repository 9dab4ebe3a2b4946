// Package dict holds the dictionaries of sip.shared: bounded maps with times to live, shared by all
// lanes of a process. Every call is atomic, and may come from any goroutine. When a bound is
// reached, the least recently used entries are dropped first.
//
// Values are string, float64, bool, []any and map[string]any. They are replaced, never changed:
// whoever puts one in must not change it any more, and whoever gets one must copy it before
// changing it.
package dict

import (
	"hash/maphash"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/sipscript/sipscript/engine/lane"
)

// Set holds the dictionaries by name.
type Set struct {
	mu    sync.Mutex
	dicts map[string]*Dict // guarded by mu
	bytes atomic.Int64     // of all dictionaries
	most  int64

	// Of dictionaries that processes share
	remote Shared             // set once, by Share
	common map[string]*Common // guarded by mu

	// Of durable dictionaries; set once, by Keep.
	keeper  Keeper
	clock   lane.Clock
	log     *slog.Logger
	kept    []*Dict       // guarded by mu
	wake    chan struct{} // something is to be written
	stopped chan struct{} // closed by Close
	ending  sync.Once
	writing sync.WaitGroup
}

// New is a set of no dictionaries.
func New() *Set {
	return &Set{dicts: map[string]*Dict{}, common: map[string]*Common{}, most: sharedBytes}
}

const (
	defaultCapacity = 100_000
	shards          = 16
	// Below this capacity a dictionary has one shard, so that its bound is exact
	smallDict = 1024

	sharedBytes  = 256 << 20 // of all dictionaries together
	defaultBytes = 64 << 20  // of one
	MaxValue     = 1 << 20   // bytes of one value
	MaxDicts     = 1000      // in a set
	entryBytes   = 200       // the size of an entry besides its key and value
)

// Dict is one dictionary. A full shard drops what was used least recently.
type Dict struct {
	Name   string // as scripts call it; it never changes
	all    *Set
	seed   maphash.Seed
	shards []*shard
	bytes  atomic.Int64 // how many its entries may have together

	changed atomic.Pointer[changes] // of a durable one

	mu       sync.Mutex
	capacity int           // guarded by mu
	ttl      time.Duration // guarded by mu: the default, 0 for ever
}

type shard struct {
	mu      sync.Mutex
	bytes   int64                          // of the entries; guarded by mu
	entries *simplelru.LRU[string, *entry] // guarded by mu
	loads   map[string]*Load               // guarded by mu
}

// entry is one value: string, float64, bool, []any or map[string]any. It is replaced, never
// changed.
type entry struct {
	value   any
	expires lane.Time // 0: never
	bytes   int64
}

// SizeOf is about how many bytes a value takes.
func SizeOf(value any) int64 {
	switch x := value.(type) {
	case string:
		return int64(len(x))
	case []any:
		n := int64(24)
		for _, e := range x {
			n += 16 + SizeOf(e)
		}
		return n
	case map[string]any:
		n := int64(48)
		for k, e := range x {
			n += 48 + int64(len(k)) + SizeOf(e)
		}
		return n
	}
	return 8
}

// Load is a key being filled. Others that want it wait.
type Load struct {
	Owner   any // the script that fills it
	waiters []func()
	Value   any    // what the owner filled it with
	Err     string // why the owner could not; "" if it could
}

// Open returns the dictionary of that name, creating it on first use. capacity and ttl of 0 leave
// the current ones unchanged, as does bytes of 0. nil means that there are too many.
func (s *Set) Open(name string, capacity, bytes int, ttl time.Duration, haveTTL bool) *Dict {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.dicts[name]
	if d == nil {
		if capacity == 0 {
			capacity = defaultCapacity
		}
		if len(s.dicts) >= MaxDicts {
			return nil
		}
		d = newDict(name, capacity, s)
		s.dicts[name] = d
	} else if capacity != 0 {
		d.resize(capacity)
	}
	if bytes != 0 {
		d.bytes.Store(int64(bytes))
	}
	if haveTTL {
		d.mu.Lock()
		d.ttl = ttl
		d.mu.Unlock()
	}
	return d
}

// Dicts are the dictionaries, by their names.
func (s *Set) Dicts() []*Dict {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Collect(maps.Values(s.dicts))
	slices.SortFunc(list, func(a, b *Dict) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func newDict(name string, capacity int, all *Set) *Dict {
	d := &Dict{Name: name, all: all, seed: maphash.MakeSeed(), capacity: capacity}
	d.bytes.Store(defaultBytes)
	n := shards
	if capacity < smallDict {
		n = 1
	}
	for range n {
		s := &shard{loads: map[string]*Load{}}
		s.entries, _ = simplelru.NewLRU((capacity+n-1)/n, func(key string, e *entry) {
			d.note(key)
			s.bytes -= e.bytes
			all.bytes.Add(-e.bytes)
		})
		d.shards = append(d.shards, s)
	}
	return d
}

func (d *Dict) resize(capacity int) {
	d.mu.Lock()
	same := d.capacity == capacity
	d.capacity = capacity
	d.mu.Unlock()
	if same {
		return
	}
	for _, s := range d.shards {
		s.mu.Lock()
		s.entries.Resize(max((capacity+len(d.shards)-1)/len(d.shards), 1))
		s.mu.Unlock()
	}
}

func (d *Dict) of(key string) *shard {
	if len(d.shards) == 1 {
		return d.shards[0]
	}
	return d.shards[maphash.String(d.seed, key)%uint64(len(d.shards))]
}

// add stores a value in its shard, and drops what was used least recently while there is too much.
// s.mu is held.
func (d *Dict) add(s *shard, key string, value any, expires lane.Time) {
	e := &entry{value, expires, entryBytes + int64(len(key)) + SizeOf(value)}
	if old, ok := s.entries.Peek(key); ok { // which is replaced without a call
		s.bytes -= old.bytes
		d.all.bytes.Add(-old.bytes)
	}
	s.bytes += e.bytes
	d.all.bytes.Add(e.bytes)
	s.entries.Add(key, e)
	d.note(key)
	most := d.bytes.Load() / int64(len(d.shards))
	for s.entries.Len() > 1 && (s.bytes > most || d.all.bytes.Load() > d.all.most) {
		s.entries.RemoveOldest()
	}
}

// note is called with the lock of the key's shard held.
func (d *Dict) note(key string) {
	if c := d.changed.Load(); c != nil {
		c.note(key)
	}
}

// expiry is when a value set now with that time to live runs out; ttl below 0 means the
// dictionary's default.
func (d *Dict) expiry(now lane.Time, ttl time.Duration) lane.Time {
	if ttl < 0 {
		d.mu.Lock()
		ttl = d.ttl
		d.mu.Unlock()
	}
	if ttl == 0 {
		return 0
	}
	return now.Add(ttl)
}

// live is the entry of key, or nil if there is none or it has expired. s.mu is held.
func (s *shard) live(key string, now lane.Time) *entry {
	e, ok := s.entries.Get(key)
	if !ok {
		return nil
	}
	if e.expires != 0 && now >= e.expires {
		s.entries.Remove(key)
		return nil
	}
	return e
}

// Get is the value of a key that has not expired.
func (d *Dict) Get(key string, now lane.Time) (any, bool) {
	s := d.of(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.live(key, now); e != nil {
		return e.value, true
	}
	return nil, false
}

// Token is what a key held at some moment: see [Dict.Replace]. nil means that it held nothing.
type Token = *entry

// Look is Get, with what Replace needs.
func (d *Dict) Look(key string, now lane.Time) (value any, held Token) {
	s := d.of(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.live(key, now); e != nil {
		return e.value, e
	}
	return nil, nil
}

// Replace stores a value, or removes the key for nil, if the key still holds what Look saw, and
// reports whether it did. With ttl below 0 an existing key keeps its time.
func (d *Dict) Replace(key string, held Token, value any, now lane.Time, ttl time.Duration) bool {
	expires := d.expiry(now, ttl)
	s := d.of(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.live(key, now)
	if e != held {
		return false
	}
	if value == nil {
		s.entries.Remove(key)
		return true
	}
	if e != nil && ttl < 0 {
		expires = e.expires
	}
	d.add(s, key, value, expires)
	return true
}

// When says under which condition put stores.
type When uint8

const (
	Always When = iota
	IfAbsent
	IfPresent
)

// Put stores a value and reports whether it did.
func (d *Dict) Put(key string, value any, now lane.Time, ttl time.Duration, w When) bool {
	expires := d.expiry(now, ttl)
	s := d.of(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if w != Always && (s.live(key, now) != nil) != (w == IfPresent) {
		return false
	}
	d.add(s, key, value, expires)
	return true
}

// Remove takes a key out and reports whether it was there.
func (d *Dict) Remove(key string, now lane.Time) bool {
	s := d.of(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.live(key, now) != nil
	s.entries.Remove(key)
	return was
}

// Incr adds by to a number, or to init if there is none; only then is ttl used. ok is false if the
// value is not a number.
func (d *Dict) Incr(key string, by, init float64, now lane.Time, ttl time.Duration) (n float64, ok bool) {
	expires := d.expiry(now, ttl)
	s := d.of(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.live(key, now)
	if e == nil {
		d.add(s, key, init+by, expires)
		return init + by, true
	}
	n, ok = e.value.(float64)
	if !ok {
		return 0, false
	}
	d.add(s, key, n+by, e.expires)
	return n + by, true
}

// Left is how long key has to live; forever for one that doesn't run out.
func (d *Dict) Left(key string, now lane.Time) (left time.Duration, forever, present bool) {
	s := d.of(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.live(key, now)
	if e == nil {
		return 0, false, false
	}
	return e.expires.Sub(now), e.expires == 0, true
}

// Keys are those that have not expired, in no order.
func (d *Dict) Keys(now lane.Time) []string {
	var keys []string
	for _, s := range d.shards {
		s.mu.Lock()
		for _, key := range s.entries.Keys() {
			if e, ok := s.entries.Peek(key); ok && (e.expires == 0 || now < e.expires) {
				keys = append(keys, key)
			}
		}
		s.mu.Unlock()
	}
	return keys
}

// Flush takes all keys out.
func (d *Dict) Flush() {
	for _, s := range d.shards {
		s.mu.Lock()
		s.entries.Purge()
		s.mu.Unlock()
	}
}
