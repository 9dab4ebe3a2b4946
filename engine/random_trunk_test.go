package engine_test

import (
	"fmt"
	"math/rand/v2"
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

// Calls to a trunk that challenges everything, with From masked, some of them cancelled, over links
// that lose, duplicate and reorder. Whatever happens, the trunk sees one consistent dialog (the
// masked From, rising numbers, an ACK with the number of its INVITE) and so does the caller (his
// own From and numbers).

func TestTrunkCallsWithLoss(t *testing.T) {
	first, n := seeds()
	talked := 0
	for seed := first; seed < first+uint64(n); seed++ {
		s := &trunkScenario{t: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, 7)), last: map[string]uint32{}}
		s.run()
		if talked += s.talked; t.Failed() {
			t.Logf("seed %d\n%s", seed, strings.Join(s.ladder, "\n"))
			return
		}
	}
	if talked < n {
		t.Errorf("only %d requests in %d runs were answered within a dialog", talked, n)
	}
}

type trunkScenario struct {
	t      *testing.T
	seed   uint64
	rnd    *rand.Rand
	w      *sim.World
	ladder []string
	// The highest number of a request that the trunk accepted, by Call-ID and sender's tag
	last   map[string]uint32
	lost   int
	agent  *agent.Agent // the trunk
	talked int
}

func (s *trunkScenario) run() {
	s.w = sim.New(s.seed)
	s.w.SetLink(sim.Link{Delay: 10 * time.Millisecond, Jitter: 40 * time.Millisecond, Loss: 0.1, Duplicate: 0.1})
	s.w.Trace(func(p sim.Packet) {
		line, rest, _ := strings.Cut(string(p.Bytes), "\r\n")
		if i := strings.Index(rest, "CSeq"); i >= 0 {
			line += "  " + rest[i:i+14]
		}
		if i := strings.Index(rest, "Call-ID"); i >= 0 {
			line += "  " + rest[i:i+20]
		}
		s.ladder = append(s.ladder, fmt.Sprintf("%9.3f %s>%s %s", s.w.Elapsed().Seconds(), p.From, p.To, line))
	})
	eng, err := engine.New(engine.Config{Clock: s.w, Meter: s.w, Network: s.w.Network("udp:10.0.0.1:5060"), Seed: s.seed, Lanes: 1,
		Domains: []string{"example.com"}, Router: routerFunc(s.route)})
	if err != nil {
		s.t.Fatal(err)
	}
	_ = eng.Start()
	s.w.Drive(eng.Lanes()...)
	s.agent = agent.New(s.w, transport.UDP, "10.0.0.3:5060")
	s.agent.OnRequest = s.asked
	s.agent.OnDialog = func(d *agent.Dialog) {
		if s.rnd.IntN(2) == 0 {
			s.agent.After(10*time.Second, func() { d.Send("INFO", nil) })
		}
		if s.rnd.IntN(3) == 0 {
			s.agent.After(50*time.Second, d.Hangup)
		}
	}
	caller := agent.New(s.w, transport.UDP, "10.0.0.2:5060")
	caller.OnRequest = func(q *transaction.Server) {
		s.wantParty("at the caller", q.Req, message.HeaderTo, "<sip:alice@10.0.0.2:5060>")
		_ = q.Reply(200, "", nil, nil)
	}
	for range 2 {
		caller.Do(func() { s.call(caller) })
		s.w.Run(3 * time.Second)
	}
	s.w.Run(10 * time.Minute)
	if st := eng.Stats(); st.InProgress+st.ServerTransactions+st.ClientTransactions != 0 {
		s.t.Errorf("left behind: %+v", st)
	}
	if s.lost > 0 {
		s.t.Errorf("%d answers were never acknowledged", s.lost)
	}
	for _, a := range []*agent.Agent{caller, s.agent} {
		a.Close()
	}
	for _, l := range append(eng.Lanes(), eng.Background()) {
		l.Stop()
	}
}

func (s *trunkScenario) call(a *agent.Agent) {
	c := a.Invite("sip:bob@example.com", "10.0.0.1:5060", "")
	if s.rnd.IntN(4) == 0 {
		a.After(time.Duration(s.rnd.IntN(1000))*time.Millisecond, func() {
			if len(c.Finals) == 0 {
				c.Cancel()
			}
		})
	}
	c.OnResponse = func(code int, m *message.Message) {
		s.wantParty("an answer", m, message.HeaderFrom, "<sip:alice@10.0.0.2:5060>")
		if code/100 != 2 {
			return
		}
		d := c.Dialogs[string(m.ToTag())]
		for i, method := range []string{"INFO", "INVITE", "UPDATE"} {
			if s.rnd.IntN(3) > 0 {
				a.After(time.Duration(i+1)*20*time.Second, func() {
					if d.Bye == 0 {
						d.Send(method, func(code int) {
							if code == 200 {
								s.talked++
							}
						})
					}
				})
			}
		}
		a.After(80*time.Second, d.Hangup)
	}
}

// route masks and answers challenges.
func (s *trunkScenario) route(r *engine.Request) error {
	o := &engine.ForkOptions{}
	o.Defaults.Credentials = trunkCredentials
	if r.InDialog() {
		_, err := r.Relay(nil, o)
		return err
	}
	if err := r.RecordRoute(); err != nil {
		return err
	}
	if err := r.Mask(engine.Mask{From: maskedFrom}); err != nil {
		return err
	}
	_, err := r.Relay(to("sip:bob@10.0.0.3:5060"), o)
	return err
}

// asked is a request at the trunk, which wants a password for each INVITE and some others.
func (s *trunkScenario) asked(q *transaction.Server) {
	m := q.Req
	s.wantParty("at the trunk", m, message.HeaderFrom, maskedFrom)
	secret := m.Header(message.HeaderAuthorization)
	if secret == nil && (m.ToTag() == nil || s.rnd.IntN(2) == 0) {
		_ = q.Reply(401, "", []byte(fmt.Sprintf(challengeMD5, fmt.Sprintf("n%d", s.rnd.Uint64()))), nil)
		return
	}
	key := string(m.CallID()) + " " + string(m.FromTag())
	if n := number(m); n <= s.last[key] {
		s.t.Errorf("seed %d: %s has CSeq %d after %d", s.seed, m.MethodText(), n, s.last[key])
	} else {
		s.last[key] = n
	}
	if m.Method() != message.MethodInvite {
		_ = q.Reply(200, "", nil, nil)
		return
	}
	_ = q.Reply(180, "", nil, nil)
	s.agent.After(500*time.Millisecond, func() {
		if q.Answered() == 0 { // not cancelled
			s.agent.Answer(q, func() { s.lost++ })
		}
	})
}

func (s *trunkScenario) wantParty(where string, m *message.Message, id message.HeaderID, want string) {
	if got := string(m.Header(id)); !strings.HasPrefix(got, want+";tag=") {
		s.t.Errorf("seed %d: %s: %s: %s", s.seed, where, id, got)
	}
}
