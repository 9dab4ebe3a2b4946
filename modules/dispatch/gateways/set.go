package gateways

// Sets: the list in force, and the state of what is in it.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transport"
)

// MostGateways is how many gateways a set may have.
const MostGateways = 10000

// mostAddresses is how many addresses of one name are used.
const mostAddresses = 16

// Event is a gateway that went down or came back.
type Event struct {
	Set, URI string // the name of the set, and the gateway's URI
	Up       bool   // it came back; otherwise it went down
	Why      string // what was found: "OPTIONS: 503", "no answer"
}

// Options of New. All may be zero.
type Options struct {
	Now   func() lane.Time // default: it stands still
	Log   *slog.Logger     // default: nobody is told
	Event func(Event)      // called with nothing held; must not block
	// Wrap makes what engine.Response.Target brings back as Value; default the *Target.
	Wrap func(*Target) any
}

// Set is a set of gateways. It is safe for concurrent use.
type Set struct {
	name    string
	opts    Options
	now     func() lane.Time
	view    atomic.Pointer[view]
	policy  atomic.Pointer[Policy]
	figures figures
	keeper  keeper

	mu      sync.Mutex
	gates   map[string]*gate // guarded by mu; by key
	listed  []Entry          // guarded by mu: of the list
	added   []Entry          // guarded by mu: by Add, and not in the list
	removed map[string]bool  // guarded by mu: next hops that Remove took from the list
	events  []Event          // guarded by mu: not told yet
}

// figures are counted since the set was made.
type figures struct {
	probes, missed, changes, none atomic.Uint64
}

// view is what choices look at. It is replaced as a whole.
type view struct {
	groups  []*group
	all     []*Gateway // in the order of the list
	from    map[netip.Addr][]*Gateway
	places  int  // addresses of all gateways
	limited bool // one of them has max_calls
}

// New makes an empty set.
func New(name string, o Options) *Set {
	s := &Set{name: name, opts: o, now: o.Now, gates: map[string]*gate{}, removed: map[string]bool{}}
	if s.now == nil {
		s.now = func() lane.Time { return 0 }
	}
	if s.opts.Log == nil {
		s.opts.Log = slog.New(slog.DiscardHandler)
	}
	p := DefaultPolicy()
	s.policy.Store(&p)
	s.view.Store(&view{})
	s.keeper.set = s
	return s
}

// Name is the set's name.
func (s *Set) Name() string { return s.name }

// Len is how many gateways it has.
func (s *Set) Len() int { return len(s.view.Load().all) }

// SetPolicy replaces the policy.
func (s *Set) SetPolicy(p Policy) {
	s.policy.Store(&p)
	s.keeper.changed()
}

// CheckList completes the entries of a list, and refuses one that cannot be a set: at is the entry
// that is wrong.
func CheckList(list []Entry) (at int, err error) {
	seen := map[string]bool{}
	for i := range list {
		e := &list[i]
		if err := e.Check(); err != nil {
			return i, err
		}
		if seen[e.key()] {
			return i, fmt.Errorf("%s %w", e.NextHop, errTwice)
		}
		seen[e.key()] = true
	}
	if len(list) > MostGateways {
		return MostGateways, fmt.Errorf("a set has at most %d gateways", MostGateways)
	}
	return 0, nil
}

// Swap replaces the list, which must have been checked. States of gateways that stay are kept.
func (s *Set) Swap(list []Entry) {
	s.change(func() { s.listed = list })
}

// change does something with the mutex held, rebuilds the view, and tells the events.
func (s *Set) change(f func()) {
	s.mu.Lock()
	f()
	s.rebuildLocked()
	s.mu.Unlock()
	s.tell()
	s.keeper.changed()
}

// tell reports what happened.
func (s *Set) tell() {
	s.mu.Lock()
	events := s.events
	s.events = nil
	s.mu.Unlock()
	for _, e := range events {
		s.figures.changes.Add(1)
		level, text := slog.LevelWarn, "gateway down"
		if e.Up {
			level, text = slog.LevelInfo, "gateway up"
		}
		s.opts.Log.Log(context.Background(), level, text, "set", e.Set, "target", e.URI, "reason", e.Why)
		if s.opts.Event != nil {
			s.opts.Event(e)
		}
	}
}

// entriesLocked are those in force.
func (s *Set) entriesLocked() []Entry {
	list := make([]Entry, 0, len(s.listed)+len(s.added))
	seen := map[string]bool{}
	for _, e := range s.listed {
		if !s.removed[e.NextHop] {
			list = append(list, e)
			seen[e.key()] = true
		}
	}
	for _, e := range s.added {
		if !seen[e.key()] {
			list = append(list, e)
		}
	}
	return list
}

// rebuildLocked makes the view of the entries and of what is known about their addresses.
func (s *Set) rebuildLocked() {
	v := &view{from: map[netip.Addr][]*Gateway{}}
	stay := map[string]bool{}
	groups := map[int]*group{}
	for _, e := range s.entriesLocked() {
		g := s.gatewayLocked(e)
		stay[g.key()] = true
		v.all = append(v.all, g)
		v.places += len(g.spots)
		v.limited = v.limited || g.MaxCalls > 0
		for _, a := range g.spots {
			if a.peer != nil {
				v.from[a.peer.Addr.Addr()] = append(v.from[a.peer.Addr.Addr()], g)
			}
		}
		in := groups[g.Priority]
		if in == nil {
			in = &group{alike: true}
			groups[g.Priority] = in
		}
		in.gateways = append(in.gateways, g)
		in.alike = in.alike && g.Weight == in.gateways[0].Weight && g.Weight > 0
	}
	for _, priority := range slices.Sorted(maps.Keys(groups)) {
		v.groups = append(v.groups, groups[priority])
	}
	for key, g := range s.gates {
		if !stay[key] && g.calls.Load() == 0 { // calls in progress keep what counts them
			delete(s.gates, key)
		}
	}
	s.view.Store(v)
}

