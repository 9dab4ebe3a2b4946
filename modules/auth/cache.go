package auth

// This file remembers users that were fetched from a database.

import (
	"context"
	"time"

	"github.com/sipscript/sipscript/modules/source"
)

const fetchTimeout = 5 * time.Second // a request is answered 503 then

// Fetcher is a store that takes time. A nil secret: there is no such user.
type Fetcher interface {
	FetchSecret(ctx context.Context, user, realm string) (*Secret, error)
}

// Cache is a Users that remembers those there are, for as long as a Query lets it; of one with
// several realms, the last one asked for. It never remembers that there is no such user: see
// source.Keyed.
type Cache struct {
	keyed *source.Keyed[account, *Secret]
	md5   bool // most users have no hash but MD5's
}

// NewCache puts a memory in front of a store.
func NewCache(store Fetcher) *Cache {
	return &Cache{keyed: source.NewKeyed(source.KeyedOptions[account, *Secret]{
		Slot: func(a account) string { return a.user },
		Fetch: func(ctx context.Context, a account) (*Secret, bool, error) {
			secret, err := store.FetchSecret(ctx, a.user, a.realm)
			return secret, secret != nil, err
		},
	})}
}

// Find answers from memory.
func (c *Cache) Find(q Query) (*Secret, Certainty) {
	secret, ok := c.keyed.Peek(account{q.User, q.Realm}, q.Now, q.TTL)
	if !ok {
		return nil, Unknown
	}
	return secret, Cached
}

// Fetch asks the store.
func (c *Cache) Fetch(ctx context.Context, q Query) (*Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	secret, _, err := c.keyed.Get(ctx, account{q.User, q.Realm}, q.Now)
	return secret, err
}

// Forget drops what is remembered of a user.
func (c *Cache) Forget(user string) { c.keyed.Forget(user) }
