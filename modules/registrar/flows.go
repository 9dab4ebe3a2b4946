package registrar

// This file removes bindings whose flow is gone (RFC 5626 §6): the connection closed, or a UDP
// client's keep-alives stopped. It concerns only bindings that are useless without their flow:
// those of outbound clients, and of WebSocket clients, which come back under another name.
//
// A client is held to its keep-alives only once it has sent one: some never do, whatever they were
// asked.

import (
	linked "container/list"
	"context"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/transport"
)

// flowKey is a flow: a client's address, the listener that receives it, and the connection, or 0
// for UDP.
type flowKey struct {
	id     transport.FlowID
	client netip.AddrPort
	socket string
}

// place is where keep-alives come from: all that is known about them.
type place struct {
	client netip.AddrPort
	socket string
}

// flow is what is known about a flow.
type flow struct {
	key  flowKey
	aors map[string]struct{} // who registered on it

	// How long it may be silent, once it sends keep-alives; 0: as long as it likes
	limit time.Duration
	pings bool // a keep-alive came

	// of UDP clients
	heard lane.Time       // when it was last heard from
	entry *linked.Element // in pinging or quiet
}

// mostOnFlow bounds the addresses remembered for one flow; a trunk may register many. The bindings
// of others end with their time.
const mostOnFlow = 10_000

// flows are those that bindings end with.
type flows struct {
	mu        sync.Mutex
	registrar *Registrar     // attached; nil before. All guarded by mu
	engine    *engine.Engine // it is attached to
	stop      func()
	byPlace   map[place]*flow
	byID      map[transport.FlowID]*flow
	// UDP clients, *flow, ordered by when they were last heard from, oldest first: those that send
	// keep-alives, and those that do not (yet).
	pinging, quiet linked.List
}

// forgotten is how long a UDP client is remembered that only registers: longer than it takes to
// register again.
const forgotten = 24 * time.Hour

// attach makes f watch e's flows.
func (f *flows) attach(e *engine.Engine, r *Registrar) {
	f.mu.Lock()
	old := f.stop
	f.registrar, f.engine, f.stop = r, e, nil
	f.byPlace, f.byID = make(map[place]*flow), make(map[transport.FlowID]*flow)
	f.pinging.Init()
	f.quiet.Init()
	f.mu.Unlock()
	if old != nil {
		old()
	}
	stop := e.WatchFlows(f)
	f.mu.Lock()
	f.stop = stop
	f.mu.Unlock()
}

// watchFlow remembers the flow that the REGISTER came on, if it bound it.
func (r *Registrar) watchFlow(g *registration) {
	from := g.from
	if len(g.contacts) == 0 || !from.Source.IsValid() {
		return
	}
	web := from.Transport == transport.WS || from.Transport == transport.WSS
	if !web && !g.outbound {
		return
	}
	bound := false
	for i := range g.done.list {
		if e := &g.done.list[i]; e.kind == Bound || e.kind == Refreshed {
			bound = bound || e.b.Flow() != 0 || e.b.Socket() != ""
		}
	}
	if !bound {
		return
	}
	r.flows.watch(flowKey{from.Flow, from.Source, from.Socket}, g.aor, g.flowTimer())
	if from.Flow != 0 && from.Stands != nil && !from.Stands(from.Flow) {
		r.flows.FlowClosed(from.Flow) // before it was watched
	}
}

// leaveFlows reports connections whose clients are now on another one. They may stay open for a
// long time: a network that goes down says nothing. It reports addresses that a NAT gave to clients
// which have another one now, too: the same client registers the same instance, or in the same
// series of requests (§10.2.4).
func (g *registration) leaveFlows() {
	if g.from.Left == nil {
		return
	}
	for i := range g.done.list {
		e := &g.done.list[i]
		if e.kind != Refreshed || e.old == nil {
			continue
		}
		if e.old.named() || e.old.CallID() == e.b.CallID() {
			g.leavePlace(e.old, e.b)
		}
		if !e.old.named() {
			continue
		}
		if old := e.old.Flow(); old != 0 && old != transport.FlowGone && old != e.b.Flow() {
			g.from.Left(old)
		}
	}
}

// leavePlace reports the address of a UDP client that is elsewhere now.
func (g *registration) leavePlace(old, b *Binding) {
	place, ok := strings.CutPrefix(old.Received(), "udp:")
	if !ok || g.from.Moved == nil || old.Received() == b.Received() {
		return
	}
	if addr, err := netip.ParseAddrPort(place); err == nil {
		g.from.Moved(addr)
	}
}

// silence is how long a flow may be silent if its client must send keep-alives every timer: one may
// be lost, and the next late.
func silence(timer time.Duration) time.Duration { return 2*timer + 10*time.Second }

func (f *flows) watch(key flowKey, aor string, timer time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byPlace == nil {
		return
	}
	at := place{key.client, key.socket}
	w := f.byPlace[at]
	if w == nil || w.key != key {
		w = &flow{key: key, aors: make(map[string]struct{}, 1)}
		f.byPlace[at] = w
		if key.id != 0 {
			f.byID[key.id] = w
		}
	}
	if w.limit = 0; timer > 0 {
		w.limit = silence(timer)
	}
	if len(w.aors) < mostOnFlow {
		w.aors[aor] = struct{}{}
	}
	f.hear(w)
	// A client may come from another port each time. Flows without bindings, whatever they are, are
	// those heard from longest ago.
	for f.quiet.Len() > f.registrar.inForce().policy.MaxBindings {
		f.forget(f.quiet.Front().Value.(*flow))
	}
}

