package registrar

// This file tests that bindings end with their flow, in an engine on virtual time.

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// stunRequest is a STUN binding request (RFC 8489 §5), as UDP clients keep their flows alive with.
const stunRequest = "\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl"

// flowClient is a client that registers on a flow.
type flowClient struct {
	*client
	kind transport.Kind
	n    int
}

func (c *flowClient) send(text string) {
	c.w.Do(func() {
		if c.kind == transport.UDP {
			c.Send(serverAddr, []byte(text))
			return
		}
		_ = c.Stream(c.kind, serverAddr, []byte(text))
	})
}

// register registers flow id of user and returns the code.
func (c *flowClient) register(user string, id int, supported string) int {
	c.n++
	host := c.Addr().String()
	c.send(reg{to: "<sip:" + user + "@example.com>", callID: user + host, cseq: c.n, via: via(strings.ToUpper(c.kind.String()), host, c.n), headers: list("Supported: " + supported),
		contacts: list(fmt.Sprintf("<sip:%s@%s;transport=%s>;reg-id=%d;%s", user, host, c.kind, id, phoneID))}.text())
	m, _ := c.Next()
	return m.Status()
}

func (w *world) flowClient(addr string, kind transport.Kind) *flowClient {
	return &flowClient{client: w.phone(addr), kind: kind}
}

func (w *world) count() int {
	n, err := w.reg.Count(w.t.Context())
	if err != nil {
		w.t.Error(err)
	}
	return n
}

func (w *world) heard(event string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, e := range w.events {
		if strings.HasPrefix(e, event) {
			n++
		}
	}
	return n
}

func TestBindingsEndWithTheirConnection(t *testing.T) {
	for _, store := range []struct {
		name string
		make func() Store
	}{{"memory", func() Store { return NewMemory() }}, {"a store that waits", func() Store { return &slow{Memory: NewMemory()} }}} {
		t.Run(store.name, func(t *testing.T) {
			w := newWorld(t, store.make(), nil)
			c, plain := w.flowClient("192.0.2.1:5060", transport.TCP), w.flowClient("192.0.2.2:5060", transport.TCP)
			for _, user := range list("bob", "alice", "bob") {
				if code := c.register(user, 1, "outbound"); code != 200 {
					t.Fatal(code)
				}
			}
			if code := plain.register("bob", 2, "path"); code != 200 {
				t.Fatal(code)
			}
			if w.count() != 3 {
				t.Fatalf("%d bindings", w.count())
			}
			w.BreakStreams()
			w.Run(time.Second)
			// The client without outbound may be connected to, or comes back: its binding stays.
			if w.count() != 1 || w.heard("registrar.expired") != 2 {
				t.Errorf("%d bindings; %q", w.count(), w.events)
			}
			if n := len(w.reg.flows.byPlace) + len(w.reg.flows.byID); n != 0 {
				t.Errorf("%d flows are remembered", n)
			}
		})
	}
}

// TestSilentFlowsAreUnbound: who sent keep-alives and does so no more is gone; who never did is not
// judged by them.
func TestSilentFlowsAreUnbound(t *testing.T) {
	w := newWorld(t, nil, nil)
	silent, lively, never := w.flowClient("192.0.2.1:5060", transport.UDP), w.flowClient("192.0.2.2:5060", transport.UDP), w.flowClient("192.0.2.3:5060", transport.UDP)
	for i, c := range []*flowClient{silent, lively, never} {
		if code := c.register("bob", i+1, "outbound"); code != 200 {
			t.Fatal(code)
		}
	}
	for range 10 {
		silent.send(stunRequest)
		lively.send(stunRequest)
		w.Run(20 * time.Second)
	}
	if w.count() != 3 {
		t.Fatalf("%d bindings while keep-alives come", w.count())
	}
	for range 10 {
		lively.send("\r\n\r\n")
		w.Run(20 * time.Second)
	}
	if w.count() != 2 || w.heard("registrar.expired") != 1 {
		t.Errorf("%d bindings; %q", w.count(), w.events)
	}
	// It registers again, and is judged again.
	if code := silent.register("bob", 1, "outbound"); code != 200 || w.count() != 3 {
		t.Errorf("%d, %d bindings", code, w.count())
	}
	w.Run(40 * time.Minute)
	if w.count() != 2 { // lively has stopped
		t.Errorf("%d bindings", w.count())
	}
	w.Run(25 * time.Hour)
	if n := len(w.reg.flows.byPlace) + len(w.reg.flows.byID); n != 0 || w.count() != 0 {
		t.Errorf("%d flows are remembered, %d bindings", n, w.count())
	}
}

// TestFlowsAreBounded: a client that comes from another port each time has one binding, and is no
// reason to remember flows without end.
func TestFlowsAreBounded(t *testing.T) {
	w := emptyWorld(t, nil)
	w.reg = luabindtest.Must(New(Options{Policy: policyOf(func(p *Policy) { p.MaxBindings = 3 })}))
	if err := w.start(routerFunc(func(req *engine.Request) error { _, err := w.reg.Save(req, nil); return err })); err != nil {
		t.Fatal(err)
	}
	w.reg.Attach(w.eng)
	for port := range 20 {
		c := w.flowClient(fmt.Sprintf("192.0.2.1:%d", 1024+port), transport.UDP)
		if code := c.register("bob", 1, "outbound"); code != 200 || w.count() != 1 {
			t.Fatal(code, w.count())
		}
	}
	if n := len(w.reg.flows.byPlace); n != 3 || w.reg.flows.quiet.Len() != 3 {
		t.Errorf("%d flows are remembered", n)
	}
	if w.reg.flows.byPlace[place{netip.MustParseAddrPort("192.0.2.1:1043"), "udp:" + serverAddr}] == nil {
		t.Error("the last one is not")
	}
}

