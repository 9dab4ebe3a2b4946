package sim

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/transport"
)

// Packet is a message on a virtual link.
type Packet struct {
	Kind     transport.Kind
	From, To netip.AddrPort
	Bytes    []byte
	At       lane.Time
	Flow     transport.FlowID // at the receiving end of a stream
	Lost     bool             // of a traced one: the link loses it
}

// node is an endpoint at an address.
type node struct {
	kinds   [transport.WSS + 1]*transport.Local
	receive func(p Packet, l *transport.Local)
	closed  func(transport.FlowID)
	removed bool
}

// conn is a stream between two nodes.
type conn struct {
	kind transport.Kind
	ends [2]connEnd // 0 opened it
	gone bool
}

type connEnd struct {
	id   transport.FlowID
	addr netip.AddrPort
	node *node
	last lane.Time     // when the last message towards this end arrives
	came lane.Time     // when the last one arrived, 0: none has
	kept time.Duration // SetFlowIdleTimeout's, 0: none
}

// Wire is the network as one engine has it.
type Wire struct {
	w      *World
	locals []*transport.Local
	node   *node
}

// Network gives an engine listeners ("udp:10.0.0.1:5060") in this world; for engine.Config.Network.
func (w *World) Network(listen ...string) func(transport.Receiver) (transport.Wire, error) {
	return func(r transport.Receiver) (transport.Wire, error) {
		wire := &Wire{w: w}
		wire.node = &node{closed: r.FlowClosed}
		wire.node.receive = func(p Packet, l *transport.Local) {
			if wire.keepAlive(r, p, l) {
				return
			}
			r.Receive(&transport.Inbound{Bytes: p.Bytes, Kind: p.Kind, Source: p.From, Local: l, Flow: p.Flow})
		}
		for i, text := range listen {
			spec, err := transport.ParseListen(text)
			if err != nil {
				return nil, err
			}
			l := &transport.Local{Index: i, Kind: spec.Kind, Name: text, Addr: spec.Addr, Host: spec.Addr.Addr().String(), Port: spec.Addr.Port(), SentBy: spec.Addr.String()}
			wire.locals = append(wire.locals, l)
			if err := w.bind(wire.node, l); err != nil {
				return nil, err
			}
		}
		return wire, nil
	}
}

func (w *World) bind(n *node, l *transport.Local) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old := w.nodes[l.Addr]; old != nil && old != n {
		return fmt.Errorf("listen %s: address already in use", l.Name)
	}
	w.nodes[l.Addr] = n
	n.kinds[l.Kind] = l
	return nil
}

// Locals are the listeners.
func (x *Wire) Locals() []*transport.Local { return x.locals }

// Choose is the listener a message leaves from.
func (x *Wire) Choose(to *transport.Peer) *transport.Local {
	if to.Local != nil && to.Local.Kind == to.Kind {
		return to.Local
	}
	for _, l := range x.locals {
		if l.Kind == to.Kind && l.Addr.Addr().Is4() == to.Addr.Addr().Is4() {
			return l
		}
	}
	if to.Flow != 0 {
		for _, l := range x.locals {
			if l.Kind == to.Kind {
				return l
			}
		}
	}
	return nil
}

var errNoListener = errors.New("no listener for this transport and address family")

// Send puts a message on its link.
func (x *Wire) Send(to *transport.Peer, b []byte, f transport.Failed) error {
	w := x.w
	w.mu.Lock()
	defer w.mu.Unlock()
	l := x.Choose(to)
	if x.node.removed {
		return nil // it says so to nobody
	}
	if to.Kind == transport.UDP {
		if l == nil {
			return errNoListener
		}
		w.datagram(l.Addr, to.Addr, b)
		return nil
	}
	c, end := w.flow(to.Flow)
	if c == nil {
		if to.FlowOnly {
			return transport.ErrFlowGone
		}
		if l == nil {
			return errNoListener
		}
		c, end = w.dial(x.node, l, to.Kind, to.Addr)
	}
	if c == nil {
		w.stats.Unreachable++
		if f != nil {
			w.schedule(w.Now().Add(w.link.Delay), func() { f.SendFailed(fmt.Errorf("%w: connection refused", transport.ErrNotConnected)) })
			return nil
		}
		return errors.New("connection refused")
	}
	to.Flow = c.ends[1-end].id
	w.stream(c, end, b)
	return nil
}

