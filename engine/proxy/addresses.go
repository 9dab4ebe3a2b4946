package proxy

import (
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/transport"
)

// The addresses of one target, tried one after the other (RFC 3263 §4.3), and TCP before UDP for
// large requests (§18.1.1).

// Quarantine is a [Resolver] that wants to know how the addresses it returned fare, so that dead
// ones are tried last.
type Quarantine interface {
	Failed(p *transport.Peer)
	Succeeded(p *transport.Peer)
}

// another reports whether there is another address to try, and still time for it.
func (b *Branch) another() bool {
	return len(b.rare().peers) > 0 && !b.cancelled && !b.done && !b.fork.x.over
}

// failedAt notes that an address did not answer, or could not be reached.
func (b *Branch) failedAt(p *transport.Peer, timeout bool) {
	c := b.fork.x.core
	if b.spare {
		if !timeout {
			c.noTCP.add(p.Addr, c.Lane.Now())
		}
		return
	}
	if q, ok := c.Resolver.(Quarantine); ok && b.named {
		q.Failed(p)
	}
}

// answeredAt notes that an address answered: once, since the resolver is shared by all lanes.
func (b *Branch) answeredAt(p *transport.Peer) {
	if !b.named || b.praised {
		return
	}
	b.praised = true
	if q, ok := b.fork.x.core.Resolver.(Quarantine); ok {
		q.Succeeded(p)
	}
}

// unspare stops trying the current address over UDP: it accepted the request over TCP.
func (b *Branch) unspare() {
	if b.spare {
		r := b.seldom()
		r.peers, b.spare = r.peers[1:], false
	}
}

// viaRoom and routeRoom are approximately what our Via and Record-Route add to a request.
const (
	viaRoom   = 110
	routeRoom = 70
)

// tooLarge reports whether the branch's request should go to a UDP address by TCP: it is larger
// than UDP should carry (§18.1.1: 1300 bytes if the path's MTU is unknown), nobody chose the
// socket, the address is not a NAT's, and it has not refused TCP recently.
func (b *Branch) tooLarge(p *transport.Peer) bool {
	c, x := b.fork.x.core, b.fork.x
	size := b.msg.Size() + viaRoom + x.veilRoom(b.msg)
	if x.recordRoute {
		size += routeRoom + len(x.rare().recordParams)
	}
	if c.UDPLimit <= 0 || size <= c.UDPLimit || p.Flow != 0 || b.target.Received != "" || x.rare().flow != nil && p.Addr == x.rare().flow.Addr ||
		or(b.target.from(), b.fork.opts.Defaults.from()) != "" {
		return false
	}
	tcp := transport.Peer{Kind: transport.TCP, Addr: p.Addr}
	return c.Wire.Choose(&tcp) != nil && !c.noTCP.has(p.Addr, c.Lane.Now())
}

// refusals remembers addresses that refused TCP, each for a while.
type refusals map[netip.AddrPort]lane.Time

const (
	refusalLasts = 10 * time.Minute
	mostRefusals = 4096
)

func (r *refusals) has(a netip.AddrPort, now lane.Time) bool {
	until, ok := (*r)[a]
	return ok && now < until
}

// add enters an address; if there are too many, all are forgotten: finding them again costs one
// refusal each.
func (r *refusals) add(a netip.AddrPort, now lane.Time) {
	if *r == nil || len(*r) >= mostRefusals {
		*r = refusals{}
	}
	(*r)[a] = now.Add(refusalLasts)
}
