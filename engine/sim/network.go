package sim

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/transport"
)

// Packet is a message on a virtual link.
type Packet struct {
	// UDP for a datagram; for others a piece of a connection's stream
	Kind transport.Kind
	// who sent it, and where it is going
	From, To netip.AddrPort
	Bytes    []byte           // a datagram, or a piece of a stream
	At       lane.Time        // when it was sent, on the virtual clock
	Flow     transport.FlowID // at the receiving end of a stream
	Lost     bool             // of a traced one: the link loses it, or a NAT refuses it
	// Of a traced one: From and To as they are behind their NATs, as far as that is known
	Sender, Target netip.AddrPort
}

// node is an endpoint at an address.
type node struct {
	kinds   [transport.WSS + 1]*transport.Local
	bound   []*transport.Local      // all of them: several of a kind, on a host between networks
	client  [transport.WSS + 1]bool // of kinds: it connects, and nobody connects to it
	asked   *transport.Upgrade      // how it opens WebSockets
	receive func(p Packet, l *transport.Local)
	closed  func(transport.FlowID)
	removed bool
}

// conn is a stream between two nodes.
type conn struct {
	kind transport.Kind
	ends [2]connEnd // 0 opened it
	gone bool
	nat  *NAT // that it passes; nil for none
	// When something last passed the NAT
	passed lane.Time
}

