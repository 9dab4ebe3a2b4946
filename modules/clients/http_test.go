package clients

// This file tests HTTP with a server on loopback.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func get(t *testing.T, h *HTTP, url string) (*Answer, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return h.Do(r)
}

func newServer(t *testing.T) *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("/x", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("hello"))
	})
	mux.HandleFunc("/large", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(make([]byte, 5000)) })
	mux.HandleFunc("/on/", func(w http.ResponseWriter, r *http.Request) {
		var n int
		_, _ = fmt.Sscanf(r.URL.Path, "/on/%d", &n)
		if n == 0 {
			http.Redirect(w, r, "/x", http.StatusFound)
			return
		}
		http.Redirect(w, r, fmt.Sprint("/on/", n-1), http.StatusFound)
	})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestHTTP(t *testing.T) {
	s := newServer(t)
	for name, row := range map[string]struct {
		o    HTTPOptions
		path string
		want string // of the answer, or of the error
		away bool
	}{
		"an answer":          {HTTPOptions{}, "/x", "418 hello", false},
		"as large as may be": {HTTPOptions{MaxBody: 5000}, "/large", "200 \x00", false},
		"too large":          {HTTPOptions{MaxBody: 4999}, "/large", "the answer is too large: more than 4999 bytes", false},
		"redirects":          {HTTPOptions{}, "/on/2", "418 hello", false},
		"too many redirects": {HTTPOptions{}, "/on/3", "more than 3 redirects", false},
		"none":               {HTTPOptions{Redirects: -1}, "/on/0", "302 ", false},
		"only https":         {HTTPOptions{HTTPS: true}, "/x", "expected https", false},
		"not public":         {HTTPOptions{Public: true}, "/x", "not one of the public Internet", false},
		"too slow":           {HTTPOptions{Timeout: 20 * time.Millisecond}, "/slow", "is unavailable", true},
	} {
		t.Run(name, func(t *testing.T) {
			h := New(Options{}).HTTP(row.o)
			defer h.Close()
			a, err := get(t, h, s.URL+row.path)
			got := fmt.Sprint(err)
			if err == nil {
				got = fmt.Sprintf("%d %s", a.Status, a.Body)
			}
			if !strings.Contains(got, row.want) || errors.Is(err, ErrAway) != row.away {
				t.Errorf("%.100q, want %q", got, row.want)
			}
		})
	}
	for _, url := range []string{"ftp://h/x", "/x", "mailto:x"} {
		if _, err := get(t, New(Options{}).HTTP(HTTPOptions{}), url); err == nil || !strings.Contains(err.Error(), "expected http") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// Each server has a circuit of its own, which metrics tell of; clients of the same options are one.
func TestHTTPCircuits(t *testing.T) {
	s := newServer(t)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	p := New(Options{})
	a, b, other := p.HTTP(HTTPOptions{}), p.HTTP(HTTPOptions{}), p.HTTP(HTTPOptions{Timeout: time.Second})
	if a.Client != b.Client || a.Client == other.Client {
		t.Error("what is shared?")
	}
	for range 2 {
		if _, err := get(t, a, gone.URL); !errors.Is(err, ErrAway) {
			t.Error(err)
		}
		if _, err := get(t, b, s.URL+"/x"); err != nil {
			t.Error(err)
		}
	}
	up := map[string]float64{}
	for _, m := range p.Metrics() {
		if m.Name == "client_up" {
			up[m.Labels["server"]] = m.Value()
		}
	}
	if len(up) != 2 || up[gone.URL] != 0 || up[s.URL] != 1 {
		t.Errorf("%v", up)
	}
	for i := range 2 * maxOrigins {
		a.Client.origin(fmt.Sprint("http://h", i))
	}
	if n := len(a.Client.origins); n != maxOrigins {
		t.Errorf("%d circuits", n)
	}
	if !a.Client.origin(gone.URL).away.Load() {
		t.Error("an open circuit was forgotten")
	}
	_, _, _ = a.Close(), b.Close(), other.Close()
	if len(p.open) != 0 {
		t.Error("still open")
	}
}

// A caller who leaves opens no circuit.
func TestHTTPCallerLeaves(t *testing.T) {
	s := newServer(t)
	h := New(Options{}).HTTP(HTTPOptions{})
	defer h.Close()
	for range mostFailures {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/slow", nil)
		if _, err := h.Do(r); err == nil || errors.Is(err, ErrAway) {
			t.Error(err)
		}
	}
	if _, err := get(t, h, s.URL+"/x"); err != nil {
		t.Error(err)
	}
}

// A redirect never leads from https to http.
func TestHTTPSStays(t *testing.T) {
	plain := newServer(t)
	s := httptest.NewTLSServer(http.RedirectHandler(plain.URL+"/x", http.StatusFound))
	defer s.Close()
	h := New(Options{}).HTTP(HTTPOptions{TLS: s.Client().Transport.(*http.Transport).TLSClientConfig})
	defer h.Close()
	if _, err := get(t, h, s.URL); err == nil || !strings.Contains(err.Error(), "not https") {
		t.Error(err)
	}
}

func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"8.8.8.8": true, "2a00:1450:4001::1": true, "127.0.0.1": false, "10.0.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false,
		"0.0.0.0": false, "224.0.0.1": false, "255.255.255.255": false, "198.18.0.1": false, "::1": false, "fe80::1": false, "fc00::1": false, "::": false,
		"::ffff:127.0.0.1": false, "64:ff9b::7f00:1": false, "::7f00:1": false, "fec0::1": false, "2002:7f00:1::": false, "2001:db8::1": false,
	} {
		t.Run(text, func(t *testing.T) {
			if isPublic(netip.MustParseAddr(text)) != want {
				t.Errorf("%s: %v", text, !want)
			}
		})
	}
}

