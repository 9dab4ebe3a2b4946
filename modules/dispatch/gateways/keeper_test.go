package gateways

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
)

// nobody is a router that serves nobody.
type nobody struct{}

func (nobody) Route(req *engine.Request) error {
	_, err := req.Reply(404, "", nil)
	return err
}

// names is a DNS: URIs' hosts and what they lead to.
type names struct {
	mu sync.Mutex
	of map[string][]transport.Peer
}

func (n *names) Resolve(_ *lane.Lane, hop *proxy.NextHop, done func([]transport.Peer, error)) {
	n.mu.Lock()
	list, ok := n.of[hop.Host]
	n.mu.Unlock()
	if !ok {
		done(nil, fmt.Errorf("%s: no such name", hop.Host))
		return
	}
	done(slices.Clone(list), nil)
}

func (n *names) set(name string, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []transport.Peer
	for _, a := range addrs {
		list = append(list, transport.Peer{Kind: transport.UDP, Addr: netip.MustParseAddrPort(a)})
	}
	n.of[name] = list
}

// plant is an engine with a set, in a world of its own.
type plant struct {
	t      *testing.T
	w      *sim.World
	eng    *engine.Engine
	set    *Set
	names  *names
	events []string
}

func newPlant(t *testing.T, p Policy, entries ...Entry) *plant {
	t.Helper()
	x := &plant{t: t, w: sim.New(1), names: &names{of: map[string][]transport.Peer{}}}
	var err error
	x.eng, err = engine.New(engine.Config{Clock: x.w, Meter: x.w, Seed: 2, Lanes: 1, Router: nobody{}, Resolver: x.names, Domains: []string{"example.com"},
		Network: x.w.Network("udp:10.0.0.1:5060", "udp:10.0.0.1:5090", "tcp:10.0.0.1:5060", "tls:10.0.0.1:5061"), Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err == nil {
		err = x.eng.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	x.w.Drive(x.eng.Lanes()...)
	x.w.Drive(x.eng.Background())
	x.set = New("carriers", Options{Now: x.w.Now, Event: func(e Event) {
		x.events = append(x.events, fmt.Sprintf("%s %v: %s", strings.TrimPrefix(e.URI, "sip:"), e.Up, e.Why))
	}})
	if _, err := CheckList(entries); err != nil {
		t.Fatal(err)
	}
	x.set.SetPolicy(p)
	x.set.Swap(entries)
	return x
}

// start begins to probe, in the world's time.
func (x *plant) start(quiet bool) { x.w.Do(func() { x.set.Start(x.eng, quiet) }) }

// host answers OPTIONS with the code it is asked for; it notes when they came, and from where.
type host struct {
	*sim.Host
	code int
	came []time.Duration
	from []string
	text []string
}

func (x *plant) host(addr string, kinds ...transport.Kind) *host {
	h := &host{code: 200}
	if kinds == nil {
		kinds = []transport.Kind{transport.UDP}
	}
	h.Host = x.w.HostOf(addr, func(p sim.Packet) {
		var m message.Message
		if m.Parse(p.Bytes, &message.Limits{}) != nil || !m.IsRequest() || m.Method() != message.MethodOptions {
			return
		}
		h.came, h.from, h.text = append(h.came, x.w.Elapsed()), append(h.from, p.Kind.String()+":"+p.From.String()), append(h.text, string(p.Bytes))
		if h.code != 0 {
			h.Answer(p, message.AppendResponse(nil, &m, h.code, "", "gw", nil, nil))
		}
	}, kinds...)
	return h
}

// states are those of the gateways, in order.
func (x *plant) states() string {
	var list []string
	for _, s := range x.set.List() {
		list = append(list, s.State)
	}
	return strings.Join(list, " ")
}

func (x *plant) expect(what, want string) {
	x.t.Helper()
	if got := x.states(); got != want {
		x.t.Errorf("%s: %s, want %s; events %q", what, got, want, x.events)
	}
}

// Probes are spread evenly over the interval, leave from the gateway's socket, and go over its own
// transport.
func TestProbes(t *testing.T) {
	p := DefaultPolicy()
	p.Probe.From = "sip:probe@example.net"
	tcp := gw(3)
	tcp.NextHop += ";transport=tcp"
	tls := gw(4)
	tls.NextHop = "sips:10.0.0.4"
	x := newPlant(t, p, gw(2, func(e *Entry) { e.FromSocket = "udp:10.0.0.1:5090" }), tcp, tls, gw(5))
	hosts := []*host{x.host("10.0.0.2:5060"), x.host("10.0.0.3:5060", transport.TCP), x.host("10.0.0.4:5061", transport.TLS), x.host("10.0.0.5:5060")}
	x.start(false)
	x.w.Run(39 * time.Second)
	x.expect("all answer", "up up up up")
	for i, from := range []string{"udp:10.0.0.1:5090", "tcp:10.0.0.1:", "tls:10.0.0.1:", "udp:10.0.0.1:5060"} {
		t.Run(from, func(t *testing.T) {
			h := hosts[i]
			if len(h.came) != 4 {
				t.Fatalf("%d probes in 39 s: %v", len(h.came), h.came)
			}
			for n, at := range h.came {
				want := time.Duration(i)*2500*time.Millisecond + time.Duration(n)*10*time.Second
				if d := at - want; d < 0 || d > 200*time.Millisecond {
					t.Errorf("probe %d came at %v, want %v", n, at, want)
				}
			}
			if !strings.HasPrefix(h.from[0], from) {
				t.Errorf("from %s, want %s", h.from[0], from)
			}
			if !strings.Contains(h.text[0], "From: <sip:probe@example.net>") {
				t.Errorf("%s", h.text[0])
			}
		})
	}
	x.w.Do(x.set.Stop)
	x.w.Run(time.Minute)
	if n := len(hosts[0].came); n != 4 {
		t.Errorf("%d probes: they go on", n)
	}
}

// When probes say that a gateway is down, and up again.
func TestThresholds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		code   int // 0: silence
		gone   bool
		tcp    bool
		after  time.Duration // it is down
		reason string
	}{
		{"503", 503, false, false, 20 * time.Second, "OPTIONS: 503"},
		{"not even registered", 404, false, false, 0, ""},
		{"not allowed", 405, false, false, 0, ""},
		{"not implemented", 501, false, false, 0, ""},
		{"forbidden", 403, false, false, 20 * time.Second, "OPTIONS: 403"},
		{"silent", 0, false, false, 22 * time.Second, "OPTIONS: no answer"},
		{"refused", 0, true, true, 0, "connection refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := DefaultPolicy()
			p.Probe.UpAfter = 2
			e := gw(2)
			kind := transport.UDP
			if tt.tcp {
				e.NextHop, kind = e.NextHop+";transport=tcp", transport.TCP
			}
			x := newPlant(t, p, e)
			var h *host
			if !tt.gone {
				h = x.host("10.0.0.2:5060", kind)
				h.code = tt.code
			}
			x.start(false)
			if tt.after > 0 {
				x.w.Run(tt.after - 100*time.Millisecond)
				x.expect("before", "up")
			}
			x.w.Run(300 * time.Millisecond)
			if tt.reason == "" {
				x.w.Run(2 * time.Minute)
				x.expect("after two minutes", "up")
				return
			}
			x.expect("after", "down")
			if s := x.set.List()[0]; !strings.Contains(s.Why, tt.reason) {
				t.Errorf("why: %s", s.Why)
			}
			if tt.gone {
				h = x.host("10.0.0.2:5060", kind)
			}
			h.code = 200
			x.w.Run(10 * time.Second)
			x.expect("after one answer", "down")
			x.w.Run(10 * time.Second)
			x.expect("after two answers", "up")
			if len(x.events) != 2 || !strings.Contains(x.events[0], "false: ") || !strings.HasSuffix(x.events[1], "true: it answers") {
				t.Errorf("%q", x.events)
			}
		})
	}
}

