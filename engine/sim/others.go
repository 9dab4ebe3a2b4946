package sim

import (
	"errors"
	"net/netip"

	"github.com/sipscript/sipscript/engine/transport"
)

// Others has f stand for everybody who is not there: it gets what is sent to an address where no
// endpoint is, each message as an event of its own. Streams to such addresses open too, those of
// WebSockets included, so that a server reaches clients whose connections are only remembered.
// What f gives to answer goes back the way the message came. It is called before traffic flows.
func (w *World) Others(f func(p Packet, answer func([]byte))) {
	n := &node{}
	for k := transport.UDP; k <= transport.WSS; k++ {
		n.kinds[k] = &transport.Local{Kind: k, Name: k.String() + ":others"}
	}
	n.receive = func(p Packet, _ *transport.Local) {
		f(p, func(b []byte) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if c, end := w.flow(p.Flow); c != nil {
				w.stream(c, end, b)
			} else if p.Kind == transport.UDP {
				w.datagram(p.To, p.From, b)
			}
		})
	}
	w.mu.Lock()
	w.others = n
	w.mu.Unlock()
}

// at is the endpoint at an address, nil for none. It needs w.mu.
func (w *World) at(addr netip.AddrPort) *node {
	if n := w.nodes[addr]; n != nil {
		return n
	}
	return w.others
}

// SendFrom sends a message from an address where no endpoint is, for whoever stands for the others.
// By a stream it goes on the one that is open from there, or opens one.
func (w *World) SendFrom(k transport.Kind, from, to netip.AddrPort, b []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if k == transport.UDP {
		w.datagram(from, to, b)
		return nil
	}
	peer := w.nodes[to]
	if w.others == nil || peer == nil || peer.kinds[k] == nil {
		return errors.New("connection refused")
	}
	at := [2]netip.AddrPort{from, to}
	c := w.conns[w.streams[at]]
	if c == nil || c.gone || c.kind != k {
		c = &conn{kind: k, passed: w.Now()}
		c.ends[0] = connEnd{id: w.flowID(), addr: from, own: from, node: w.others}
		c.ends[1] = connEnd{id: w.flowID(), addr: to, own: to, node: peer}
		w.conns[uint64(c.ends[0].id)], w.conns[uint64(c.ends[1].id)] = c, c
		if w.streams == nil {
			w.streams = map[[2]netip.AddrPort]uint64{}
		}
		w.streams[at] = uint64(c.ends[0].id)
	}
	w.stream(c, 1, b)
	return nil
}
