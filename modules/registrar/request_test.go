package registrar

// This file tests the registrar in an engine: real lanes and transactions, on virtual time and a
// virtual network.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

const serverAddr = "198.51.100.1:5060"

type routerFunc func(*engine.Request) error

func (f routerFunc) Route(r *engine.Request) error { return f(r) }

// world is an engine with a registrar, in a world of its own.
type world struct {
	*sim.World
	t   *testing.T
	reg *Registrar
	eng *engine.Engine
	lua *luabindtest.World

	mu     sync.Mutex
	events []string // guarded by mu
}

// newWorld starts an engine that registers, and relays to what is registered; before sees each
// request first.
func newWorld(t *testing.T, store Store, before func(*engine.Request) error) *world {
	t.Helper()
	w := emptyWorld(t, store)
	route := func(req *engine.Request) error {
		if before != nil {
			if err := before(req); err != nil {
				return err
			}
		}
		if req.Method() == message.MethodRegister {
			_, err := w.reg.Save(req, []engine.HeaderEdit{{Name: "X-Node", Values: list("one")}})
			var misuse *engine.MisuseError
			if errors.As(err, &misuse) {
				return err
			}
			return nil
		}
		u, err := message.ParseURI(req.Message().RequestURI())
		if err != nil {
			return err
		}
		found, err := w.reg.Lookup(req.Context(), &u, req.Engine().Clock().Wall())
		if err != nil {
			return err
		}
		targets := make([]*engine.Target, len(found))
		for i, b := range found {
			targets[i] = b.Target()
		}
		_, err = req.Relay(targets, nil)
		return err
	}
	if err := w.start(routerFunc(route)); err != nil {
		t.Fatal(err)
	}
	w.reg.Attach(w.eng)
	w.reg.Attach(w.eng)
	return w
}

// emptyWorld has a registrar and no engine yet.
func emptyWorld(t *testing.T, store Store) *world {
	w := &world{t: t}
	w.reg = luabindtest.Must(New(Options{Store: store, Event: func(e Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, fmt.Sprintf("%s %.0f", e.Kind, w.Elapsed().Seconds()))
	}}))
	return w
}

// start starts an engine whose router is a Go program's.
func (w *world) start(router engine.Router) error {
	return w.run("function route(req) end", luabindtest.Wrap(func(*luabind.Router) engine.Router { return router }))
}

// run starts an engine with a script.
func (w *world) run(source string, options ...luabindtest.Option) error {
	made, err := luabindtest.Try(w.t, source, append(options, luabindtest.Lanes(2), luabindtest.Listen("udp:"+serverAddr, "tcp:"+serverAddr))...)
	if err == nil {
		w.World, w.eng, w.lua = made.Sim, made.Engine, made
	}
	return err
}

// client is a phone in the world.
type client struct {
	*sim.Phone
	w *world
}

func (w *world) phone(addr string) *client { return &client{w.Phone(w.t, addr, nil), w} }

func via(kind, host string, n int) string {
	return fmt.Sprintf("SIP/2.0/%s %s;rport;branch=z9hG4bK-%d", kind, host, n)
}

func TestRegisterAndCall(t *testing.T) {
	w := newWorld(t, nil, nil)
	bob, alice := w.phone("203.0.113.5:31024"), w.phone("203.0.113.9:5060")
	// Bob is behind a NAT.
	bob.Send(serverAddr, []byte(reg{via: via("UDP", "10.0.0.5:5060", 1), contacts: list("<sip:bob@10.0.0.5>;expires=60")}.text()))
	m, _ := bob.Next()
	if m.Status() != 200 || string(m.HeaderName("X-Node")) != "one" || string(m.Header(message.HeaderContact)) != "<sip:bob@10.0.0.5>;expires=60" ||
		len(m.Header(message.HeaderDate)) == 0 || len(m.ToTag()) == 0 {
		t.Fatalf("%s", m.AppendTo(nil))
	}
	call := func(n int) {
		alice.Send(serverAddr, fmt.Appendf(nil, "MESSAGE sip:bob@example.com SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: m%d\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
			via("UDP", "203.0.113.9:5060", n), n))
	}
	call(2)
	m, p := bob.Next()
	if string(m.RequestURI()) != "sip:bob@10.0.0.5" || p.From.String() != serverAddr {
		t.Errorf("%s from %s", m.RequestURI(), p.From)
	}
	bob.Answer(p, message.AppendResponse(nil, m, 200, "", "b", nil, nil))
	if m, _ = alice.Next(); m.Status() != 200 {
		t.Errorf("alice got %d", m.Status())
	}
	w.Run(2 * time.Minute)
	call(3)
	if m, _ = alice.Next(); m.Status() != 480 {
		t.Errorf("after expiry alice got %d", m.Status())
	}
	if n, _ := w.reg.Count(context.Background()); n != 0 || len(w.events) != 2 || w.events[0] != "registrar.bound 0" || !strings.HasPrefix(w.events[1], "registrar.expired 6") {
		t.Errorf("%d bindings, events %q", n, w.events)
	}
}

