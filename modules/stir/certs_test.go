package stir

// The cache of certificates, and the files.

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/stir/passport"
	"github.com/sipscript/sipscript/modules/stir/passport/passporttest"
)

var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// answers is a transport that is a function.
type answers func(r *http.Request) (body string, err error)

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := f(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: 200, Header: http.Header{"Cache-Control": {"max-age=600"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// cache is one whose time the test moves.
func cache(t *testing.T, f answers) (*certs, *atomic.Int64) {
	at := new(atomic.Int64)
	at.Store(began.Unix())
	s := New(Options{Clients: clients.New(clients.Options{Transport: f, Now: func() time.Time { return time.Unix(at.Load(), 0) }}), Now: func() time.Time { return time.Unix(at.Load(), 0) }})
	t.Cleanup(func() { _ = s.Close() })
	return s.certs, at
}

func TestOneFetchForAll(t *testing.T) {
	ca := passporttest.New(t, began)
	pem := string(ca.Issue(began, passporttest.Codes("A"), nil).PEM)
	var asked atomic.Int32
	block := make(chan struct{})
	c, _ := cache(t, func(r *http.Request) (string, error) { asked.Add(1); <-block; return pem, nil })
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() { c.fetch(t.Context(), "https://a.example/x", nil) })
	}
	hasty, cancel := context.WithCancel(t.Context())
	cancel()
	c.fetch(hasty, "https://a.example/x", nil) // who is gone waits for nothing
	close(block)
	all.Wait()
	if n := asked.Load(); n != 1 || !c.known("https://a.example/x", began) {
		t.Errorf("asked %d times", n)
	}
}

// Nobody is flooded through us, and we do not do everything at once that strangers want.
func TestFetchesAreBounded(t *testing.T) {
	var now, most atomic.Int32
	block := make(chan struct{})
	c, _ := cache(t, func(r *http.Request) (string, error) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		<-block
		now.Add(-1)
		return "", errors.New("no")
	})
	done := make(chan struct{})
	begin := func(host string, n int) (refused int) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for i := range n {
			url := fmt.Sprintf("https://%s/%d", host, i)
			c.fetch(ctx, url, nil)
			c.mu.Lock()
			if c.flights[url] == nil {
				refused++
			}
			c.mu.Unlock()
		}
		return refused
	}
	if n := begin("one.example", 10); n != 10-mostPerHost {
		t.Errorf("of one host %d were refused", n)
	}
	refused := 0
	for i := range 40 {
		refused += begin(fmt.Sprintf("h%d.example", i), 2)
	}
	if refused != 80-(mostFetches-mostPerHost) {
		t.Errorf("%d were refused", refused)
	}
	close(done)
	close(block)
	c.ended.Wait()
	if len(c.flights) != 0 || len(c.hosts) != 0 {
		t.Error(c.flights, c.hosts)
	}
}

func TestKeptCertificates(t *testing.T) {
	ca := passporttest.New(t, began)
	long := func(c *x509.Certificate) { c.NotAfter = began.AddDate(1, 0, 0) }
	first, second := string(ca.Issue(began, passporttest.Codes("A"), long).PEM), string(ca.Issue(began, passporttest.Codes("B"), long).PEM)
	page, failure := first, error(nil)
	c, at := cache(t, func(*http.Request) (string, error) { return page, failure })
	roots := x509.NewCertPool()
	roots.AddCert(ca.Cert)
	const url = "https://a.example/x"
	spc := func() string {
		now := c.now()
		if !c.known(url, now) {
			c.fetch(t.Context(), url, nil)
		}
		cert, err := c.get(url, nil, roots, now)
		if err != nil {
			return err.Error()
		}
		return cert.Numbers.Codes[0]
	}
	later := func(d time.Duration) { at.Add(int64(d / time.Second)) }
	want := func(when, text string) {
		t.Helper()
		if got := spc(); !strings.Contains(got, text) {
			t.Errorf("%s: %s, want %s", when, got, text)
		}
	}
	want("at first", "A")
	page = second
	later(9 * time.Minute)
	want("within max-age", "A")
	later(2 * time.Minute)
	want("after it", "B")
	failure = fmt.Errorf("x: %w", syscall.ECONNREFUSED)
	later(11 * time.Minute)
	want("its server is away", "B")
	later(23 * time.Hour)
	want("for long", "B")
	later(2 * time.Hour)
	want("for too long", "can't be had")
	failure = nil
	later(time.Minute)
	want("back", "B")
	page = "gone"
	later(11 * time.Minute)
	want("replaced by something else", "not a certificate")
	page = first
	later(11 * time.Second)
	want("and put right", "A")

	other := x509.NewCertPool()
	other.AddCert(passporttest.New(t, began).Cert)
	if _, err := c.get(url, nil, other, c.now()); err == nil {
		t.Error("it is trusted by other roots")
	}
	if _, err := c.get(url, nil, roots, c.now()); err != nil {
		t.Error(err)
	}
	if _, err := c.get("https://never.example/", nil, roots, c.now()); err == nil {
		t.Error("something that was not fetched")
	}
}

