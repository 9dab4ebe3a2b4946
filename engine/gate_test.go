package engine_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// gatekeeper is a Gate of a test.
type gatekeeper struct {
	verdict transport.Verdict
	deaf    bool // to valid requests
	known   []string
}

func (g *gatekeeper) Admit(_ transport.Kind, _ netip.AddrPort, data []byte) transport.Verdict {
	if strings.HasPrefix(string(data), "SIP/2.0") {
		return transport.Pass
	}
	return g.verdict
}

func (g *gatekeeper) Hear(transport.Kind, netip.AddrPort, *message.Message) bool { return !g.deaf }

func (g *gatekeeper) Known(k transport.Kind, from netip.AddrPort, m message.Method) {
	g.known = append(g.known, fmt.Sprint(k, " ", from, " ", m))
}

// Of doubtful requests those within a dialog that passed here are heard, whoever sends them, and no
// others.
func TestDoubtfulRequests(t *testing.T) {
	r := newRemote(t, within(to("sip:bob@10.0.0.3:5060")), func(p *pair, inv *received) *received {
		p.bob.reply(inv, 200, "Contact: <sip:bob@10.0.0.4>\r\n")
		return p.alice.expect("200")
	})
	r.caller.uri = "sip:bob@10.0.0.4"
	g := &gatekeeper{verdict: transport.Doubt}
	remove := r.eng.AddGate(g)
	if got := r.outcome(r.alice, r.caller.request("INFO")); got != "10.0.0.4" {
		t.Errorf("within the dialog: %q", got)
	}
	for name, text := range map[string]string{
		"outside":         r.alice.call("c2", "sip:bob@example.com").request("OPTIONS"),
		"another Call-ID": rewritten(r.caller, "INFO", "Call-ID: c1", "Call-ID: c3"),
		"another tag":     rewritten(r.caller, "INFO", ";tag="+r.caller.toTag, ";tag=x"),
		"no Route":        rewritten(r.caller, "INFO", "Route: ", "X-Route: "),
		"a forged ticket": rewritten(r.caller, "INFO", ";s=", ";s=A"),
	} {
		t.Run(name, func(t *testing.T) {
			if got := r.outcome(r.alice, text); got != "" {
				t.Errorf("%q\n%s", got, text)
			}
		})
	}
	if n := r.eng.Stats().Dropped["unheard"]; n != 5 {
		t.Errorf("%d were counted", n)
	}
	remove()
	if got := r.outcome(r.alice, r.alice.call("c4", "sip:bob@example.com").request("OPTIONS")); got != "10.0.0.3" {
		t.Errorf("without the gate: %q", got)
	}
}

// What is dropped is not answered, and costs no transaction; the first gate that says so decides.
func TestUnheard(t *testing.T) {
	for name, g := range map[string]*gatekeeper{"not admitted": {verdict: transport.Drop}, "not heard": {deaf: true}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 1, within(to("sip:bob@10.0.0.3:5060")))
			b.eng.AddGate(&gatekeeper{})
			b.eng.AddGate(g)
			alice := b.phone("10.0.0.2:5060")
			alice.call("c1", "sip:bob@example.com").send("OPTIONS")
			if s := b.eng.Stats(); len(alice.got) != 0 || len(s.Requests) != 0 {
				t.Errorf("%d answers, %v", len(alice.got), s.Requests)
			}
		})
	}
}

// A gate learns who registered and who is in a call; not who only asked.
func TestKnown(t *testing.T) {
	b := newBench(t, 1, within(to("sip:bob@10.0.0.3:5060")))
	g := &gatekeeper{}
	b.eng.AddGate(g)
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	for i, method := range []string{"OPTIONS", "REGISTER", "INVITE"} {
		alice.call(fmt.Sprint("c", i), "sip:bob@example.com").send(method)
		bob.reply(bob.expect(method), 200, "Contact: <sip:bob@10.0.0.3>\r\n")
		alice.expect("200")
	}
	slices.Sort(g.known)
	if got := strings.Join(slices.Compact(g.known), ", "); got != "udp 10.0.0.2:5060 INVITE, udp 10.0.0.2:5060 REGISTER, udp 10.0.0.3:5060 INVITE, udp 10.0.0.3:5060 REGISTER" {
		t.Error(got)
	}
}