// A name leads to several addresses: each is probed, and the gateway is up while one of them is.
func TestNames(t *testing.T) {
	e := NewEntry()
	e.NextHop = "sip:gw.example.net"
	x := newPlant(t, DefaultPolicy(), e)
	one, two := x.host("10.0.0.2:5060"), x.host("10.0.0.3:5060")
	x.names.set("gw.example.net", "10.0.0.2:5060", "10.0.0.3:5060")
	o := Choice{Random: seeded(t)}
	if list, _ := x.set.Choose(&o); len(list) != 1 || list[0].Address.IsValid() || list[0].engine.NextHop != e.NextHop {
		t.Error("before the name is looked up the engine does it")
	}
	x.start(false)
	x.w.Run(time.Second)
	if got := chosen(t, x.set, o); got != "2 3" {
		t.Errorf("targets %s", got)
	}
	two.code = 0
	x.w.Run(40 * time.Second)
	x.expect("one of two", "up")
	if got := chosen(t, x.set, o); got != "2" {
		t.Errorf("targets %s", got)
	}
	one.code = 503
	x.w.Run(40 * time.Second)
	x.expect("none", "down")
	four := x.host("10.0.0.4:5060")
	x.names.set("gw.example.net", "10.0.0.3:5060", "10.0.0.4:5060")
	x.w.Run(40 * time.Second)
	x.expect("the name leads elsewhere", "up")
	if got := chosen(t, x.set, o); got != "4" || len(four.came) == 0 {
		t.Errorf("targets %s", got)
	}
	if g := x.set.From(netip.MustParseAddrPort("10.0.0.4:5060"), transport.UDP); g == nil || g.NextHop != e.NextHop {
		t.Error("a request from its new address is from nobody")
	}
	if g := x.set.From(netip.MustParseAddrPort("10.0.0.2:5060"), transport.UDP); g != nil {
		t.Error("a request from its old address is from it")
	}
	x.names.mu.Lock()
	delete(x.names.of, "gw.example.net")
	x.names.mu.Unlock()
	x.w.Run(2 * time.Minute)
	x.expect("the DNS is away: what was known stays", "up")
}

