package transaction

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// A seeded property test: two layers, one of clients and one of servers, over a link that loses,
// doubles, delays and reorders, on virtual time. Whatever happens, each owner gets one outcome,
// each request reaches its user once, and at the end nothing is left.

// world is two layers, the link between them, and what is to happen when.
type world struct {
	t       *testing.T
	rng     *rand.Rand
	clock   *manual
	sides   [2]*side // client, server
	agenda  []appointment
	number  int
	loss    float64
	dup     float64
	slow    time.Duration        // a message takes up to this long
	lastTCP [2]lane.Time         // a stream keeps order
	seen    map[string]lane.Time // when a request last came to the user as new
	calls   []*call
}

// appointment is something that happens on a side's lane at a time; number breaks ties.
type appointment struct {
	at     lane.Time
	number int
	side   *side
	f      func()
}

// side is one layer and its Wire.
type side struct {
	w     *world
	index int
	lane  *lane.Lane
	layer *Layer
	local [2]*transport.Local // UDP, TCP
	addr  netip.AddrPort
}

func (s *side) Send(to *transport.Peer, b []byte, f transport.Failed) error {
	w := s.w
	peer, text := w.sides[1-s.index], string(b)
	if to.Addr != peer.addr {
		return fmt.Errorf("no such peer: %v", to.Addr)
	}
	if to.Kind == transport.TCP {
		at := max(w.clock.Now().Add(w.delay()), w.lastTCP[s.index]+1)
		w.lastTCP[s.index] = at
		w.at(at, peer, func() { peer.receive(transport.TCP, text, s.addr) })
		return nil
	}
	for n := 1; n > 0; n-- {
		if w.rng.Float64() < w.dup {
			n++
		}
		if w.rng.Float64() >= w.loss {
			w.at(w.clock.Now().Add(w.delay()), peer, func() { peer.receive(transport.UDP, text, s.addr) })
		}
	}
	return nil
}

func (s *side) Choose(to *transport.Peer) *transport.Local {
	if to.Local != nil {
		return to.Local
	}
	return s.local[to.Kind-transport.UDP]
}

func (s *side) Locals() []*transport.Local { return s.local[:] }

func (s *side) receive(kind transport.Kind, text string, from netip.AddrPort) {
	m := new(message.Message)
	if err := m.Parse([]byte(text), &message.Limits{}); err != nil {
		s.w.t.Fatalf("%v\n%s", err, text)
	}
	if err := m.Validate(); err != nil {
		s.w.t.Fatalf("%v\n%s", err, text)
	}
	s.layer.Receive(&Arrival{Msg: m, Kind: kind, Source: from, Local: s.local[kind-transport.UDP]})
}

func (w *world) delay() time.Duration { return time.Duration(w.rng.Int64N(int64(w.slow) + 1)) }

func (w *world) at(at lane.Time, s *side, f func()) {
	w.number++
	a := appointment{at, w.number, s, f}
	i, _ := slices.BinarySearchFunc(w.agenda, a, func(x, y appointment) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.number, y.number))
	})
	w.agenda = slices.Insert(w.agenda, i, a)
}

func (w *world) in(d time.Duration, s *side, f func()) { w.at(w.clock.Now().Add(d), s, f) }

// run goes from event to event until nothing is left to happen.
func (w *world) run() {
	for {
		next := lane.Time(1 << 62)
		for _, s := range w.sides {
			if due := s.lane.NextDue(); due != 0 {
				next = min(next, due)
			}
		}
		if len(w.agenda) > 0 {
			next = min(next, w.agenda[0].at)
		}
		if next == 1<<62 {
			return
		}
		w.clock.now.Store(int64(max(next, w.clock.Now())))
		for _, s := range w.sides {
			s.lane.Turn(nil)
		}
		if len(w.agenda) > 0 && w.agenda[0].at <= w.clock.Now() {
			a := w.agenda[0]
			w.agenda = w.agenda[1:]
			a.side.lane.Run(lane.Func(func(*lane.Lane) { a.f() }), nil)
		}
	}
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), clock: &manual{}, seen: map[string]lane.Time{}}
	w.clock.now.Store(int64(epoch))
	w.loss, w.dup = w.rng.Float64()*0.6, w.rng.Float64()*0.5
	w.slow = time.Duration(w.rng.Int64N(int64(4 * time.Second)))
	for i := range w.sides {
		s := &side{w: w, index: i}
		host := fmt.Sprintf("192.0.2.%d", i+1)
		s.addr = netip.MustParseAddrPort(host + ":5060")
		for k := range s.local {
			s.local[k] = &transport.Local{Kind: transport.UDP + transport.Kind(k), Addr: s.addr, Host: host, Port: 5060, SentBy: host + ":5060"}
		}
		s.lane = lane.New(i, lane.Options{Clock: w.clock, Panicked: func(_ *lane.Lane, v any, stack []byte) {
			t.Fatalf("seed %d: panic: %v\n%s", seed, v, stack)
		}})
		t.Cleanup(s.lane.Stop)
		s.layer = NewLayer(s.lane, s, &farEnd{w: w, side: s}, Options{Random: w.rng.Uint64})
		w.sides[i] = s
	}
	return w
}

// farEnd is the user of the server side: it answers as chance has it.
type farEnd struct {
	w    *world
	side *side
}

