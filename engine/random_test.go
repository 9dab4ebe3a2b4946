package engine_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/sim/agent"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// Random calls between real user agents through the engine, over links that lose, duplicate and reorder. Whatever happens:
//   - each INVITE gets exactly one final response (a dialog of a 2xx counts once), and only links that lose make it time out;
//   - a callee that answered gets its ACK, or its own CANCEL came first: no 2xx is lost;
//   - when all is over nothing is left: no transaction, no timer, no response context.

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

func TestRandomCalls(t *testing.T) {
	for _, link := range []sim.Link{
		{Delay: 5 * time.Millisecond},
		{Delay: 5 * time.Millisecond, Jitter: 30 * time.Millisecond, Duplicate: 0.1, Loss: 0.05},
		{Delay: 20 * time.Millisecond, Jitter: 300 * time.Millisecond, Duplicate: 0.2, Loss: 0.20},
	} {
		t.Run(fmt.Sprintf("loss %.0f%%", link.Loss*100), func(t *testing.T) {
			first, n := seeds()
			t.Logf("seeds %d to %d", first, first+uint64(n)-1)
			for seed := first; seed < first+uint64(n); seed++ {
				s := &scenario{t: t, seed: seed, link: link}
				s.run()
				if t.Failed() {
					t.Logf("seed %d\n%s", seed, strings.Join(s.ladder, "\n"))
					return
				}
			}
		})
	}
}

type scenario struct {
	t      *testing.T
	seed   uint64
	link   sim.Link
	w      *sim.World
	rnd    *rand.Rand
	ladder []string
	lost   int // 2xx whose ACK never came
	agents []*agent.Agent
	calls  []*agent.Call
	gaveUp map[*agent.Call]bool
}

const callees = 4

func (s *scenario) run() {
	s.rnd = rand.New(rand.NewPCG(s.seed, 99))
	s.w = sim.New(s.seed)
	s.w.SetLink(s.link)
	s.gaveUp = map[*agent.Call]bool{}
	s.w.Trace(func(p sim.Packet) {
		line, rest, _ := strings.Cut(string(p.Bytes), "\r\n")
		id, cseq := headerOf(rest, "Call-ID: "), headerOf(rest, "CSeq: ")
		s.ladder = append(s.ladder, fmt.Sprintf("%9.3f %s>%s %s [%s %s]", s.w.Elapsed().Seconds(), p.From, p.To, line, id, cseq))
	})
	eng, err := engine.New(engine.Config{Clock: s.w, Meter: s.w, Network: s.w.Network("udp:10.0.0.1:5060", "tcp:10.0.0.1:5060"), Seed: s.seed, Lanes: 1,
		Domains: []string{"example.com"}, Router: routerFunc(s.route)})
	if err != nil {
		s.t.Fatal(err)
	}
	_ = eng.Start()
	s.w.Drive(eng.Lanes()...)
	for i := range callees {
		s.callee(i)
	}
	caller := agent.New(s.w, transport.UDP, "10.0.1.1:5060")
	s.agents = append(s.agents, caller)
	for range 3 {
		caller.Do(func() { s.call(caller) })
		s.w.Run(time.Duration(s.rnd.IntN(2000)) * time.Millisecond)
	}
	s.w.Run(time.Hour) // many times timer C
	s.check(eng)
	for _, a := range s.agents {
		a.Close()
	}
	for _, l := range append(eng.Lanes(), eng.Background()) {
		l.Stop()
	}
}

func headerOf(text, name string) string {
	if i := strings.Index(text, name); i >= 0 {
		v, _, _ := strings.Cut(text[i+len(name):], "\r\n")
		return v
	}
	return ""
}

// route forks at random: parallel, serial, waiting or not, with timeouts.
func (s *scenario) route(r *engine.Request) error {
	if r.InDialog() || r.Method() != message.MethodInvite {
		_, err := r.Relay(nil, nil)
		return err
	}
	if s.rnd.IntN(4) > 0 {
		if err := r.RecordRoute(""); err != nil {
			return err
		}
	}
	o := &engine.Options{Order: []func() engine.Options{
		func() engine.Options { return engine.Options{Order: engine.Parallel} },
		func() engine.Options { return engine.Options{Order: engine.Serial} },
		func() engine.Options { return engine.Options{Order: engine.ByQ} },
	}[s.rnd.IntN(3)]().Order}
	if s.rnd.IntN(2) == 0 {
		o.Defaults.RingTimeout = time.Duration(1+s.rnd.IntN(8)) * time.Second
	}
	if s.rnd.IntN(3) == 0 {
		o.Defaults.ReplyTimeout = time.Duration(1+s.rnd.IntN(4)) * time.Second
	}
	if s.rnd.IntN(3) == 0 {
		o.OnResponse = func(*engine.Response) {
			if s.rnd.IntN(2) == 0 {
				_ = r.Sleep(time.Duration(s.rnd.IntN(500)) * time.Millisecond)
			}
		}
	}
	targets := s.targets()
	if s.rnd.IntN(2) == 0 {
		if s.rnd.IntN(3) == 0 {
			o.OnFailure = func(*engine.Response) { _, _ = r.Relay(s.targets(), nil) }
		}
		_, err := r.Relay(targets, o)
		return err
	}
	for range 1 + s.rnd.IntN(2) {
		if res, err := r.Fork(targets, o); err != nil || res.Code() < 300 {
			return err
		}
		targets = s.targets()
	}
	return nil
}

