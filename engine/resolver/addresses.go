package resolver

// This file asks for the addresses of names, A and AAAA at once, and puts them in order (RFC 3263
// §4.2, RFC 8305 §3, §4).

import (
	"errors"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine/transport"
)

var errLate = errors.New("the lookup was abandoned")

// pair is the questions about one name, the preferred family first; second is nil if there is only
// one.
type pair struct{ first, second *flight }

// addresses returns the addresses of each place. All questions are sent before any is waited for.
func (w *walk) addresses(places []place) [][]netip.Addr {
	pairs := make([]pair, len(places))
	for i, p := range places {
		v4, v6 := question{name: p.name, qtype: dns.TypeA}, question{name: p.name, qtype: dns.TypeAAAA}
		switch w.r.opts.Family {
		case OnlyIPv4:
			pairs[i] = pair{w.send(v4), nil}
		case OnlyIPv6:
			pairs[i] = pair{w.send(v6), nil}
		case PreferIPv6:
			pairs[i] = pair{w.send(v6), w.send(v4)}
		default:
			pairs[i] = pair{w.send(v4), w.send(v6)}
		}
	}
	if w.missed {
		return nil
	}
	addrs := make([][]netip.Addr, len(places))
	for i, p := range pairs {
		if p.second == nil {
			a := w.wait(p.first)
			w.takeAddresses(p.first, a)
			addrs[i] = a.addrs
			continue
		}
		a, b := w.both(p)
		w.takeAddresses(p.first, a)
		w.takeAddresses(p.second, b)
		addrs[i] = interleave(a.addrs, b.addrs)
	}
	return addrs
}

func (w *walk) takeAddresses(f *flight, a *answer) {
	w.take(f.question, a)
	w.failed = w.failed || a.err != nil && !a.absent()
}

// both waits for the answers about one name. Once one has addresses, the other gets
// Options.ResolutionDelay more: a server that leaves AAAA unanswered must not hold up every call.
func (w *walk) both(p pair) (first, second *answer) {
	if w.ctx == nil {
		return p.first.answer, p.second.answer
	}
	select {
	case <-p.first.done:
		if first = p.first.answer; len(first.addrs) > 0 {
			return first, w.waitBriefly(p.second)
		}
		return first, w.wait(p.second)
	case <-p.second.done:
		if second = p.second.answer; len(second.addrs) > 0 {
			return w.waitBriefly(p.first), second
		}
		return w.wait(p.first), second
	case <-w.ctx.Done():
		return w.wait(p.first), w.wait(p.second)
	}
}

func (w *walk) waitBriefly(f *flight) *answer {
	select {
	case <-f.done:
		return f.answer
	default:
	}
	timer := time.NewTimer(w.r.opts.ResolutionDelay)
	defer timer.Stop()
	select {
	case <-f.done:
		return f.answer
	case <-timer.C:
		return w.unanswered(errLate)
	case <-w.ctx.Done():
		return w.unanswered(errTimeout)
	}
}

// interleave takes from a and b alternately (RFC 8305 §4): a caller whose network lacks one family
// finds the other one second.
func interleave(a, b []netip.Addr) []netip.Addr {
	switch {
	case len(b) == 0:
		return a
	case len(a) == 0:
		return b
	}
	out := make([]netip.Addr, 0, len(a)+len(b))
	for i := range max(len(a), len(b)) {
		if i < len(a) {
			out = append(out, a[i])
		}
		if i < len(b) {
			out = append(out, b[i])
		}
	}
	return out
}

// peer is one address of a place. A TLS peer must prove to be the domain that was asked for, not
// the name DNS led to (RFC 5922 §4, RFC 3263 §4.1).
func (w *walk) peer(at *place, addr netip.Addr) transport.Peer {
	p := transport.Peer{Kind: at.kind, Addr: netip.AddrPortFrom(addr, at.port)}
	if at.kind.Secure() {
		p.ServerName = w.key.host
	}
	return p
}
