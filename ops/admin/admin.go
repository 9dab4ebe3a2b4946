// Package admin is the HTTP side of a running server: figures, health, status, and the order to
// reload.
//
//	GET  /          the page for people, and its files below /assets/
//	GET  /metrics   the registry's figures, in Prometheus' format
//	GET  /healthz   200 while the process answers at all
//	GET  /readyz    200 while traffic is served, else 503 and why not
//	GET  /status    what runs, as JSON
//	*    /api/v1/…  the API: what Options.Operations declares
//	GET  /api/v1/openapi.json   what there is, as OpenAPI 3.1
//	POST /reload    200; 422 and the script's error when it was refused; 409 when the server is not serving
//
// It answers only to the Host names it is known by. With Options.Tokens others than loopback need a
// token that may do what they ask for; without, everybody may do everything: then bind it to
// loopback. Each act leaves a line in the log.
package admin

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipscript/sipscript/ops/openapi"
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

// Options of a Server. Addr, Figures, Ready, Reload and Status are required.
type Options struct {
	Addr     string       // host:port; port 0 picks one
	Listener net.Listener // one that is open already; nil: it is opened at Addr
	// Names it is known by besides loopback's and its address; may be empty
	Hosts   []string
	Figures prometheus.Gatherer // what /metrics answers; required
	Ready   func() error        // nil while traffic is served
	// Its error is the script's, or wraps ErrNotServing
	Reload func(ctx context.Context) (generation int, _ error)
	Status func() any // encoded as JSON
	// Operations are those of the API, with whole paths: /api/v1/…
	Operations  []openapi.Operation
	Info        openapi.Info // what the document of the API begins with
	Page        http.Handler // of / and /assets/, without secrets; nil: none
	Tokens      *Tokens      // nil: everybody may do everything
	Certificate *Certificate // nil: HTTP without TLS
	Connections int          // at a time; further ones wait. Default 512
	Log         *slog.Logger // default slog.Default()
}

// Server listens from New on and answers from Serve on.
type Server struct {
	opts     Options
	listener net.Listener
	http     *http.Server
	refusals rateLimit                // of lines about requests that were refused
	secret   func(*http.Request) bool // reports whether the body of a request is not to be logged
	served   chan struct{}            // closed when Serve's goroutine ended; nil before Serve
}

// New opens the listener, so that a port in use is found before anything else runs.
func New(o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	l := o.Listener
	if l == nil {
		var err error
		if l, err = net.Listen("tcp", o.Addr); err != nil {
			return nil, fmt.Errorf("admin: %w", err)
		}
	}
	if o.Connections <= 0 {
		o.Connections = maxConnections
	}
	l = limitListener(l, o.Connections)
	if o.Certificate != nil {
		l = tls.NewListener(l, o.Certificate.config())
	}
	s := &Server{opts: o, listener: l, refusals: rateLimit{allowed: 10}}
	handler, err := s.handler()
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s.http = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		switch {
		case o.Tokens == nil:
			o.Log.Warn("the admin interface is open to other machines, without a password: give it --admin-tokens", "address", a.String())
		case o.Certificate == nil:
			o.Log.Warn("the tokens of the admin interface cross the network unencrypted: give it --admin-tls-cert", "address", a.String())
		}
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

func (s *Server) handler() (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", figuresHandler(s.opts.Figures, s.opts.Log))
	all := append(s.operations(), s.opts.Operations...)
	document, err := openapi.Document(s.opts.Info, all)
	if err != nil {
		return nil, err
	}
	mux.HandleFunc("GET /api/v1/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document)
	})
	api := openapi.Handler(all)
	s.secret = func(r *http.Request) bool {
		_, pattern := api.Handler(r)
		return slices.ContainsFunc(all, func(o openapi.Operation) bool { return o.Secret && o.Method+" "+o.Path == pattern })
	}
	mux.Handle("/", api)
	if s.opts.Page != nil {
		mux.Handle("GET /{$}", s.opts.Page)
		mux.Handle("GET /assets/", s.opts.Page)
	}
	bounded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		mux.ServeHTTP(w, r)
	})
	// A page in the operator's browser must not be able to order a reload from loopback.
	return s.known(http.NewCrossOriginProtection().Handler(s.guarded(bounded))), nil
}

// What the server's own operations answer.
type (
	health struct {
		Healthy bool `json:"healthy"`
	}
	readiness struct {
		Ready bool   `json:"ready"`
		Error string `json:"error,omitempty" doc:"why not"`
	}
	reloaded struct {
		Generation int `json:"generation" doc:"of the script that serves now"`
	}
)

// Operations are those that each server has, without what they do: for a document.
func Operations() []openapi.Operation { return (&Server{}).operations() }

func (s *Server) operations() []openapi.Operation {
	return []openapi.Operation{
		{Method: "GET", Path: "/healthz", Summary: "tell that the process answers", Answer: health{}, Serve: func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusOK, health{true})
		}},
		{Method: "GET", Path: "/readyz", Summary: "tell whether traffic is served", Answer: readiness{}, Fails: []int{503}, Serve: s.ready},
		{Method: "GET", Path: "/status", Summary: "tell what runs", Serve: func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.opts.Status()) }},
		{Method: "POST", Path: "/reload", Summary: "load the script again", Answer: reloaded{}, Fails: []int{409, 422}, Serve: s.reload},
	}
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if err := s.opts.Ready(); err != nil {
		answer(w, http.StatusServiceUnavailable, readiness{false, err.Error()})
		return
	}
	answer(w, http.StatusOK, readiness{Ready: true})
}

func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	generation, err := s.opts.Reload(r.Context())
	switch {
	case errors.Is(err, ErrNotServing):
		answer(w, http.StatusConflict, failed(err.Error()))
	case err != nil:
		answer(w, http.StatusUnprocessableEntity, failed(err.Error()))
	default:
		answer(w, http.StatusOK, reloaded{generation})
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