// A port that is named counts, for datagrams: another program at the address of a gateway is not
// the gateway.
func TestFromPort(t *testing.T) {
	for _, tt := range []struct {
		name, hop string
		kind      transport.Kind
		want      bool
	}{
		{"4/ds_is_from_list: its port", "sip:10.0.0.2:5060", transport.UDP, true},
		{"4/ds_is_from_list: another port", "sip:10.0.0.2:5070", transport.UDP, false},
		{"4/ds_is_from_list: no port", "sip:10.0.0.2", transport.UDP, true},
		{"4/ds_is_from_list: another address", "sip:10.0.0.3", transport.UDP, false},
		{"4/ds_is_from_list: another transport", "sip:10.0.0.2:5060;transport=tcp", transport.UDP, true},
		{"a connection has any port", "sip:10.0.0.2:5070;transport=tcp", transport.TCP, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := NewEntry()
			e.NextHop = tt.hop
			x := newPlant(t, DefaultPolicy(), e)
			if g := x.set.From(netip.MustParseAddrPort("10.0.0.2:5060"), tt.kind); (g != nil) != tt.want {
				t.Errorf("%v, want %v", g != nil, tt.want)
			}
		})
	}
}

func TestNoSuchName(t *testing.T) {
	e := NewEntry()
	e.NextHop = "sip:gw.example.net"
	x := newPlant(t, DefaultPolicy(), e)
	x.host("10.0.0.2:5060")
	x.start(false)
	x.w.Run(time.Second)
	x.expect("no such name", "down")
	if s := x.set.List()[0]; !strings.Contains(s.Why, "no such name") {
		t.Error(s.Why)
	}
	x.names.set("gw.example.net", "10.0.0.2:5060")
	x.w.Run(31 * time.Second)
	x.expect("it came", "up")
}

// Without probes an address that went down is tried again after a while; marks end in their time.
func TestWithoutProbes(t *testing.T) {
	x := newPlant(t, DefaultPolicy(), gw(2), gw(3))
	x.start(true)
	fail := func(n int) {
		x.w.Do(func() {
			for range n {
				x.set.view.Load().all[0].spots[0].Outcome(&engine.Outcome{Code: 503})
			}
		})
	}
	fail(4)
	x.expect("four failures", "up up")
	x.w.Do(func() { x.set.view.Load().all[0].spots[0].Outcome(&engine.Outcome{Code: 486}) })
	fail(4)
	x.expect("four more after an answer", "up up")
	fail(1)
	x.expect("five", "down up")
	x.w.Run(29 * time.Second)
	x.expect("before its time", "down up")
	x.w.Run(2 * time.Second)
	x.expect("it is tried again", "up up")
	fail(4)
	x.w.Run(31 * time.Second)
	fail(4)
	x.expect("not within the time", "up up")
	x.w.Do(func() { _ = x.set.Mark("sip:10.0.0.3", Disabled, 10*time.Second) })
	x.expect("a mark", "up disabled")
	x.w.Run(11 * time.Second)
	x.expect("a mark ends", "up up")
	if last := x.events[len(x.events)-1]; last != "10.0.0.3 true: its mark ended" {
		t.Error(last)
	}
}