func TestCacheIsBounded(t *testing.T) {
	c, at := cache(t, nil)
	for i := range mostCerts + 50 {
		e := &entry{until: c.now().Add(time.Hour), cert: &passport.Certificate{}}
		if i == 7 || i == 1999 {
			e.cert = nil
		}
		c.keep(fmt.Sprint(i), e)
		at.Add(1)
	}
	kept := *c.kept.Load()
	for name, want := range map[string]bool{"7": false, "1999": false, "0": false, "47": false, "48": false, "49": true, fmt.Sprint(mostCerts + 49): true} {
		t.Run(name, func(t *testing.T) {
			if kept[name] != nil != want {
				t.Errorf("kept: %v", !want)
			}
		})
	}
	if len(kept) != mostCerts {
		t.Errorf("%d are kept", len(kept))
	}
}

// Inner addresses are not reached, whatever name leads there.
func TestInnerAddresses(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	s := New(Options{})
	defer s.Close()
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1"} {
		t.Run(host, func(t *testing.T) {
			at := "https://" + host + port + "/"
			hosts := []string{strings.TrimSuffix(host+port, "")}
			if strings.HasPrefix(host, "[") {
				hosts = nil
				at = "https://" + host + ":443/"
			}
			s.certs.fetch(t.Context(), at, hosts)
			e := (*s.certs.kept.Load())[at]
			if e == nil || e.cert != nil || !errors.Is(e.err, clients.ErrNotPublic) && host != "127.1" {
				t.Errorf("%+v", e)
			}
		})
	}
	if asked.Load() != 0 {
		t.Error("it was reached")
	}
}

func TestLifetime(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": time.Hour, "max-age=600": 10 * time.Minute, "public, MAX-AGE=\"7200\"": 2 * time.Hour, "max-age=1": time.Minute, "max-age=99999999": 24 * time.Hour,
		"no-store": time.Minute, "max-age=x": time.Hour, "no-cache, max-age=600": time.Minute,
	} {
		t.Run(text, func(t *testing.T) {
			if got := lifetime(http.Header{"Cache-Control": {text}}); got != want {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

// Files are read again when they have changed, and are what they will be: all together, or none.
func TestFilesChange(t *testing.T) {
	ca := passporttest.New(t, began)
	dir := t.TempDir()
	n := 0
	write := func(name string, b []byte) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path+".new", b, 0o600); err != nil {
			t.Fatal(err)
		}
		n++
		if err := os.Chtimes(path+".new", began, began.Add(time.Duration(n)*time.Second)); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	one, two := ca.Issue(began, passporttest.Codes("A"), nil), ca.Issue(began, passporttest.Codes("B"), nil)
	write("cert.pem", one.PEM)
	write("key.pem", one.KeyPEM)
	write("roots.pem", ca.PEM)
	s := New(Options{})
	defer s.Close()
	c := DefaultConfig()
	c.Certificate, c.Key, c.X5U, c.Roots = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), "https://x.example/", []string{filepath.Join(dir, "roots.pem")}
	u, err := s.prepare(c)
	if err != nil {
		t.Fatal(err)
	}
	roots := u.roots.Load()
	var before map[string]os.FileInfo
	look := func(want string, reread, bad uint64) {
		t.Helper()
		before = u.glance(before)
		if got := u.own.Load().cert.Numbers.Codes[0]; got != want || s.count.reread.Load() != reread || s.count.bad.Load() != bad {
			t.Errorf("%s, read %d times, %d times bad; want %s, %d, %d", got, s.count.reread.Load(), s.count.bad.Load(), want, reread, bad)
		}
	}
	look("A", 0, 0)
	write("cert.pem", two.PEM)
	look("A", 0, 0) // seen once
	look("A", 0, 1) // a certificate without its key
	look("A", 0, 1) // told once
	write("key.pem", two.KeyPEM)
	look("A", 0, 1)
	look("B", 1, 1)
	look("B", 1, 1)
	if u.roots.Load() == roots {
		t.Error("the roots are those of before")
	}
	if err := os.Remove(c.Key); err != nil {
		t.Fatal(err)
	}
	look("B", 1, 1)
	look("B", 1, 1)
	write("key.pem", []byte("x"))
	look("B", 1, 1)
	look("B", 1, 2)
	write("key.pem", two.KeyPEM)
	write("cert.pem", two.PEM)
	look("B", 1, 2)
	look("B", 2, 2)
}
