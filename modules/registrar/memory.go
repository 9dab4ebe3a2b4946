package registrar

// This file is the store in memory: sharded maps, each with the expirations of its records in
// buckets of time.

import (
	"context"
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

const (
	shardBits   = 6
	bucketWidth = 4000 // milliseconds
)

// Memory is a Store in this process's memory: it never waits, and ends with the process.
type Memory struct {
	seed   maphash.Seed
	count  atomic.Int64
	shards [1 << shardBits]shard
}

// shard is one part of the addresses-of-record.
type shard struct {
	mu      sync.RWMutex
	records map[string]*record // guarded by mu
	// buckets holds the records by the bucket in which the first of their bindings expires, or an
	// earlier one: a refresh moves nothing; the sweep finds that the expiry has moved and files the
	// record again. Guarded by mu.
	buckets map[int32]*record
	swept   int32 // buckets before this one have been swept; guarded by mu

	lookups, missed atomic.Uint64
	_               [64]byte // keeps the counters of one shard off the lines of the next
}

// record is one address-of-record that has bindings. Guarded by its shard's mu. It has 48 bytes, a
// size of the allocator's.
type record struct {
	aor        string
	first      **Binding // of its bindings, a slice that is never changed: most have one
	prev, next *record   // in its bucket
	bucket     int32
	n          uint32 // how many bindings
}

// bindings are those of the address-of-record.
func (r *record) bindings() []*Binding { return unsafe.Slice(r.first, r.n) }

// bind sets the bindings.
func (r *record) bind(list []*Binding) {
	r.first, r.n = unsafe.SliceData(list), uint32(len(list))
}

// NewMemory makes an empty store.
func NewMemory() *Memory {
	m := &Memory{seed: maphash.MakeSeed()}
	for i := range m.shards {
		m.shards[i].records = make(map[string]*record)
		m.shards[i].buckets = make(map[int32]*record)
	}
	return m
}

// Waits is false for both: nothing here blocks longer than a look into a map.
func (m *Memory) Waits() (lookup, update bool) { return false, false }

// Stored is what is stored for aor, expired or not. The slice is never changed.
func (m *Memory) Stored(aor string) []*Binding {
	s := m.shard(viewOf(aor))
	s.mu.RLock()
	defer s.mu.RUnlock()
	if r := s.records[aor]; r != nil {
		return r.bindings()
	}
	return nil
}

// Put stores bindings for aor, replacing what is stored; an empty list removes it.
func (m *Memory) Put(aor string, bindings []*Binding) {
	_ = m.Update(context.Background(), aor, Relaxed, func([]*Binding) ([]*Binding, error) { return bindings, nil })
}

// each calls f with each binding, one part of the store after the other.
func (m *Memory) each(f func(aor string, b *Binding)) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.RLock()
		for aor, r := range s.records {
			for _, b := range r.bindings() {
				f(aor, b)
			}
		}
		s.mu.RUnlock()
	}
}

// Close does nothing.
func (m *Memory) Close() error { return nil }

// Count is how many bindings are stored.
func (m *Memory) Count(context.Context) (int, error) { return int(m.count.Load()), nil }

// Lookup implements Store; it never fails.
func (m *Memory) Lookup(_ context.Context, aor string, now time.Time) ([]*Binding, error) {
	return m.lookup(viewOf(aor), now.UnixMilli()), nil
}

func (m *Memory) shard(aor []byte) *shard {
	return &m.shards[maphash.Bytes(m.seed, aor)>>(64-shardBits)]
}

// lookup allocates only when some of the bindings have expired and are not swept yet.
func (m *Memory) lookup(aor []byte, at int64) []*Binding {
	s := m.shard(aor)
	var found []*Binding
	s.mu.RLock()
	if r := s.records[string(aor)]; r != nil {
		found = r.bindings()
	}
	s.mu.RUnlock()
	s.lookups.Add(1)
	if n := countLive(found, at); n < len(found) {
		live := make([]*Binding, 0, n)
		for _, b := range found {
			if b.expires > at {
				live = append(live, b)
			}
		}
		found = live
	}
	if len(found) == 0 {
		s.missed.Add(1)
		return nil
	}
	return found
}