// What follows a redirect is what a browser would send: the method and the body as RFC 9110 §15.4
// says, and credentials to the same host alone.
func TestRedirects(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, _, _ := r.BasicAuth()
		_, _ = fmt.Fprintf(w, "%s %s %s %q", r.Method, r.URL.Path, user, body)
	}
	other := httptest.NewServer(http.HandlerFunc(echo))
	defer other.Close()
	asked := map[string]int{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked[r.URL.Path]++
		var code int
		switch _, err := fmt.Sscanf(r.URL.Path, "/%d", &code); {
		case err != nil:
			echo(w, r)
		case strings.HasSuffix(r.URL.Path, "/other"):
			_, port, _ := net.SplitHostPort(other.Listener.Addr().String())
			http.Redirect(w, r, "http://localhost:"+port+"/there", code)
		case strings.HasSuffix(r.URL.Path, "/nowhere"):
			w.WriteHeader(code)
		default:
			http.Redirect(w, r, "/here", code)
		}
	}))
	defer s.Close()
	for path, want := range map[string]string{
		"/301":         `200 GET /here me ""`,
		"/302":         `200 GET /here me ""`,
		"/303":         `200 GET /here me ""`,
		"/307":         `200 POST /here me "text"`,
		"/308":         `200 POST /here me "text"`,
		"/307/other":   `200 POST /there  "text"`,
		"/300":         "300 ",
		"/304":         "304 ",
		"/307/nowhere": "307 ",
		"/none":        `200 POST /none me "text"`,
	} {
		t.Run(path, func(t *testing.T) {
			h := New(Options{}).HTTP(HTTPOptions{})
			defer h.Close()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, strings.NewReader("text"))
			if err != nil {
				t.Fatal(err)
			}
			r.SetBasicAuth("me", "secret")
			a, err := h.Do(r)
			if err != nil || fmt.Sprintf("%d %s", a.Status, a.Body) != want {
				t.Errorf("%+v, %v, want %s", a, err, want)
			}
			if asked[path] != 1 {
				t.Errorf("asked %d times", asked[path])
			}
		})
	}
	t.Run("a user in the URL", func(t *testing.T) {
		h := New(Options{}).HTTP(HTTPOptions{})
		defer h.Close()
		a, err := get(t, h, strings.Replace(s.URL, "http://", "http://you:secret@", 1)+"/302")
		if err != nil || string(a.Body) != `GET /here  ""` && string(a.Body) != `GET /here you ""` {
			t.Errorf("%+v, %v", a, err)
		}
		if a, err = get(t, h, strings.Replace(s.URL, "http://", "http://you:secret@", 1)+"/x"); err != nil || string(a.Body) != `GET /x you ""` {
			t.Errorf("%+v, %v", a, err)
		}
	})
}
