package engine

import (
	"context"
	"errors"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/resolver"
	"github.com/sipscript/sipscript/engine/transport"
)

// lookups turns the engine's resolver into the proxy's Resolver: what is known is used at once, on
// the lane; what must be asked for comes back to the lane.
type lookups struct {
	r *resolver.Resolver
	// The Config names no kinds: they are those of the listeners
	follows bool
	// Of a simulation, whose time stands still while the resolver's goroutines work; nil: none
	meter lane.Meter
}

// newLookups creates a resolver for the transports the engine can send over.
func newLookups(locals []*transport.Local, o resolver.Options, meter lane.Meter) (*lookups, error) {
	follows := len(o.Kinds) == 0
	if follows {
		o.Kinds = kindsOf(locals)
	}
	r, err := resolver.New(o)
	if err != nil {
		return nil, err
	}
	return &lookups{r, follows, meter}, nil
}

// kindsOf are the transports that requests can leave by: RFC 3263 §4.1 leaves the choice to the
// client if the server has no preference, and UDP first is usual.
func kindsOf(locals []*transport.Local) (kinds []transport.Kind) {
	var has [transport.WSS + 1]bool
	for _, l := range locals {
		has[l.Kind] = true
	}
	for _, k := range []transport.Kind{transport.UDP, transport.TCP, transport.TLS} {
		if has[k] {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// follow takes the transports of other listeners.
func (x *lookups) follow(locals []*transport.Local) {
	if x.follows {
		_ = x.r.SetKinds(kindsOf(locals)) // each of them is known
	}
}

// Resolve finds the addresses of a name.
func (x *lookups) Resolve(l *lane.Lane, hop *proxy.NextHop, done func([]transport.Peer, error)) {
	q := &resolver.Query{Host: hop.Host, Port: hop.Port, Kind: hop.Kind, Secure: hop.Secure}
	from := hop.Local
	give := func(peers []transport.Peer, err error) {
		for i := range peers {
			peers[i].Local = from
		}
		done(peers, err)
	}
	if peers, ok, err := x.r.Cached(q); ok {
		give(peers, err)
		return
	}
	if x.meter != nil {
		x.meter.Add(1)
	}
	x.r.Resolve(q, func(peers []transport.Peer, err error) {
		// Whoever waits was admitted before; once the lane has stopped nobody waits any more.
		l.Return(lane.Func(func(*lane.Lane) { give(peers, err) }))
		if x.meter != nil {
			x.meter.Add(-1)
		}
	})
}

// ErrNoDNS is the error of [Engine.Records] where a Resolver of the program's own has taken the
// place of DNS.
var ErrNoDNS = errors.New("engine: there is no DNS: Config.Resolver has its place")

// Records are the DNS records of a name, asked for and kept as [resolver.Resolver.Records] does. It
// waits, and must not be called on a lane: see [Await].
func (e *Engine) Records(ctx context.Context, name string, qtype uint16) ([]dns.RR, error) {
	if e.lookups == nil {
		return nil, ErrNoDNS
	}
	return e.lookups.r.Records(ctx, name, qtype)
}

// Failed has an address tried last for a while.
func (x *lookups) Failed(p *transport.Peer) { x.r.Failed(p) }

// Succeeded ends that.
func (x *lookups) Succeeded(p *transport.Peer) { x.r.Succeeded(p) }

func (x *lookups) close() { x.r.Close() }
