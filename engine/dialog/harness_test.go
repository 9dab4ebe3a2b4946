package dialog_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/engine/transport"
)

const here = "10.0.0.1:5060"

// bench is an engine with legs, in a world of its own.
type bench struct {
	t     *testing.T
	w     *sim.World
	eng   *engine.Engine
	agent *dialog.Agent
	route func(*engine.Request) error
	wire  *wire
	mu    sync.Mutex // guards what follows: lanes work at the same time
	log   []string
	ends  map[*dialog.Leg][]string // why each leg ended
	known map[*dialog.Leg]bool     // legs that something was told of
	legs  []*dialog.Leg
	hears func(dialog.Event) // is told as well; nil: nobody is
	media *relays            // of joins and chaos; nil for none
	// what the dials and bridges of joins came to
	refusals []*engine.Response
	whys     []string
}

// Route is the test's.
func (b *bench) Route(r *engine.Request) error {
	if r.InDialog() {
		_, err := r.Reply(481, "", nil)
		return err
	}
	return b.route(r)
}

func newBench(t *testing.T, seed uint64) *bench {
	t.Helper()
	return newBenchOf(t, seed, dialog.Options{})
}

func newBenchOf(t *testing.T, seed uint64, o dialog.Options) *bench {
	t.Helper()
	return newBenchOn(t, seed, o, 1)
}

// newBenchOn has some lanes.
func newBenchOn(t *testing.T, seed uint64, o dialog.Options, lanes int) *bench {
	t.Helper()
	b := &bench{t: t, w: sim.New(seed), wire: newWire(), ends: map[*dialog.Leg][]string{}, known: map[*dialog.Leg]bool{}}
	o.Told = func(e dialog.Event) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.known[e.Leg] = true; len(b.ends[e.Leg]) > 0 {
			t.Errorf("%s of leg %s after its end", e.Kind, e.Leg.ID())
		}
		if e.Kind == dialog.EventEnded {
			b.ends[e.Leg] = append(b.ends[e.Leg], e.Why)
		}
		if b.hears != nil {
			b.hears(e)
		}
	}
	b.agent = dialog.New(o)
	level := slog.LevelError
	c := engine.Config{Clock: b.w, Meter: b.w, Network: b.w.Network("udp:"+here, "tcp:"+here), Seed: seed + 1, Lanes: lanes, Domains: []string{"example.com"},
		Router: b, Parts: []engine.Part{b.agent}, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))}
	var err error
	if b.eng, err = engine.New(c); err == nil {
		err = b.eng.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	b.w.Drive(b.eng.Lanes()...)
	b.w.Drive(b.eng.Background())
	b.w.Trace(func(p sim.Packet) {
		b.mu.Lock()
		defer b.mu.Unlock()
		line, _, _ := strings.Cut(string(p.Bytes), "\r\n")
		lost := ""
		if p.Lost {
			lost = "  LOST"
		}
		b.log = append(b.log, fmt.Sprintf("%9.3f %s → %s  %s%s", b.w.Elapsed().Seconds(), p.From, p.To, line, lost))
		b.wire.see(p, b.w.Elapsed())
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("\n" + strings.Join(b.log, "\n"))
		}
	})
	return b
}

// phone is one at an address of its own.
func (b *bench) phone(name, addr string) *phone.Phone {
	b.t.Helper()
	p, err := phone.New(b.w, phone.Options{Name: name, URI: "sip:" + name + "@example.com", Addr: netip.MustParseAddrPort(addr), Proxy: netip.MustParseAddrPort(here), Kind: transport.UDP,
		Trouble: func(err error) { b.t.Error(err) }})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(p.Close)
	return p
}

// own is a description of the phone's own.
var own = phone.Media{Own: true}

// got waits until a phone has got a request, and returns the newest with that method.
func (b *bench) got(p *phone.Phone, method string, n int) *phone.Incoming {
	b.t.Helper()
	var r *phone.Incoming
	if !b.w.RunUntil(40*time.Second, func() bool {
		k := 0
		for _, i := range p.Inbox() {
			if i.Method() == method {
				if k++; k == n {
					r = i
					return true
				}
			}
		}
		return false
	}) {
		b.t.Fatalf("%s got no %s number %d", p.Name(), method, n)
	}
	return r
}

// answered waits for a final answer, and checks its code.
func (b *bench) answered(o *phone.Outgoing, code int) *message.Message {
	b.t.Helper()
	b.w.RunUntil(40*time.Second, o.Done)
	m := o.Final()
	if m == nil || m.Status() != code {
		b.t.Fatalf("%s was answered %v, not %d (%v)", o.Method(), statusOf(m), code, o.Err)
	}
	return m
}

func statusOf(m *message.Message) int {
	if m == nil {
		return 0
	}
	return m.Status()
}

func (b *bench) reply(r *phone.Incoming, code int, o phone.Reply) {
	b.t.Helper()
	if err := r.Reply(code, o); err != nil {
		b.t.Fatal(err)
	}
}

// over checks that nothing is left, that each leg has ended once, and what was on the wire.
func (b *bench) over() {
	b.t.Helper()
	b.w.Run(200 * time.Second)
	if n := b.agent.Calls(); n != 0 {
		b.t.Errorf("%d legs are left", n)
	}
	for _, l := range b.legs {
		b.known[l] = true
	}
	for l := range b.known {
		if n := len(b.ends[l]); n != 1 {
			b.t.Errorf("leg %s to %s ended %d times: %v", l.ID(), l.To(), n, b.ends[l])
		}
	}
	b.wire.check(b.t)
	if b.media != nil {
		b.media.over()
	}
}

// relays has all media relayed.
func (b *bench) relays() *relays {
	b.media, b.wire.passes = newRelays(b.t), passes
	return b.media
}

// accept takes a caller's leg.
func (b *bench) accepts(r *engine.Request) (*dialog.Leg, error) {
	o := dialog.AcceptOptions{}
	if b.media != nil {
		o.Media = b.media
	}
	l, err := b.agent.Accept(r, o)
	if err == nil {
		b.knows(l)
	}
	return l, err
}

// knows notes a leg.
func (b *bench) knows(l *dialog.Leg) {
	b.mu.Lock()
	b.legs = append(b.legs, l)
	b.mu.Unlock()
}

// joins is a route that calls somebody and bridges: what a script does.
func (b *bench) joins(o dialog.DialOptions, targets ...string) {
	b.route = func(r *engine.Request) error {
		a, err := b.accepts(r)
		if err != nil {
			return nil
		}
		list := make([]*engine.Target, len(targets))
		for i, uri := range targets {
			list[i] = &engine.Target{URI: uri}
		}
		return b.agent.Dial(nil, a, list, o, func(far *dialog.Leg, res *engine.Response) {
			if far == nil {
				b.refusals = append(b.refusals, res)
				_ = a.Reject(res.Code())
				return
			}
			b.legs = append(b.legs, far)
			end := func(_ *dialog.Leg, why string) {
				b.whys = append(b.whys, why)
				a.HangUp("")
				far.HangUp("")
			}
			if err := b.agent.Bridge(a, far, dialog.BridgeOptions{}, end); err != nil {
				b.t.Error(err)
			}
		})
	}
}