type connEnd struct {
	id   transport.FlowID
	addr netip.AddrPort // as the other end sees it
	own  netip.AddrPort // as this end sees it
	node *node
	deaf bool          // nothing arrives any more
	left bool          // its host knows, and the other end does not
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

// Endpoint is where an engine or a phone is in a network.
type Endpoint struct {
	Listen []string // "udp:10.0.0.1:5060"
	// Connect are the transports over which it only opens connections, from "tls:10.0.0.1:5061":
	// peers see that address with another port.
	Connect []string
	// SentBy is what Via says for Connect, such as the "x.invalid" of a browser (RFC 7118 §5);
	// default: the address.
	SentBy string
	// Upgrade is the HTTP request by which it opens WebSockets.
	Upgrade *transport.Upgrade
}

// Network gives an engine listeners ("udp:10.0.0.1:5060") in this world; for engine.Config.Network.
func (w *World) Network(listen ...string) func(transport.Receiver) (transport.Wire, error) {
	return w.NetworkOf(Endpoint{Listen: listen})
}

// NetworkOf is Network for what may also be a client.
func (w *World) NetworkOf(at Endpoint) func(transport.Receiver) (transport.Wire, error) {
	return func(r transport.Receiver) (transport.Wire, error) {
		wire := &Wire{w: w}
		wire.node = &node{closed: r.FlowClosed, asked: at.Upgrade}
		wire.node.receive = func(p Packet, l *transport.Local) {
			doubt := false
			if d, ok := r.(transport.Doorkeeper); ok {
				v := d.Admit(p.Kind, p.From, p.Bytes)
				if doubt = v == transport.Doubt; v == transport.Drop {
					return
				}
			}
			if wire.keepAlive(r, p, l) {
				return
			}
			r.Receive(&transport.Inbound{Bytes: p.Bytes, Kind: p.Kind, Source: p.From, Local: l, Flow: p.Flow, Doubtful: doubt})
		}
		for i, text := range slices.Concat(at.Listen, at.Connect) {
			spec, err := transport.ParseListen(text)
			if err != nil {
				return nil, err
			}
			l := &transport.Local{Index: i, Kind: spec.Kind, Name: spec.String(), Addr: spec.Addr, Host: spec.Addr.Addr().String(), Port: spec.Addr.Port(), SentBy: spec.Addr.String(), Origins: strings.Fields(spec.Origins)}
			wire.locals = append(wire.locals, l)
			if i >= len(at.Listen) {
				if at.SentBy != "" {
					l.SentBy = at.SentBy
				}
				wire.node.kinds[l.Kind], wire.node.client[l.Kind] = l, true
			} else if err := w.bind(wire.node, l); err != nil {
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
	n.bound = append(n.bound, l)
	return nil
}

// on is the listener of a kind that datagrams to an address come to; nil for none.
func (n *node) on(k transport.Kind, to netip.AddrPort) *transport.Local {
	for _, l := range n.bound {
		if l.Kind == k && l.Addr == to {
			return l
		}
	}
	return n.kinds[k]
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
	if c == nil || c.ends[1-end].left {
		if to.FlowOnly {
			return transport.ErrFlowGone
		}
		if l == nil {
			return errNoListener
		}
		if (to.Kind == transport.WS || to.Kind == transport.WSS) && !x.node.client[to.Kind] && w.others == nil {
			return transport.ErrFlowGone // such a client can't be connected to (RFC 7118 §5)
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
	sender := from
	from, b = w.leave(from, to, b)
	p := Packet{Kind: transport.UDP, From: from, To: to, Bytes: append([]byte(nil), b...), At: w.Now()}
	w.stats.Sent++
	link, ok := w.links[[2]netip.Addr{from.Addr(), to.Addr()}]
	if !ok {
		link = w.link
	}
	lost := w.rnd.Float64() < link.Loss
	if w.trace != nil {
		seen := p
		target, let := w.enter(from, to)
		seen.Lost, seen.Sender, seen.Target = lost || !let, sender, target
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
	if ok {
		p.Bytes = w.inward(p.Bytes, p.To, to)
		n = w.at(to)
	}
	p.To = to
	if n != nil {
		l = n.on(p.Kind, to)
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
	if c, i := w.between(n, k, to); c != nil {
		return c, i
	}
	from := l.Addr.Addr()
	nat, ok := w.through(from, to.Addr())
	peer := w.at(to)
	if !ok || peer == nil || peer.kinds[k] == nil || peer.client[k] || !n.mayConnect(peer.kinds[k]) {
		return nil, 0
	}
	own := netip.AddrPortFrom(from, w.freePort())
	seen := own
	if nat != nil {
		seen = netip.AddrPortFrom(nat.o.Public, own.Port())
	}
	c := &conn{kind: k, nat: nat, passed: w.Now()}
	c.ends[0] = connEnd{id: w.flowID(), addr: seen, own: own, node: n}
	c.ends[1] = connEnd{id: w.flowID(), addr: to, own: to, node: peer}
	w.conns[uint64(c.ends[0].id)] = c
	w.conns[uint64(c.ends[1].id)] = c
	return c, 1
}

// mayConnect reports whether a listener lets in pages of the origin that the node has.
func (n *node) mayConnect(l *transport.Local) bool {
	return len(l.Origins) == 0 || n.asked == nil || n.asked.Origin == "" || slices.Contains(l.Origins, n.asked.Origin)
}

// FlowUpgrade is the request by which the other end of a WebSocket opened it; nil for none.
func (x *Wire) FlowUpgrade(id transport.FlowID) *transport.Upgrade {
	x.w.mu.Lock()
	defer x.w.mu.Unlock()
	c, end := x.w.flow(id)
	if c == nil || end != 0 || c.kind != transport.WS && c.kind != transport.WSS {
		return nil
	}
	return c.ends[0].node.asked
}

// between is the oldest open stream from a node to an address, and its far end; nil for none. It
// needs w.mu.
func (w *World) between(n *node, k transport.Kind, to netip.AddrPort) (found *conn, end int) {
	for _, c := range w.conns {
		if c.gone || c.kind != k {
			continue
		}
		for i := range c.ends {
			if c.ends[i].addr == to && c.ends[1-i].node == n && !c.ends[1-i].left && (found == nil || c.ends[0].id < found.ends[0].id) {
				found, end = c, i
			}
		}
	}
	return found, end
}

func (w *World) flowID() transport.FlowID {
	w.nextID++
	return transport.FlowID(w.nextID)
}

// stream sends towards one end, in order. It needs w.mu.
func (w *World) stream(c *conn, end int, b []byte) {
	to, from := &c.ends[end], &c.ends[1-end]
	p := Packet{Kind: c.kind, From: from.addr, To: to.addr, At: w.Now(), Flow: to.id}
	if c.nat != nil {
		b = c.nat.pass(c, end, b)
	}
	p.Bytes = append([]byte(nil), b...)
	w.stats.Sent++
	if w.trace != nil {
		seen := p
		seen.Sender, seen.Target, seen.Lost = from.own, to.own, to.deaf
		w.trace(seen)
	}
	to.last = max(to.last, w.Now().Add(w.link.Delay+w.jitter(w.link)))
	w.schedule(to.last, func() {
		w.mu.Lock()
		deaf := to.deaf
		if !deaf {
			to.came = w.Now()
		}
		w.mu.Unlock()
		if !c.gone && !deaf {
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
