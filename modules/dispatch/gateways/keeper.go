package gateways

// The keeper of a set: it probes addresses, looks names up, and ends what lasts for a time. It
// lives on the engine's background lane.

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transport"
)

// soonest is the shortest time between two rounds of probes: a round has all that are due.
const soonest = 5 * time.Millisecond

// place is where a name leads.
type place struct {
	peer         *transport.Peer
	tier, weight int
}

// keeper is that of one set. What is not said to be guarded belongs to the background lane.
type keeper struct {
	set    *Set
	engine atomic.Pointer[engine.Engine] // nil while it does not run
	quiet  atomic.Bool                   // no probes are sent

	places map[string][]place // guarded by set.mu; by next hop: what the DNS said

	probe, chores lane.Timer
	order         []*address           // those probed, in turn
	view          *view                // that order was made of
	next          int                  // of order
	at            lane.Time            // when that is due
	due           map[string]lane.Time // when a name is looked up again; by next hop
	asking        map[string]bool      // names being looked up
}

// Start begins to probe, on an engine that is about to serve. quiet: it sends no probes, and looks
// up names all the same.
func (s *Set) Start(e *engine.Engine, quiet bool) {
	s.keeper.quiet.Store(quiet)
	s.keeper.engine.Store(e)
	s.keeper.changed()
}

// Stop ends that. The set may be started again.
func (s *Set) Stop() {
	if e := s.keeper.engine.Swap(nil); e != nil {
		s.keeper.post(e)
	}
}

// probes reports whether probes are sent.
func (k *keeper) probes() bool {
	return k.engine.Load() != nil && !k.quiet.Load() && k.set.policy.Load().Probe.Interval > 0
}

// changed has the keeper look at what it has to do.
func (k *keeper) changed() {
	if e := k.engine.Load(); e != nil {
		k.post(e)
	}
}

func (k *keeper) post(e *engine.Engine) {
	e.Background().Return(lane.Func(func(l *lane.Lane) { k.look(l) }))
}

// look begins or ends what there is to do.
func (k *keeper) look(l *lane.Lane) {
	if k.engine.Load() == nil {
		l.StopTimer(&k.probe)
		l.StopTimer(&k.chores)
		return
	}
	k.refresh()
	switch {
	case !k.probes() || len(k.order) == 0:
		l.StopTimer(&k.probe)
	case !k.probe.Active(), k.probe.When().Sub(l.Now()) > k.set.policy.Load().Probe.Interval/time.Duration(len(k.order)):
		l.After(0, &k.probe, (*prober)(k))
	}
	(*chores)(k).do(l)
}

// refresh takes a new view over.
func (k *keeper) refresh() {
	v := k.set.view.Load()
	if v == k.view {
		return
	}
	k.view, k.order = v, k.order[:0]
	for _, g := range v.all {
		k.order = append(k.order, g.spots...)
	}
	if k.next >= len(k.order) {
		k.next = 0
	}
}

// prober is the keeper when it probes.
type prober keeper

// Expire probes the next addresses: all of them in one interval, evenly.
func (p *prober) Expire(*lane.Timer) {
	k := (*keeper)(p)
	e := k.engine.Load()
	if e == nil || !k.probes() {
		return
	}
	k.refresh()
	n := len(k.order)
	if n == 0 {
		return
	}
	now, step := k.set.now(), max(k.set.policy.Load().Probe.Interval/time.Duration(n), 1)
	if now.Sub(k.at) > step*time.Duration(n) { // the first time, or long ago
		k.at = now
	}
	for sent := 0; k.at <= now && sent < n; sent++ {
		k.ask(e, k.order[k.next])
		k.at = k.at.Add(step)
		if k.next++; k.next >= n {
			k.next = 0
		}
	}
	e.Background().After(max(k.at.Sub(now), soonest), &k.probe, p)
}

// ask sends one probe, unless one is under way or nobody wants it.
func (k *keeper) ask(e *engine.Engine, a *address) {
	if a.gate.marked(k.set.now()) == Disabled || a.probing.Swap(true) {
		return
	}
	p, t := &k.set.policy.Load().Probe, a.targets[0]
	spec := &engine.SendSpec{Method: p.Method, URI: t.engine.NextHop, From: p.From, Timeout: p.Timeout,
		Target: &engine.Target{URI: t.engine.NextHop, FromSocket: t.engine.FromSocket, Gateway: &engine.Gateway{Peer: a.peer}}}
	err := e.SendAsync(spec, func(res *engine.Response, err error) {
		a.probing.Store(false)
		switch {
		case err == nil && p.OK.Has(res.Code()):
			a.answeredProbe()
		case err == nil:
			a.missedProbe(fmt.Sprintf("%s: %d", p.Method, res.Code()), false)
		case errors.Is(err, engine.ErrNoAnswer):
			a.missedProbe(p.Method+": no answer", false)
		default:
			a.missedProbe(p.Method+": "+err.Error(), isGone(err))
		}
	})
	if err != nil {
		a.probing.Store(false)
	}
}