// hear records a sign of life.
func (f *flows) hear(w *flow) {
	if w.key.id != 0 {
		return
	}
	w.heard = f.engine.Background().Now()
	f.leave(w)
	w.entry = f.among(w).PushBack(w)
}

// among is the list w belongs to.
func (f *flows) among(w *flow) *linked.List {
	if w.pings {
		return &f.pinging
	}
	return &f.quiet
}

func (f *flows) leave(w *flow) {
	if w.entry != nil {
		f.among(w).Remove(w.entry)
		w.entry = nil
	}
}

// KeptAlive implements engine.FlowWatcher.
func (f *flows) KeptAlive(from netip.AddrPort, on *transport.Local) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.byPlace[place{from, on.Name}]
	if w == nil {
		return
	}
	if w.key.id != 0 {
		if !w.pings && w.limit > 0 {
			w.pings = true
			f.engine.SetFlowIdleTimeout(w.key.id, w.limit) // the transport watches it
		}
		return
	}
	f.leave(w)
	w.pings = true
	f.hear(w)
}

// FlowClosed implements engine.FlowWatcher.
func (f *flows) FlowClosed(id transport.FlowID) {
	f.mu.Lock()
	w := f.byID[id]
	if w != nil {
		f.forget(w)
	}
	r, e := f.registrar, f.engine
	f.mu.Unlock()
	if w != nil {
		e.Background().Post(newLoss(r.inForce(), e, w))
	}
}

// forget drops a flow.
func (f *flows) forget(w *flow) {
	at := place{w.key.client, w.key.socket}
	if f.byPlace[at] == w { // otherwise another connection from there has replaced it
		delete(f.byPlace, at)
	}
	delete(f.byID, w.key.id)
	f.leave(w)
}

// sweep finds the flows that have been silent for too long. It looks at no others.
func (f *flows) sweep(now lane.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for e := f.pinging.Front(); e != nil; e = f.pinging.Front() {
		w := e.Value.(*flow)
		if now < w.heard.Add(w.limit) {
			break
		}
		f.forget(w)
		f.engine.Background().Post(newLoss(f.registrar.inForce(), f.engine, w))
	}
	for e := f.quiet.Front(); e != nil && now >= e.Value.(*flow).heard.Add(forgotten); e = f.quiet.Front() {
		f.forget(e.Value.(*flow))
	}
}

// loss is a flow that is gone, whose bindings must be removed.
type loss struct {
	registrar *Registrar
	engine    *engine.Engine
	flow      *flow
	at        int64 // when that was found out: milliseconds since 1970
}

func newLoss(r *Registrar, e *engine.Engine, w *flow) *loss {
	return &loss{r, e, w, e.Clock().Wall().UnixMilli()}
}

// ends reports whether the binding ends with the flow. The store may be slow: a UDP client that has
// registered again from the same place in the meantime is back.
func (o *loss) ends(b *Binding) bool {
	return o.flow.key.carries(b) && (o.flow.key.id != 0 || b.updated < o.at)
}

// unboundAtOnce is how many addresses are changed at a time if the store waits: a trunk's
// connection may carry thousands, and changes that wait together cost a store little more than one.
const unboundAtOnce = 64

// Do removes them, on the background lane.
func (o *loss) Do(l *lane.Lane) {
	now := o.engine.Clock().Wall()
	if _, waits := o.registrar.store.Waits(); waits {
		l.Await(func() { o.unbind(now, unboundAtOnce) })
		return
	}
	o.unbind(now, 1)
}

// unbind removes the bindings, of so many addresses at a time.
func (o *loss) unbind(now time.Time, atOnce int) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var failed atomic.Bool
	one := func(aor string) {
		if err := o.unbindOne(ctx, aor, now); err != nil && !failed.Swap(true) {
			o.engine.Log().Warn("the bindings of a lost flow remain until they expire", "aor", aor, "error", err)
		}
	}
	var all sync.WaitGroup
	room := make(chan struct{}, atOnce)
	for aor := range o.flow.aors {
		if failed.Load() {
			break
		}
		if atOnce == 1 {
			one(aor)
			continue
		}
		room <- struct{}{}
		all.Go(func() {
			one(aor)
			<-room
		})
	}
	all.Wait()
}

func (o *loss) unbindOne(ctx context.Context, aor string, now time.Time) error {
	var done changes
	return o.registrar.update(ctx, aor, now, &done, func(live []*Binding) ([]*Binding, error) {
		kept := make([]*Binding, 0, len(live))
		for _, b := range live {
			if o.ends(b) {
				done.add(Expired, b)
				continue
			}
			kept = append(kept, b)
		}
		return kept, nil
	})
}

// carries reports whether the binding is reached on the flow.
func (k *flowKey) carries(b *Binding) bool {
	if k.id != 0 {
		return b.Flow() == k.id
	}
	return b.Socket() == k.socket && strings.HasSuffix(b.Received(), ":"+k.client.String())
}
