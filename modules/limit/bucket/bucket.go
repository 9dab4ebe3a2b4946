// Package bucket counts what happens by key: token buckets and windows, a million of them in
// bounded memory.
//
// A [Table] is cut into sets of a dozen keys, each with a lock of its own: two callers wait for
// each other only if their keys share a set. When a set is full, the key goes that matters least:
// one that is as good as new, or else the one that will be so first.
package bucket

import (
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	ways       = 12
	shardBits  = 6
	keysPerSet = 8 // on average, when the table is full: few sets have more than their ways
)

// Key is a hash of whatever is counted: see [Table.Key].
type Key uint64

// Table is counters by key. Its memory is taken as keys arrive. It is safe for concurrent use.
type Table struct {
	seed   maphash.Seed
	mask   uint64 // of the sets of a shard
	shards [1 << shardBits]atomic.Pointer[[]set]
	making sync.Mutex
	keys   atomic.Int64
	lost   atomic.Uint64
}

// set is a few keys.
type set struct {
	mu    sync.Mutex
	slots [ways]slot // guarded by mu
}

// slot is one counter. Of a bucket, at is when it will be full again (the theoretical arrival time
// of the generic cell rate algorithm); of a window when it ends. Before that time it matters.
type slot struct {
	key     Key
	at      int64
	count   uint32 // of a window
	pending uint32 // what was counted and has not been shared
}

// New makes a table for about n keys.
func New(n int) *Table {
	sets := 1
	for sets<<shardBits*keysPerSet < n {
		sets *= 2
	}
	return &Table{seed: maphash.MakeSeed(), mask: uint64(sets - 1)}
}

// Key is the key of a text. Tables have different keys, which nobody outside can foresee.
func (t *Table) Key(text string, more ...uint64) Key {
	h := maphash.String(t.seed, text)
	for _, x := range more {
		h = mix(h ^ x)
	}
	if h == 0 {
		h = 1 // 0 is a free slot
	}
	return Key(h)
}

// mix spreads the bits of a number (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// KeyOf is the key of bytes.
func (t *Table) KeyOf(b []byte) Key { return Key(max(1, maphash.Bytes(t.seed, b))) }

func (t *Table) lock(k Key) *set {
	shard := &t.shards[k>>(64-shardBits)]
	sets := shard.Load()
	if sets == nil {
		t.making.Lock()
		if sets = shard.Load(); sets == nil {
			fresh := make([]set, t.mask+1)
			sets = &fresh
			shard.Store(sets)
		}
		t.making.Unlock()
	}
	s := &(*sets)[uint64(k)&t.mask]
	s.mu.Lock()
	return s
}

// find is the slot of a key, or nil. s.mu is held.
func (s *set) find(k Key) *slot {
	for i := range s.slots {
		if s.slots[i].key == k {
			return &s.slots[i]
		}
	}
	return nil
}

// enter is the slot of a key, which may be that of another before. s.mu is held.
func (t *Table) enter(s *set, k Key, now int64) *slot {
	if x := s.find(k); x != nil {
		return x
	}
	least := &s.slots[0]
	for i := range s.slots {
		x := &s.slots[i]
		if x.key == 0 {
			least = x
			break
		}
		if x.at < least.at {
			least = x
		}
	}
	switch {
	case least.key == 0:
		t.keys.Add(1)
	case least.at > now:
		t.lost.Add(1)
	}
	*least = slot{key: k}
	return least
}

// Rate is a token bucket: it is filled by one token every Interval, and holds Burst.
type Rate struct {
	Interval time.Duration
	Burst    int
}

// RateOf is the bucket for n in each per, which holds burst, or n if that is 0.
func RateOf(n float64, per time.Duration, burst int) Rate {
	if burst <= 0 {
		burst = max(1, int(n))
	}
	return Rate{Interval: max(1, time.Duration(float64(per)/n)), Burst: burst}
}

// depth is how long an empty bucket takes to be filled.
func (r *Rate) depth() int64 {
	if d := float64(r.Interval) * float64(r.Burst); d < math.MaxInt64/4 {
		return int64(d)
	}
	return math.MaxInt64 / 4
}

// Result of counting.
type Result struct {
	OK    bool          // it was counted, and is within the limit
	Retry time.Duration // if not: after how long it would be
	First bool          // the first that is pending
}

// Take takes a token at now, in nanoseconds of a clock that is not set back, if there is one.
func (t *Table) Take(k Key, r Rate, now int64) Result {
	s := t.lock(k)
	defer s.mu.Unlock()
	x := t.enter(s, k, now)
	depth := r.depth()
	at := max(x.at, now)
	if at+int64(r.Interval) > now+depth {
		x.at = at
		return Result{Retry: time.Duration(at + int64(r.Interval) - now - depth)}
	}
	x.at = at + int64(r.Interval)
	x.pending++
	return Result{OK: true, First: x.pending == 1}
}

// Count counts one in a window of per, which begins with the first, if there are fewer than n.
func (t *Table) Count(k Key, n int, per time.Duration, now int64) Result {
	s := t.lock(k)
	defer s.mu.Unlock()
	x := t.enter(s, k, now)
	if x.at <= now || x.at > now+int64(per) { // over, or the clock was set back
		x.at, x.count, x.pending = now+int64(per), 0, 0
	}
	if int64(x.count) >= int64(n) {
		return Result{Retry: time.Duration(x.at - now)}
	}
	x.count++
	x.pending++
	return Result{OK: true, First: x.pending == 1}
}

// Pending takes what was counted and has not been shared.
func (t *Table) Pending(k Key) (n int) {
	s := t.lock(k)
	defer s.mu.Unlock()
	x := s.find(k)
	if x == nil {
		return 0
	}
	n, x.pending = int(x.pending), 0
	return n
}

// Return gives back what could not be shared. It reports whether nothing was pending.
func (t *Table) Return(k Key, n int) (first bool) {
	s := t.lock(k)
	defer s.mu.Unlock()
	x := s.find(k)
	if x == nil || n == 0 {
		return false
	}
	first = x.pending == 0
	x.pending += uint32(n)
	return first
}

// MergeRate sets a bucket to what all have taken: full again after left, which is more than an
// empty bucket takes if together they have taken too much. What is pending comes on top.
func (t *Table) MergeRate(k Key, r Rate, left time.Duration, now int64) {
	s := t.lock(k)
	defer s.mu.Unlock()
	x := t.enter(s, k, now)
	x.at = now + int64(left) + int64(x.pending)*int64(r.Interval)
}

// MergeCount sets a window to what all have counted: n, and left until it ends.
func (t *Table) MergeCount(k Key, n int, left time.Duration, now int64) {
	s := t.lock(k)
	defer s.mu.Unlock()
	x := t.enter(s, k, now)
	x.at, x.count = now+int64(left), uint32(min(n, math.MaxUint32/2))+x.pending
}

// Mark remembers a key until a time.
func (t *Table) Mark(k Key, until, now int64) {
	s := t.lock(k)
	defer s.mu.Unlock()
	x := t.enter(s, k, now)
	x.at = max(x.at, until)
}

// Marked reports whether a key is remembered.
func (t *Table) Marked(k Key, now int64) bool {
	if t.shards[k>>(64-shardBits)].Load() == nil {
		return false
	}
	s := t.lock(k)
	defer s.mu.Unlock()
	x := s.find(k)
	return x != nil && x.at > now
}

// Len is how many keys there are, those that are as good as new included.
func (t *Table) Len() int { return int(t.keys.Load()) }

// Lost is how many keys went although they mattered.
func (t *Table) Lost() uint64 { return t.lost.Load() }
