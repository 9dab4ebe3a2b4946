package gateways

// A gateway of a list in force, and what leads to it.

import (
	"hash/fnv"
	"net/netip"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/transport"
)

// Gateway is one gateway of a list. It does not change; its state does.
type Gateway struct {
	Entry
	gate  *gate
	hash  uint64
	port  uint16     // that NextHop names, 0 for none
	spots []*address // in the order of the DNS
}

// Set is the set that it belongs to.
func (g *Gateway) Set() *Set { return g.gate.set }

// Calls is how many calls it has: those under way, and those in progress that were record-routed.
func (g *Gateway) Calls() int { return int(g.gate.calls.Load()) }

// address is one address of a gateway.
type address struct {
	*spot
	peer   *transport.Peer // nil while the name has not been looked up
	tier   int
	weight float64
	hash   uint64
	// The targets that lead there; the second one's calls are counted
	targets [2]*Target
}

// Target leads to one address of a gateway.
type Target struct {
	Gateway *Gateway       // whose calls it counts
	Address netip.AddrPort // invalid while the name has not been looked up
	engine  engine.Target
}

// Target is what relay and fork take.
func (t *Target) Target() *engine.Target { return &t.engine }

// Place is the address as text: "udp:192.0.2.1:5060", or "".
func (t *Target) Place() string {
	if gw := t.engine.Gateway; gw != nil && gw.Peer != nil {
		return placeOf(gw.Peer)
	}
	return ""
}

func placeOf(p *transport.Peer) string { return p.Kind.String() + ":" + p.Addr.String() }

// rule is how the targets of a list are tried: the next one follows if a gateway does not answer
// before a 18x, is unreachable or full, or says that it fails.
var rule = &engine.Rule{Order: engine.Serial, Failover: (*engine.Response).Failed}

// newAddress makes an address with its targets. peer is nil if the name has not been looked up.
func (g *Gateway) newAddress(s *spot, peer *transport.Peer, tier, weight int) *address {
	a := &address{spot: s, peer: peer, tier: tier, weight: float64(weight), hash: hashOf(s.addr)}
	for i := range a.targets {
		t := &Target{Gateway: g, engine: engine.Target{NextHop: g.NextHop, Headers: g.headers, FromSocket: g.FromSocket}}
		t.engine.Gateway = &engine.Gateway{Peer: peer, Host: g.host, Guard: s, Counted: i == 1 || g.MaxCalls > 0, Rule: rule}
		if g.Rewrite == "uri" {
			t.engine.URI = g.NextHop
		}
		if peer != nil {
			t.Address = peer.Addr
		}
		t.engine.Value = t
		if wrap := g.gate.set.opts.Wrap; wrap != nil {
			t.engine.Value = wrap(t)
		}
		a.targets[i] = t
	}
	return a
}

// hashOf is the same everywhere, so that several servers choose alike.
func hashOf(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return mix(h.Sum64())
}

// mix spreads the bits of a hash (splitmix64).
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// First is the target of its first address.
func (g *Gateway) First() *Target { return g.spots[0].targets[0] }