func (u *farEnd) Request(s *Server) {
	if s.Method() == message.MethodAck {
		return
	}
	if s.Stateless { // a CANCEL that came before its INVITE, or long after
		s.Reply(481, "", nil, nil)
		return
	}
	w := u.w
	held := s.Req
	id := string(held.CallID())
	// A copy sent at 31.5 s may arrive when Timer H, J or L of a server whose answers were all lost
	// has run out. No sooner may a request be new again.
	if first, ok := w.seen[id]; ok && w.clock.Now().Sub(first) < 32*time.Second {
		w.t.Errorf("%s reached the user again after %v", id, w.clock.Now().Sub(first))
	}
	w.seen[id] = w.clock.Now()
	provisionals := 0
	if s.Method() == message.MethodInvite {
		provisionals = w.rng.IntN(4)
	}
	wait := time.Duration(0)
	pause := func() time.Duration {
		wait += time.Duration(w.rng.Int64N(int64(8 * time.Second)))
		return wait
	}
	for range provisionals {
		w.in(pause(), u.side, func() { s.Reply(180, "", nil, nil) })
	}
	code := []int{200, 200, 202, 302, 404, 486, 503, 603, 408}[w.rng.IntN(9)]
	final := func() { s.Reply(code, "", nil, nil) }
	switch w.rng.IntN(12) {
	case 0:
		final()
	case 1: // never by itself; a caller's patience has an end
		w.in(5*time.Minute, u.side, final)
	default:
		w.in(pause(), u.side, final)
	}
	if s.Method() == message.MethodInvite && code < 300 {
		for range 4 { // the user agent repeats its 2xx (§13.3.1.4)
			w.in(pause(), u.side, func() {
				if s.Answered() == code && s.State() == Accepted {
					s.Respond(mustParse(string(message.AppendResponse(nil, held, code, "", s.ToTag(), nil, nil))))
				}
			})
		}
	}
}

func (u *farEnd) Cancelled(s *Server, _ *message.Message) { s.Reply(487, "", nil, nil) }
func (u *farEnd) Stray(*Arrival)                          {}

// call is one client transaction and what its owner heard.
type call struct {
	w       *world
	id      string
	invite  bool
	c       *Client
	finals  []int
	failed  []error
	after   int // provisionals after an outcome
	history []string
}

func (o *call) Response(_ *Client, res *message.Message) {
	o.history = append(o.history, fmt.Sprint(res.Status()))
	if res.Status() >= 200 {
		o.finals = append(o.finals, res.Status())
	} else if len(o.finals)+len(o.failed) > 0 {
		o.after++
	}
}

func (o *call) Failed(_ *Client, err error) {
	o.history = append(o.history, err.Error())
	o.failed = append(o.failed, err)
}

// check tells what is wrong with the outcome.
func (o *call) check() string {
	ok2xx, other := 0, 0
	for _, code := range o.finals {
		if code < 300 {
			ok2xx++
		} else {
			other++
		}
	}
	outcomes := len(o.failed) + other + min(ok2xx, 1)
	switch {
	case outcomes != 1:
		return fmt.Sprintf("%d outcomes", outcomes)
	case !o.invite && len(o.finals) > 1:
		return "a final twice"
	case o.after > 0:
		return "a provisional after the outcome"
	case o.c.State() != Terminated:
		return o.c.State().String()
	}
	return ""
}

func (w *world) begin(i int) {
	o := &call{w: w, id: fmt.Sprintf("call-%d", i), invite: w.rng.IntN(3) > 0}
	w.calls = append(w.calls, o)
	method := "INVITE"
	if !o.invite {
		method = []string{"OPTIONS", "BYE", "MESSAGE", "FROB"}[w.rng.IntN(4)]
	}
	kind := transport.UDP + transport.Kind(w.rng.IntN(2))
	text := req{method: method, callID: o.id, extra: "Route: <sip:far.example.com;lr>\r\n", body: strings.Repeat("x", w.rng.IntN(300))}.String()
	client := w.sides[0]
	w.in(time.Duration(w.rng.Int64N(int64(10*time.Second))), client, func() {
		var err error
		if o.c, err = client.layer.Send(mustParse(text), &transport.Peer{Kind: kind, Addr: w.sides[1].addr}, "", o); err != nil {
			w.t.Error(err)
		}
		if w.rng.IntN(3) == 0 {
			w.in(time.Duration(w.rng.Int64N(int64(20*time.Second))), client, func() { o.c.Cancel([]byte("Reason: SIP;cause=487\r\n")) })
		}
		// The proxy's Timer C (§16.8), so that every INVITE has an end.
		w.in(3*time.Minute, client, func() { o.c.Cancel(nil) })
	})
}

func TestLossyLink(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		w := newWorld(t, seed)
		for i := range 40 {
			w.begin(i)
		}
		w.run()
		for _, o := range w.calls {
			if wrong := o.check(); wrong != "" {
				t.Errorf("seed %d, %s: %s: %v", seed, o.id, wrong, o.history)
			}
		}
		for i, s := range w.sides {
			servers, clients := s.layer.Counts()
			if servers != 0 || clients != 0 || s.lane.Timers() != 0 {
				t.Errorf("seed %d, side %d: left %d servers, %d clients, %d timers", seed, i, servers, clients, s.lane.Timers())
			}
		}
		if t.Failed() {
			return
		}
	}
}