// Update implements Store. change runs with a part of the store locked.
func (m *Memory) Update(_ context.Context, aor string, _ Durability, change func(old []*Binding) ([]*Binding, error)) error {
	s := m.shard(viewOf(aor))
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[aor]
	var old []*Binding
	if r != nil {
		old = r.bindings()
	}
	now, err := change(old)
	if err != nil {
		return err
	}
	m.count.Add(int64(len(now) - len(old)))
	if len(now) == 0 {
		if r != nil {
			s.unfile(r)
			delete(s.records, r.aor)
		}
		return nil
	}
	due := bucketOf(firstEnd(now))
	if r == nil {
		r = &record{aor: aor}
		s.records[aor] = r
		s.file(r, due)
	} else if due < r.bucket {
		s.unfile(r)
		s.file(r, due)
	}
	r.bind(now)
	return nil
}

// Sweep implements Store. It looks only at records filed in buckets that have passed.
func (m *Memory) Sweep(_ context.Context, now time.Time, gone func(aor string, b *Binding)) error {
	at := now.UnixMilli()
	var ended []*record
	for i := range m.shards {
		ended = m.shards[i].sweep(at, ended[:0])
		for _, r := range ended {
			m.count.Add(-int64(len(r.bindings())))
			for _, b := range r.bindings() {
				gone(r.aor, b)
			}
		}
	}
	return nil
}

// sweep appends to ended a record for each address with expired bindings, holding just those.
func (s *shard) sweep(at int64, ended []*record) []*record {
	s.mu.Lock()
	defer s.mu.Unlock()
	present := bucketOf(at)
	// The clock was set back: what is filed from now on is swept when its time comes.
	if present < s.swept {
		// What was filed since then is here, and would be swept when the clock gets here again.
		early := s.buckets[s.swept]
		s.swept = present
		for r := early; r != nil; {
			next := r.next
			s.unfile(r)
			s.file(r, bucketOf(firstEnd(r.bindings())))
			r = next
		}
		return ended
	}
	// The first time, or after a long rest: rather than each bucket that might be
	if present-s.swept > int32(len(s.buckets)) {
		for bucket := range s.buckets {
			if bucket < present {
				ended = s.sweepBucket(bucket, at, ended)
			}
		}
	} else {
		for bucket := s.swept; bucket < present; bucket++ {
			ended = s.sweepBucket(bucket, at, ended)
		}
	}
	s.swept = present
	return ended
}

func (s *shard) sweepBucket(bucket int32, at int64, ended []*record) []*record {
	for r := s.buckets[bucket]; r != nil; r = s.buckets[bucket] {
		s.unfile(r)
		live := countLive(r.bindings(), at)
		if live < len(r.bindings()) {
			kept, gone := make([]*Binding, 0, live), make([]*Binding, 0, len(r.bindings())-live)
			for _, b := range r.bindings() {
				if b.expires > at {
					kept = append(kept, b)
				} else {
					gone = append(gone, b)
				}
			}
			r.bind(kept)
			over := &record{aor: r.aor}
			over.bind(gone)
			ended = append(ended, over)
		}
		if live == 0 {
			delete(s.records, r.aor)
			continue
		}
		s.file(r, bucketOf(firstEnd(r.bindings())))
	}
	return ended
}

// file puts r in a bucket. One that was swept already would never be looked at again: the next one
// takes its place.
func (s *shard) file(r *record, bucket int32) {
	bucket = max(bucket, s.swept)
	head := s.buckets[bucket]
	r.bucket, r.prev, r.next = bucket, nil, head
	if head != nil {
		head.prev = r
	}
	s.buckets[bucket] = r
}

func (s *shard) unfile(r *record) {
	switch {
	case r.prev != nil:
		r.prev.next = r.next
	case r.next != nil:
		s.buckets[r.bucket] = r.next
	default:
		delete(s.buckets, r.bucket)
	}
	if r.next != nil {
		r.next.prev = r.prev
	}
	r.prev, r.next = nil, nil
}

// bucketOf is the bucket of a moment in milliseconds; those of years far ahead share the last.
func bucketOf(at int64) int32 { return int32(max(0, min(at/bucketWidth, math.MaxInt32-1))) }

func firstEnd(bindings []*Binding) int64 {
	first := bindings[0].expires
	for _, b := range bindings[1:] {
		first = min(first, b.expires)
	}
	return first
}