// chores is the keeper when it does what is due at a time.
type chores keeper

// Expire does what is due.
func (c *chores) Expire(*lane.Timer) {
	k := (*keeper)(c)
	if e := k.engine.Load(); e != nil {
		k.refresh()
		c.do(e.Background())
	}
}

// do ends marks, tries again what went down without probes, and looks names up; and comes again
// when the next is due.
func (c *chores) do(l *lane.Lane) {
	k := (*keeper)(c)
	next := earliest(k.expire(), k.lookUp())
	if next == 0 {
		l.StopTimer(&k.chores)
		return
	}
	l.After(max(next.Sub(l.Now()), 0), &k.chores, c)
}

// earliest is the earlier of two moments, 0 being none.
func earliest(a, b lane.Time) lane.Time {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// expire ends the marks whose time is over, and tries addresses again; it returns when the next is
// due.
func (k *keeper) expire() (next lane.Time) {
	s := k.set
	now := s.now()
	s.mu.Lock()
	for _, g := range s.gates {
		if until := lane.Time(g.until.Load()); until != 0 {
			if until <= now {
				g.mark.Store(uint32(Up))
				g.until.Store(0)
				g.settleLocked("its mark ended")
			} else {
				next = earliest(next, until)
			}
		}
		for _, x := range g.spots {
			if x.retry == 0 {
				continue
			}
			if x.retry <= now {
				x.putLocked(true, "it is tried again")
			} else {
				next = earliest(next, x.retry)
			}
		}
	}
	s.mu.Unlock()
	s.tell()
	return next
}

// lookUp looks up the names that are due; it returns when the next is.
func (k *keeper) lookUp() (next lane.Time) {
	e := k.engine.Load()
	now := k.set.now()
	if k.due == nil {
		k.due, k.asking = map[string]lane.Time{}, map[string]bool{}
	}
	names := map[string]bool{}
	for _, g := range k.view.all {
		uri := g.NextHop
		if names[uri] || k.asking[uri] {
			names[uri] = true
			continue
		}
		if hop, err := proxy.ParseNextHop(uri); err != nil {
			continue
		} else if _, numeric := hop.Peer(); numeric {
			continue
		}
		names[uri] = true
		if due := k.due[uri]; due > now {
			next = earliest(next, due)
			continue
		}
		k.asking[uri] = true
		if e.Places(uri, func(list []engine.Place, again time.Duration, err error) { k.found(uri, list, again, err) }) != nil {
			delete(k.asking, uri)
			k.due[uri] = now.Add(time.Second)
			next = earliest(next, k.due[uri])
		}
	}
	for uri := range k.due {
		if !names[uri] {
			k.forget(uri)
		}
	}
	return next
}

// forget drops what is known about a name that is in no entry.
func (k *keeper) forget(uri string) {
	delete(k.due, uri)
	k.set.mu.Lock()
	delete(k.places, uri)
	k.set.mu.Unlock()
}

// found takes the addresses of a name over. If it has none any more, or cannot be looked up, the
// ones known before stay: they are probed, which tells more.
func (k *keeper) found(uri string, list []engine.Place, again time.Duration, err error) {
	delete(k.asking, uri)
	e := k.engine.Load()
	if e == nil {
		return
	}
	k.due[uri] = k.set.now().Add(max(again, time.Second))
	if err != nil || len(list) == 0 {
		k.set.nameless(uri, err)
	} else {
		k.set.named(uri, list)
	}
	k.look(e.Background())
}

// nameless reports that a name has no address, for gateways that never had one.
func (s *Set) nameless(uri string, err error) {
	why := "the name has no address"
	if err != nil {
		why = err.Error()
	}
	s.mu.Lock()
	for _, g := range s.gates {
		if x := g.spots[""]; g.name == uri && x != nil {
			x.putLocked(false, why)
			x.retry = 0
		}
	}
	s.mu.Unlock()
	s.tell()
}

// named takes the addresses of a name over.
func (s *Set) named(uri string, list []engine.Place) {
	places := make([]place, 0, min(len(list), mostAddresses))
	for _, p := range list[:min(len(list), mostAddresses)] {
		places = append(places, place{peer: &p.Peer, tier: p.Tier, weight: p.Weight})
	}
	s.mu.Lock()
	same := slices.EqualFunc(s.keeper.places[uri], places, func(a, b place) bool {
		return *a.peer == *b.peer && a.tier == b.tier && a.weight == b.weight
	})
	if !same {
		if s.keeper.places == nil {
			s.keeper.places = map[string][]place{}
		}
		s.keeper.places[uri] = places
		for _, g := range s.gates {
			if x := g.spots[""]; g.name == uri && x != nil {
				x.putLocked(true, "its name has addresses")
			}
		}
		s.rebuildLocked()
	}
	s.mu.Unlock()
	s.tell()
}
