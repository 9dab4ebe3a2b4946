package engine_test

// Phones behind NATs that give them other ports, or that mean well; and parties that nobody knew to
// be behind one.

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/sim/agent"
	"github.com/sipscript/sipscript/engine/transport"
)

const natServer = "203.0.113.1:5060"

var (
	aliceBehind, alicePublic = natPlace{transport.UDP, "192.168.1.2:5060", "192.0.2.7"}, natPlace{transport.UDP, "198.51.100.2:5060", ""}
	bobBehind, bobPublic     = natPlace{transport.UDP, "10.1.1.3:5060", "192.0.2.8"}, natPlace{transport.UDP, "198.51.100.3:5060", ""}
)

// A NAT that forgets its mappings in a call: once the phone behind it has sent a request from its
// new place, requests come to it there.
func TestDialogsFollowNATsThatRebind(t *testing.T) {
	for _, c := range []struct {
		name       string
		alice, bob natPlace
		kind       sim.NATKind
		moves      string
	}{
		{"the caller's", aliceBehind, bobPublic, sim.PortRestricted, "alice"},
		{"the caller's, both behind one", aliceBehind, bobBehind, sim.PortRestricted, "alice"},
		{"the caller's, symmetric", aliceBehind, bobBehind, sim.Symmetric, "alice"},
		{"the callee's", alicePublic, bobBehind, sim.PortRestricted, "bob"},
		{"the callee's, both behind one", aliceBehind, bobBehind, sim.Symmetric, "bob"},
	} {
		for _, loss := range []float64{0, 0.1} {
			t.Run(fmt.Sprintf("%s, loss %v", c.name, loss), func(t *testing.T) {
				for seed := uint64(1); seed <= 3; seed++ {
					s := newNATScenario(t, seed, natServer, c.alice, c.bob, loss)
					s.as(c.kind)
					s.moving(c.moves)
					s.end()
				}
			})
		}
	}
}

func (s *natScenario) as(kind sim.NATKind) {
	for _, n := range s.nats {
		n.As(kind, 0)
	}
}

// moving is a call in which the NAT of one phone rebinds, twice; each time that phone sends a
// request, and then the other one does, who hangs up in the end.
func (s *natScenario) moving(who string) {
	s.t.Helper()
	var dialogs [2]*agent.Dialog
	codes := map[string]int{}
	mover, other := s.alice, s.bob
	if who == "bob" {
		mover, other = s.bob, s.alice
	}
	start := func() {
		if dialogs[0] == nil || dialogs[1] == nil {
			return
		}
		moved, stays := dialogs[0], dialogs[1]
		if who == "bob" {
			moved, stays = stays, moved
		}
		for i := range 2 {
			at := time.Duration(20+60*i) * time.Second
			mover.After(at, func() {
				s.nats[who].Rebind()
				moved.Send("INFO", func(code int) { codes[fmt.Sprint("moved ", i)] = code })
			})
			other.After(at+40*time.Second, func() { stays.Send("INFO", func(code int) { codes[fmt.Sprint("stays ", i)] = code }) })
		}
		other.After(150*time.Second, stays.Hangup)
	}
	s.bob.OnDialog = func(d *agent.Dialog) {
		if dialogs[1] == nil {
			dialogs[1] = d
			start()
		}
	}
	s.alice.Do(func() {
		c := s.alice.Invite("sip:bob@example.com", s.server, "")
		c.OnResponse = func(code int, m *message.Message) {
			if code/100 == 2 && dialogs[0] == nil {
				dialogs[0] = c.Dialogs[string(m.ToTag())]
				start()
			}
		}
	})
	s.w.Run(5 * time.Minute)
	if dialogs[0] == nil || dialogs[1] == nil {
		s.t.Errorf("no call")
		return
	}
	bye := dialogs[1].Bye
	if who == "bob" {
		bye = dialogs[0].Bye
	}
	if len(codes) != 4 || codes["moved 0"] != 200 || codes["stays 0"] != 200 || codes["moved 1"] != 200 || codes["stays 1"] != 200 || bye != 200 {
		s.t.Errorf("%s moved: %v, BYE %d", who, codes, bye)
	}
}

// A callee whose NAT nobody knew of: it was reached at an address (a port that is forwarded), and
// answers with a Contact of its own network. Its dialogs stay at that address, and follow it.
func TestCalleeIsReachedWhereItAnswered(t *testing.T) {
	for _, c := range []struct {
		name       string
		alice, bob natPlace
		claim      string
	}{
		{"a private address", alicePublic, bobBehind, ""},
		{"a private address, the caller behind a NAT too", aliceBehind, bobBehind, ""},
		{"0.0.0.0", alicePublic, bobBehind, "0.0.0.0:5060"},
		{"loopback", alicePublic, bobBehind, "127.0.0.1:5060"},
		{"its own address", alicePublic, bobPublic, ""},
	} {
		for _, back := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, callee hangs up %v", c.name, back), func(t *testing.T) {
				for seed := uint64(1); seed <= 3; seed++ {
					s := newNATScenario(t, seed, natServer, c.alice, c.bob, 0.05)
					s.as(sim.FullCone)
					s.bob.Claim = c.claim
					s.target = engine.Target{URI: "sip:bob@" + s.seen.String()}
					s.talk(back)
					if c.name == "its own address" && len(s.routes) != 1 {
						t.Errorf("a callee that needs none got a token: %q", s.routes)
					}
					s.end()
				}
			})
		}
	}
	t.Run("that moves", func(t *testing.T) {
		s := newNATScenario(t, 1, natServer, alicePublic, bobBehind, 0)
		s.as(sim.FullCone)
		s.target = engine.Target{URI: "sip:bob@" + s.seen.String()}
		s.moving("bob")
		s.end()
	})
}

// Gateways in routers that rewrite some of what a phone says, and not the rest.
func TestDialogsThroughGatewaysThatRewrite(t *testing.T) {
	replace := func(headers ...string) sim.Gateway {
		return func(leaving bool, b []byte, inner, outer netip.AddrPort) []byte {
			from, to := inner, outer
			if !leaving {
				from, to = outer, inner
			}
			var out []byte
			for _, line := range bytes.SplitAfter(b, []byte("\n")) {
				for _, h := range headers {
					if bytes.HasPrefix(line, []byte(h)) {
						line = bytes.ReplaceAll(line, []byte(from.String()), []byte(to.String()))
					}
				}
				out = append(out, line...)
			}
			return out
		}
	}
	address := func(headers ...string) sim.Gateway {
		return func(leaving bool, b []byte, inner, outer netip.AddrPort) []byte {
			if !leaving {
				return b
			}
			return replace(headers...)(true, b, inner, netip.AddrPortFrom(outer.Addr(), inner.Port()))
		}
	}
	for name, g := range map[string]sim.Gateway{
		"Contact alone":                     replace("Contact:"),
		"Via alone":                         replace("Via:"),
		"Contact and Via":                   replace("Contact:", "Via:"),
		"Contact, without the port":         address("Contact:"),
		"Contact and Via, without the port": address("Contact:", "Via:"),
		"everything that leaves":            replace("Contact:", "Via:", "INVITE ", "BYE ", "INFO ", "ACK "),
	} {
		for _, who := range []string{"alice", "bob"} {
			for _, back := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, of %s, callee hangs up %v", name, who, back), func(t *testing.T) {
					s := newNATScenarioThrough(t, 1, natServer, aliceBehind, bobBehind, 0, map[string]sim.Gateway{who: g})
					s.talk(back)
					s.end()
				})
			}
		}
	}
}
