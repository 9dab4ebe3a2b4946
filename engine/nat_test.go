package engine_test

// Phones behind NATs, which let in only what comes from where the phone sent to: the requests of a
// dialog must go back that way.

import (
	"fmt"
	"net/netip"
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

// natScenario is one call between two phones, each of which may be behind a NAT of its own.
type natScenario struct {
	t             *testing.T
	seed          uint64
	w             *sim.World
	eng           *engine.Engine
	server        string // host:port of the engine
	alice, bob    *agent.Agent
	target        engine.Target // bob, as he registered
	routes        []string      // of the INVITE at bob
	ladder        []string
	lost, settled int
	nats          map[string]*sim.NAT // by phone
	seen          netip.AddrPort      // where bob's REGISTER came from
}

// natPlace is where a phone is.
type natPlace struct {
	kind transport.Kind
	addr string // its own
	nat  string // the address outside; "" for none
}

func newNATScenario(t *testing.T, seed uint64, server string, alice, bob natPlace, loss float64) *natScenario {
	t.Helper()
	return newNATScenarioThrough(t, seed, server, alice, bob, loss, nil)
}

// newNATScenarioThrough has what phones send pass through gateways, by phone.
func newNATScenarioThrough(t *testing.T, seed uint64, server string, alice, bob natPlace, loss float64, gateways map[string]sim.Gateway) *natScenario {
	t.Helper()
	s := &natScenario{t: t, seed: seed, w: sim.New(seed), server: server, nats: map[string]*sim.NAT{}}
	s.w.SetLink(sim.Link{Delay: 10 * time.Millisecond, Jitter: 20 * time.Millisecond, Loss: loss, Duplicate: loss})
	s.w.Trace(func(p sim.Packet) {
		line, _, _ := strings.Cut(string(p.Bytes), "\r\n")
		s.ladder = append(s.ladder, fmt.Sprintf("%9.3f %s>%s %s lost %v", s.w.Elapsed().Seconds(), p.From, p.To, line, p.Lost))
	})
	var err error
	s.eng, err = engine.New(engine.Config{Clock: s.w, Meter: s.w, Network: s.w.Network("udp:"+server, "tcp:"+server), Seed: seed, Lanes: 1,
		Domains: []string{"example.com"}, Router: routerFunc(s.route)})
	if err != nil {
		t.Fatal(err)
	}
	_ = s.eng.Start()
	s.w.Drive(s.eng.Lanes()...)
	s.alice, s.bob = s.phone("alice", alice), s.phone("bob", bob)
	for who, g := range gateways {
		s.nats[who].Through(g)
	}
	s.bob.Do(func() { s.bob.Ask("REGISTER", "sip:example.com", server) })
	s.w.Run(40 * time.Second)
	return s
}

func (s *natScenario) phone(name string, p natPlace) *agent.Agent {
	host, _, _ := strings.Cut(strings.TrimPrefix(p.addr, "["), "]")
	if !strings.HasPrefix(p.addr, "[") {
		host, _, _ = strings.Cut(p.addr, ":")
	}
	if p.nat != "" {
		s.nats[name] = s.w.NAT(p.nat, host)
	}
	a := agent.New(s.w, p.kind, p.addr)
	a.OnRequest = func(q *transaction.Server) {
		if q.Req.Method() != message.MethodInvite {
			_ = q.Reply(200, "", nil, nil)
			return
		}
		if q.Req.ToTag() == nil {
			s.routes = elements(q.Req, message.HeaderRecordRoute)
		}
		_ = q.Reply(180, "", nil, nil)
		a.After(500*time.Millisecond, func() { a.Answer(q, func() { s.lost++ }) })
	}
	return a
}

// route is what a simple script does.
func (s *natScenario) route(r *engine.Request) error {
	switch {
	case r.Method() == message.MethodRegister:
		s.seen = r.Source().Addr
		s.target = engine.Target{URI: "sip:bob@" + s.bob.Addr + transportOf(r), Flow: r.Flow(), Received: fmt.Sprintf("%s:%s", r.Source().Transport, r.Source().Addr), FromSocket: r.ReceivedOn().Name}
		_, err := r.Reply(200, "", nil)
		return err
	case !r.InDialog() || r.Method() == message.MethodInvite:
		if err := r.RecordRoute(engine.RouteParam{Name: "x", Value: "1"}); err != nil {
			return err
		}
	}
	if r.InDialog() {
		if _, ours := r.RouteParams(); !ours {
			_, err := r.Reply(403, "", nil)
			return err
		}
		_, err := r.Relay(nil, nil)
		return err
	}
	_, err := r.Relay([]*engine.Target{&s.target}, nil)
	return err
}

func transportOf(r *engine.Request) string {
	if r.Source().Transport == transport.UDP {
		return ""
	}
	return ";transport=" + r.Source().Transport.String()
}

// talk is a call of one minute in which both sides ask for things; the caller hangs up, or the
// callee.
func (s *natScenario) talk(calleeHangsUp bool) {
	s.t.Helper()
	var caller, callee *agent.Dialog
	said := func(method string) func(int) {
		return func(code int) {
			if code != 200 {
				s.t.Errorf("%s was answered %d", method, code)
				return
			}
			s.settled++
		}
	}
	s.bob.OnDialog = func(d *agent.Dialog) {
		if callee != nil {
			return
		}
		callee = d
		s.bob.After(5*time.Second, func() { d.Send("INFO", said("the callee's INFO")) })
		s.bob.After(15*time.Second, func() { d.Send("INVITE", said("the callee's INVITE")) })
		if calleeHangsUp {
			s.bob.After(60*time.Second, d.Hangup)
		}
	}
	s.alice.Do(func() {
		c := s.alice.Invite("sip:bob@example.com", s.server, "")
		c.OnResponse = func(code int, m *message.Message) {
			if code/100 != 2 || caller != nil {
				return
			}
			caller = c.Dialogs[string(m.ToTag())]
			d := caller
			s.alice.After(10*time.Second, func() { d.Send("INFO", said("the caller's INFO")) })
			s.alice.After(25*time.Second, func() { d.Send("INVITE", said("the caller's INVITE")) })
			if !calleeHangsUp {
				s.alice.After(60*time.Second, d.Hangup)
			}
		}
	})
	s.w.Run(5 * time.Minute)
	if caller == nil || callee == nil {
		s.t.Errorf("no call: caller %v, callee %v", caller != nil, callee != nil)
		return
	}
	bye := caller.Bye
	if calleeHangsUp {
		bye = callee.Bye
	}
	if bye != 200 || s.settled != 4 || s.lost > 0 {
		s.t.Errorf("BYE %d, %d of 4 requests answered 200, %d answers never acknowledged", bye, s.settled, s.lost)
	}
}

func (s *natScenario) end() {
	s.t.Helper()
	if st := s.eng.Stats(); st.InProgress+st.ServerTransactions+st.ClientTransactions != 0 {
		s.t.Errorf("left behind: %+v", st)
	}
	if s.t.Failed() {
		s.t.Logf("seed %d\n%s", s.seed, strings.Join(s.ladder, "\n"))
	}
	s.alice.Close()
	s.bob.Close()
	for _, l := range append(s.eng.Lanes(), s.eng.Background()) {
		l.Stop()
	}
}

func TestDialogsOfPhonesBehindNATs(t *testing.T) {
	const server, server6 = "203.0.113.1:5060", "[2001:db8::1]:5060"
	aliceIn, aliceOut := natPlace{transport.UDP, "192.168.1.2:5060", "192.0.2.7"}, natPlace{transport.UDP, "198.51.100.2:5060", ""}
	bobIn, bobOut := natPlace{transport.UDP, "10.1.1.3:5060", "192.0.2.8"}, natPlace{transport.UDP, "198.51.100.3:5060", ""}
	tcp := func(p natPlace) natPlace { p.kind = transport.TCP; return p }
	for _, c := range []struct {
		name       string
		server     string
		alice, bob natPlace
	}{
		{"caller", server, aliceIn, bobOut},
		{"callee", server, aliceOut, bobIn},
		{"both", server, aliceIn, bobIn},
		{"caller over UDP, callee over TCP", server, aliceIn, tcp(bobIn)},
		{"caller over TCP, callee over UDP", server, tcp(aliceIn), bobIn},
		{"neither", server, aliceOut, bobOut},
		{"IPv6", server6, natPlace{transport.UDP, "[fd00:1::2]:5060", "2001:db8::7"}, natPlace{transport.UDP, "[fd00:2::3]:5060", "2001:db8::8"}},
	} {
		for _, loss := range []float64{0, 0.1} {
			for _, back := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, loss %v, callee hangs up %v", c.name, loss, back), func(t *testing.T) {
					for seed := uint64(1); seed <= 3; seed++ {
						s := newNATScenario(t, seed, c.server, c.alice, c.bob, loss)
						s.talk(back)
						if c.name == "neither" && (len(s.routes) != 2 || strings.Contains(s.routes[1], "@")) {
							t.Errorf("a caller that needs none got a token: %q", s.routes)
						}
						s.end()
					}
				})
			}
		}
	}
}

