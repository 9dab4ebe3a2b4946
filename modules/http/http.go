// Package http is the module "http": scripts send requests to HTTP servers, through the clients
// that modules share (package clients), and answer requests on a port of their own.
//
// Go programs use net/http, or package clients for its circuits.
package http

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients"
)

// Options of the module.
type Options struct {
	Clients *clients.Pool // connections to other servers; required
	Listen  string        // host and port that handlers of scripts are served on; "" for none
	// Unserved: handlers are asked by Answer alone, as in a spec.
	Unserved bool
	Log      *slog.Logger // nil: nobody is told
}

// HTTP is the module.
type HTTP struct {
	opts   Options
	server *server // nil without Options.Listen and Unserved

	mu    sync.Mutex
	turns map[string]*turns          // by host; guarded by mu
	tls   map[tlsOptions]*tls.Config // of clients; guarded by mu
	open  map[any]*clients.HTTP      // by their options; guarded by mu

	serving atomic.Pointer[module] // of the generation that serves
}

// New makes the module. It listens from Attach on.
func New(o Options) *HTTP {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &HTTP{opts: o, tls: map[tlsOptions]*tls.Config{}, open: map[any]*clients.HTTP{}}
	if o.Listen != "" || o.Unserved {
		h.server = newServer(h)
	}
	return h
}

// Attach begins to listen. The engine calls it.
func (h *HTTP) Attach(*engine.Engine) error {
	if h.opts.Listen == "" {
		return nil
	}
	return h.server.start(h.opts.Listen)
}

// Answer answers a request by the handlers of the script in force, as the port does. busy, of a
// simulation, is called with -1 when it begins to wait for a script, and with 1 when it goes on.
func (h *HTTP) Answer(w http.ResponseWriter, r *http.Request, busy func(delta int)) {
	if h.server == nil {
		http.Error(w, "nothing is served", http.StatusServiceUnavailable)
		return
	}
	h.server.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), busyKey{}, busy)))
}

// busyKey is that of Answer's busy in the context of a request.
type busyKey struct{}

// busyOf is Answer's busy, or nothing to call.
func busyOf(ctx context.Context) func(delta int) {
	if busy, ok := ctx.Value(busyKey{}).(func(int)); ok && busy != nil {
		return busy
	}
	return func(int) {}
}

// Addr is where handlers are served, or "".
func (h *HTTP) Addr() string {
	if h.server == nil {
		return ""
	}
	return h.server.addr()
}

// Close ends the server and gives the clients back.
func (h *HTTP) Close() error {
	if h.server != nil {
		h.server.stop()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for key, c := range h.open {
		_ = c.Close()
		delete(h.open, key)
	}
	return nil
}

// clientKey are the options that distinguish clients. Times are bounded by each request itself.
type clientKey struct {
	redirects int
	maxBody   int64
	tls       tlsOptions
}

// mostClients bounds the clients of scripts that make up options as they go.
const mostClients = 64

func (h *HTTP) client(key clientKey) (*clients.HTTP, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.open[key]; c != nil {
		return c, nil
	}
	if len(h.open) >= mostClients {
		return nil, fmt.Errorf("more than %d different sets of tls, redirects and max_body", mostClients)
	}
	o := clients.HTTPOptions{Timeout: mostTime, MaxBody: key.maxBody, Redirects: key.redirects, Conns: conns}
	if key.tls != (tlsOptions{}) {
		config := h.tls[key.tls]
		if config == nil {
			var err error
			if config, err = key.tls.config(); err != nil {
				return nil, err
			}
			h.tls[key.tls] = config
		}
		o.TLS = config
	}
	c := h.opts.Clients.HTTP(o)
	h.open[key] = c
	return c, nil
}

// mostTime bounds the timeout of a request.
const mostTime = 5 * time.Minute

// exchange sends a request, and repeats it if that is safe and requested. body is sent each time.
func (h *HTTP) exchange(ctx context.Context, c *clients.HTTP, ask *asked) (*clients.Answer, error) {
	for try := 0; ; try++ {
		r, err := ask.request(ctx)
		if err != nil {
			return nil, err
		}
		a, err := c.Do(r)
		again := err != nil || a.Status == http.StatusBadGateway || a.Status == http.StatusServiceUnavailable || a.Status == http.StatusGatewayTimeout
		if !again || try >= ask.retries || ctx.Err() != nil {
			return a, err
		}
		select {
		case <-time.After(pause << try):
		case <-ctx.Done():
			return a, err
		}
	}
}

// conns is how many connections to one host there are at most.
const conns = 64

// pause is what lies between two tries; it doubles.
const pause = 50 * time.Millisecond

// asked is one request of a script.
type asked struct {
	method, url string
	host        string
	header      http.Header
	body        string
	user        *credentials
	timeout     time.Duration
	retries     int
}

func (a *asked) request(ctx context.Context) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, a.method, a.url, strings.NewReader(a.body))
	if err != nil {
		return nil, err
	}
	for name, values := range a.header {
		if strings.EqualFold(name, "host") {
			r.Host = values[0]
			continue
		}
		r.Header[name] = values
	}
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", "sipscript")
	}
	if a.user != nil && a.user.Bearer != "" {
		r.Header.Set("Authorization", "Bearer "+a.user.Bearer)
	} else if a.user != nil {
		r.SetBasicAuth(a.user.User, a.user.Password)
	}
	return r, nil
}

// idempotent methods may be sent again (RFC 9110 §9.2.2).
func idempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions:
		return true
	}
	return false
}

// Metrics of the port that handlers are served on.
func (h *HTTP) Metrics() []luabind.Metric {
	if h.server == nil {
		return nil
	}
	return h.server.metrics()
}