// gatewayLocked makes a gateway of an entry, with the state that belongs to it.
func (s *Set) gatewayLocked(e Entry) *Gateway {
	state := s.gates[e.key()]
	fresh := state == nil
	if fresh {
		state = &gate{set: s, key: e.key(), name: e.NextHop, spots: map[string]*spot{}, up: true, since: s.now()}
		s.gates[e.key()] = state
		if m, ok := ParseMark(e.State); ok && m > Down {
			state.mark.Store(uint32(m))
		}
	}
	state.maxCalls.Store(int64(e.MaxCalls))
	g := &Gateway{Entry: e, gate: state, hash: hashOf(e.key()), port: portOf(e.NextHop)}
	places := s.keeper.places[e.NextHop]
	if hop, err := proxy.ParseNextHop(e.NextHop); err == nil && places == nil {
		if peer, numeric := hop.Peer(); numeric {
			places = []place{{peer: &peer, weight: 1}}
		}
	}
	known := map[string]*spot{}
	for _, p := range places {
		addr := placeOf(p.peer)
		if known[addr] == nil {
			known[addr] = state.spotLocked(addr, fresh && e.State == "down")
			g.spots = append(g.spots, g.newAddress(known[addr], p.peer, p.tier, p.weight))
		}
	}
	if len(places) == 0 { // the engine looks the name up for each request, until it is known here
		known[""] = state.spotLocked("", fresh && e.State == "down")
		g.spots = append(g.spots, g.newAddress(known[""], nil, 0, 1))
	}
	state.spots = known
	state.settleLocked("its addresses changed")
	return g
}

// portOf is the port that a next hop names, 0 for none.
func portOf(hop string) uint16 {
	u, err := message.ParseURI([]byte(hop))
	if err != nil {
		return 0
	}
	return u.Port
}

// spotLocked is the state of one address.
func (g *gate) spotLocked(addr string, down bool) *spot {
	if s := g.spots[addr]; s != nil {
		return s
	}
	s := &spot{gate: g, addr: addr, since: g.set.now()}
	if one := g.spots[""]; one != nil { // what was learned of the name holds for its addresses
		down = one.down.Load()
		s.why = one.why
	}
	if down {
		s.down.Store(true)
		s.why = cmp.Or(s.why, "listed as down")
		s.retry = g.set.retryAt()
	}
	return s
}

// settleLocked reports whether the gateway as a whole went down or came back.
func (g *gate) settleLocked(why string) {
	s, now := g.set, g.set.now()
	up := g.marked(now) == Up && slices.ContainsFunc(slices.Collect(maps.Values(g.spots)), func(x *spot) bool { return !x.down.Load() })
	if up == g.up {
		return
	}
	g.up, g.why, g.since = up, why, now
	if up {
		g.upSince.Store(int64(now))
	}
	s.events = append(s.events, Event{Set: s.name, URI: g.name, Up: up, Why: why})
}

var (
	// ErrUnknown is the error of a gateway that is not in the set.
	ErrUnknown = errors.New("there is no such gateway in the set")
	// ErrFull is the error of Add to a set that has MostGateways.
	ErrFull = fmt.Errorf("the set has %d gateways, and no room for more", MostGateways)
)

// find returns the gateways with a next hop, as it is written in the list or an equal URI.
func (v *view) find(uri string) (list []*Gateway) {
	for _, g := range v.all {
		if g.NextHop == uri {
			list = append(list, g)
		}
	}
	if list != nil {
		return list
	}
	for _, g := range v.all {
		if sameHop(g.NextHop, uri) || sameHop(g.NextHop, "sip:"+uri) {
			list = append(list, g)
		}
	}
	return list
}

// sameHop reports whether two URIs are equal, or lead to the same address.
func sameHop(a, b string) bool {
	u, err := message.ParseURI([]byte(a))
	if err != nil {
		return false
	}
	w, err := message.ParseURI([]byte(b))
	if err != nil || !w.IsSIP() {
		return false
	}
	if u.Equal(&w) {
		return true
	}
	x, err := proxy.ParseNextHop(a)
	y, err2 := proxy.ParseNextHop(b)
	if err != nil || err2 != nil {
		return false
	}
	p, ok := x.Peer()
	q, ok2 := y.Peer()
	return ok && ok2 && p == q
}

// From is the gateway that a request comes from, nil for none: one with its source address, and
// with its port where next_hop names one. The port that a peer's connection came from says nothing,
// so it does not count. If several have it, the one with the same port and transport.
func (s *Set) From(source netip.AddrPort, kind transport.Kind) *Gateway {
	var found *Gateway
	for _, g := range s.view.Load().from[source.Addr().Unmap()] {
		for _, a := range g.spots {
			if a.peer != nil && a.peer.Kind == kind && a.peer.Addr.Port() == source.Port() {
				return g
			}
		}
		if found == nil && (kind.Reliable() || g.port == 0 || g.port == source.Port()) {
			found = g
		}
	}
	return found
}