// FlowOpen reports whether a stream is open.
func (x *Wire) FlowOpen(id transport.FlowID) bool {
	x.w.mu.Lock()
	defer x.w.mu.Unlock()
	c, _ := x.w.flow(id)
	return c != nil
}

// datagram needs w.mu.
func (w *World) datagram(from, to netip.AddrPort, b []byte) {
	from = w.leave(from, to)
	p := Packet{Kind: transport.UDP, From: from, To: to, Bytes: append([]byte(nil), b...), At: w.Now()}
	w.stats.Sent++
	link, ok := w.links[[2]netip.Addr{from.Addr(), to.Addr()}]
	if !ok {
		link = w.link
	}
	lost := w.rnd.Float64() < link.Loss
	if w.trace != nil {
		seen := p
		seen.Lost = lost
		w.trace(seen)
	}
	if lost {
		w.stats.Lost++
		return
	}
	copies := 1
	if w.rnd.Float64() < link.Duplicate {
		copies = 2
		w.stats.Duplicated++
	}
	for range copies {
		w.schedule(w.Now().Add(link.Delay+w.jitter(link)), func() { w.deliver(p) })
	}
}

// deliver runs without w.mu.
func (w *World) deliver(p Packet) {
	w.mu.Lock()
	var l *transport.Local
	var n *node
	to, ok := w.enter(p.From, p.To)
	if p.To = to; ok {
		n = w.nodes[to]
	}
	if n != nil {
		l = n.kinds[p.Kind]
	}
	if l == nil {
		w.stats.Unreachable++
	} else {
		w.stats.Delivered++
	}
	w.mu.Unlock()
	if l != nil {
		p.Bytes = append([]byte(nil), p.Bytes...)
		n.receive(p, l)
	}
}

// flow finds a stream by the id of one of its ends; end is the other one. It needs w.mu.
func (w *World) flow(id transport.FlowID) (*conn, int) {
	if id == 0 {
		return nil, 0
	}
	c := w.conns[uint64(id)]
	if c == nil || c.gone {
		return nil, 0
	}
	if c.ends[0].id == id {
		return c, 1
	}
	return c, 0
}

// dial finds a stream to an address, or opens one; nil when nobody listens there. It needs w.mu.
func (w *World) dial(n *node, l *transport.Local, k transport.Kind, to netip.AddrPort) (*conn, int) {
	for _, c := range w.conns {
		if c.gone || c.kind != k {
			continue
		}
		for i := range c.ends {
			if c.ends[i].addr == to && c.ends[1-i].node == n {
				return c, i
			}
		}
	}
	from := l.Addr.Addr()
	peer := w.nodes[to]
	if nat := w.hidden[from]; nat != nil && w.hidden[to.Addr()] != nat {
		from = nat.public
	} else if w.hidden[to.Addr()] != nat {
		peer = nil // nobody connects to the inside
	}
	if peer == nil || peer.kinds[k] == nil {
		return nil, 0
	}
	w.port++
	c := &conn{kind: k}
	c.ends[0] = connEnd{id: w.flowID(), addr: netip.AddrPortFrom(from, w.port), node: n}
	c.ends[1] = connEnd{id: w.flowID(), addr: to, node: peer}
	w.conns[uint64(c.ends[0].id)] = c
	w.conns[uint64(c.ends[1].id)] = c
	return c, 1
}

func (w *World) flowID() transport.FlowID {
	w.nextID++
	return transport.FlowID(w.nextID)
}

// stream sends towards one end, in order. It needs w.mu.
func (w *World) stream(c *conn, end int, b []byte) {
	to, from := &c.ends[end], &c.ends[1-end]
	p := Packet{Kind: c.kind, From: from.addr, To: to.addr, Bytes: append([]byte(nil), b...), At: w.Now(), Flow: to.id}
	w.stats.Sent++
	if w.trace != nil {
		w.trace(p)
	}
	to.last = max(to.last, w.Now().Add(w.link.Delay+w.jitter(w.link)))
	w.schedule(to.last, func() {
		w.mu.Lock()
		to.came = w.Now()
		w.mu.Unlock()
		if !c.gone {
			to.node.receive(p, to.node.kinds[c.kind])
		}
	})
}

func (w *World) jitter(l Link) (d time.Duration) {
	if l.Jitter > 0 {
		d = time.Duration(w.rnd.Int64N(int64(l.Jitter)))
	}
	return d
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
