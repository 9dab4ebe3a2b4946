package sim

import (
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/transport"
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

// NATOptions are about one NAT. Only Public is required.
type NATOptions struct {
	Public netip.Addr
	Kind   NATKind // which packets come in, and which ports go out
	// Timeout is how long a datagram's port is kept after the last one that went out (RFC 4787
	// REQ-5, REQ-6); 0: for ever.
	Timeout time.Duration
	// StreamTimeout is the same for streams (RFC 5382 REQ-5): later nothing passes any more, and
	// neither end is told. 0: for ever.
	StreamTimeout time.Duration
	// Hairpin lets those inside reach each other by the public address (RFC 4787 REQ-9).
	Hairpin bool
	ALG     ALG // what it does to SIP; the zero value: nothing
}

// NAT hides addresses of a world behind a public one, as a home router does: what leaves them has
// the public address and a port of the NAT's, and what comes to that port is let in as its kind
// says. Nothing gets in by the inner addresses themselves.
type NAT struct {
	o        NATOptions
	w        *World
	gateway  Gateway // nil for none
	byInside map[inside]*mapping
	byPort   map[uint16]*mapping
}

// inside is what has a port of its own outside: an inner address, of a symmetric NAT with the peer
// it sends to.
type inside struct{ addr, peer netip.AddrPort }

// mapping is a port that stands for an inner address.
type mapping struct {
	key  inside
	port uint16
	used lane.Time                    // when something last went out
	sent map[netip.AddrPort]lane.Time // to whom, and when last
}

// NAT puts one into the world that is port-restricted and keeps its mappings for ever, with the
// addresses it hides: w.NAT("192.0.2.9", "192.168.1.2").
func (w *World) NAT(public string, inside ...string) *NAT {
	n := w.NATOf(NATOptions{Public: netip.MustParseAddr(public), Hairpin: true})
	for _, a := range inside {
		n.Hide(netip.MustParseAddr(a))
	}
	return n
}

// NATOf puts a NAT into the world; Hide says whom it hides.
func (w *World) NATOf(o NATOptions) *NAT {
	n := &NAT{o: o, w: w}
	n.forget()
	w.mu.Lock()
	w.public[o.Public] = n
	w.mu.Unlock()
	return n
}

// As makes the NAT one of that kind, with that Timeout; 0: mappings last.
func (n *NAT) As(kind NATKind, timeout time.Duration) *NAT {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	n.o.Kind, n.o.Timeout = kind, timeout
	return n
}

// Hide puts an address behind the NAT.
func (n *NAT) Hide(a netip.Addr) {
	n.w.mu.Lock()
	n.w.hidden[a] = n
	n.w.mu.Unlock()
}

// Public is the address outside.
func (n *NAT) Public() netip.Addr {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	return n.o.Public
}

// Rebind makes the NAT forget everything, as when it starts again: those inside get other ports,
// and nothing passes on their streams any more, of which neither end is told.
func (n *NAT) Rebind() { n.RebindAt(netip.Addr{}) }

// RebindAt is Rebind with another address from now on, if that is a valid one.
func (n *NAT) RebindAt(public netip.Addr) {
	w := n.w
	w.mu.Lock()
	defer w.mu.Unlock()
	n.forget()
	for _, c := range w.conns {
		if c.nat == n {
			c.die()
		}
	}
	if public.IsValid() {
		delete(w.public, n.o.Public)
		n.o.Public, w.public[public] = public, n
	}
}

// Outside is the address that a datagram from an inner address to a peer has at the moment; ok is
// false if there is none.
func (n *NAT) Outside(addr, peer netip.AddrPort) (outside netip.AddrPort, ok bool) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	m := n.byInside[n.key(addr, peer)]
	if m == nil || n.over(m.used) {
		return outside, false
	}
	return netip.AddrPortFrom(n.o.Public, m.port), true
}

func (n *NAT) forget() {
	n.byInside, n.byPort = map[inside]*mapping{}, map[uint16]*mapping{}
}

func (n *NAT) key(addr, peer netip.AddrPort) inside {
	if n.o.Kind != Symmetric {
		peer = netip.AddrPort{}
	}
	return inside{addr, peer}
}

// over reports whether what was used then is forgotten now.
func (n *NAT) over(used lane.Time) bool {
	return n.o.Timeout > 0 && n.w.Now() >= used.Add(n.o.Timeout)
}