// crowd is a store that makes changes, once it is full, so many at a time: as one that commits them
// together.
type crowd struct {
	*Memory
	full bool
	in   chan struct{}
}

func (c *crowd) Waits() (lookup, update bool) { return true, true }

func (c *crowd) Update(ctx context.Context, aor string, d Durability, change func([]*Binding) ([]*Binding, error)) error {
	if c.full {
		select { // two meet, or nobody comes
		case c.in <- struct{}{}:
		case <-c.in:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return c.Memory.Update(ctx, aor, d, change)
}

// TestTrunksAreUnboundTogether: the bindings of a connection with many users don't wait for each
// other.
func TestTrunksAreUnboundTogether(t *testing.T) {
	const users = 4 * unboundAtOnce
	store := &crowd{Memory: NewMemory(), in: make(chan struct{})}
	w := newWorld(t, store, nil)
	c := w.flowClient("192.0.2.1:5060", transport.TCP)
	for i := range users {
		if code := c.register(fmt.Sprint("user", i), 1, "outbound"); code != 200 {
			t.Fatal(code)
		}
	}
	store.full = true
	w.BreakStreams()
	w.Run(time.Second)
	if n := w.heard("registrar.expired"); w.count() != 0 || n != users {
		t.Errorf("%d bindings, %d events", w.count(), n)
	}
}

// TestBackBeforeUnbound: the store takes its time, and a client that was silent registers again
// from where it was before its binding is removed.
func TestBackBeforeUnbound(t *testing.T) {
	w := newWorld(t, nil, nil)
	c := w.flowClient("192.0.2.1:5060", transport.UDP)
	if code := c.register("bob", 1, "outbound"); code != 200 {
		t.Fatal(code)
	}
	w.Run(time.Minute)
	f := &w.reg.flows
	late := newLoss(w.reg, w.eng, f.byPlace[place{netip.MustParseAddrPort("192.0.2.1:5060"), "udp:" + serverAddr}])
	f.mu.Lock()
	f.forget(late.flow)
	f.mu.Unlock()
	if code := c.register("bob", 1, "outbound"); code != 200 {
		t.Fatal(code)
	}
	late.unbind(w.eng.Clock().Wall(), 1)
	if w.count() != 1 || w.heard("registrar.expired") != 0 {
		t.Errorf("%d bindings; %q", w.count(), w.events)
	}
	w.Run(time.Second)
	newLoss(w.reg, w.eng, late.flow).unbind(w.eng.Clock().Wall(), 1)
	if w.count() != 0 {
		t.Error("a client that is silent stays")
	}
}

// TestSilentConnectionsAreClosed: a connection whose client has sent keep-alives and stops is
// closed; one that never had any is left alone.
func TestSilentConnectionsAreClosed(t *testing.T) {
	w := newWorld(t, nil, nil)
	pings, never := w.flowClient("192.0.2.1:5060", transport.TCP), w.flowClient("192.0.2.2:5060", transport.TCP)
	for i, c := range []*flowClient{pings, never} {
		if code := c.register("bob", i+1, "outbound"); code != 200 {
			t.Fatal(code)
		}
	}
	for range 5 {
		pings.send("\r\n\r\n")
		w.Run(100 * time.Second)
	}
	if w.count() != 2 {
		t.Fatalf("%d bindings while keep-alives come", w.count())
	}
	w.Run(300 * time.Second)
	if w.count() != 1 || w.heard("registrar.expired") != 1 {
		t.Errorf("%d bindings; %q", w.count(), w.events)
	}
}

func TestFlowCarries(t *testing.T) {
	b := NewBinding(&Record{Contact: "sip:x", Received: "udp:192.0.2.1:5060", Socket: "s"})
	for _, c := range []struct {
		key  flowKey
		want bool
	}{
		{flowKey{client: netip.MustParseAddrPort("192.0.2.1:5060"), socket: "s"}, true},
		{flowKey{client: netip.MustParseAddrPort("192.0.2.1:5060"), socket: "t"}, false},
		{flowKey{client: netip.MustParseAddrPort("2.1.1.1:5060"), socket: "s"}, false},
		{flowKey{id: 1, client: netip.MustParseAddrPort("192.0.2.1:5060"), socket: "s"}, false},
	} {
		t.Run(fmt.Sprint(c.want), func(t *testing.T) {
			if c.key.carries(b) != c.want {
				t.Errorf("%+v", c.key)
			}
		})
	}
	if !slices.ContainsFunc([]*Binding{NewBinding(&Record{Contact: "sip:x", Flow: 1})}, (&flowKey{id: 1}).carries) {
		t.Error("a connection does not carry its binding")
	}
}
