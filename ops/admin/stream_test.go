package admin

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipscript/sipscript/ops/openapi"
)

// A host that takes the connection and says nothing ends a stream after the time for an answer.
func TestStreamOfASilentHost(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := &Client{Addr: l.Addr().String(), Timeout: 20 * time.Millisecond}
	if err := c.Stream(t.Context(), "/", func(string, string) error { return nil }); err == nil || !strings.Contains(err.Error(), "says nothing") {
		t.Error(err)
	}
}

// streaming is a server with an operation that never ends by itself.
func streaming(t *testing.T, o Options, began chan<- struct{}) *Server {
	t.Helper()
	o.Operations = []openapi.Operation{{Method: "GET", Path: "/api/v1/x", Summary: "stream", Type: "text/event-stream", Serve: func(w http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}}}
	return served(t, o)
}

// served is a server that serves until the end of the test.
func served(t *testing.T, o Options) *Server {
	t.Helper()
	o.Addr, o.Figures = "127.0.0.1:0", prometheus.NewRegistry()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Serve()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = s.Close(ctx)
	})
	return s
}

// A stream ends when its token is gone, and no other does.
func TestStreamsEndWithTheirTokens(t *testing.T) {
	gone, lineOfGone := NewToken("gone", Read)
	stays, lineOfStays := NewToken("stays", Read)
	path := filepath.Join(t.TempDir(), "tokens")
	write := func(lines ...string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(lineOfGone, lineOfStays)
	tokens, err := LoadTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	began := make(chan struct{}, 2)
	s := streaming(t, Options{Tokens: tokens}, began)
	ends := map[string]chan error{gone: make(chan error, 1), stays: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for token, end := range ends {
		c := &Client{Addr: s.Addr().String(), Token: token}
		go func() { end <- c.Stream(ctx, "/api/v1/x", func(string, string) error { return nil }) }()
		<-began
	}
	write(lineOfStays)
	if err := tokens.Reload(); err != nil {
		t.Fatal(err)
	}
	if err := <-ends[gone]; err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("%v", err)
	}
	select {
	case err := <-ends[stays]:
		t.Errorf("the other ended, too: %v", err)
	default:
	}
	cancel()
	<-ends[stays]
	tokens.mu.Lock()
	defer tokens.mu.Unlock()
	if n := len(tokens.asked); n > 1 { // that of the other may still be ending
		t.Errorf("%d requests are remembered", n)
	}
}

// Beyond so many connections a further one waits until another ends.
func TestConnectionsAreLimited(t *testing.T) {
	began := make(chan struct{}, 4)
	s := streaming(t, Options{Connections: 2}, began)
	var open []net.Conn
	dial := func() {
		t.Helper()
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		fmt.Fprintf(c, "GET /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		open = append(open, c)
	}
	for range 3 {
		dial()
	}
	<-began
	<-began
	l := s.listener.(*limitedListener)
	if n := len(l.slots); n != 2 {
		t.Errorf("%d connections are served", n)
	}
	select {
	case <-began:
		t.Error("a third is served")
	default:
	}
	open[0].Close()
	<-began
}

// Who goes on asking is told when roles were read again, until the request is over.
func TestRolesReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	token, line := NewToken("night", Act)
	write := func(line string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(line)
	tokens, err := LoadTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	began, told, over := make(chan struct{}), make(chan bool, 1), make(chan struct{})
	s := served(t, Options{Tokens: tokens, Operations: []openapi.Operation{{Method: "GET", Path: "/api/v1/x", Summary: "x", Type: "text/plain", Serve: func(_ http.ResponseWriter, r *http.Request) {
		asker := openapi.AskerOf(r.Context())
		asker.OnReread(func() { told <- asker.Acts() })
		close(began)
		<-over
	}}}})
	done := make(chan error, 1)
	go func() {
		_, err := (&Client{Addr: s.Addr().String(), Token: token}).Asker(t.Context())("GET", "/api/v1/x", nil)
		done <- err
	}()
	<-began
	write(strings.Replace(line, "night act", "night read", 1))
	if err := tokens.Reload(); err != nil {
		t.Fatal(err)
	}
	if <-told {
		t.Error("it may act still")
	}
	close(over)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