func TestRegisterOverConnection(t *testing.T) {
	w := newWorld(t, nil, nil)
	bob, alice := w.phone("203.0.113.5:31024"), w.phone("203.0.113.9:5060")
	g := reg{via: via("TCP", "x.invalid", 1), contacts: list("<sip:bob@x.invalid;transport=tcp>")}
	if err := bob.Stream(transport.TCP, serverAddr, []byte(g.text())); err != nil {
		t.Fatal(err)
	}
	m, p := bob.Next()
	if m.Status() != 200 {
		t.Fatalf("%s", m.AppendTo(nil))
	}
	flow := p.Flow
	alice.Send(serverAddr, []byte("MESSAGE sip:bob@example.com SIP/2.0\r\nVia: "+via("UDP", "203.0.113.9:5060", 2)+
		"\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: m\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n"))
	if m, p = bob.Next(); m.Method() != message.MethodMessage || p.Flow != flow {
		t.Errorf("%s on flow %d, want %d", m.MethodText(), p.Flow, flow)
	}
}

// slow is a store that waits, and may be away.
type slow struct {
	*Memory
	err error
}

func (s *slow) Waits() (lookup, update bool) { return true, true }

func (s *slow) Update(ctx context.Context, aor string, d Durability, change func([]*Binding) ([]*Binding, error)) error {
	if s.err != nil {
		return s.err
	}
	done := make(chan error)
	go func() {
		// As after a conflict with another node: the first outcome does not count.
		_, _ = change([]*Binding{NewBinding(&Record{Contact: "sip:old@h", Expires: start})})
		done <- s.Memory.Update(ctx, aor, d, change)
	}()
	return <-done
}

func (s *slow) Lookup(ctx context.Context, aor string, now time.Time) ([]*Binding, error) {
	if s.err != nil {
		return nil, s.err
	}
	return s.Memory.Lookup(ctx, aor, now)
}

func TestStoreThatWaits(t *testing.T) {
	store := &slow{Memory: NewMemory()}
	w := newWorld(t, store, nil)
	bob := w.phone("203.0.113.5:5060")
	send := func(n int, contacts ...string) *message.Message {
		bob.Send(serverAddr, []byte(reg{via: via("UDP", "203.0.113.5:5060", n), cseq: n, contacts: contacts}.text()))
		m, _ := bob.Next()
		return m
	}
	if m := send(1, "<sip:bob@203.0.113.5>"); m.Status() != 200 || len(w.events) != 1 {
		t.Errorf("%d, events %q", m.Status(), w.events)
	}
	store.err = errors.New("no route to host")
	for i, contacts := range [][]string{{"<sip:bob@203.0.113.5>"}, nil} {
		if m := send(2+i, contacts...); m.Status() != 503 || strings.Contains(string(m.AppendTo(nil)), "no route") {
			t.Errorf("store away: %s", m.AppendTo(nil))
		}
	}
	u := mustURI(t, "sip:bob@example.com")
	if _, err := w.reg.Lookup(t.Context(), &u, start); !errors.Is(err, store.err) {
		t.Errorf("lookup: %v", err)
	}
	if _, err := w.reg.Remove(t.Context(), &u, nil, start); !errors.Is(err, store.err) {
		t.Errorf("remove: %v", err)
	}
}

// TestMisuse: save is for a REGISTER that was not answered yet.
func TestMisuse(t *testing.T) {
	var errs []error
	var r *Registrar
	w := newWorld(t, nil, func(req *engine.Request) error {
		if req.Method() == message.MethodRegister {
			if _, err := req.Reply(403, "", nil); err != nil {
				t.Error(err)
			}
		}
		_, err := r.Save(req, nil)
		errs = append(errs, err)
		return err
	})
	r = w.reg
	bob := w.phone("203.0.113.5:5060")
	text := reg{via: via("UDP", "203.0.113.5:5060", 1), contacts: list("<sip:bob@203.0.113.5>")}.text()
	bob.Send(serverAddr, []byte(text))
	if m, _ := bob.Next(); m.Status() != 403 {
		t.Errorf("%d", m.Status())
	}
	bob.Send(serverAddr, []byte(strings.NewReplacer("REGISTER sip", "MESSAGE sip", "1 REGISTER", "1 MESSAGE", "bK-1", "bK-2").Replace(text)))
	if m, _ := bob.Next(); m.Status() != 500 {
		t.Errorf("%d", m.Status())
	}
	var misuse *engine.MisuseError
	if len(errs) != 2 || !errors.As(errs[0], &misuse) || !errors.As(errs[1], &misuse) {
		t.Errorf("%v", errs)
	}
	if n, _ := r.Count(t.Context()); n != 0 {
		t.Errorf("%d bindings", n)
	}
}
