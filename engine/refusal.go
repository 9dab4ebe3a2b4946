package engine

import "github.com/sipscript/sipscript/engine/proxy"

// tellRefusal logs why a request with a Route of ours is refused, once per source and minute.
func (r *Request) tellRefusal() {
	e, why := r.unit.e, r.ctx.Refusal
	if why == proxy.NotRefused {
		return
	}
	r.unit.count.tickets.Add(1)
	from := r.Source().Addr
	silent, ok := e.refusals.May(why.String(), from.Addr(), e.clock.Wall())
	if !ok {
		return
	}
	e.log.Warn("refused a request within a dialog: "+why.String(), "source", from, "call_id", string(r.callID()),
		"method", r.methodText(), "uri", string(r.ctx.Req.RequestURI()), "suppressed", silent)
}
