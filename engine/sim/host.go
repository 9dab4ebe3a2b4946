package sim

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/sipscript/sipscript/engine/transport"
)

// Host is an endpoint of a test: bytes out, bytes in.
type Host struct {
	w    *World
	addr netip.AddrPort
	node *node
}

// Host puts an endpoint at an address, for UDP, TCP and the other transports; f gets what arrives,
// each as an event of its own.
func (w *World) Host(addr string, f func(p Packet)) *Host {
	return w.HostOf(addr, f, transport.UDP, transport.TCP, transport.TLS, transport.WS, transport.WSS)
}

// HostOf is Host for some transports only; others are refused.
func (w *World) HostOf(addr string, f func(p Packet), kinds ...transport.Kind) *Host {
	h := &Host{w: w, addr: netip.MustParseAddrPort(addr)}
	h.node = &node{receive: func(p Packet, _ *transport.Local) { f(p) }}
	for _, k := range kinds {
		l := &transport.Local{Kind: k, Name: k.String() + ":" + addr, Addr: h.addr, Host: h.addr.Addr().String(), Port: h.addr.Port(), SentBy: addr}
		if err := w.bind(h.node, l); err != nil {
			panic(err)
		}
	}
	return h
}

// Addr is the host's address.
func (h *Host) Addr() netip.AddrPort { return h.addr }

// Remove takes the host off the network: what is sent to it is lost, and its streams break.
func (h *Host) Remove() { h.w.remove(h.node) }

func (w *World) remove(n *node) {
	w.mu.Lock()
	n.removed = true
	for addr, o := range w.nodes {
		if o == n {
			delete(w.nodes, addr)
		}
	}
	w.mu.Unlock()
	w.breakStreams(n)
}

// BreakStreams breaks all streams and returns how many there were.
func (w *World) BreakStreams() int { return w.breakStreams(nil) }

// breakStreams breaks the streams of one node, or of all.
func (w *World) breakStreams(of *node) int {
	w.mu.Lock()
	var ids []transport.FlowID
	for id, c := range w.conns {
		if uint64(c.ends[0].id) == id && (of == nil || c.ends[0].held(of) || c.ends[1].held(of)) {
			ids = append(ids, c.ends[0].id)
		}
	}
	w.mu.Unlock()
	slices.Sort(ids) // a map has no order, a world has
	for _, id := range ids {
		w.Break(id)
	}
	return len(ids)
}

// held reports whether it is an end of a node that has not left it.
func (e *connEnd) held(n *node) bool { return e.node == n && !e.left }

// Send sends a datagram.
func (h *Host) Send(to string, b []byte) { h.SendTo(netip.MustParseAddrPort(to), b) }

// SendTo sends a datagram.
func (h *Host) SendTo(to netip.AddrPort, b []byte) {
	h.w.mu.Lock()
	h.w.datagram(h.addr, to, b)
	h.w.mu.Unlock()
}

// Stream sends on a stream to an address, and opens one if there is none.
func (h *Host) Stream(k transport.Kind, to string, b []byte) error {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	c, end := h.w.dial(h.node, h.node.kinds[k], k, netip.MustParseAddrPort(to))
	if c == nil {
		return errors.New("connection refused")
	}
	h.w.stream(c, end, b)
	return nil
}

// Answer sends back the way p came: its stream, or a datagram to its source.
func (h *Host) Answer(p Packet, b []byte) {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	if c, end := h.w.flow(p.Flow); c != nil {
		h.w.stream(c, end, b)
		return
	}
	h.w.datagram(h.addr, p.From, b)
}
