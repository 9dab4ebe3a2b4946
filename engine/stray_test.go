package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// Trap 37: what decides the way of a response to a stateless request is the request. What the
// responder wrote into the lower Via decides nothing, and an ACK has no response at all (§17).
func TestTrap37ResponderChoosesNoAddress(t *testing.T) {
	forward := func(r *engine.Request) error {
		_, err := r.Forward(&engine.Target{NextHop: "sip:10.0.0.3:5060"})
		return err
	}
	relay := func(r *engine.Request) error {
		_, err := r.Relay(to("sip:bob@10.0.0.3:5060"), nil)
		return err
	}
	const victim = "10.0.0.77"
	rewrites := map[string]*strings.Replacer{
		"as it came":        strings.NewReplacer(),
		"received":          strings.NewReplacer("received=10.0.0.2", "received="+victim),
		"rport":             strings.NewReplacer("rport=5060", "rport=6000"),
		"maddr":             strings.NewReplacer("received=10.0.0.2", "received=10.0.0.2;maddr="+victim),
		"maddr in place":    strings.NewReplacer("received=10.0.0.2", "maddr="+victim),
		"transport":         strings.NewReplacer("SIP/2.0/UDP 10.0.0.2:5060", "SIP/2.0/TCP 10.0.0.2:5060"),
		"no received":       strings.NewReplacer(";received=10.0.0.2", ""),
		"capitals":          strings.NewReplacer("received=", "RECEIVED=", "rport=", "RPort="),
		"host":              strings.NewReplacer("SIP/2.0/UDP 10.0.0.2:5060", "SIP/2.0/UDP "+victim+":5060"),
		"method of another": strings.NewReplacer(" ACK\r\n", " INVITE\r\n"),
	}
	for name, rewrite := range rewrites {
		for _, c := range []struct {
			method string
			route  routerFunc
			passes bool
		}{{"OPTIONS", forward, true}, {"INVITE", forward, true}, {"ACK", forward, false}, {"ACK", relay, false}} {
			t.Run(name+"/"+c.method, func(t *testing.T) {
				b := newBench(t, 1, c.route)
				alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
				others := []*handset{b.phone(victim + ":5060"), b.phone(victim + ":6000"), b.phone("10.0.0.2:6000")}
				call := alice.call("c1", "sip:bob@example.com")
				call.toTag = "b1"
				call.send(c.method)
				q := bob.expect(c.method)
				text := strings.Replace(string(q.msg.AppendTo(nil)), c.method+" sip:bob@", "OPTIONS sip:bob@", 1)
				answer := string(message.AppendResponse(nil, parse(t, text), 200, "", "x", nil, nil))
				bob.Send(proxyAddr, []byte(rewrite.Replace(answer)))
				b.w.Run(time.Second)
				for _, o := range others {
					if len(o.got) != 0 {
						t.Errorf("%s got %v", o.Addr(), o.lines())
					}
				}
				wanted := 0
				if c.passes && name != "host" {
					wanted = 1
				}
				if name == "method of another" && c.method == "ACK" && len(alice.got) == 1 {
					wanted = 1 // it goes where the ACK came from, and nowhere else
				}
				if len(alice.got) != wanted || wanted == 1 && alice.got[0].p.Kind != transport.UDP {
					t.Errorf("the caller got %v, want %d", alice.lines(), wanted)
				}
				if s := b.eng.Stats().Strays; s != uint64(1-wanted) {
					t.Errorf("%d strays counted", s)
				}
			})
		}
	}
}
