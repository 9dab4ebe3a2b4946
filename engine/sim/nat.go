package sim

import "net/netip"

// NAT hides addresses of a world behind a public one, as a home router does: what leaves them has
// the public address and a port that is fixed for the inner address, and what arrives at that port
// is let in only from an address and port that was sent to (RFC 4787: endpoint-independent mapping,
// address- and port-dependent filtering). Nothing gets in by the inner addresses themselves.
type NAT struct {
	public netip.Addr
	ports  map[netip.AddrPort]uint16 // of inner addresses
	inner  map[uint16]netip.AddrPort
	sentTo map[hole]bool
}

// hole is what a datagram to the outside opens.
type hole struct {
	port uint16
	peer netip.AddrPort
}

// NAT puts one into the world, with the addresses it hides: w.NAT("192.0.2.9", "192.168.1.2").
func (w *World) NAT(public string, inside ...string) *NAT {
	n := &NAT{public: netip.MustParseAddr(public), ports: map[netip.AddrPort]uint16{}, inner: map[uint16]netip.AddrPort{}, sentTo: map[hole]bool{}}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.public[n.public] = n
	for _, a := range inside {
		w.hidden[netip.MustParseAddr(a)] = n
	}
	return n
}

// leave is the source that a datagram has outside. It needs w.mu.
func (w *World) leave(from, to netip.AddrPort) netip.AddrPort {
	n := w.hidden[from.Addr()]
	if n == nil || w.hidden[to.Addr()] == n {
		return from
	}
	port, ok := n.ports[from]
	if !ok {
		w.port++
		port = w.port
		n.ports[from], n.inner[port] = port, from
	}
	n.sentTo[hole{port, to}] = true
	return netip.AddrPortFrom(n.public, port)
}

// enter is where a datagram goes inside; ok is false if it is not let in. It needs w.mu.
func (w *World) enter(from, to netip.AddrPort) (_ netip.AddrPort, ok bool) {
	if n := w.public[to.Addr()]; n != nil {
		inner, known := n.inner[to.Port()]
		return inner, known && n.sentTo[hole{to.Port(), from}]
	}
	n := w.hidden[to.Addr()]
	return to, n == nil || w.hidden[from.Addr()] == n
}
