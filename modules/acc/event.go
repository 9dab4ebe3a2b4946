package acc

// What is recorded beside calls.

import (
	"maps"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/acc/cdr"
)

// Event writes a record of something that is not the end of a call.
func (a *Accounts) Event(r *engine.Request, name string, fields map[string]any) {
	id := a.newID(a.engine.Load())
	x := about(r, a.wall())
	x.ID, x.Type, x.Event, x.Node, x.ToTag = id.String(), cdr.Event, name, a.policy.Load().Node, cdr.Text(r.Message().ToTag())
	x.Fields = maps.Clone(fields)
	if c := a.of(r); c != nil {
		x.Call = c.id.String()
	}
	a.count.events.Add(1)
	a.put(id, &x)
}

// Set changes fields of the record of a request's call, or, unless b is nil, of the leg of one of
// its branches. A call without a record has none.
func (a *Accounts) Set(r *engine.Request, b *engine.Branch, fields map[string]any) error {
	c := a.of(r)
	if c == nil {
		return nil
	}
	if b == nil {
		return a.change(c, fields)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range r.Witnesses() {
		s, ok := w.(*session)
		if !ok || s.c != c {
			continue
		}
		if l := c.legOf(s.leg(b)); l != nil {
			return set(&l.Fields, fields)
		}
	}
	if c.leg == nil {
		c.leg = map[*engine.Branch]map[string]any{}
	}
	if len(c.leg) >= mostLegs {
		clear(c.leg) // of branches that were never sent
	}
	own := c.leg[b]
	err := set(&own, fields)
	c.leg[b] = own
	return err
}
