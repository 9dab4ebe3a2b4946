package proxy

import (
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/transport"
)

// The addresses of one target, tried one after the other (RFC 3263 §4.3), and TCP before UDP for what is large (§18.1.1).

// Quarantine is a [Resolver] that wants to know how the addresses it gave fare, so that dead ones are tried last.
type Quarantine interface {
	Failed(p *transport.Peer)
	Succeeded(p *transport.Peer)
}

// another tells whether the next address is to be tried: nothing but a refusal came from the present one.
func (b *Branch) another() bool {
	return len(b.peers) > 0 && !b.heard && !b.cancelled && !b.done && !b.fork.x.over
}

// failedAt notes that an address did not answer.
func (b *Branch) failedAt(p *transport.Peer) {
	c := b.fork.x.core
	if b.large && p.Kind == transport.TCP {
		c.noTCP.add(p.Addr, c.Lane.Now())
		return
	}
	if q, ok := c.Resolver.(Quarantine); ok && b.named {
		q.Failed(p)
	}
}

// answeredAt notes that an address answered.
func (b *Branch) answeredAt(p *transport.Peer) {
	if q, ok := b.fork.x.core.Resolver.(Quarantine); ok && b.named {
		q.Succeeded(p)
		b.named = false // once is enough
	}
}

// viaRoom is what our Via and Record-Route add to a request, about.
const viaRoom = 300

// tooLarge tells whether the branch's request should go to a UDP address by TCP: it is larger than UDP should carry (§18.1.1: 1300 bytes where the
// path's MTU is not known), nobody said which socket to use, the address is not a NAT's, and it has not refused TCP lately.
func (b *Branch) tooLarge(p *transport.Peer) bool {
	c := b.fork.x.core
	if c.UDPLimit <= 0 || b.large || b.msg.Size()+viaRoom <= c.UDPLimit || p.Flow != 0 || b.target.Received != "" ||
		or(b.target.FromSocket, b.fork.opts.Defaults.FromSocket) != "" {
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

// add enters an address; when there are too many, all are forgotten: they are found again at the cost of one refusal each.
func (r *refusals) add(a netip.AddrPort, now lane.Time) {
	if *r == nil || len(*r) >= mostRefusals {
		*r = refusals{}
	}
	(*r)[a] = now.Add(refusalLasts)
}
