package admin

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipscript/sipscript/ops/openapi"
)

// options are those of a server with one operation that asks and one that acts.
func options(log io.Writer) Options {
	ok := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answer(w, http.StatusOK, map[string]any{"ok": true})
	}
	return Options{Addr: "127.0.0.1:0", Figures: prometheus.NewRegistry(), Ready: func() error { return nil },
		Reload: func(context.Context) (int, error) { return 1, nil }, Status: func() any { return nil }, Log: slog.New(slog.NewTextHandler(log, nil)),
		Operations: []openapi.Operation{{Method: "GET", Path: "/api/v1/x/things", Summary: "list", Serve: ok}, {Method: "POST", Path: "/api/v1/x/things", Summary: "make", Serve: ok},
			{Method: "POST", Path: "/api/v1/x/secrets/{name}", Summary: "keep", Secret: true, Serve: ok}}}
}

func TestRoles(t *testing.T) {
	reader, readLine := NewToken("grafana", Read)
	actor, actLine := NewToken("alice", Act)
	path := filepath.Join(t.TempDir(), "tokens")
	write := func(lines ...string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# who may what", readLine, actLine+" # until May")
	tokens, err := LoadTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	const here, elsewhere = "127.0.0.1:4000", "192.0.2.7:4000"
	handler := func(loopback string) http.Handler {
		if loopback != "" {
			write(readLine, actLine, "loopback "+loopback)
			if err := tokens.Reload(); err != nil {
				t.Fatal(err)
			}
		}
		o := options(io.Discard)
		o.Tokens = tokens
		s := &Server{opts: o, refusals: rateLimit{allowed: 1}}
		h, err := s.handler()
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for _, row := range []struct {
		name, loopback, method, path, from, token string
		header                                    []string
		code                                      int
	}{
		{"nobody asks", "", "GET", "/api/v1/x/things", elsewhere, "", nil, 401},
		{"nobody acts", "", "POST", "/api/v1/x/things", elsewhere, "", nil, 401},
		{"nobody reloads", "", "POST", "/reload", elsewhere, "", nil, 401},
		{"nobody scrapes", "", "GET", "/metrics", elsewhere, "", nil, 401},
		{"a probe needs no token", "", "GET", "/healthz", elsewhere, "", nil, 200},
		{"a probe of readiness", "", "GET", "/readyz", elsewhere, "", nil, 200},
		{"a reader asks", "", "GET", "/api/v1/x/things", elsewhere, reader, nil, 200},
		{"a reader scrapes", "", "GET", "/metrics", elsewhere, reader, nil, 200},
		{"a reader acts", "", "POST", "/api/v1/x/things", elsewhere, reader, nil, 403},
		{"a reader reloads", "", "POST", "/reload", elsewhere, reader, nil, 403},
		{"an actor asks", "", "GET", "/api/v1/x/things", elsewhere, actor, nil, 200},
		{"an actor acts", "", "POST", "/api/v1/x/things", elsewhere, actor, nil, 200},
		{"the hash is not the token", "", "GET", "/api/v1/x/things", elsewhere, strings.Fields(actLine)[2][7:], nil, 401},
		{"half a token", "", "GET", "/api/v1/x/things", elsewhere, actor[:20], nil, 401},
		{"another scheme", "", "GET", "/api/v1/x/things", elsewhere, "", []string{"Authorization", "Basic " + actor}, 401},
		{"this machine acts", "", "POST", "/api/v1/x/things", here, "", nil, 200},
		{"this machine with a wrong token", "", "POST", "/api/v1/x/things", here, "wrong", nil, 401},
		{"a proxy here that says for whom", "", "POST", "/api/v1/x/things", here, "", []string{"X-Forwarded-For", "127.0.0.1"}, 401},
		{"a proxy here that says so as RFC 7239", "", "GET", "/api/v1/x/things", here, "", []string{"Forwarded", "for=127.0.0.1"}, 401},
		{"a proxy here that says Via", "", "GET", "/api/v1/x/things", here, "", []string{"Via", "1.1 gate"}, 401},
		{"somebody who says that he is here", "", "GET", "/api/v1/x/things", elsewhere, "", []string{"X-Forwarded-For", "127.0.0.1"}, 401},
		{"a page elsewhere reads", "", "GET", "/api/v1/x/things", here, "", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"a link leads here", "", "GET", "/api/v1/x/things", here, "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 200},
		{"a page elsewhere acts", "", "POST", "/api/v1/x/things", here, "", []string{"Origin", "http://evil.example"}, 403},
		{"this machine may read alone", "read", "POST", "/api/v1/x/things", here, "", nil, 401},
		{"and reads", "read", "GET", "/api/v1/x/things", here, "", nil, 200},
		{"and acts with a token", "read", "POST", "/api/v1/x/things", here, actor, nil, 200},
		{"and has a token that may only read", "read", "POST", "/api/v1/x/things", here, reader, nil, 403},
		{"this machine may nothing", "none", "GET", "/api/v1/x/things", here, "", nil, 401},
		{"a probe that acts", "", "POST", "/healthz", elsewhere, "", nil, 401},
		{"a probe by HEAD", "", "HEAD", "/healthz", elsewhere, "", nil, 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest(row.method, "http://127.0.0.1"+row.path, strings.NewReader("{}"))
			r.RemoteAddr = row.from
			if row.token != "" {
				r.Header.Set("Authorization", "Bearer "+row.token)
			}
			for i := 0; i+1 < len(row.header); i += 2 {
				r.Header.Set(row.header[i], row.header[i+1])
			}
			w := httptest.NewRecorder()
			handler(row.loopback).ServeHTTP(w, r)
			if w.Code != row.code || row.code == 401 && w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%d %s, want %d", w.Code, w.Body, row.code)
			}
		})
	}
}

// Strangers leave no lines of acts: what is open without a token is open to be asked for.
func TestStrangersLeaveNoLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	_, line := NewToken("alice", Act)
	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	tokens, err := LoadTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ method, path string }{
		{"POST", "/"}, {"DELETE", "/assets/main.js"}, {"PUT", "/healthz"}, {"OPTIONS", "/readyz"}, {"BREW", "/"},
	} {
		t.Run(row.method+" "+row.path, func(t *testing.T) {
			var log bytes.Buffer
			o := options(&log)
			o.Tokens, o.Page = tokens, http.NotFoundHandler()
			s := &Server{opts: o}
			h, err := s.handler()
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(row.method, "http://127.0.0.1"+row.path, nil)
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != http.StatusUnauthorized || log.Len() > 0 {
				t.Errorf("%d %s", w.Code, &log)
			}
		})
	}
}

