// Package admin is the HTTP side of a running server: figures, health, status, and the order to
// reload.
//
//	GET  /metrics   the registry's figures, in Prometheus' format
//	GET  /healthz   200 while the process answers at all
//	GET  /readyz    200 while traffic is served, else 503 and why not
//	GET  /status    what runs, as JSON
//	*    /api/v1/NAME/…   what the module NAME serves
//	POST /reload    200; 422 and the script's error when it was refused; 409 when the server is not serving
//
// It answers only to the Host names it is known by. There is no authentication: bind it to
// loopback, or put something in front of it.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Limits of the server: what one client may use.
const (
	maxBody       = 64 << 10 // bytes
	maxHeader     = 16 << 10 // bytes
	readTimeout   = 10 * time.Second
	idleTimeout   = time.Minute
	answerTimeout = time.Minute // a reload starts a whole generation of scripts before it answers
)

// ErrNotServing is returned by Reload if there is nothing to reload yet, or no longer.
var ErrNotServing = errors.New("the server is not serving")

// Options of a Server. All except Modules and Log are required.
type Options struct {
	Addr string // host:port; port 0 picks one
	// Names it is known by besides loopback's and its address; may be empty
	Hosts   []string
	Figures prometheus.Gatherer // what /metrics answers; required
	Ready   func() error        // nil while traffic is served
	// Its error is the script's, or wraps ErrNotServing
	Reload  func(ctx context.Context) (generation int, _ error)
	Status  func() any   // encoded as JSON
	Modules http.Handler // of /api/v1/; nil: none
	Log     *slog.Logger // default slog.Default()
}

// Server listens from New on and answers from Serve on.
type Server struct {
	opts     Options
	listener net.Listener
	http     *http.Server
	served   chan struct{} // closed when Serve's goroutine ended; nil before Serve
}

// New opens the listener, so that a port in use is found before anything else runs.
func New(o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	l, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	s := &Server{opts: o, listener: l}
	s.http = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		o.Log.Warn("the admin interface is open to other machines, without a password", "address", a.String())
	}
	return s, nil
}

// Addr is where it listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers on a goroutine of its own, which ends with Close.
func (s *Server) Serve() {
	s.served = make(chan struct{})
	go func() {
		defer close(s.served)
		if err := s.http.Serve(s.listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.opts.Log.Error("the admin interface has failed", "error", err)
		}
	}()
}

// Close lets requests under way finish until ctx ends.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	if s.served == nil {
		return s.listener.Close()
	}
	<-s.served
	return err
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.opts.Figures, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: readTimeout}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"healthy": true})
	})
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.opts.Status()) })
	mux.HandleFunc("POST /reload", s.reload)
	if s.opts.Modules != nil {
		mux.Handle("/api/v1/", s.opts.Modules)
	}
	bounded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		mux.ServeHTTP(w, r)
	})
	// A page in the operator's browser must not be able to order a reload from loopback.
	return s.known(http.NewCrossOriginProtection().Handler(bounded))
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if err := s.opts.Ready(); err != nil {
		answer(w, http.StatusServiceUnavailable, map[string]any{"ready": false, "error": err.Error()})
		return
	}
	answer(w, http.StatusOK, map[string]any{"ready": true})
}

func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	generation, err := s.opts.Reload(r.Context())
	switch {
	case errors.Is(err, ErrNotServing):
		answer(w, http.StatusConflict, map[string]any{"error": err.Error()})
	case err != nil:
		answer(w, http.StatusUnprocessableEntity, map[string]any{"error": err.Error()})
	default:
		answer(w, http.StatusOK, map[string]any{"generation": generation})
	}
}

// answer writes v as JSON. A client that went away is none of our business.
func answer(w http.ResponseWriter, code int, v any) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(append(text, '\n'))
}
