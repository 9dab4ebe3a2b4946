package auth

// This file remembers users that were fetched from a database.

import (
	"context"
	"time"
)

const (
	maxCached    = 1 << 16         // users
	fetchTimeout = 5 * time.Second // a request is answered 503 then
)

// Fetcher is a store that takes time. A nil secret: there is no such user.
type Fetcher interface {
	FetchSecret(ctx context.Context, user, realm string) (*Secret, error)
}

// Cache is a Users that remembers those there are, for as long as a Query lets it. It never remembers that there is no such user: to the
// outside a user there isn't is like one with another password, and for that the store is asked as well.
type Cache struct {
	store Fetcher
	table *sharded[string, remembered]
}

// remembered is a user as fetched; of one with several realms, the last one asked for.
type remembered struct {
	realm  string
	secret *Secret
	at     time.Time
}

// NewCache puts a memory in front of a store.
func NewCache(store Fetcher) *Cache {
	return &Cache{store: store, table: newSharded[string, remembered](maxCached, nil)}
}

// Find answers from memory.
func (c *Cache) Find(q Query) (*Secret, Certainty) {
	s := c.table.lock(q.User)
	defer s.Unlock()
	r, ok := s.entries.Get(q.User)
	if age := q.Now.Sub(r.at); !ok || r.realm != q.Realm || age < 0 || age >= q.TTL {
		return nil, Unknown
	}
	return r.secret, Cached
}

// Fetch asks the store.
func (c *Cache) Fetch(ctx context.Context, q Query) (*Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	secret, err := c.store.FetchSecret(ctx, q.User, q.Realm)
	if err != nil {
		return nil, err
	}
	s := c.table.lock(q.User)
	defer s.Unlock()
	if secret == nil {
		s.entries.Remove(q.User)
	} else {
		s.entries.Add(q.User, remembered{realm: q.Realm, secret: secret, at: q.Now})
	}
	return secret, nil
}

// Forget drops what is remembered of a user.
func (c *Cache) Forget(user string) {
	s := c.table.lock(user)
	defer s.Unlock()
	s.entries.Remove(user)
}
