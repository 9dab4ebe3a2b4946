package sim

import (
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

// NATKind is how a NAT maps addresses, and what it lets in (RFC 3489 §5, in the terms of RFC 4787).
type NATKind uint8

const (
	// PortRestricted maps an inner address to one port outside, and lets in what comes from an
	// address and port that was sent to there: most home routers.
	PortRestricted NATKind = iota
	// FullCone lets in everything that comes to the port.
	FullCone
	// Restricted lets in what comes from an address that was sent to, whatever its port.
	Restricted
	// Symmetric maps an inner address to another port for each destination, and lets in what comes
	// from there: companies' firewalls and carriers.
	Symmetric
)

// String is the kind's usual name.
func (k NATKind) String() string {
	return [...]string{"port-restricted cone", "full cone", "restricted cone", "symmetric"}[k]
}

// NAT hides addresses of a world behind a public one, as a home router does: what leaves them has
// the public address and a port of the NAT's, and what arrives at that port is let in if the NAT's
// kind allows it. Nothing gets in by the inner addresses themselves. A mapping lasts for ever
// unless Lifetime or Rebind ends it.
type NAT struct {
	w        *World
	public   netip.Addr
	kind     NATKind
	gateway  Gateway               // nil for none
	lifetime time.Duration         // of a mapping that nothing leaves by; 0: for ever
	ports    map[mapping]uint16    // current ones
	inner    map[uint16]*portState // of ports
}

// mapping is what has a port: an inner address, and for a symmetric NAT where it sends to.
type mapping struct{ from, to netip.AddrPort }

// portState is a port of a NAT.
type portState struct {
	of     mapping
	sentTo map[netip.AddrPort]struct{}
	used   lane.Time // when something left by it last
}

// NAT puts one into the world, with the addresses it hides: w.NAT("192.0.2.9", "192.168.1.2").
func (w *World) NAT(public string, inside ...string) *NAT {
	n := &NAT{w: w, public: netip.MustParseAddr(public), ports: map[mapping]uint16{}, inner: map[uint16]*portState{}}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.public[n.public] = n
	for _, a := range inside {
		w.hidden[netip.MustParseAddr(a)] = n
	}
	return n
}

// As makes the NAT one of that kind, whose mappings end when nothing left by them for lifetime; 0:
// they last.
func (n *NAT) As(kind NATKind, lifetime time.Duration) *NAT {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	n.kind, n.lifetime = kind, lifetime
	return n
}

// Rebind forgets all mappings, as a router does that restarts: what leaves from now on has new
// ports, and nothing gets in by the old ones.
func (n *NAT) Rebind() {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	clear(n.ports)
	clear(n.inner)
}

// Gateway is an application layer gateway of a router, which means well: it changes the addresses
// in what passes. leaving: the datagram goes outside. It returns what passes in place of b, which
// it may change.
type Gateway func(leaving bool, b []byte, inner, outer netip.AddrPort) []byte

// Through has all datagrams pass through g.
func (n *NAT) Through(g Gateway) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	n.gateway = g
}

// leave is the source that a datagram has outside, and what is in it. It needs w.mu.
func (w *World) leave(from, to netip.AddrPort, b []byte) (netip.AddrPort, []byte) {
	n := w.hidden[from.Addr()]
	if n == nil || w.hidden[to.Addr()] == n {
		return from, b
	}
	m := mapping{from: from}
	if n.kind == Symmetric {
		m.to = to
	}
	port, ok := n.ports[m]
	if ok && n.ended(n.inner[port]) {
		delete(n.inner, port)
		ok = false
	}
	if !ok {
		w.port++
		port = w.port
		n.ports[m], n.inner[port] = port, &portState{of: m, sentTo: map[netip.AddrPort]struct{}{}}
	}
	s := n.inner[port]
	s.used = w.Now()
	s.sentTo[to] = struct{}{}
	outer := netip.AddrPortFrom(n.public, port)
	if n.gateway != nil {
		b = n.gateway(true, b, from, outer)
	}
	return outer, b
}

func (n *NAT) ended(s *portState) bool {
	return n.lifetime > 0 && n.w.Now() >= s.used.Add(n.lifetime)
}

// enter leads a datagram to where it goes inside; it returns false if it is not let in. It needs
// w.mu.
func (w *World) enter(p *Packet) bool {
	n := w.public[p.To.Addr()]
	if n == nil {
		n = w.hidden[p.To.Addr()]
		return n == nil || w.hidden[p.From.Addr()] == n
	}
	s := n.inner[p.To.Port()]
	if s == nil || n.ended(s) || !n.admits(s, p.From) {
		return false
	}
	if n.gateway != nil {
		p.Bytes = n.gateway(false, append([]byte(nil), p.Bytes...), s.of.from, p.To)
	}
	p.To = s.of.from
	return true
}

// admits reports whether a datagram may come in by a port.
func (n *NAT) admits(s *portState, from netip.AddrPort) bool {
	if n.kind == FullCone {
		return true
	}
	if n.kind != Restricted {
		_, ok := s.sentTo[from]
		return ok
	}
	for to := range s.sentTo {
		if to.Addr() == from.Addr() {
			return true
		}
	}
	return false
}
