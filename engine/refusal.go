package engine

import "github.com/sipscript/sipscript/engine/proxy"

// noRoute is what a request within a dialog lacks that a peer sends who keeps no route set
// (§12.1.1, §12.1.2), or whose call was not record-routed.
const noRoute = "it has no Route of ours; record_route the first request, and have both sides keep its Record-Route"

// tellRefusal logs why a request within a dialog, or with a Route of ours, is refused: once per
// source and minute.
func (r *Request) tellRefusal() {
	e, why := r.unit.e, r.ctx.Refusal.String()
	switch {
	case r.ctx.Refusal != proxy.NotRefused:
		r.unit.count.tickets.Add(1)
	case r.inDialog:
		why = noRoute
	default:
		return
	}
	from := r.Source().Addr
	silent, ok := e.refusals.May(why, from.Addr(), e.clock.Wall())
	if !ok {
		return
	}
	e.log.Warn("refused a request within a dialog: "+why, "source", from, "call_id", string(r.callID()),
		"method", r.methodText(), "uri", string(r.ctx.Req.RequestURI()), "suppressed", silent)
}
