package engine_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/sim/agent"
	"github.com/sipscript/sipscript/engine/transport"
)

// Random calls between real user agents through the engine: INVITEs and other requests, forked,
// redirected, cancelled, answered twice, with requests within the dialog from both sides, scripts
// that wait everywhere, callers on streams, streams that break and phones that vanish, over links
// that lose, duplicate and reorder. Whatever happens:
//   - each request gets exactly one final response (a dialog of a 2xx counts once); only a link
//     that loses, or somebody who is gone, makes it time out, and what is not an INVITE may time
//     out in silence (RFC 4320);
//   - a callee that answered gets its ACK: no 2xx is lost;
//   - once the caller has its final response no other phone rings on;
//   - no message is invented: the engine sends nobody a request that no phone sent, or a response
//     to what he never asked;
//   - when all is over nothing is left: no transaction, no timer, no response context, here and at
//     the phones.

var (
	seedFlag  = flag.Uint64("seed", 0, "first seed of the random scenarios; 0 takes SIPSCRIPT_SEED or 1")
	seedsFlag = flag.Int("seeds", 60, "how many seeds each random scenario runs")
)

func seeds() (first uint64, n int) {
	first, n = *seedFlag, *seedsFlag
	if first == 0 {
		first, _ = strconv.ParseUint(os.Getenv("SIPSCRIPT_SEED"), 10, 64)
	}
	if first == 0 {
		first = 1
	}
	return first, n
}

func TestRandomCalls(t *testing.T) { randomCalls(t, false) }

// The same, forwarded to one phone each without transactions, like a load balancer does:
// retransmissions and CANCELs must go the way of their INVITE and not overtake it, and answers come
// back. Some calls wait in the script, which then has them relayed.
func TestRandomStatelessCalls(t *testing.T) { randomCalls(t, true) }

func randomCalls(t *testing.T, stateless bool) {
	for _, link := range []sim.Link{
		{Delay: 5 * time.Millisecond},
		{Delay: 5 * time.Millisecond, Jitter: 30 * time.Millisecond, Duplicate: 0.1, Loss: 0.05},
		{Delay: 20 * time.Millisecond, Jitter: 300 * time.Millisecond, Duplicate: 0.2, Loss: 0.20},
	} {
		for _, disasters := range []bool{false, true} {
			if stateless && disasters {
				continue // whose caller waits then is for his timers to tell
			}
			t.Run(fmt.Sprintf("loss %.0f%% disasters %v", link.Loss*100, disasters), func(t *testing.T) {
				first, n := seeds()
				t.Logf("seeds %d to %d", first, first+uint64(n)-1)
				for seed := first; seed < first+uint64(n); seed++ {
					s := &scenario{t: t, seed: seed, link: link, disasters: disasters, stateless: stateless}
					s.run()
					if t.Failed() {
						t.Logf("seed %d\n%s", seed, strings.Join(s.ladder, "\n"))
						return
					}
				}
			})
		}
	}
}

// scenario is one world with a few calls in it.
type scenario struct {
	t         *testing.T
	seed      uint64
	link      sim.Link
	disasters bool // streams break and phones vanish
	stateless bool // the script forwards
	w         *sim.World
	rnd       *rand.Rand
	ladder    []string

	caller  *agent.Agent
	callees []*agent.Agent
	left    map[*agent.Agent]bool // vanished
	broken  bool                  // streams were broken

	calls   []*agent.Call
	asked   []*agent.Exchange
	dialogs []*agent.Dialog // of callees
	rings   []*ring
	flows   map[int]transport.FlowID // by which callees registered
	lost    int                      // 2xx whose ACK never came
	surplus int                      // how often in a row there were more timers than transactions

	// Requests phones sent, by asker, Call-ID, CSeq number and method
	sent map[string]bool
	// When the engine sent the first final to an INVITE, by Call-ID
	answered map[string]time.Duration
}

// ring is an INVITE at a callee.
type ring struct {
	a     *agent.Agent
	id    string
	heard time.Duration // when it said 180, 0: never
	ended time.Duration // when it was answered, 0: never
}

const callees = 4

