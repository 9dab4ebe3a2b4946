// Package redisstore keeps the registrar's bindings in Redis, for several processes before one
// location.
//
// Each process has a cache of what it looked up, and Redis reports what others have changed: a
// lookup of something known asks nobody. A change is atomic for its address: it is computed from
// what was read, and accepted only if that is still current. While Redis is unavailable, lookups
// return the last known state, and changes fail at once; both recover by themselves.
package redisstore

// This file is the store as the registrar sees it.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/sipscript/sipscript/modules/clients/redis"
	"github.com/sipscript/sipscript/modules/registrar"
)

// Options of Open. The zero value will do.
type Options struct {
	// Patience bounds each wait for Redis, default 2 s.
	Patience time.Duration
	// Cache is how many addresses are remembered, default 500,000.
	Cache int
	// Hub passes on what the processes of one simulation change, whose Redis reports nothing; nil:
	// Redis reports it.
	Hub *Hub
	Log *slog.Logger // reports that Redis is unavailable, or available again; default: nobody
}

// Store is a registrar.Store in a Redis server, version 6.2 or above, which other processes may use
// as well. Redis Sentinel will do; in a Redis Cluster all keys are on one node.
type Store struct {
	client  rueidis.Client
	opts    Options
	cache   *cache
	turns   turns
	script  *rueidis.Lua
	node    atomic.Pointer[registrar.Node]
	changed atomic.Pointer[func(aor string)]
	away    atomic.Bool   // the last attempt failed; then only the keeper asks
	wake    chan struct{} // capacity 1: tells the keeper that Redis is unavailable
	lost    chan struct{} // capacity 1: tells the keeper that the connection was lost
	stop    chan struct{} // closed by Close
	ended   chan struct{} // closed when the keeper has ended
}

var _ interface {
	registrar.Store
	registrar.Shared
	registrar.Peeker
} = (*Store)(nil)

var (
	// ErrAway is why lookups and changes fail while Redis can't be reached.
	ErrAway = errors.New("redis is unavailable")
	// ErrBusy is why a change fails if others kept changing its address in the meantime.
	ErrBusy = errors.New("too many changes of one address at once")
)

// The keys. The braces keep them together in a Redis Cluster.
const (
	// Then the address; its bindings as registrar.AppendBindings writes them
	prefix = "sipscript:{location}:aor:"
	// A sorted set: each binding (see member), by its end in milliseconds since 1970
	endsKey = "sipscript:{location}:ends"
	// Bindings are kept this much longer than they are valid, so that the sweep can report them
	grace    = time.Minute
	attempts = 20 // to make a change while others change the same address
)

// Open connects to the server that url names: "redis://user:password@host:6379/0", "rediss://…" for
// TLS, "unix:///path". Errors: url makes no sense, or the server can't be reached or is none that
// will do.
func Open(url string, o Options) (*Store, error) {
	if o.Patience <= 0 {
		o.Patience = 2 * time.Second
	}
	if o.Cache <= 0 {
		o.Cache = 500_000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c, err := redis.Options(url, o.Patience)
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	s := &Store{opts: o, script: swapScript(), cache: newCache(o.Cache), turns: newTurns(), wake: make(chan struct{}, 1), lost: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	// With one connection, change notices and answers arrive in order. Redis reports each change of
	// these keys. NOLOOP would exclude our own, but not those that scripts make.
	if o.Hub == nil {
		c.DisableCache, c.ClientTrackingOptions = false, []string{"BCAST", "PREFIX", prefix}
		c.OnInvalidations = s.invalidated
	} else {
		c.DisableCache, c.ForceSingleClient = true, true
	}
	if s.client, err = rueidis.NewClient(c); err != nil {
		return nil, fmt.Errorf("redis: %w", redis.WithoutURL(err))
	}
	o.Hub.join(s)
	go s.keep() // ends with Close
	return s, nil
}

// Waits: lookups and changes may wait; see Peek.
func (s *Store) Waits() (lookup, update bool) { return true, true }

// Join implements registrar.Shared.
func (s *Store) Join(n *registrar.Node, changed func(aor string)) {
	s.node.Store(n)
	s.changed.Store(&changed)
}

// Peek implements registrar.Peeker: it answers from the cache.
func (s *Store) Peek(aor string, now time.Time) ([]*registrar.Binding, bool) {
	list, known, fresh := s.cache.get(aor)
	if fresh || known && s.away.Load() {
		return live(list, now), true
	}
	return nil, false
}

// Lookup implements registrar.Store. It fails, with ErrAway, only for an address that is not in the
// cache.
func (s *Store) Lookup(ctx context.Context, aor string, now time.Time) ([]*registrar.Binding, error) {
	if list, ok := s.Peek(aor, now); ok {
		return list, nil
	}
	there, err := s.read(ctx, aor)
	if err != nil {
		if list, ok := s.Peek(aor, now); ok { // it is unavailable since
			return list, nil
		}
		return nil, err
	}
	return live(there.list, now), nil
}

// read asks Redis for the bindings of aor, and remembers them.
func (s *Store) read(ctx context.Context, aor string) (there stored, err error) {
	look := s.cache.begin(aor)
	defer func() { s.cache.end(look, there.list, err == nil, false) }()
	there.text, err = s.ask(ctx, func(ctx context.Context) rueidis.RedisResult {
		return s.client.Do(ctx, s.client.B().Get().Key(prefix+aor).Build())
	})
	if err == nil {
		there.list, err = s.parse(there.text)
	}
	return there, err
}

// Count implements registrar.Store.
func (s *Store) Count(ctx context.Context) (int, error) {
	n, err := s.askNumber(ctx, func(ctx context.Context) rueidis.RedisResult {
		return s.client.Do(ctx, s.client.B().Zcard().Key(endsKey).Build())
	})
	return int(n), err
}

// Close ends the connection.
func (s *Store) Close() error {
	s.opts.Hub.leave(s)
	close(s.stop)
	<-s.ended
	s.client.Close()
	return nil
}

func live(list []*registrar.Binding, now time.Time) []*registrar.Binding {
	at, n := now.UnixMilli(), 0
	for _, b := range list {
		if b.Expires().UnixMilli() > at {
			n++
		}
	}
	if n == len(list) {
		return list
	}
	out := make([]*registrar.Binding, 0, n)
	for _, b := range list {
		if b.Expires().UnixMilli() > at {
			out = append(out, b)
		}
	}
	return out
}