// What an outcome tells about a gateway.
func TestOutcomes(t *testing.T) {
	refused := fmt.Errorf("%w: connection refused", transport.ErrNotConnected)
	for _, tt := range []struct {
		name  string
		o     engine.Outcome
		times int // until it is down; 0: never
	}{
		{"refused", engine.Outcome{Code: 503, Cause: "unreachable", Err: refused}, 1},
		{"a fault of our own", engine.Outcome{Code: 503, Cause: "unreachable", Err: fmt.Errorf("no listener")}, 0},
		{"503", engine.Outcome{Code: 503}, 5},
		{"500", engine.Outcome{Code: 500}, 5},
		{"408 from behind", engine.Outcome{Code: 408}, 5},
		{"silence", engine.Outcome{Code: 408, Cause: "timeout"}, 5},
		{"nobody answers the phone", engine.Outcome{Code: 408, Cause: "timeout", Early: true}, 0},
		{"busy", engine.Outcome{Code: 486}, 0},
		{"declined everywhere", engine.Outcome{Code: 603}, 0},
		{"cancelled", engine.Outcome{Code: 503, Cancelled: true}, 0},
		{"answered", engine.Outcome{Code: 200}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := made(t, &clock{at: 1}, gw(1))
			spot := s.view.Load().all[0].spots[0]
			n := 0
			for n = 1; n <= 10; n++ {
				spot.Outcome(&tt.o)
				if s.List()[0].State == "down" {
					break
				}
			}
			if n > 10 {
				n = 0
			}
			if n != tt.times {
				t.Errorf("down after %d, want %d", n, tt.times)
			}
		})
	}
}

// A disabled gateway is not probed; one that drains is.
func TestMarksAndProbes(t *testing.T) {
	x := newPlant(t, DefaultPolicy(), gw(2), gw(3))
	one, two := x.host("10.0.0.2:5060"), x.host("10.0.0.3:5060")
	x.w.Do(func() {
		_ = x.set.Mark("sip:10.0.0.2", Disabled, 0)
		_ = x.set.Mark("sip:10.0.0.3", Draining, 0)
	})
	x.start(false)
	x.w.Run(time.Minute)
	if len(one.came) != 0 || len(two.came) < 5 {
		t.Errorf("%d and %d probes", len(one.came), len(two.came))
	}
	x.w.Do(func() { _ = x.set.Mark("sip:10.0.0.2", Up, 0) })
	x.w.Run(time.Minute)
	if len(one.came) < 5 {
		t.Errorf("%d probes", len(one.came))
	}
	x.w.Do(func() { _ = x.set.Mark("sip:10.0.0.2", Down, 0) })
	x.expect("marked down", "down draining")
	x.w.Run(11 * time.Second)
	x.expect("a probe was answered", "up draining")
}

// A thousand gateways are probed evenly as well, in few rounds.
func TestManyProbes(t *testing.T) {
	var list []Entry
	for i := range 1000 {
		list = append(list, gw(i+10))
	}
	p := DefaultPolicy()
	p.Probe.Interval = time.Second
	x := newPlant(t, p, list...)
	var came []time.Duration
	for i := range list {
		x.host(strings.TrimPrefix(list[i].NextHop, "sip:") + ":5060")
	}
	x.w.Trace(func(p sim.Packet) {
		if strings.HasPrefix(string(p.Bytes), "OPTIONS") {
			came = append(came, x.w.Elapsed())
		}
	})
	x.start(false)
	x.w.Run(2 * time.Second)
	if len(came) < 1900 || len(came) > 2100 {
		t.Fatalf("%d probes in 2 s", len(came))
	}
	var most, n int
	for i := range came { // within 100 ms
		for n = i; n < len(came) && came[n]-came[i] < 100*time.Millisecond; n++ {
		}
		most = max(most, n-i)
	}
	if most > 115 {
		t.Errorf("%d probes within 100 ms", most)
	}
}
