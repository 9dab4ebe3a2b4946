package proxy

import (
	"net/netip"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// Connections that are lost while a request waits for its response on them. The client at the other
// end of a flow sends the response there and nowhere else (RFC 5626 §4.2), so waiting for it is in
// vain.

// watched are the branches that wait for an answer on a flow, by flow; each list is linked through
// the branches.
type watched map[transport.FlowID]*Branch

// watch enters b among those that wait on a flow. It is called before the request is sent, so that
// whatever happens to the flow afterwards is reported.
func (b *Branch) watch(id transport.FlowID) {
	c := b.fork.x.core
	if c.watched == nil {
		c.watched = watched{}
	}
	r := b.seldom()
	r.onFlow, r.nextOn = id, c.watched[id]
	if r.nextOn != nil {
		r.nextOn.extra.prevOn = b
	}
	c.watched[id] = b
	c.watching.Add(1)
}

// unwatch is the end of watch.
func (b *Branch) unwatch() {
	r := b.extra
	if r == nil || r.onFlow == 0 {
		return
	}
	c := b.fork.x.core
	if r.nextOn != nil {
		r.nextOn.extra.prevOn = r.prevOn
	}
	switch {
	case r.prevOn != nil:
		r.prevOn.extra.nextOn = r.nextOn
	case r.nextOn != nil:
		c.watched[r.onFlow] = r.nextOn
	default:
		delete(c.watched, r.onFlow)
	}
	r.onFlow, r.nextOn, r.prevOn = 0, nil, nil
	c.watching.Add(-1)
}

// WaitsOnFlows reports, on any goroutine, whether any branch waits for a response on a flow.
func (c *Core) WaitsOnFlows() bool { return c.watching.Load() > 0 }

// FlowClosed ends the waits on a connection that is gone. Call it with the lane's token.
func (c *Core) FlowClosed(id transport.FlowID) {
	for b := c.watched[id]; b != nil; b = c.watched[id] {
		b.unwatch()
		b.lose(b.codeOf(transport.ErrFlowGone))
	}
}

// Lost takes the end of a connection, other than a client's flow, on which the branch was answered
// provisionally.
func (w *waiting) Lost(c *transaction.Client, err error) {
	b := (*Branch)(w)
	if c == b.client && !b.done {
		b.tell(err)
		b.failing(err)
		b.lose(503)
	}
}

// lose settles a branch whose connection is gone. Its transaction stays until it has timed out: a
// 2xx that arrives all the same, on a new connection, still wins.
func (b *Branch) lose(code int) {
	if b.done || b.client == nil {
		return
	}
	b.client.Cancel(nil)
	b.expired = !b.cancelled
	b.cancelled = true
	b.settle(NewResponse(code, CauseUnreachable, b.target.shown()))
}

// need tells the transport that a request with this method was answered 2xx on a connection, if
// that has lasting consequences: a client that registered, here or through us, is called on it, and
// the requests of a dialog may come after hours of silence. The end of that is not reported: the
// connection is closed when it has been idle for long.
func (c *Core) need(k transport.Kind, addr netip.AddrPort, id transport.FlowID, m message.Method) {
	if m != message.MethodRegister && !StartsDialog(m) {
		return
	}
	if id != 0 && c.Need != nil {
		c.Need(id)
	}
	if c.Known != nil {
		c.Known(k, addr, m)
	}
}
