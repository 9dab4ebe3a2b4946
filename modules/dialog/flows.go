package dialog

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// flows are the calls with a party that is reached on its connection and nowhere else.
type flows struct {
	mu sync.Mutex
	of map[transport.FlowID][]*Call // guarded by mu
}

func (f *flows) add(id transport.FlowID, c *Call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of == nil {
		f.of = map[transport.FlowID][]*Call{}
	}
	if !slices.Contains(f.of[id], c) {
		f.of[id] = append(f.of[id], c)
	}
}

// remove forgets a call.
func (f *flows) remove(c *Call) {
	if c.flowLost == 0 {
		return
	}
	for _, id := range c.onlyFlows() {
		f.drop(id, c)
	}
}

func (f *flows) drop(id transport.FlowID, c *Call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := slices.DeleteFunc(f.of[id], func(o *Call) bool { return o == c })
	if len(list) == 0 {
		delete(f.of, id)
	} else {
		f.of[id] = list
	}
}

func (f *flows) get(id transport.FlowID) []*Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.of[id])
}

// onlyFlows are the connections that are the only ways to parties of the call.
func (c *Call) onlyFlows() (list []transport.FlowID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.t.Parties() {
		if id := s.Flow(); id != 0 {
			list = append(list, id)
		}
	}
	return list
}

// watchFlows begins to look after the call's connections.
func (c *Call) watchFlows() {
	if c.flowLost == 0 {
		return
	}
	for _, id := range c.onlyFlows() {
		c.d.flows.add(id, c)
		if !c.d.engine.Load().FlowOpen(id) { // it closed meanwhile, and nobody will say so again
			c.lostFlow(id)
		}
	}
}

// lostFlow is the end of a connection.
func (c *Call) lostFlow(id transport.FlowID) {
	if c.due[timerFlow] == 0 && slices.Contains(c.onlyFlows(), id) {
		c.set(timerFlow, c.lane().Now().Add(c.flowLost))
	}
}

// returned notes that a party has sent a request on another connection than the one that was lost.
func (c *Call) returned(r *engine.Request, i *inner) {
	if c.flowLost == 0 || r.Flow() == 0 {
		return
	}
	c.mu.Lock()
	side := &c.t.A
	if l := c.t.Leg(i.tag); !i.byCaller && l != nil {
		side = &l.B
	}
	was := side.Flow()
	came := was != 0 && was != r.Flow()
	if came {
		is := side.Reach()
		is.Flow = r.Flow()
		side.Set(is)
	}
	c.mu.Unlock()
	if came {
		c.d.flows.drop(was, c)
		c.set(timerFlow, 0)
		c.watchFlows()
	}
}

// adoptFlows looks after the connections that a refresh has brought, in place of those before.
func (c *Call) adoptFlows(before []transport.FlowID) {
	if c.flowLost == 0 || c.State() != track.Confirmed {
		return
	}
	now := c.onlyFlows()
	if slices.Equal(before, now) {
		return
	}
	for _, id := range before {
		if !slices.Contains(now, id) {
			c.d.flows.drop(id, c)
		}
	}
	c.set(timerFlow, 0) // it begins again for one that is still lost
	c.watchFlows()
}

// flowWatch is Dialogs as it watches flows.
type flowWatch Dialogs

// FlowClosed begins the time after which the calls on a connection end.
func (w *flowWatch) FlowClosed(id transport.FlowID) {
	for _, c := range (*Dialogs)(w).flows.get(id) {
		c.post(func() { c.lostFlow(id) })
	}
}

// KeptAlive says nothing of calls.
func (w *flowWatch) KeptAlive(netip.AddrPort, *transport.Local) {}
