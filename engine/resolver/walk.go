package resolver

// This file is the procedure of RFC 3263 §4.1 and §4.2: which questions are asked, in which order,
// and what follows from their answers.

import (
	"context"
	"time"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine/transport"
)

const maxTrail = 16 // questions mentioned in an error

// walk makes the plan of one query. With a context it asks the DNS, on a goroutine that may wait;
// without one it uses what is known, and sets missed if that is not enough: then the plan is
// worthless.
type walk struct {
	r      *Resolver
	key    key
	now    time.Time
	ctx    context.Context // nil: nothing is asked
	missed bool

	expires time.Time // the earliest of all answers used
	failed  bool      // a question that matters was not answered
	trail   []string
}

// service is where the records of one transport are: SRV under name or, if direct, addresses.
type service struct {
	kind   transport.Kind
	name   string
	direct bool
}

// place is a name to send to. The places of a group, which are adjacent, have the same priority.
type place struct {
	kind   transport.Kind
	name   string
	port   uint16
	weight uint16
	group  int
}

// plan does the walk.
func (w *walk) plan() *plan {
	w.expires = w.now.Add(w.r.opts.MaxTTL)
	kind, err := w.r.written(w.key.kind, w.key.secure)
	if err != nil {
		return w.end(err)
	}
	usual := kind
	if usual == 0 {
		if usual = w.r.usual(w.key.secure); usual == 0 {
			return w.end(ErrTransport)
		}
	}
	_, known := w.r.hosts.find(w.key.host)
	switch {
	case w.key.port != 0 || known: // §4.2: with a port there is no SRV. A known name is an address
		return w.direct(usual)
	case kind != 0:
		return w.bySRV([]service{{kind: kind, name: srvPrefix(kind) + w.key.host}}, usual)
	}
	services := w.byNAPTR()
	switch {
	case w.missed:
		return nil
	case len(services) > 0:
		usual = services[0].kind
	default:
		services = w.byCustom()
	}
	return w.bySRV(services, usual)
}

// byNAPTR asks the domain which transports it offers, and returns those the engine has, in the
// domain's order. A NAPTR that cannot be obtained is treated as missing: the SRV records say
// enough.
func (w *walk) byNAPTR() (services []service) {
	f := w.send(question{name: w.key.host, qtype: dns.TypeNAPTR})
	if w.missed {
		return nil
	}
	a := w.wait(f)
	w.take(f.question, a)
	for _, n := range a.naptrs {
		// §4.1: for sips, only SIPS services
		if w.r.has(n.kind) && (n.kind.Secure() || !w.key.secure) {
			services = append(services, service{n.kind, n.replacement, n.direct})
		}
	}
	return services
}

// byCustom is the SRV names of every transport the engine has, in its order (§4.1, without NAPTR).
func (w *walk) byCustom() (services []service) {
	for _, k := range *w.r.kinds.Load() {
		if k.Secure() || !w.key.secure {
			services = append(services, service{kind: k, name: srvPrefix(k) + w.key.host})
		}
	}
	return services
}

// bySRV asks for the SRV records of the services, all at once. If there are none, the name itself
// has the addresses (§4.2), and usual is the transport; but not if the servers failed: the name may
// well be a web server's.
func (w *walk) bySRV(services []service, usual transport.Kind) *plan {
	flights := make([]*flight, len(services))
	for i, s := range services {
		if !s.direct {
			flights[i] = w.send(question{name: s.name, qtype: dns.TypeSRV})
		}
	}
	if w.missed {
		return nil
	}
	var places []place
	refused, group := false, 0
	for i, s := range services {
		group++
		if s.direct {
			places = append(places, place{kind: s.kind, name: s.name, port: s.kind.DefaultPort(), group: group})
			continue
		}
		a := w.wait(flights[i])
		w.take(flights[i].question, a)
		w.failed = w.failed || a.err != nil && !a.absent()
		refused = refused || a.refused
		for n, s2 := range a.srvs {
			if n > 0 && s2.priority != a.srvs[n-1].priority {
				group++
			}
			places = append(places, place{s.kind, s2.target, s2.port, s2.weight, group})
		}
	}
	switch {
	case len(places) > 0:
		return w.locate(places)
	case w.failed:
		return w.end(ErrFailed)
	case refused:
		return w.end(ErrUnavailable)
	}
	return w.direct(usual)
}

// direct is the name itself: A and AAAA, with the port written or the default one.
func (w *walk) direct(kind transport.Kind) *plan {
	port := w.key.port
	if port == 0 {
		port = kind.DefaultPort()
	}
	return w.locate([]place{{kind: kind, name: w.key.host, port: port}})
}

// locate finds the addresses of the places and makes the plan of them.
func (w *walk) locate(places []place) *plan {
	addrs := w.addresses(places)
	if w.missed {
		return nil
	}
	p := &plan{expires: w.expires}
	group := -1
	for i, at := range places {
		n := min(len(addrs[i]), maxPeers-p.count)
		if n == 0 {
			continue
		}
		t := target{weight: at.weight, peers: make([]transport.Peer, n)}
		for j := range t.peers {
			t.peers[j] = w.peer(&at, addrs[i][j])
		}
		if at.group != group {
			p.tiers = append(p.tiers, nil)
			group = at.group
		}
		last := &p.tiers[len(p.tiers)-1]
		*last = append(*last, t)
		p.count += n
	}
	switch {
	case p.count > 0:
		return p
	case w.failed:
		return w.end(ErrFailed)
	}
	return w.end(ErrNotFound)
}

// send begins a question.
func (w *walk) send(q question) *flight {
	if w.ctx != nil {
		return w.r.launch(q)
	}
	if a := w.r.cached(q, w.now); a != nil {
		return w.r.answered(q, a)
	}
	w.missed = true
	return nil
}

// wait returns the answer of a flight or, when the time is up, that there is none.
func (w *walk) wait(f *flight) *answer {
	select {
	case <-f.done:
		return f.answer
	default:
	}
	select {
	case <-f.done:
		return f.answer
	case <-w.ctx.Done():
		return w.unanswered(errTimeout)
	}
}

func (w *walk) unanswered(err error) *answer {
	return &answer{err: err, expires: w.r.opts.Now().Add(w.r.opts.FailureTTL)}
}

// take notes an answer that the plan rests on.
func (w *walk) take(q question, a *answer) {
	if a.expires.Before(w.expires) {
		w.expires = a.expires
	}
	if len(w.trail) == maxTrail {
		return
	}
	switch {
	case a.err != nil:
		w.trail = append(w.trail, q.String()+": "+a.err.Error())
	case a.refused:
		w.trail = append(w.trail, q.String()+`: target "."`)
	}
}

// end is the plan of a walk that came to nothing.
func (w *walk) end(err error) *plan {
	return &plan{err: &Error{Query: w.key.String(), Trail: w.trail, Err: err}, expires: w.expires}
}