// A phone with an address of its own that asks for it (RFC 5626 §4.3) is reached where it sent
// from; and a token that was changed, cut, or is from another call brings nobody anywhere.
func TestContactAsksForOutbound(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		if r.InDialog() {
			if _, ours := r.RouteParams(); !ours {
				_, err := r.Reply(403, "", nil)
				return err
			}
			_, err := r.Relay(nil, nil)
			return err
		}
		_ = r.RecordRoute()
		_, err := r.Relay(to("sip:bob@10.0.0.3:5060"), nil)
		return err
	})
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	alice.Send(proxyAddr, []byte(strings.Replace(c.request("INVITE"), "Contact: <sip:alice@10.0.0.2:5060>", "Contact: <sip:alice@10.0.0.2:9;ob>", 1)))
	inv := bob.expect("INVITE")
	bob.reply(inv, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
	ok := alice.expect("200")
	back := bob.call("c1", "")
	back.branch = 7
	back.within(ok, inv, "sip:alice@10.0.0.2:9;ob", true)
	good := back.extra
	token, _, _ := strings.Cut(good[strings.LastIndex(good, "<sip:")+5:], "@")
	if len(token) != 13 {
		t.Fatalf("token %q in %s", token, good)
	}
	other := "b" + token[1:]
	if token[0] == 'b' {
		other = "c" + token[1:]
	}
	for name, extra := range map[string]string{
		"changed":           strings.Replace(good, token, other, 1),
		"cut":               strings.Replace(good, token, token[:12], 1),
		"cut off":           strings.Replace(good, token+"@", "", 1),
		"longer":            strings.Replace(good, token, token+"0000", 1),
		"without signature": good[:strings.LastIndex(good, ";s=")] + ">\r\n",
		"swapped":           strings.Replace(strings.Replace(good, token+"@", "", 1), "<sip:", "<sip:"+token+"@", 1),
	} {
		t.Run(name, func(t *testing.T) {
			back.branch++
			back.cseq++
			back.extra = extra
			back.send("INFO")
			if b.w.Run(time.Second); len(alice.got) > 0 || len(bob.lines()) != 1 || bob.lines()[0] != "403" {
				t.Errorf("%s: the callee got %v, the caller %v", name, bob.lines(), alice.lines())
			}
			bob.got, alice.got = nil, nil
		})
	}
	back.extra = good
	back.id = "c2" // somebody else's call
	back.send("INFO")
	bob.expect("403")
	back.id = "c1"
	back.branch++
	back.send("BYE")
	alice.reply(alice.expect("BYE sip:alice@10.0.0.2:9;ob"), 200, "")
	bob.expect("200")
	b.quiet()
}
