package clients

// HTTP.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

// HTTPOptions of [Pool.HTTP]. The zero value has the defaults named.
type HTTPOptions struct {
	Timeout   time.Duration // of one exchange, the body included; default 5 s
	MaxBody   int64         // bytes that are read of an answer, default 1 MiB
	Redirects int           // followed at most, default 3; negative: none
	Conns     int           // connections to one host at most, default 16
	HTTPS     bool          // only https
	// Public lets only addresses of the public Internet be reached, by no proxy: for URLs that
	// strangers name.
	Public bool
	// TLS is the client's configuration. Clients with one are shared by whoever gives the same.
	TLS *tls.Config
}

const (
	// maxOrigins bounds the hosts whose circuits are kept.
	maxOrigins = 256
	// connBuffer is the size of each of a connection's two buffers. Bodies don't pass through it.
	connBuffer = 2 << 10
	// idleTime is how long a connection is kept that nobody uses.
	idleTime = time.Minute
)

// HTTP sends requests to servers. It is shared by everybody who opened it with the same options,
// and each server has its own circuit.
type HTTP struct {
	*Shared[*httpClient]
}

type httpClient struct {
	pool      *Pool
	o         HTTPOptions
	transport http.RoundTripper

	mu      sync.Mutex
	origins map[string]*gate // guarded by mu
}

// ErrTooLarge is the error, wrapped, of an answer with more than HTTPOptions.MaxBody.
var ErrTooLarge = errors.New("the answer is too large")

// Answer is what a server answered, whatever its status.
type Answer struct {
	Status int         // from 100 to 599
	Header http.Header // as it was received
	Body   []byte      // the whole of it, at most MaxBody bytes
}

// HTTP opens a client.
func (p *Pool) HTTP(o HTTPOptions) *HTTP {
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 20
	}
	if o.Redirects == 0 {
		o.Redirects = 3
	}
	if o.Conns <= 0 {
		o.Conns = 16
	}
	key := fmt.Sprintf("%v %d %d %d %v %v %p", o.Timeout, o.MaxBody, o.Redirects, o.Conns, o.HTTPS, o.Public, o.TLS)
	s, err := Share(p, "http", key, func() (*httpClient, func() error, error) {
		c := newHTTPClient(p, o)
		return c, c.close, nil
	})
	if err != nil {
		panic("clients: " + err.Error()) // open above returns none
	}
	return &HTTP{s}
}

func newHTTPClient(p *Pool, o HTTPOptions) *httpClient {
	dialer := &net.Dialer{Timeout: o.Timeout}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSClientConfig: o.TLS, ForceAttemptHTTP2: true,
		MaxConnsPerHost: o.Conns, MaxIdleConnsPerHost: o.Conns, MaxIdleConns: 8 * o.Conns, IdleConnTimeout: idleTime, TLSHandshakeTimeout: o.Timeout,
		MaxResponseHeaderBytes: 64 << 10, ReadBufferSize: connBuffer, WriteBufferSize: connBuffer}
	if o.Public {
		transport.Proxy = nil
		dialer.Control = controlPublic
	}
	c := &httpClient{pool: p, o: o, transport: transport, origins: map[string]*gate{}}
	if p.opts.Transport != nil {
		c.transport = p.opts.Transport
	}
	return c
}

func (c *httpClient) close() error {
	c.client(c.transport).CloseIdleConnections()
	return nil
}

// client follows redirects.
func (c *httpClient) client(t http.RoundTripper) *http.Client {
	return &http.Client{Transport: t, CheckRedirect: c.mayFollow}
}

// mayFollow lets a redirect pass, or not: none from https to http, and not for ever.
func (c *httpClient) mayFollow(r *http.Request, via []*http.Request) error {
	switch {
	case c.o.Redirects < 0:
		return http.ErrUseLastResponse
	case len(via) > c.o.Redirects:
		return fmt.Errorf("more than %d redirects", c.o.Redirects)
	case r.URL.Scheme != "https" && (c.o.HTTPS || via[0].URL.Scheme == "https"):
		return errors.New("a redirect to something that is not https")
	}
	return nil
}

// Do sends the request. The request's context may end it sooner than the timeout.
func (h *HTTP) Do(r *http.Request) (a *Answer, err error) {
	c := h.Client
	switch {
	case r.URL.Host == "" || r.URL.Scheme != "http" && r.URL.Scheme != "https":
		return nil, errors.New("expected http://… or https://…")
	case c.o.HTTPS && r.URL.Scheme != "https":
		return nil, errors.New("expected https://…")
	}
	err = c.origin(r.URL.Scheme+"://"+r.URL.Host).do(r.Context(), c.o.Timeout, nil, func(ctx context.Context) error {
		a, err = c.exchange(r.WithContext(ctx))
		return err
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

func (c *httpClient) exchange(r *http.Request) (*Answer, error) {
	res, err := c.answer(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, c.o.MaxBody+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(body)) > c.o.MaxBody:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, c.o.MaxBody)
	}
	return &Answer{Status: res.StatusCode, Header: res.Header, Body: body}, nil
}

// answer is a request's, not read yet. A client is asked only for redirects and URLs with a user:
// while it waits its goroutine needs twice the stack.
func (c *httpClient) answer(r *http.Request) (*http.Response, error) {
	if r.URL.User != nil {
		return c.client(c.transport).Do(r)
	}
	res, err := c.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	switch res.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return c.client(&answered{res: res, next: c.transport}).Do(r)
	}
	return res, nil
}

// answered gives the client the answer that there is, and sends what follows from it.
type answered struct {
	res  *http.Response
	next http.RoundTripper
}

// RoundTrip is called by one goroutine at a time.
func (a *answered) RoundTrip(r *http.Request) (*http.Response, error) {
	if res := a.res; res != nil {
		a.res = nil
		return res, nil
	}
	return a.next.RoundTrip(r)
}

// origin is the circuit of a server. If there are too many, a closed one is forgotten.
func (c *httpClient) origin(name string) *gate {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.origins[name]
	if g != nil {
		return g
	}
	if len(c.origins) >= maxOrigins {
		for old, x := range c.origins {
			if !x.away.Load() || len(c.origins) > maxOrigins {
				delete(c.origins, old)
				break
			}
		}
	}
	g = newGate("http", name, c.pool.opts.Log, c.pool.opts.Now)
	c.origins[name] = g
	return g
}

// gates are those of all servers, for the pool's metrics.
func (c *httpClient) gates() []*gate {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []*gate
	for _, name := range slices.Sorted(maps.Keys(c.origins)) {
		list = append(list, c.origins[name])
	}
	return list
}

// ErrNotPublic is the error, wrapped, of an address that HTTPOptions.Public keeps from being
// reached.
var ErrNotPublic = errors.New("the address is not one of the public Internet")

// controlPublic checks an address before it is connected to, whatever name led there.
func controlPublic(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !isPublic(at.Addr()) {
		return fmt.Errorf("%w: %s", ErrNotPublic, address)
	}
	return nil
}

// isPublic reports whether an address can belong to a host on the public Internet (RFC 6890).
func isPublic(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.Zone() != "" {
		return false
	}
	for _, p := range [...]string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "::/96", "fec0::/10", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"} {
		if netip.MustParsePrefix(p).Contains(a) {
			return false
		}
	}
	return true
}
