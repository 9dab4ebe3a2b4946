package dialog

// Parties that are reached on one connection alone, as a browser is, and lose it: a page that is
// closed sends no BYE (RFC 7118 §5, RFC 5626 §5.3).

import (
	"net/netip"
	"sync"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/transport"
)

// flows are the legs whose connections are watched, by these. It is told of their ends on any
// goroutine.
type flows struct {
	mu   sync.Mutex
	legs map[transport.FlowID]map[*Leg]struct{} // guarded by mu; a leg is of no more than one
}

// flowWatch is what a leg has of that. It belongs to the lane.
type flowWatch struct {
	leg   *Leg
	after time.Duration    // how long its party may be away
	id    transport.FlowID // that is watched; 0 for none
	timer lane.Timer       // runs while that is gone
}

// losesFlow has the leg ended when its party's connection is gone for so long.
func (l *Leg) losesFlow(after time.Duration) {
	if after > 0 {
		l.more().flow = &flowWatch{leg: l, after: after}
	}
}

// watchFlow watches the connection that the party is reached on now, if nothing else leads to it.
func (l *Leg) watchFlow() {
	if l.rare == nil || l.rare.flow == nil {
		return
	}
	id := l.reach.Flow
	if !l.reach.Only || l.s.phase == over {
		id = 0
	}
	l.watch(id)
}

// watch watches another connection; 0 for none.
func (l *Leg) watch(id transport.FlowID) {
	w := l.rare.flow
	if w == nil || w.id == id {
		return
	}
	l.lane.StopTimer(&w.timer)
	f := &l.agent.flows
	f.mu.Lock()
	if list := f.legs[w.id]; list != nil {
		if delete(list, l); len(list) == 0 {
			delete(f.legs, w.id)
		}
	}
	if w.id = id; id != 0 {
		if f.legs == nil {
			f.legs = map[transport.FlowID]map[*Leg]struct{}{}
		}
		if f.legs[id] == nil {
			f.legs[id] = map[*Leg]struct{}{}
		}
		f.legs[id][l] = struct{}{}
	}
	f.mu.Unlock()
	if id != 0 && !l.agent.eng.FlowOpen(id) { // before it was watched
		w.gone(id)
	}
}

// FlowClosed is told that a connection is gone.
func (f *flows) FlowClosed(id transport.FlowID) {
	f.mu.Lock()
	homes := map[*Leg]*lane.Lane{}
	for l := range f.legs[id] {
		homes[l] = l.lane // it leaves that when it is no longer in the list
	}
	f.mu.Unlock()
	for l, home := range homes {
		home.Return(lane.Func(func(*lane.Lane) {
			if l.agent.tables[home.ID()][l.tag] != l { // where it is now it has seen that itself
				return
			}
			if w := l.rare.flow; w.id == id {
				w.gone(id)
			}
		}))
	}
}

// KeptAlive is of no interest.
func (*flows) KeptAlive(netip.AddrPort, *transport.Local) {}

// gone begins the time after which the leg is ended.
func (w *flowWatch) gone(id transport.FlowID) {
	if w.id == id && id != 0 && w.leg.s.phase != over {
		w.leg.lane.After(w.after, &w.timer, w)
	}
}

// Expire ends the leg: its party has not come back.
func (w *flowWatch) Expire(*lane.Timer) { w.leg.hangUp(480, WhyLost, "") }

// backOn has the party reached on the connection that a request of its came by, if the one that it
// was reached on is gone: its Contact need not change for that (RFC 5626 §4.3).
func (l *Leg) backOn(r *engine.Request) {
	if !l.reach.Only || l.reach.Flow == 0 || l.agent.eng.FlowOpen(l.reach.Flow) {
		return
	}
	if id := r.Flow(); id != 0 {
		l.reach.Flow = id
		l.watchFlow()
	}
}
