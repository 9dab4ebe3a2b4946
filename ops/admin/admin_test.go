package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// fake is a server's inside, settable by the test.
type fake struct {
	ready, reload error
	generation    int
}

func serve(t *testing.T, f *fake) *Server {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "answer"}, func() float64 { return 42 }))
	s, err := New(Options{
		Addr: "127.0.0.1:0", Figures: registry,
		Ready:  func() error { return f.ready },
		Reload: func(context.Context) (int, error) { return f.generation, f.reload },
		Status: func() any { return map[string]any{"state": "serving"} },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Serve()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

func ask(t *testing.T, s *Server, method, path string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+s.Addr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestAnswers(t *testing.T) {
	f := &fake{generation: 7}
	s := serve(t, f)
	for _, c := range []struct {
		method, path string
		prepare      func()
		code         int
		contains     string
	}{
		{"GET", "/metrics", nil, 200, "answer 42"},
		{"GET", "/healthz", nil, 200, "true"},
		{"GET", "/readyz", nil, 200, "true"},
		{"GET", "/status", nil, 200, "serving"},
		{"POST", "/reload", nil, 200, "7"},
		{"GET", "/reload", nil, 405, ""},
		{"POST", "/status", nil, 405, ""},
		{"GET", "/else", nil, 404, ""},
		{"GET", "/readyz", func() { f.ready = errors.New("draining") }, 503, "draining"},
		{"GET", "/healthz", nil, 200, "true"},
		{"POST", "/reload", func() { f.reload = errors.New("route.lua:3: near end") }, 422, "route.lua:3: near end"},
		{"POST", "/reload", func() { f.reload = fmt.Errorf("draining: %w", ErrNotServing) }, 409, "draining"},
	} {
		t.Run(c.method, func(t *testing.T) {
			if c.prepare != nil {
				c.prepare()
			}
			if code, text := ask(t, s, c.method, c.path); code != c.code || !strings.Contains(text, c.contains) {
				t.Errorf("%s %s: %d %q, want %d and %q", c.method, c.path, code, text, c.code, c.contains)
			}
		})
	}
}

func TestForeignPagesCannotReload(t *testing.T) {
	s := serve(t, &fake{})
	if code, text := ask(t, s, "POST", "/reload", "Sec-Fetch-Site", "cross-site"); code != http.StatusForbidden {
		t.Errorf("%d %s", code, text)
	}
	if code, _ := ask(t, s, "POST", "/reload", "Origin", "http://elsewhere.example"); code != http.StatusForbidden {
		t.Errorf("with a foreign Origin: %d", code)
	}
}

func TestBoundElsewhereWarns(t *testing.T) {
	var out bytes.Buffer
	s, err := New(Options{Addr: "0.0.0.0:0", Figures: prometheus.NewRegistry(), Log: slog.New(slog.NewTextHandler(&out, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background())
	if !strings.Contains(out.String(), "open to other machines") {
		t.Errorf("no warning: %q", out.String())
	}
}

// Tokens that others on the network can read are worth a warning; on loopback nobody does.
func TestTokensInClearWarn(t *testing.T) {
	for _, row := range []struct {
		addr  string
		warns bool
	}{{"0.0.0.0:0", true}, {"127.0.0.1:0", false}} {
		t.Run(row.addr, func(t *testing.T) {
			var out bytes.Buffer
			s, err := New(Options{Addr: row.addr, Tokens: &Tokens{}, Figures: prometheus.NewRegistry(), Log: slog.New(slog.NewTextHandler(&out, nil))})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close(context.Background())
			if strings.Contains(out.String(), "unencrypted") != row.warns {
				t.Errorf("%q", out.String())
			}
		})
	}
}

// An answer that is too long is said to be, and not cut.
func TestAnswersTooLong(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, maxAnswer+1)) }))
	defer server.Close()
	c := &Client{Addr: server.URL}
	if _, err := c.Asker(t.Context())("GET", "/api/v1/x/things", nil); err == nil || !strings.Contains(err.Error(), "--limit") {
		t.Errorf("%v", err)
	}
}

func TestPortInUse(t *testing.T) {
	s := serve(t, &fake{})
	if _, err := New(Options{Addr: s.Addr().String(), Figures: prometheus.NewRegistry()}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("error %v", err)
	}
}

func TestClient(t *testing.T) {
	f := &fake{generation: 3}
	s := serve(t, f)
	c := &Client{Addr: s.Addr().String()}
	ctx := context.Background()
	if n, err := c.Reload(ctx); n != 3 || err != nil {
		t.Errorf("reload: %d %v", n, err)
	}
	if text, err := c.Status(ctx); err != nil || !json.Valid(text) {
		t.Errorf("status: %s %v", text, err)
	}
	f.reload = errors.New("route.lua:3: near end\nstack traceback:")
	var refused *Refused
	if _, err := c.Reload(ctx); !errors.As(err, &refused) || refused.Text != f.reload.Error() {
		t.Errorf("refused reload: %v", err)
	}
}

func TestClientOfSomethingElse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	other := &http.Server{Handler: http.NotFoundHandler()}
	go other.Serve(l)
	defer other.Close()
	c := &Client{Addr: l.Addr().String()}
	if _, err := c.Reload(context.Background()); err == nil || !strings.Contains(err.Error(), "--admin") {
		t.Errorf("error %v", err)
	}
	other.Close()
	if _, err := c.Status(context.Background()); err == nil || !strings.Contains(err.Error(), "no answer") || strings.Contains(err.Error(), "Get ") {
		t.Errorf("error %v", err)
	}
}
