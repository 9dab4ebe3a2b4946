package auth

// This file remembers users that were fetched from a database.

import (
	"context"
	"time"

	"github.com/sipscript/sipscript/modules/source"
)

const fetchTimeout = 5 * time.Second // a request is answered 503 then

// Fetcher is a store that takes time. A nil secret means that the user does not exist.
type Fetcher interface {
	FetchSecret(ctx context.Context, user, realm string) (*Secret, error)
}

// Cache is a Users that remembers existing users for as long as a Query allows; of one with several
// realms, the last one asked for. It never remembers that a user does not exist: see source.Keyed.
type Cache struct {
	keyed *source.Keyed[account, *Secret]
	md5   bool // most users only have MD5's hash
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

// Forget drops what is remembered about a user.
func (c *Cache) Forget(user string) { c.keyed.Forget(user) }

// Reload drops everything that is remembered.
func (c *Cache) Reload(context.Context) error {
	c.keyed.Clear()
	return nil
}