// The page's files need no token, whatever they show needs one.
func TestPageIsOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	_, line := NewToken("alice", Act)
	if err := os.WriteFile(path, []byte(line+"\nloopback none"), 0o600); err != nil {
		t.Fatal(err)
	}
	tokens, err := LoadTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		page bool
		path string
		code int
	}{
		{true, "/", 200}, {true, "/assets/main.js", 200}, {true, "/api/v1/x/things", 401}, {true, "/status", 401}, {true, "/assets", 401}, {true, "//assets/x", 401},
		{false, "/", 401}, {false, "/assets/main.js", 401},
	} {
		t.Run(fmt.Sprint(row.page, row.path), func(t *testing.T) {
			o := options(io.Discard)
			o.Tokens = tokens
			if row.page {
				o.Page = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") })
			}
			s, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close(context.Background())
			h, err := s.handler()
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest("GET", "http://127.0.0.1"+row.path, nil)
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != row.code {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

func TestTokenFiles(t *testing.T) {
	_, good := NewToken("a", Read)
	for _, row := range []struct{ name, text, want string }{
		{"empty", "", ""},
		{"a token", good, ""},
		{"twice", good + "\n" + good, `2: "a" is there twice`},
		{"no role", "a", "1: expected NAME ROLE sha256:HASH"},
		{"no hash", "a read", "1: expected NAME ROLE sha256:HASH"},
		{"another role", "a root sha256:00", `1: "root" is not a role`},
		{"the token itself", "a read secret", "expected sha256: and 64 hex digits; make a line with `sipscript token a --role read`"},
		{"a short hash", "a read sha256:00", "64 hex digits"},
		{"loopback with a token", "loopback read x", "loopback has a role and no token"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tokens")
			if err := os.WriteFile(path, []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := LoadTokens(path); (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
}

// A file that gets worse leaves the tokens as they were.
func TestTokensStay(t *testing.T) {
	token, line := NewToken("a", Act)
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	tokens, err := LoadTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if tokens.Reload() == nil {
		t.Error("nonsense was read")
	}
	if name, role := tokens.find(token); name != "a" || role != Act {
		t.Errorf("%q %s", name, role)
	}
	for _, row := range []struct{ name, text, want string }{
		{"empty", "", "nothing is in it any longer"},
		{"only comments", "# later\n\n", "nothing is in it any longer"},
		{"too long", line + "\n" + strings.Repeat("# so many words\n", maxTokensFile/16) + "loopback none\n", "is longer than 1048576 bytes"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := tokens.Reload(); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %s", err, row.want)
			}
			if name, role := tokens.find(token); name != "a" || role != Act {
				t.Errorf("%q %s", name, role)
			}
		})
	}
}

// Each act leaves a line: who, from where, what, how it ended. What asks leaves none.
func TestActsAreNoted(t *testing.T) {
	var log bytes.Buffer
	o := options(&log)
	s := &Server{opts: o, refusals: rateLimit{allowed: 1}}
	h, err := s.handler()
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, body string, path ...string) {
		r := httptest.NewRequest(method, "http://127.0.0.1/api/v1/x/"+append(path, "things")[0], strings.NewReader(body))
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	ask("GET", "")
	if log.Len() > 0 {
		t.Errorf("asking was noted: %s", &log)
	}
	ask("POST", `{"address": "192.0.2.7"}`+"\n"+`level=ERROR forged=1`)
	for _, want := range []string{`msg="an operator acted"`, "operator=anybody", "source=192.0.2.1:1234", `request="POST /api/v1/x/things"`, "status=200", `192.0.2.7`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q is not in %s", want, &log)
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("%d lines: %s", n, &log)
	}
	log.Reset()
	ask("POST", "hunter2", "secrets/a")
	if strings.Contains(log.String(), "hunter2") || !strings.Contains(log.String(), "secrets/a") {
		t.Errorf("a secret: %s", &log)
	}
	log.Reset()
	ask("POST", strings.Repeat("x", 100_000))
	if log.Len() > 3*maxNoted {
		t.Errorf("a line of %d bytes", log.Len())
	}
}

// An operation that panics is answered and told, and an act leaves its line all the same.
func TestPanicsAreTold(t *testing.T) {
	for _, row := range []struct {
		method string
		acts   bool
	}{{"GET", false}, {"POST", true}} {
		t.Run(row.method, func(t *testing.T) {
			var log bytes.Buffer
			o := options(&log)
			o.Operations = []openapi.Operation{{Method: row.method, Path: "/api/v1/x/bad", Summary: "panic", Serve: func(http.ResponseWriter, *http.Request) { panic("oh") }}}
			h, err := (&Server{opts: o}).handler()
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(row.method, "http://127.0.0.1/api/v1/x/bad", nil))
			if w.Code != 500 || !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "panic=oh") {
				t.Errorf("%d %s", w.Code, &log)
			}
			if strings.Contains(log.String(), `msg="an operator acted"`) != row.acts || row.acts && !strings.Contains(log.String(), "status=500") {
				t.Errorf("%s", &log)
			}
		})
	}
}

// Whoever is refused again and again does not fill the log.
func TestRefusalsAreLimited(t *testing.T) {
	l := rateLimit{allowed: 2}
	now := time.Unix(1e9, 0)
	for i, want := range []bool{true, true, false, false} {
		if ok, _ := l.allow(now); ok != want {
			t.Errorf("line %d: %v", i, ok)
		}
	}
	if ok, suppressed := l.allow(now.Add(time.Minute)); !ok || suppressed != 2 {
		t.Errorf("a minute later: %v, %d suppressed", ok, suppressed)
	}
}

func TestTLS(t *testing.T) {
	cert, key, roots := selfSigned(t)
	c, err := LoadCertificate(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	o := options(io.Discard)
	o.Certificate = c
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Serve()
	defer s.Close(context.Background())
	client := &Client{Addr: "https://" + s.Addr().String(), Roots: roots}
	if n, err := client.Reload(t.Context()); n != 1 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	client.Roots = x509.NewCertPool()
	if _, err := client.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a stranger's certificate: %v", err)
	}
	if err := os.WriteFile(cert, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if c.Reload() == nil {
		t.Error("an empty certificate was read")
	}
	client.Roots = roots
	if _, err := client.Reload(t.Context()); err != nil {
		t.Errorf("after a reload that failed: %v", err)
	}
}

// The token is given to the server that was named, and to no other.
func TestTokenIsNotPassedOn(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked %s", r.URL) }))
	defer other.Close()
	first := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer first.Close()
	c := &Client{Addr: first.URL, Token: "secret"}
	if _, err := c.Reload(t.Context()); err == nil {
		t.Error("a redirect was followed")
	}
}

func selfSigned(t *testing.T) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "admin"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(cert, certPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), 0o600); err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(certPEM)
	return cert, key, roots
}
