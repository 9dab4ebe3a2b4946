// Package clients has the clients of databases and other servers that modules and scripts share:
// one pool of connections for each server, whoever uses it, kept as long as anybody does.
//
// Every call has a deadline. A server that cannot be reached is left alone for a while (its circuit
// opens), so that calls fail at once, with [ErrAway], and not after a timeout each; then one call
// tries whether it is back. Metrics say how calls end, how long they take, and since when a server
// is unavailable.
//
// Whoever opens a client closes it; the last one to do so ends the connections. A script generation
// that opens a client its predecessor has open shares it.
package clients

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Options of a Pool. The zero value will do for HTTP.
type Options struct {
	Drivers []Driver     // of databases: package drivers has them
	DB      string       // the URL of the default database, see DefaultDB; "" for none
	Log     *slog.Logger // reports that a server is unavailable, or back; default: nobody
	// Transport takes the place of the network for HTTP, and Redis names another server for the URL
	// of one: for specs, from which nothing leaves the process. They may be nil.
	Transport http.RoundTripper
	// Its error is that of opening the URL.
	Redis func(url string) (addr string, err error)
	// Now replaces time.Now in tests of circuits.
	Now func() time.Time
}

// Pool is a set of clients. It is safe for concurrent use.
type Pool struct {
	opts Options

	mu   sync.Mutex
	open map[string]*backend // by kind and URL; guarded by mu
}

// New makes a pool without a client.
func New(o Options) *Pool {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Pool{opts: o, open: map[string]*backend{}}
}

// RedisAt is the address of the server that stands for that of a URL, "" for itself.
func (p *Pool) RedisAt(url string) (addr string, err error) {
	if p.opts.Redis == nil {
		return "", nil
	}
	return p.opts.Redis(url)
}

// backend is a server and what leads to it.
type backend struct {
	*gate
	key   string
	refs  int // guarded by Pool.mu
	ready sync.Once
	// Set by ready.
	value any
	close func() error
	err   error
}

// share is the backend of a key, opened by the first user. open does not block for long: it creates
// a client and leaves connecting to the first call.
func (p *Pool) share(kind, key string, open func(g *gate) (value any, end func() error, err error)) (*backend, error) {
	name := Redacted(key)
	key = kind + " " + key
	p.mu.Lock()
	b := p.open[key]
	if b == nil {
		b = &backend{key: key, gate: newGate(kind, name, p.opts.Log, p.opts.Now)}
		p.open[key] = b
	}
	b.refs++
	p.mu.Unlock()
	b.ready.Do(func() { b.value, b.close, b.err = open(b.gate) })
	if b.err != nil {
		_ = p.release(b)
		return nil, b.err
	}
	return b, nil
}

// release gives one reference back; the last one closes.
func (p *Pool) release(b *backend) error {
	p.mu.Lock()
	b.refs--
	last := b.refs == 0
	if last {
		delete(p.open, b.key)
	}
	p.mu.Unlock()
	if last && b.close != nil {
		return b.close()
	}
	return nil
}

// gates are those of all backends, by name.
func (p *Pool) gates() []*gate {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []*gate
	for _, key := range slices.Sorted(maps.Keys(p.open)) {
		b := p.open[key]
		if many, ok := b.value.(interface{ gates() []*gate }); ok {
			list = append(list, many.gates()...)
			continue
		}
		list = append(list, b.gate)
	}
	return list
}

// Redacted is a URL as it may be logged: without its password.
func Redacted(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(a URL that can't be read)"
	}
	if q := u.Query(); q.Has("password") { // PostgreSQL's
		q.Set("password", "xxxxx")
		u.RawQuery = q.Encode()
	}
	return u.Redacted()
}

// ErrAway is the error, wrapped, of a call that was not made, since the server could not be reached
// a moment ago, or that found out.
var ErrAway = errors.New("is unavailable")

// withoutURL is an error without the URL it quotes, which may have a password in it.
func withoutURL(err error) error {
	var bad *url.Error
	if errors.As(err, &bad) {
		return bad.Err
	}
	return err
}

// wrap names the backend in an error.
func (g *gate) wrap(err error) error { return fmt.Errorf("%s: %w", g.name, withoutURL(err)) }
