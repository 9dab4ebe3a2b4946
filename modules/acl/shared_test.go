package acl

// This file tests that nodes share what is added.

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/internal/redistest"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/redis"
	"github.com/sipscript/sipscript/modules/source"
)

// answers is a router that answers everybody.
type answers struct{}

func (answers) Route(req *engine.Request) error {
	_, err := req.Reply(200, "", nil)
	return err
}

// node is an engine with an ACL.
type node struct {
	t    *testing.T
	a    *ACL
	e    *engine.Engine
	addr *net.UDPAddr
}

func newNode(t *testing.T, url, data string) *node {
	t.Helper()
	c, err := redis.Open(clients.New(clients.Options{}), url, 500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(Options{Redis: c, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Use(context.Background(), Policy{Lists: map[string]source.Spec{"trunks": {Entries: []any{}}}}); err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Domains: []string{"example.com"}, Lanes: 1, Router: answers{}, Parts: []engine.Part{a},
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, a: a, e: e, addr: net.UDPAddrFromAddrPort(e.Locals()[0].Addr)}
	t.Cleanup(func() { n.end(); _ = c.Close() })
	return n
}

// end ends the node; it may be called again.
func (n *node) end() {
	if n.e == nil {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	_ = n.e.Shutdown(ctx)
	_ = n.a.Close()
	n.e = nil
}

// until sends to a node from an address until that is answered, or not, and returns the time of the
// first such datagram.
func (n *node) until(ip string, answered bool) time.Time {
	n.t.Helper()
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)}, n.addr)
	if err != nil {
		n.t.Fatal(err)
	}
	defer conn.Close()
	buf := make([]byte, 2048)
	for end, i := time.Now().Add(20*time.Second), 0; time.Now().Before(end); i++ {
		at := time.Now()
		text := fmt.Sprintf("OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%d\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:example.com>\r\nCall-ID: %d\r\nCSeq: 1 OPTIONS\r\n"+
			"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n", conn.LocalAddr(), i, i)
		if _, err := conn.Write([]byte(text)); err != nil {
			n.t.Fatal(err)
		}
		_ = conn.SetReadDeadline(at.Add(100 * time.Millisecond))
		if _, err := conn.Read(buf); (err == nil) == answered {
			return at
		}
	}
	n.t.Fatalf("%s: answered is not %v", ip, answered)
	return time.Time{}
}

func (n *node) add(e Entry) {
	n.t.Helper()
	if err := n.a.Add(Blocked, e); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) remove(address string) {
	n.t.Helper()
	if _, err := n.a.Remove(Blocked, Entry{Address: address}); err != nil {
		n.t.Fatal(err)
	}
}

// has waits until a list has exactly the entries.
func (n *node) has(want string) {
	n.t.Helper()
	got := ""
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		var all []string
		n.a.items(n.a.serving.Load().lists[Blocked], func(i *item, _ bool) bool {
			all = append(all, strings.TrimSpace(i.entry.Address+" "+i.entry.Note))
			return true
		})
		if got = strings.Join(all, ", "); got == want {
			return
		}
	}
	n.t.Fatalf("%q, want %q", got, want)
}

// What is added at one node is dropped by all of them, in force at once there and within
// milliseconds elsewhere.
func TestNodesShareEntries(t *testing.T) {
	server := redistest.Start(t)
	a, b := newNode(t, server.URL, ""), newNode(t, server.URL, "")
	const ip = "127.0.8.1"
	b.until(ip, true)
	began := time.Now()
	a.add(Entry{Address: ip, Note: "floods", Expires: began.Add(time.Hour)})
	t.Logf("the other node dropped a datagram %v after Add", b.until(ip, false).Sub(began))
	a.until(ip, false)
	b.has(ip + " floods")
	// Removed there, with attributes and exceptions and what is not an address
	b.remove(ip)
	a.until(ip, true)
	a.add(Entry{Address: "127.0.9.0/24", Attrs: map[string]any{"k": "v"}})
	a.add(Entry{Address: "!127.0.9.7"})
	b.add(Entry{Address: "agent:*scan*"})
	b.until("127.0.9.6", false)
	b.until("127.0.9.7", true)
	a.has("agent:*scan*, 127.0.9.0/24, !127.0.9.7")
	// A node that comes later knows before it hears anybody
	c := newNode(t, server.URL, "")
	if _, ok := c.a.Covers(Blocked, from("udp 127.0.9.6:1")); !ok {
		t.Error("a new node does not know what is blocked")
	}
}

// Nodes go on while Redis is away, and agree when it is back: the later change counts.
func TestNodesWithoutRedis(t *testing.T) {
	server := redistest.Start(t)
	a, b := newNode(t, server.URL, t.TempDir()), newNode(t, server.URL, "")
	a.add(Entry{Address: "127.0.8.1"})
	b.has("127.0.8.1")
	server.Kill()
	a.add(Entry{Address: "127.0.8.2"})
	b.remove("127.0.8.1")
	a.until("127.0.8.2", false) // alone, at once
	b.until("127.0.8.2", true)
	data := a.a.o.Data
	a.end()
	server.Start()
	b.has("")
	a = newNode(t, server.URL, data) // killed meanwhile, with --data
	b.has("127.0.8.2")
	a.has("127.0.8.2")
	for _, m := range b.a.Metrics() {
		if m.Name == "acl_shared_heard_total" && m.Value() == 0 {
			t.Error("nothing was heard")
		}
	}
}

// A removal that Redis was not told is told after a restart.
func TestRemovedWhileRedisIsAway(t *testing.T) {
	server := redistest.Start(t)
	dir := t.TempDir()
	a, b := newNode(t, server.URL, dir), newNode(t, server.URL, "")
	a.add(Entry{Address: "127.0.8.1"})
	b.has("127.0.8.1")
	server.Kill()
	a.remove("127.0.8.1")
	a.end()
	server.Start()
	a = newNode(t, server.URL, dir)
	a.has("")
	b.has("")
}