// mapped is the mapping of what an inner address sends to a peer, made if there is none. It needs
// w.mu.
func (n *NAT) mapped(addr, peer netip.AddrPort) *mapping {
	key, now := n.key(addr, peer), n.w.Now()
	m := n.byInside[key]
	if m != nil && n.over(m.used) {
		delete(n.byPort, m.port)
		m = nil
	}
	if m == nil {
		m = &mapping{key: key, port: n.w.freePort(), sent: map[netip.AddrPort]lane.Time{}}
		n.byInside[key], n.byPort[m.port] = m, m
	}
	m.used, m.sent[peer] = now, now
	return m
}

// lets reports whether something from a peer is let in to a mapping.
func (n *NAT) lets(m *mapping, peer netip.AddrPort) bool {
	if n.over(m.used) {
		return false
	}
	for to, at := range m.sent {
		switch {
		case n.over(at):
		case n.o.Kind == FullCone, to == peer, n.o.Kind == Restricted && to.Addr() == peer.Addr():
			return true
		}
	}
	return n.o.Kind == FullCone
}

// Gateway is an application layer gateway of a test's own. leaving: the datagram goes outside. It
// returns what passes in place of b, which it may change.
type Gateway func(leaving bool, b []byte, inner, outer netip.AddrPort) []byte

// Through has all datagrams pass through g.
func (n *NAT) Through(g Gateway) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	n.gateway = g
}

// leave is the source that a datagram has outside, and its bytes there. It needs w.mu.
func (w *World) leave(from, to netip.AddrPort, b []byte) (netip.AddrPort, []byte) {
	n := w.hidden[from.Addr()]
	if n == nil || w.hidden[to.Addr()] == n {
		return from, b
	}
	out := netip.AddrPortFrom(n.o.Public, n.mapped(from, to).port)
	if n.gateway != nil {
		b = n.gateway(true, append([]byte(nil), b...), from, out)
	}
	return out, n.o.ALG.outward(b, from, out)
}

// enter is where a datagram goes inside; ok is false if it is not let in. It needs w.mu.
func (w *World) enter(from, to netip.AddrPort) (_ netip.AddrPort, ok bool) {
	if n := w.public[to.Addr()]; n != nil {
		m := n.byPort[to.Port()]
		if m == nil || from.Addr() == n.o.Public && !n.o.Hairpin {
			return to, false
		}
		return m.key.addr, n.lets(m, from)
	}
	n := w.hidden[to.Addr()]
	return to, n == nil || w.hidden[from.Addr()] == n
}

// inward are the bytes of a datagram behind the NAT that it came to.
func (w *World) inward(b []byte, to, inner netip.AddrPort) []byte {
	if n := w.public[to.Addr()]; n != nil {
		if n.gateway != nil {
			b = n.gateway(false, append([]byte(nil), b...), inner, to)
		}
		return n.o.ALG.inward(b, to, inner)
	}
	return b
}

// pass is what a stream's bytes are at the other end, if they get there. It needs w.mu.
func (n *NAT) pass(c *conn, end int, b []byte) []byte {
	now := n.w.Now()
	if n.o.StreamTimeout > 0 && now >= c.passed.Add(n.o.StreamTimeout) {
		c.die()
		return b
	}
	c.passed = now // either way (RFC 5382 REQ-5)
	inner := &c.ends[0]
	switch {
	case c.kind.Secure(): // it can't be read
		return b
	case end == 1:
		return n.o.ALG.outward(b, inner.own, inner.addr)
	}
	return n.o.ALG.inward(b, inner.addr, inner.own)
}

// die has nothing arrive any more, at either end. The one inside learns it when it sends, as a NAT
// resets what it does not know; the other end doesn't.
func (c *conn) die() {
	c.ends[0].deaf, c.ends[1].deaf = true, true
	c.ends[0].left = true
}

// freePort is the next port for those who don't choose one. It needs w.mu.
func (w *World) freePort() uint16 {
	if w.port++; w.port < firstPort {
		w.port = firstPort + 1
	}
	return w.port
}

const firstPort = 40000

// through is the NAT that a connection from one address to another passes, nil for none; ok is
// false if there is no way. It needs w.mu.
func (w *World) through(from, to netip.Addr) (n *NAT, ok bool) {
	n = w.hidden[from]
	if n != nil && w.hidden[to] != n {
		return n, w.hidden[to] == nil
	}
	return nil, w.hidden[to] == n // nobody connects to the inside
}

// Break ends a stream, as a NAT or a reboot does: both ends are informed.
func (w *World) Break(id transport.FlowID) {
	w.mu.Lock()
	c, _ := w.flow(id)
	if c != nil {
		c.gone = true
		for _, e := range c.ends {
			delete(w.conns, uint64(e.id))
			if e.node.closed != nil {
				w.schedule(w.Now(), func() { e.node.closed(e.id) })
			}
		}
	}
	w.mu.Unlock()
}