func (s *scenario) targets() (ts []*engine.Target) {
	for _, i := range s.rnd.Perm(callees)[:1+s.rnd.IntN(3)] {
		t := &engine.Target{URI: fmt.Sprintf("sip:u@10.0.2.%d:5060", i+1), Q: float64(s.rnd.IntN(3)) / 2}
		if s.rnd.IntN(4) == 0 {
			t.URI += ";transport=tcp"
		}
		if s.rnd.IntN(5) == 0 {
			t.Delay = time.Duration(s.rnd.IntN(3000)) * time.Millisecond
		}
		ts = append(ts, t)
	}
	return ts
}

// callee is a user agent that rings, answers, refuses, or says nothing.
func (s *scenario) callee(i int) {
	a := agent.New(s.w, transport.UDP, fmt.Sprintf("10.0.2.%d:5060", i+1))
	s.agents = append(s.agents, a)
	a.OnRequest = func(q *transaction.Server) {
		if q.Req.Method() == message.MethodBye {
			_ = q.Reply(200, "", nil, nil)
			return
		}
		mood := s.rnd.IntN(10)
		if mood == 0 {
			return // dead
		}
		if mood < 8 {
			_ = q.Reply(180, "", nil, nil)
		}
		a.After(time.Duration(s.rnd.IntN(6000))*time.Millisecond, func() {
			switch {
			case q.Answered() != 0 || mood == 1: // cancelled, or rings for ever
			case mood < 6:
				a.Answer(q, func() { s.lost++ })
			default:
				_ = q.Reply([]int{486, 480, 603, 503, 404}[s.rnd.IntN(5)], "", nil, nil)
			}
		})
	}
}

func (s *scenario) call(caller *agent.Agent) {
	c := caller.Invite("sip:bob@example.com", "10.0.0.1:5060", "")
	s.calls = append(s.calls, c)
	c.OnResponse = func(code int, m *message.Message) {
		if code/100 == 2 {
			d := c.Dialogs[string(m.ToTag())]
			caller.After(time.Duration(s.rnd.IntN(5000))*time.Millisecond, d.Hangup)
		}
	}
	if s.rnd.IntN(3) == 0 {
		caller.After(time.Duration(s.rnd.IntN(7000))*time.Millisecond, func() {
			if len(c.Finals) == 0 {
				s.gaveUp[c] = true
				c.Cancel()
			}
		})
	}
}

func (s *scenario) check(eng *engine.Engine) {
	t := s.t
	for _, c := range s.calls {
		failures := 0
		for _, code := range c.Finals {
			if code >= 300 {
				failures++
			}
		}
		// A 2xx that crossed the CANCEL of an expired branch goes on even after a failure (§16.7 step 5); nothing else does.
		if failures > 1 || failures == 1 && len(c.Finals) > 1 && c.Finals[0] < 300 {
			t.Errorf("seed %d: %s got finals %v", s.seed, c.ID, c.Finals)
		}
		if len(c.Finals) == 0 && (s.link.Loss == 0 || c.Failure == nil) {
			t.Errorf("seed %d: %s got no final response (%v)", s.seed, c.ID, c.Failure)
		}
		for _, d := range c.Dialogs {
			if d.Bye == 0 || s.link.Loss == 0 && d.Bye != 200 {
				t.Errorf("seed %d: %s: BYE ended with %d", s.seed, c.ID, d.Bye)
			}
		}
	}
	if s.lost > 0 && s.link.Loss == 0 {
		t.Errorf("seed %d: %d answered calls were never acknowledged", s.seed, s.lost)
	}
	st := eng.Stats()
	if st.InProgress+st.ServerTransactions+st.ClientTransactions != 0 {
		t.Errorf("seed %d: left behind: %+v", s.seed, st)
	}
	s.w.Do(func() {
		for _, l := range eng.Lanes() {
			if n := l.Timers(); n != 0 {
				t.Errorf("seed %d: %d timers left", s.seed, n)
			}
			if n := l.Stats().Panics.Load(); n != 0 {
				t.Errorf("seed %d: %d panics", s.seed, n)
			}
		}
	})
}
