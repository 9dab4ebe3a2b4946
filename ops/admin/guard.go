package admin

// This file decides who may do what, and notes what was done.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/sipscript/sipscript/ops/openapi"
)

// open reports whether it needs no token to ask for a path: those who watch over processes have
// none, and the files of the page tell nothing; what it shows it asks for with the token that it is
// given. To act it needs one everywhere, or strangers could write as many lines as they like.
func (s *Server) open(path string, need Role) bool {
	return need == Read && (path == "/healthz" || path == "/readyz" || s.opts.Page != nil && (path == "/" || strings.HasPrefix(path, "/assets/")))
}

// guarded lets those through who may do what they ask for, and notes each act.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if crossSite(r) {
			answer(w, http.StatusForbidden, failed("pages of other sites can't ask"))
			return
		}
		need := Read
		if openapi.Acts(r.Method) {
			need = Act
		}
		by, role := s.whoIs(r)
		if role < need && !s.open(r.URL.Path, need) {
			s.refuse(w, r, by, need)
			return
		}
		next, asked := s.recovered(next), r
		asker := openapi.Asker{Name: by, Acts: func() bool { _, role := s.whoIs(asked); return role >= Act }}
		if need == Act {
			s.noted(w, r.WithContext(openapi.WithAsker(r.Context(), asker)), by, next)
			return
		}
		if t := s.opts.Tokens; t != nil && !s.open(r.URL.Path, need) {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			forget, onReread := t.follow(func() bool { _, role := s.whoIs(asked); return role >= need }, cancel)
			defer forget()
			asker.OnReread, r = onReread, r.WithContext(ctx)
		}
		next.ServeHTTP(w, r.WithContext(openapi.WithAsker(r.Context(), asker)))
	})
}

// crossSite reports whether a page of another site wants to read an answer, in a browser that says
// so. To follow a link to here is not that.
func crossSite(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate"
}

// whoIs tells who asks, as the log has it, and what they may.
func (s *Server) whoIs(r *http.Request) (by string, role Role) {
	if s.opts.Tokens == nil {
		return "anybody", Act
	}
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, text, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return "", Nothing
		}
		return s.opts.Tokens.find(strings.TrimSpace(text))
	}
	if fromHere(r) {
		return "loopback", s.opts.Tokens.list.Load().loopback
	}
	return "", Nothing
}

// fromHere reports whether a request comes from this machine, as far as can be told: a proxy on
// this machine passes on what strangers ask, and most say so. What such a header says is not
// believed, only that it is there.
func fromHere(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && at.Addr().Unmap().IsLoopback()
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, by string, need Role) {
	if ok, suppressed := s.refusals.allow(time.Now()); ok {
		s.opts.Log.Warn("the admin interface refused a request", "source", r.RemoteAddr, "request", requestOf(r), "operator", by, "suppressed", suppressed)
	}
	text := "a token is needed: Authorization: Bearer TOKEN"
	if by != "" {
		text = by + " may not " + need.String()
		if r.Header.Get("Authorization") != "" {
			answer(w, http.StatusForbidden, failed(text))
			return
		}
		text += " without a token: Authorization: Bearer TOKEN" // this machine may with one
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="sipscript"`)
	answer(w, http.StatusUnauthorized, failed(text))
}

func failed(text string) map[string]any { return map[string]any{"error": text} }

// maxNoted bounds how much of a request's path and body the log has, in bytes.
const maxNoted = 300

func requestOf(r *http.Request) string { return bounded(r.Method + " " + r.URL.RequestURI()) }

func bounded(text string) string {
	if len(text) > maxNoted {
		return strings.ToValidUTF8(text[:maxNoted], "") + "…"
	}
	return text
}

// noted serves an act and writes its line.
func (s *Server) noted(w http.ResponseWriter, r *http.Request, by string, next http.Handler) {
	var body bytes.Buffer
	if r.Body != nil && !s.secret(r) {
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(r.Body, &limited{&body}), r.Body}
	}
	out := &statusWriter{ResponseWriter: w, code: http.StatusOK}
	defer func() { // also of one that panics
		said := bounded(strings.Join(strings.Fields(body.String()), " "))
		s.opts.Log.Info("an operator acted", "operator", by, "source", r.RemoteAddr, "request", requestOf(r), "body", said, "status", out.code)
	}()
	next.ServeHTTP(out, r)
}

// recovered answers 500 where an operation panics, and says so louder than package http would.
func (s *Server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler { // how a handler cuts off its answer
				panic(p)
			}
			s.opts.Log.Error("a request to the admin interface panicked", "request", requestOf(r), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			answer(w, http.StatusInternalServerError, failed("the server made a mistake; its log has more"))
		}()
		next.ServeHTTP(w, r)
	})
}

// limited keeps the beginning of what is written to it.
type limited struct{ *bytes.Buffer }

func (l *limited) Write(b []byte) (int, error) {
	if room := 2*maxNoted - l.Len(); room > 0 {
		l.Buffer.Write(b[:min(len(b), room)])
	}
	return len(b), nil
}

// statusWriter remembers the code of an answer.
type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// rateLimit lets so many lines through in a minute.
type rateLimit struct {
	mu      sync.Mutex
	minute  time.Time // guarded by mu: when it began
	said    int       // guarded by mu
	silent  int       // guarded by mu: since the last line
	allowed int
}

func (l *rateLimit) allow(now time.Time) (ok bool, suppressed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.minute) >= time.Minute {
		l.minute, l.said = now, 0
	}
	if l.said >= l.allowed {
		l.silent++
		return false, 0
	}
	l.said++
	suppressed, l.silent = l.silent, 0
	return true, suppressed
}
