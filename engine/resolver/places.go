package resolver

// What a name leads to, for those who watch each of its addresses.

import (
	"time"

	"github.com/sipscript/sipscript/engine/transport"
)

// Place is one address that a query leads to. Those of a lower Tier are tried first (RFC 2782: the
// priority; RFC 3263 §4.1: the domain's preference for a transport); those of one Tier share the
// load by Weight.
type Place struct {
	// The address, its transport, and the name to verify for TLS (RFC 5922 §4)
	Peer   transport.Peer
	Tier   int
	Weight int // at least 1
}

// Places is what q leads to, as far as it is known after [Resolver.Resolve]: all addresses, and
// for how long that is known. ok is false if it is not known, or no longer.
func (r *Resolver) Places(q *Query) (list []Place, lasts time.Duration, ok bool) {
	host, valid := canonical(q.Host)
	if !valid {
		return nil, 0, false
	}
	now := r.opts.Now()
	p, ok := r.plans.Peek(key{host, q.Port, q.Kind, q.Secure})
	if !ok || p.err != nil || !now.Before(p.expires) {
		return nil, 0, false
	}
	for tier, targets := range p.tiers {
		for _, t := range targets {
			for _, peer := range t.peers {
				list = append(list, Place{Peer: peer, Tier: tier, Weight: max(1, int(t.weight))})
			}
		}
	}
	return list, p.expires.Sub(now), true
}
