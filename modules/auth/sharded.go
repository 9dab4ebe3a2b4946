package auth

// This file is a bounded table that many lanes use at once.

import (
	"hash/maphash"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const shardCount = 16

// sharded is a least-recently-used table in shards, each with a lock of its own.
type sharded[K comparable, V any] struct {
	seed   maphash.Seed
	shards [shardCount]shard[K, V]
}

// shard is one part. Whoever has locked it may use entries.
type shard[K comparable, V any] struct {
	sync.Mutex
	entries *simplelru.LRU[K, V] // guarded by the Mutex
	evicted int64                // guarded by the Mutex: the owner's note of what fell out
}

// newSharded makes a table for about capacity entries. evict, which may be nil, is called with the shard locked for what falls out.
func newSharded[K comparable, V any](capacity int, evict func(s *shard[K, V], key K, value V)) *sharded[K, V] {
	t := &sharded[K, V]{seed: maphash.MakeSeed()}
	for i := range t.shards {
		s := &t.shards[i]
		var f simplelru.EvictCallback[K, V]
		if evict != nil {
			f = func(k K, v V) { evict(s, k, v) }
		}
		s.entries, _ = simplelru.NewLRU(max(1, (capacity+shardCount-1)/shardCount), f)
	}
	return t
}

// lock locks the shard of key.
func (t *sharded[K, V]) lock(key K) *shard[K, V] {
	s := &t.shards[maphash.Comparable(t.seed, key)%shardCount]
	s.Lock()
	return s
}

// len is how many entries there are.
func (t *sharded[K, V]) len() int {
	n := 0
	for i := range t.shards {
		s := &t.shards[i]
		s.Lock()
		n += s.entries.Len()
		s.Unlock()
	}
	return n
}
