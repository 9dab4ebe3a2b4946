package proxy

import (
	"errors"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// Stateless forwarding (§16.11): of what the router forwards, and of the ACK of a 2xx, which has no transaction.

// Forward sends the request on without a transaction. t nil follows the request's own Route or Request-URI.
// The branch is the same for each retransmission, CANCEL and ACK of a request, and its responses come back by it alone.
func (x *Context) Forward(t *Target) error {
	if t == nil {
		t = vouched
	}
	c := x.core
	via, err := x.Req.TopVia()
	if err != nil {
		return err
	}
	cs, err := x.Req.CSeq()
	if err != nil {
		return err
	}
	var space [longestStateless]byte
	branch := text(c.Signer.appendStateless(space[:0], &via, x.Req.CallID(), cs.Number, x.Server.From.Flow))
	m := c.takeMessage()
	if err := x.compose(m, t, &noOptions.Defaults); err != nil {
		c.giveMessage(m)
		return err
	}
	if x.Req.Method() != message.MethodAck && x.changes(m) {
		c.giveMessage(m)
		return errStateful
	}
	hop, peer, err := x.destination(m, t, &noOptions.Defaults)
	if err != nil {
		c.giveMessage(m)
		return err
	}
	if hop == nil {
		defer c.giveMessage(m)
		err := x.sendStateless(m, peer, t, branch)
		if errors.Is(err, transport.ErrFlowGone) && !x.recordRoute {
			for _, p := range x.withoutFlow(m, &peer, t, &noOptions.Defaults) {
				err = x.sendStateless(m, p, t, branch)
			}
		}
		return err
	}
	m.Detach()
	later, server := *x, *x.Server // x and its Server serve another request by then
	kept := strings.Clone(branch)
	later.Req, later.Server = nil, &server
	c.Resolver.Resolve(c.Lane, hop, func(peers []transport.Peer, err error) {
		if err == nil && len(peers) == 0 {
			err = errNoDestination
		}
		if err == nil {
			err = later.sendStateless(m, peers[0], t, kept)
		}
		if err != nil && c.Log != nil {
			c.Log.Info("not forwarded", "call_id", string(m.CallID()), "target", t.String(), "err", err)
		}
		c.giveMessage(m)
	})
	return nil
}

func (x *Context) sendStateless(m *message.Message, p transport.Peer, t *Target, branch string) error {
	to := &x.core.peer
	*to = p
	out, err := x.socket(to, t, &noOptions.Defaults)
	if err != nil {
		return err
	}
	if x.recordRoute {
		callee := x.calleeSide(m, to, out, t, &noOptions.Defaults)
		x.core.recordRoute(m, &x.caller, &callee, x.recordParams)
	}
	if to.Kind.Reliable() {
		m.EnsureContentLength()
	}
	return x.core.Layer.Forward(m, to, branch)
}

// Stray sends on the response to a request that was forwarded statelessly; any other response that belongs to no transaction is dropped, and
// false returned. Our Via is taken off in any case.
func (c *Core) Stray(a *transaction.Arrival) bool {
	m := a.Msg
	own, err := m.TopVia()
	if err != nil || !c.ourSentBy(&own) {
		return false
	}
	m.RemoveElement(message.HeaderVia, 0)
	below, err := m.TopVia()
	if err != nil { // or there is none
		return false
	}
	cs, err := m.CSeq()
	if err != nil {
		return false
	}
	flow, ok := c.Signer.statelessHolds(own.Branch(), &below, m.CallID(), cs.Number)
	if !ok {
		return false
	}
	to := &c.peer
	if *to, err = transaction.RouteResponse(m); err != nil {
		return false
	}
	to.Flow = flow
	if code := m.Status(); code >= 200 && code < 300 {
		c.need(to.Flow, cs.Method)
	}
	if to.Local == nil && to.Flow == 0 && a.Local != nil && a.Local.Kind == to.Kind {
		to.Local = a.Local
	}
	return c.Layer.ForwardResponse(m, to) == nil
}

// Locate finds the addresses of a target, or of uri where the target names no other; done is called once, on the lane.
func (c *Core) Locate(t *Target, uri string, done func([]transport.Peer, error)) {
	var m message.Message
	x := Context{core: c}
	text := message.AppendRequest(nil, &message.RequestSpec{Method: "OPTIONS", URI: uri, Routes: t.Path, From: "<sip:a@b>", To: "<sip:a@b>", CallID: "x", CSeq: 1, MaxForwards: 70})
	if err := m.Parse(text, &c.Limits); err != nil {
		done(nil, err)
		return
	}
	hop, peer, err := x.destination(&m, t, &noOptions.Defaults)
	switch {
	case err != nil:
		done(nil, err)
	case hop == nil:
		done([]transport.Peer{peer}, nil)
	default:
		c.Resolver.Resolve(c.Lane, hop, done)
	}
}

// ComposeOwn makes the edits of a target on a request of this server's own.
func (c *Core) ComposeOwn(m *message.Message, t *Target) error {
	for i := len(t.Path) - 1; i >= 0; i-- {
		m.InsertTop(message.HeaderRoute, view(t.Path[i]))
	}
	if t.URI != "" {
		m.SetRequestURI(requestURI(t.URI))
	}
	return apply(m, t.Headers)
}

// SendOwn sends a request of this server's own, composed for t, in a transaction. m is not kept.
func (c *Core) SendOwn(m *message.Message, p *transport.Peer, t *Target, owner transaction.Owner) (*transaction.Client, error) {
	x := Context{core: c, Server: &transaction.Server{}}
	if _, err := x.socket(p, t, &noOptions.Defaults); err != nil {
		return nil, err
	}
	return c.Layer.Send(m, p, "", owner)
}
