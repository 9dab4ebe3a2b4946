package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/internal/peer"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/b2b"
	"github.com/sipscript/sipscript/ops/admin"
	"github.com/sipscript/sipscript/ops/openapi"
)

const script = `
function route(req)
  local a = require("b2b").incoming(req)
  if a and a:handover("desk") == "nobody" then a:reject(480) end
end`

const description = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"

// served is a server with an admin port.
func served(t *testing.T) (phones peer.Server, at string) {
	t.Helper()
	m := b2b.New()
	router, err := luabind.NewRouter(luabind.Options{Source: script, Name: "route.lua", Modules: []luabind.Opener{m}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	eng, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Domains: []string{"example.com"}, Router: router, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	port, err := admin.New(admin.Options{Addr: "127.0.0.1:0", Figures: prometheus.NewRegistry(), Ready: func() error { return nil }, Status: func() any { return nil },
		Reload: func(context.Context) (int, error) { return 1, nil }, Operations: openapi.Below("/api/v1/b2b", m.API()), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := eng.Start(); err != nil {
		t.Fatal(err)
	}
	port.Serve()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = eng.Shutdown(ctx)
		_ = m.Close()
		_ = port.Close(ctx)
	})
	return peer.Server{Transport: "udp", Addr: eng.Locals()[0].Addr.String()}, port.Addr().String()
}

// wire is what lies between the program and the server: it can be cut.
type wire struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn // guarded by mu
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{Listener: l}
	t.Cleanup(func() { _ = l.Close(); w.cut() })
	go func() { // ends with the listener
		for {
			a, err := l.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", to)
			if err != nil {
				_ = a.Close()
				continue
			}
			w.mu.Lock()
			w.conns = append(w.conns, a, b)
			w.mu.Unlock()
			go func() { _, _ = io.Copy(a, b); _ = a.Close() }() // both end with their connections
			go func() { _, _ = io.Copy(b, a); _ = b.Close() }()
		}
	}()
	return w
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.conns = nil
}

// A call through the program, whose connection is cut while somebody rings: it comes back, hears
// of the answer, and joins the two.
func TestCallControl(t *testing.T) {
	for _, c := range []struct {
		name  string
		cut   bool
		code  int
		lines string
	}{
		{"answered", false, 200, "ready, call from sip:alice@example.com, done"},
		{"cut meanwhile", true, 200, "ready, call from sip:alice@example.com, done"},
		{"busy", false, 486, "ready, call from sip:alice@example.com, nobody answers: 486, done"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, at := served(t)
			w := newWire(t, at)
			alice, bob := peer.New(t, "alice", "example.com", server), peer.New(t, "bob", "example.com", server)
			contact := bob.Contact()
			ctx, stop := context.WithCancel(t.Context())
			out, in := io.Pipe()
			ended := make(chan error, 1)
			go func() { // ends with ctx
				ended <- serve(ctx, in, &Client{Server: "ws://" + w.Addr().String()}, "desk", contact.String())
				_ = in.Close()
			}()
			lines := make(chan string, 100)
			go func() { // ends with the program; the lines of one call are few
				defer close(lines)
				for s := bufio.NewScanner(out); s.Scan(); {
					lines <- s.Text()
				}
			}()
			var said []string
			until := func(want string) {
				t.Helper()
				for line := range lines {
					if !strings.HasPrefix(line, "ended") {
						said = append(said, line)
					}
					if line == want {
						return
					}
				}
				t.Fatalf("the program ended before it said %q: %q", want, said)
			}
			until("ready")
			call := alice.Invite("sip:someone@example.com", func(r *sip.Request) {
				r.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
				r.SetBody([]byte(description))
			})
			until("call from sip:alice@example.com")
			ringing := bob.Incoming()
			if c.cut {
				w.cut()
			}
			if c.code == 200 {
				ringing.Answer([]byte(description))
			} else {
				ringing.Reply(c.code, "Busy Here")
			}
			if code := int(call.Final().StatusCode); code != c.code {
				t.Fatalf("the call was answered %d", code)
			}
			until("done")
			if got := strings.Join(said, ", "); got != c.lines {
				t.Errorf("the program said %s", got)
			}
			if c.code == 200 {
				call.Ack()
				bob.Ack()
				call.Bye()
				bob.Bye()
			}
			stop()
			if err := <-ended; err == nil || ctx.Err() == nil {
				t.Errorf("it ended: %v", err)
			}
		})
	}
}
