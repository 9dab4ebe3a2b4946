package registrar

// This file decides whether a registration is one of client-initiated flows (RFC 5626 §6), and what
// its answer says about that.

import (
	"strconv"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transport"
)

// udpFlowTimer is the longest interval for UDP clients, however long Policy.FlowTimer is: NATs
// forget a UDP client after 30 s (RFC 5626 §4.4.2).
const udpFlowTimer = 25 * time.Second

// checkFlows decides whether the REGISTER is dealt with by RFC 5626: its contact names an instance
// and a reg-id, its UA supports outbound, and so does the first hop.
func (g *registration) checkFlows() *refusal {
	flows, lasting := false, 0
	for i := range g.contacts {
		flows = flows || g.contacts[i].regID != 0
		if g.contacts[i].expires > 0 {
			lasting++
		}
	}
	if !flows || !g.policy.flows() {
		return nil
	}
	if lasting > 1 {
		return refuse(400, "One Contact At A Time With reg-id")
	}
	if !supports(g.message, "outbound") {
		return nil
	}
	if g.outbound = g.message.Direct() || firstHopSupports(g.message); g.outbound || !g.policy.strict() {
		return nil
	}
	return refuse(439, "First Hop Lacks Outbound Support")
}

// firstHopSupports reports whether the first proxy the REGISTER met has marked its Path with ob: it
// is the last of them.
func firstHopSupports(m *message.Message) bool {
	ob := false
	path := m.Elements(message.HeaderPath)
	for path.Next() {
		a, err := message.ParseAddress(path.Value)
		if err != nil {
			return false
		}
		uri, err := message.ParseURI(a.URI)
		ob = err == nil && uri.Params.Has("ob")
	}
	return ob
}

// flowTimer is the interval in which the client of this flow should send keep-alives; 0 if another
// proxy is its first hop, or if clients cannot (browsers leave keep-alives to WebSocket).
func (g *registration) flowTimer() time.Duration {
	if !g.outbound || !g.message.Direct() {
		return 0
	}
	switch g.from.Transport {
	case transport.UDP:
		return min(g.policy.FlowTimer, udpFlowTimer)
	case transport.WS, transport.WSS:
		return 0
	}
	return g.policy.FlowTimer
}

// flowHeaders are what a 200 says about outbound (RFC 5626 §6).
func (g *registration) flowHeaders(headers []proxy.HeaderEdit) []proxy.HeaderEdit {
	if !g.outbound {
		return headers
	}
	headers = append(headers, proxy.HeaderEdit{Name: "Require", Values: []string{"outbound"}})
	if d := g.flowTimer(); d > 0 {
		headers = append(headers, proxy.HeaderEdit{Name: "Flow-Timer", Values: []string{strconv.Itoa(int(d / time.Second))}})
	}
	return headers
}
