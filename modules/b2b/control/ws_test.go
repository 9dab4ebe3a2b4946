package control

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// raw is a connection that does nothing by itself: it answers no ping.
type raw struct {
	net.Conn
	*bufio.Reader
}

func dialRaw(t *testing.T, h *Hub) *raw {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.Serve(r.Context(), w, r, Asker{Name: "tester"})
	}))
	t.Cleanup(s.Close)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", Protocol)
	r := &raw{conn, bufio.NewReader(conn)}
	res, err := http.ReadResponse(r.Reader, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", res, err)
	}
	return r
}

// frame is the next one.
func (r *raw) frame(t *testing.T) (kind byte, payload []byte) {
	t.Helper()
	var head [2]byte
	if _, err := io.ReadFull(r.Reader, head[:]); err != nil {
		t.Fatal(err)
	}
	payload = make([]byte, head[1])
	if _, err := io.ReadFull(r.Reader, payload); err != nil {
		t.Fatal(err)
	}
	return head[0] & 15, payload
}

// A client that says nothing, or does not answer a ping, is told so and left.
func TestSilentClients(t *testing.T) {
	const closes, ping = 8, 9
	for _, c := range []struct {
		name  string
		times times
		pings bool
	}{
		{"no hello", times{hello: 20 * time.Millisecond, ping: time.Hour, pong: time.Hour, write: time.Minute}, false},
		{"no pong", times{hello: time.Hour, ping: 20 * time.Millisecond, pong: 20 * time.Millisecond, write: time.Minute}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := New(Options{})
			h.times = c.times
			r := dialRaw(t, h)
			kind, payload := r.frame(t)
			if c.pings {
				if kind != ping {
					t.Fatalf("frame %d", kind)
				}
				kind, payload = r.frame(t)
			}
			if kind != closes || binary.BigEndian.Uint16(payload) != 4003 || string(payload[2:]) != ReasonSilent {
				t.Errorf("frame %d %q", kind, payload)
			}
		})
	}
}

// Every reason has a code, which the page names.
func TestReasonsHaveCodes(t *testing.T) {
	for _, r := range Reasons() {
		t.Run(r.Name, func(t *testing.T) {
			if want := fmt.Sprint(closing(r.Name), ":"); !strings.HasPrefix(r.Doc, want) {
				t.Errorf("%s is closed by %s", r.Doc, want)
			}
		})
	}
}

// A client's orders that lanes have not taken yet are few: it is not read until they are fewer.
func TestQueueOfOrders(t *testing.T) {
	c := New(Options{}).Connect(Asker{})
	ctx, cancel := context.WithCancel(t.Context())
	if c.queued.Store(mostQueued - 1); !c.room(ctx) {
		t.Error("there is no room for one more")
	}
	c.queued.Store(mostQueued)
	go c.taken()
	if !c.room(ctx) || c.queued.Load() != mostQueued-1 {
		t.Errorf("%d are queued", c.queued.Load())
	}
	c.queued.Store(mostQueued)
	if cancel(); c.room(ctx) {
		t.Error("it did not wait")
	}
}
