package clients

// Clients of other kinds, which packages below add to a pool.

import (
	"context"
	"sync"
	"time"
)

// Shared is a client of some kind, shared by everybody who opened the same URL.
type Shared[T any] struct {
	Client T // may be used until Close, on any goroutine
	pool   *Pool
	b      *backend
	once   sync.Once
}

// Share opens a client, or shares the open one. open does not connect: it is called while others
// who want the same client wait. kind distinguishes clients with the same URL.
func Share[T any](p *Pool, kind, url string, open func() (client T, end func() error, err error)) (*Shared[T], error) {
	b, err := p.share(kind, url, func(g *gate) (any, func() error, error) {
		client, end, err := open()
		if err != nil {
			return nil, nil, g.wrap(err)
		}
		return client, end, nil
	})
	if err != nil {
		return nil, err
	}
	return &Shared[T]{Client: b.value.(T), pool: p, b: b}, nil
}

// Do calls f within limit, unless the server is unavailable. away reports whether an error of f
// means that it is; errors of the network do in any case. Errors name the server, and wrap ErrAway
// if it is unavailable.
func (s *Shared[T]) Do(ctx context.Context, limit time.Duration, away func(error) bool, f func(ctx context.Context) error) error {
	return s.b.do(ctx, limit, away, f)
}

// Name is the URL without its password.
func (s *Shared[T]) Name() string { return s.b.name }

// Close gives it back. It may be called again.
func (s *Shared[T]) Close() (err error) {
	s.once.Do(func() { err = s.pool.release(s.b) })
	return err
}
