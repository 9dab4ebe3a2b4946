package luabind

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/sipscript/sipscript/engine/lane"
)

// sip.shared, the Go side: dictionaries that all lanes share and that survive reloads. They belong to the router.

// shared holds the dictionaries by name.
type shared struct {
	mu    sync.Mutex
	dicts map[string]*dict // guarded by mu
	bytes atomic.Int64     // of all dictionaries
	most  int64
}

func newShared() *shared { return &shared{dicts: map[string]*dict{}, most: sharedBytes} }

const (
	defaultCapacity = 100_000
	dictShards      = 16
	smallDict       = 1024 // below this capacity a dictionary has one shard, so that its bound is exact

	sharedBytes  = 256 << 20 // of all dictionaries together
	defaultBytes = 64 << 20  // of one
	maxValue     = 1 << 20   // bytes of one value
	maxDicts     = 1000
	entryBytes   = 200 // what an entry takes beside its key and value
)

// dict is one dictionary. Each shard throws out what was used least recently when it is full.
type dict struct {
	name   string
	all    *shared
	seed   maphash.Seed
	shards []*dictShard
	bytes  atomic.Int64 // how many its entries may have together

	mu       sync.Mutex
	capacity int           // guarded by mu
	ttl      time.Duration // guarded by mu: the default, 0 for ever
}

type dictShard struct {
	mu      sync.Mutex
	bytes   int64                          // of the entries; guarded by mu
	entries *simplelru.LRU[string, *entry] // guarded by mu
	loads   map[string]*load               // guarded by mu
}

// entry is one value: string, float64, bool, []any or map[string]any. It is replaced, never changed.
type entry struct {
	value   any
	expires lane.Time // 0: never
	bytes   int64
}

// sizeOf is about how many bytes a value takes.
func sizeOf(value any) int64 {
	switch x := value.(type) {
	case string:
		return int64(len(x))
	case []any:
		n := int64(24)
		for _, e := range x {
			n += 16 + sizeOf(e)
		}
		return n
	case map[string]any:
		n := int64(48)
		for k, e := range x {
			n += 48 + int64(len(k)) + sizeOf(e)
		}
		return n
	}
	return 8
}

// load is a key being filled. Those who want it meanwhile wait.
type load struct {
	owner   any // the script that fills it
	waiters []func()
	value   any
	err     string
}

// open returns the dictionary of that name, made when it is first asked for. capacity and ttl of 0 leave what is.
// bytes of 0 as well. nil says that there are too many.
func (s *shared) open(name string, capacity, bytes int, ttl time.Duration, haveTTL bool) *dict {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.dicts[name]
	if d == nil {
		if capacity == 0 {
			capacity = defaultCapacity
		}
		if len(s.dicts) >= maxDicts {
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

func newDict(name string, capacity int, all *shared) *dict {
	d := &dict{name: name, all: all, seed: maphash.MakeSeed(), capacity: capacity}
	d.bytes.Store(defaultBytes)
	n := dictShards
	if capacity < smallDict {
		n = 1
	}
	for range n {
		s := &dictShard{loads: map[string]*load{}}
		s.entries, _ = simplelru.NewLRU((capacity+n-1)/n, func(_ string, e *entry) {
			s.bytes -= e.bytes
			all.bytes.Add(-e.bytes)
		})
		d.shards = append(d.shards, s)
	}
	return d
}

func (d *dict) resize(capacity int) {
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

func (d *dict) shard(key string) *dictShard {
	if len(d.shards) == 1 {
		return d.shards[0]
	}
	return d.shards[maphash.String(d.seed, key)%uint64(len(d.shards))]
}

// add stores a value in its shard, and throws out what was used least recently while there is too much. s.mu is held.
func (d *dict) add(s *dictShard, key string, value any, expires lane.Time) {
	e := &entry{value, expires, entryBytes + int64(len(key)) + sizeOf(value)}
	if old, ok := s.entries.Peek(key); ok { // which is replaced without a call
		s.bytes -= old.bytes
		d.all.bytes.Add(-old.bytes)
	}
	s.bytes += e.bytes
	d.all.bytes.Add(e.bytes)
	s.entries.Add(key, e)
	most := d.bytes.Load() / int64(len(d.shards))
	for s.entries.Len() > 1 && (s.bytes > most || d.all.bytes.Load() > d.all.most) {
		s.entries.RemoveOldest()
	}
}

// expiry is when a value set now with that time to live runs out; ttl below 0 means the dictionary's default.
func (d *dict) expiry(now lane.Time, ttl time.Duration) lane.Time {
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

// live is the entry of key, nil when there is none or it ran out. s.mu is held.
func (s *dictShard) live(key string, now lane.Time) *entry {
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

func (d *dict) get(key string, now lane.Time) (any, bool) {
	s := d.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.live(key, now); e != nil {
		return e.value, true
	}
	return nil, false
}

// when says under which condition put stores.
type when uint8

const (
	always when = iota
	ifAbsent
	ifPresent
)

// put stores a value and tells whether it did.
func (d *dict) put(key string, value any, now lane.Time, ttl time.Duration, w when) bool {
	expires := d.expiry(now, ttl)
	s := d.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if w != always && (s.live(key, now) != nil) != (w == ifPresent) {
		return false
	}
	d.add(s, key, value, expires)
	return true
}

func (d *dict) remove(key string, now lane.Time) bool {
	s := d.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.live(key, now) != nil
	s.entries.Remove(key)
	return was
}

// incr adds by to a number, or to init where there is none; only then does ttl count. ok is false when the value is no number.
func (d *dict) incr(key string, by, init float64, now lane.Time, ttl time.Duration) (n float64, ok bool) {
	expires := d.expiry(now, ttl)
	s := d.shard(key)
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

// left is how long key has to live; forever for one that doesn't run out.
func (d *dict) left(key string, now lane.Time) (left time.Duration, forever, present bool) {
	s := d.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.live(key, now)
	if e == nil {
		return 0, false, false
	}
	return e.expires.Sub(now), e.expires == 0, true
}

func (d *dict) keys(now lane.Time) []string {
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

func (d *dict) flush() {
	for _, s := range d.shards {
		s.mu.Lock()
		s.entries.Purge()
		s.mu.Unlock()
	}
}

// want is the value of key, or the load that fills it: mine is true when the caller has to fill it and call finish. wake is called, on any goroutine and
// without locks, when somebody else's load is done.
func (d *dict) want(key string, now lane.Time, owner any, wake func()) (value any, l *load, mine bool) {
	s := d.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.live(key, now); e != nil {
		return e.value, nil, false
	}
	if l := s.loads[key]; l != nil {
		if l.owner != owner {
			l.waiters = append(l.waiters, wake)
		}
		return nil, l, false
	}
	l = &load{owner: owner}
	s.loads[key] = l
	return nil, l, true
}

// finish stores what a load brought, unless that is nil, and wakes those who wait. A value that was set meanwhile is newer than what was loaded and
// stays; it is the outcome of the load then.
func (d *dict) finish(key string, l *load, value any, err string, now lane.Time, ttl time.Duration) {
	expires := d.expiry(now, ttl)
	s := d.shard(key)
	s.mu.Lock()
	l.value, l.err = value, err
	if value != nil {
		if e := s.live(key, now); e != nil {
			l.value = e.value
		} else {
			d.add(s, key, value, expires)
		}
	}
	delete(s.loads, key)
	waiters := l.waiters
	s.mu.Unlock()
	for _, wake := range waiters {
		wake()
	}
}
