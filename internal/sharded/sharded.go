// Package sharded is a bounded table that many lanes use at once.
package sharded

import (
	"hash/maphash"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const shardCount = 16

// Table is a least-recently-used table in shards, each with its own lock.
type Table[K comparable, V any] struct {
	seed   maphash.Seed
	shards [shardCount]Shard[K, V]
}

// Shard is one part. Whoever has locked it may use Entries.
type Shard[K comparable, V any] struct {
	sync.Mutex
	Entries *simplelru.LRU[K, V] // guarded by the Mutex
	Evicted int64                // guarded by the Mutex: the owner's record of what fell out
}

// New makes a table for about capacity entries. evict, which may be nil, is called with the shard
// locked for what falls out.
func New[K comparable, V any](capacity int, evict func(s *Shard[K, V], key K, value V)) *Table[K, V] {
	t := &Table[K, V]{seed: maphash.MakeSeed()}
	for i := range t.shards {
		s := &t.shards[i]
		var f simplelru.EvictCallback[K, V]
		if evict != nil {
			f = func(k K, v V) { evict(s, k, v) }
		}
		s.Entries, _ = simplelru.NewLRU(max(1, (capacity+shardCount-1)/shardCount), f)
	}
	return t
}

// Lock locks the shard of key.
func (t *Table[K, V]) Lock(key K) *Shard[K, V] {
	s := &t.shards[maphash.Comparable(t.seed, key)%shardCount]
	s.Lock()
	return s
}

// Len is the number of entries.
func (t *Table[K, V]) Len() int {
	n := 0
	for i := range t.shards {
		s := &t.shards[i]
		s.Lock()
		n += s.Entries.Len()
		s.Unlock()
	}
	return n
}

// Clear removes all entries.
func (t *Table[K, V]) Clear() {
	for i := range t.shards {
		s := &t.shards[i]
		s.Lock()
		s.Entries.Purge()
		s.Unlock()
	}
}