func (s *scenario) run() {
	s.rnd = rand.New(rand.NewPCG(s.seed, 99))
	s.w = sim.New(s.seed)
	s.w.SetLink(s.link)
	s.flows = map[int]transport.FlowID{}
	s.left, s.sent, s.answered = map[*agent.Agent]bool{}, map[string]bool{}, map[string]time.Duration{}
	s.w.Trace(s.watch)
	eng, err := engine.New(engine.Config{Clock: s.w, Meter: s.w, Network: s.w.Network("udp:10.0.0.1:5060", "tcp:10.0.0.1:5060"), Seed: s.seed, Lanes: 1,
		Domains: []string{"example.com"}, Router: routerFunc(s.route), Resolver: s})
	if err != nil {
		s.t.Fatal(err)
	}
	_ = eng.Start()
	s.w.Drive(eng.Lanes()...)
	for i := range callees {
		s.callees = append(s.callees, s.callee(i))
	}
	kind := transport.UDP
	// Where a stream follows UDP, what is repeated before it is repeated behind it, and nobody
	// absorbs it
	if s.rnd.IntN(4) == 0 && !s.stateless {
		kind = transport.TCP
	}
	s.caller = agent.New(s.w, kind, "10.0.1.1:5060")
	s.caller.Named = s.chance(3)
	s.caller.OnRequest = s.inDialog(s.caller)
	s.register()
	for range 3 {
		s.caller.Do(s.call)
		s.w.Run(time.Duration(s.rnd.IntN(2000)) * time.Millisecond)
		s.caller.Do(s.ask)
		if s.disasters {
			s.disaster()
		}
		s.w.Run(time.Duration(s.rnd.IntN(2000)) * time.Millisecond)
	}
	for range 40 {
		s.w.Run(10 * time.Second)
		s.checkTimers(eng)
	}
	s.w.Run(time.Hour) // many times timer C
	s.check(eng)
	for _, a := range append(s.callees, s.caller) {
		a.Close()
	}
	for _, l := range append(eng.Lanes(), eng.Background()) {
		l.Stop()
	}
}

// Resolve finds the addresses of names, at once or after a while: the one of an agent, several of
// several agents, of which the first one may be nobody's, or none.
func (s *scenario) Resolve(l *lane.Lane, hop *proxy.NextHop, done func([]transport.Peer, error)) {
	var peers []transport.Peer
	hosts := []string{hop.Host}
	if list, ok := strings.CutSuffix(hop.Host, severalSuffix); ok {
		hosts = strings.Split(list, "_")
	}
	err := errors.New("no such name")
	if hop.Host != nobody {
		for _, host := range hosts {
			peers = append(peers, transport.Peer{Kind: max(hop.Kind, transport.UDP), Addr: netip.AddrPortFrom(agent.AddrOf(host), max(hop.Port, 5060))})
		}
		err = nil
	}
	if s.chance(2) {
		done(peers, err)
		return
	}
	s.w.After(s.upTo(800), func() { l.Run(lane.Func(func(*lane.Lane) { done(peers, err) }), nil) })
}

const (
	nobody        = "nobody.example"
	severalSuffix = ".several.example" // of 10.0.2.1_10.0.2.2.several.example
)

// disaster breaks streams, or takes a phone away, some time later.
func (s *scenario) disaster() {
	switch s.rnd.IntN(4) {
	case 0:
		s.w.After(time.Duration(s.rnd.IntN(4000))*time.Millisecond, func() {
			if s.w.BreakStreams() > 0 {
				s.broken = true
				s.ladder = append(s.ladder, fmt.Sprintf("%9.3f streams break", s.w.Elapsed().Seconds()))
			}
		})
	case 1:
		a := s.callees[s.rnd.IntN(callees)]
		s.w.After(time.Duration(s.rnd.IntN(4000))*time.Millisecond, func() {
			s.left[a] = true
			a.Leave()
			s.ladder = append(s.ladder, fmt.Sprintf("%9.3f %s vanishes", s.w.Elapsed().Seconds(), a.Addr))
		})
	}
}

// watch keeps the ladder, and sees that the engine invents nothing.
func (s *scenario) watch(p sim.Packet) {
	now := s.w.Elapsed()
	m := &message.Message{}
	if err := m.Parse(p.Bytes, &message.Limits{}); err != nil {
		s.t.Errorf("seed %d: unreadable: %v\n%s", s.seed, err, p.Bytes)
		return
	}
	cs, err := m.CSeq()
	if err != nil {
		s.t.Errorf("seed %d: %v\n%s", s.seed, err, p.Bytes)
		return
	}
	s.ladder = append(s.ladder, fmt.Sprintf("%9.3f %s>%s %s [%s %d %s]", now.Seconds(), p.From, p.To, startLine(m), m.CallID(), cs.Number, cs.Text))
	if p.From.Addr().String() != "10.0.0.1" {
		if m.IsRequest() {
			s.sent[fmt.Sprintf("%s %d %s", m.CallID(), cs.Number, cs.Text)] = true
			s.sent[fmt.Sprintf("%s %s %d %s", p.From.Addr(), m.CallID(), cs.Number, cs.Text)] = true
		}
		return
	}
	method := string(cs.Text)
	if m.IsRequest() {
		if method == "ACK" || method == "CANCEL" {
			method = "INVITE" // these two are the engine's to make
		}
		if !s.sent[fmt.Sprintf("%s %d %s", m.CallID(), cs.Number, method)] {
			s.t.Errorf("seed %d: the engine made up a request\n%s", s.seed, p.Bytes)
		}
		return
	}
	if !s.sent[fmt.Sprintf("%s %s %d %s", p.To.Addr(), m.CallID(), cs.Number, method)] {
		s.t.Errorf("seed %d: %s got a response to what it never asked\n%s", s.seed, p.To, p.Bytes)
	}
	if id := string(m.CallID()); m.Status() >= 200 && method == "INVITE" && cs.Number == 1 && s.answered[id] == 0 {
		s.answered[id] = now
	}
}
