package http

// The port that handlers of scripts are served on.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/luabind"
)

const (
	mostBody     = 1 << 20 // of a request
	mostRequests = 1000    // at a time
	mostHandling = time.Minute
)

// server serves the handlers of the generation that serves.
type server struct {
	h    *HTTP
	http *http.Server

	mu       sync.Mutex
	listener net.Listener // guarded by mu

	busy      chan struct{} // one for each request that is handled
	requests  atomic.Uint64
	refused   atomic.Uint64
	failures  atomic.Uint64
	handlings sync.WaitGroup
}

func newServer(h *HTTP) *server {
	s := &server{h: h, busy: make(chan struct{}, mostRequests)}
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: mostHandling + 30*time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	return s
}

func (s *server) start(at string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil { // of a second engine
		return nil
	}
	l, err := net.Listen("tcp", at)
	if err != nil {
		return fmt.Errorf("http: %w", err)
	}
	s.listener = l
	s.h.opts.Log.Info("serving the script's HTTP handlers", "listener", l.Addr().String())
	s.handlings.Go(func() { // ends with stop
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.h.opts.Log.Error("the HTTP port of the script is gone", "error", err)
		}
	})
	return nil
}

func (s *server) addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// stop waits a moment for answers in progress.
func (s *server) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
	s.handlings.Wait()
}

// ServeHTTP answers one request.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	default:
		s.refuse(w, http.StatusServiceUnavailable, "too many requests at a time")
		return
	}
	m := s.h.serving.Load()
	if m == nil {
		s.refuse(w, http.StatusServiceUnavailable, "no script serves")
		return
	}
	m.mux.ServeHTTP(w, r)
}

func (s *server) refuse(w http.ResponseWriter, code int, text string) {
	s.refused.Add(1)
	w.Header().Set("Retry-After", "1")
	http.Error(w, text, code)
}

// handle answers one request by a route of a script.
func (s *server) handle(m *module, rt *route, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	if err != nil {
		s.refused.Add(1)
		http.Error(w, fmt.Sprintf("a body of more than %d bytes, or an unreadable one", mostBody), http.StatusRequestEntityTooLarge)
		return
	}
	hreq := newRequest(r, string(body), rt.names)
	switch allowed, err := s.allowed(m, rt, r, hreq); {
	case err != nil:
		s.failures.Add(1)
		http.Error(w, "the script's check failed", http.StatusInternalServerError)
		return
	case !allowed:
		s.refused.Add(1)
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "not allowed", http.StatusUnauthorized)
		return
	}
	var a answer
	if err := m.call(r.Context(), rt.handlers, "http "+rt.pattern, &a, hreq); err != nil {
		s.failures.Add(1)
		code := http.StatusInternalServerError
		if errors.Is(err, luabind.ErrNotStarted) {
			code = http.StatusServiceUnavailable
		}
		http.Error(w, http.StatusText(code), code)
		return
	}
	a.write(w)
}

// allowed reports whether the sender may send the request: as the route says, or by default only
// from this machine.
func (s *server) allowed(m *module, rt *route, r *http.Request, hreq *request) (bool, error) {
	switch {
	case rt.checks != nil:
		var allow bool
		err := m.call(r.Context(), rt.checks, "http auth "+rt.pattern, &allow, hreq)
		return allow, err
	case rt.bearer:
		return m.tokens.has(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")), nil
	}
	return local(r), nil
}

// local tells whether a request was sent on this machine, and by nobody else's doing: a reverse
// proxy here, and a web page that somebody here looks at, speak for others.
func local(r *http.Request) bool {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !at.Addr().Unmap().IsLoopback() || !localHost(r.Host) {
		return false
	}
	for _, name := range [...]string{"Origin", "Forwarded", "Via", "X-Forwarded-For", "X-Real-Ip"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	return true
}

// localHost reports whether a request names this machine: a web page from elsewhere whose name
// leads here does not.
func localHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && a.IsLoopback()
}

// answer is what a handler returned.
type answer struct {
	Status  int               `lua:"status" min:"200" max:"599" default:"200" doc:"204 without a body"`
	Headers map[string]string `lua:"headers" doc:"{Name = text}"`
	Body    string            `lua:"body" doc:"text or any bytes"`
	JSON    luabind.JSON      `lua:"json" doc:"a value that is sent as JSON, in the place of body"`
}

func (a *answer) write(w http.ResponseWriter) {
	h := w.Header()
	for name, value := range a.Headers {
		h.Set(name, value)
	}
	body := []byte(a.Body)
	if a.JSON != nil {
		body = append(a.JSON, '\n')
		if h.Get("Content-Type") == "" {
			h.Set("Content-Type", "application/json")
		}
	} else if h.Get("Content-Type") == "" && len(body) > 0 {
		h.Set("Content-Type", "text/plain; charset=utf-8")
	}
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	switch {
	case a.Status != 0:
	case len(body) == 0:
		a.Status = http.StatusNoContent
	default:
		a.Status = http.StatusOK
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(body) // a client that left cancels nothing
}

func (s *server) metrics() []luabind.Metric {
	counter := func(name, help string, of *atomic.Uint64) luabind.Metric {
		return luabind.Metric{Name: name, Help: help, Kind: luabind.Counter, Value: func() float64 { return float64(of.Load()) }}
	}
	return []luabind.Metric{
		counter("http_requests_total", "Requests to the script's HTTP port.", &s.requests),
		counter("http_refused_total", "Requests to the script's HTTP port that were refused before a handler.", &s.refused),
		counter("http_failures_total", "Requests to the script's HTTP port whose handler failed.", &s.failures),
		{Name: "http_handling", Help: "Requests to the script's HTTP port in progress.", Kind: luabind.Gauge,
			Value: func() float64 { return float64(len(s.busy)) }},
	}
}
