package proxy

import (
	"errors"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// Stateless forwarding (§16.11): of what the router forwards, and of the ACK of a 2xx, which has no
// transaction.

// Forward sends the request on without a transaction. t nil follows the request's own Route or
// Request-URI. The branch is the same for each retransmission, CANCEL and ACK of a request, and its
// responses come back by it alone.
func (x *Context) Forward(t *Target) error {
	var space [longestStateless]byte
	name, err := x.appendStateless(space[:0])
	if err != nil {
		return err
	}
	return x.forwardAs(t, text(name))
}

// PassAck forwards the ACK of a 2xx to an INVITE that this server handled. Its branch is like any
// other: nobody answers an ACK, so it carries no way back.
func (x *Context) PassAck(t *Target) error {
	var space [2 * longestStateless]byte
	return x.forwardAs(t, text(x.core.Layer.AppendBranch(space[:0])))
}

func (x *Context) forwardAs(t *Target, branch string) error {
	if t == nil {
		t = vouched
	}
	c := x.core
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
	if _, before := c.parked[branch]; hop == nil && !before {
		defer c.giveMessage(m)
		err := x.sendStateless(m, peer, t, branch)
		if errors.Is(err, transport.ErrFlowGone) && !x.recordRoute {
			for _, p := range x.withoutFlow(m, &peer, t, &noOptions.Defaults) {
				err = x.sendStateless(m, p, t, branch)
			}
		}
		return err
	}
	return x.park(m, t, hop, peer, branch)
}

// appendStateless appends the branch that the request is forwarded with.
func (x *Context) appendStateless(dst []byte) ([]byte, error) {
	via, err := x.Req.TopVia()
	if err != nil {
		return nil, err
	}
	cs, err := x.Req.CSeq()
	if err != nil {
		return nil, err
	}
	var way [longestWay]byte
	to := x.Server.ReplyTo()
	return x.core.appendWithWay(dst, &via, x.Req.CallID(), cs.Number, appendWay(way[:0], &to)), nil
}

// MayForward reports whether the request can still be forwarded without a transaction. If its
// router waited, it has had one in the meantime: it may have been answered 100, so that its client
// no longer retransmits, and its retransmissions were absorbed; and the transaction would take the
// CANCEL of a copy that was forwarded.
func (x *Context) MayForward() bool {
	return x.Server.Stateless || !x.waited && !x.Server.Provisional()
}

// Sustain forks to one target, or along the request's own route if nil, with the branch that
// Forward would use: copies forwarded earlier are the same request to their recipients, and their
// responses and CANCELs belong to this transaction. It is for requests that cannot be forwarded. o
// may be nil.
func (x *Context) Sustain(t *Target, o *ForkOptions) {
	if o == nil {
		o = &ForkOptions{}
	}
	if branch, err := x.appendStateless(nil); err == nil {
		o.branch = string(branch)
	}
	if t == nil {
		x.Vouched(o, true)
	} else {
		x.Fork([]*Target{t}, o, true)
	}
}

// parked is a message that waits for the addresses of its next hop, or for one before it with the
// same branch: a CANCEL must not overtake its INVITE, or the phone would ring on.
type parked struct {
	x      Context // copies: the request's own are used again meanwhile
	server transaction.Server
	m      *message.Message
	t      *Target
	hop    *NextHop // nil: peer is known
	peer   transport.Peer
	branch string
}

// mostParked bounds how many wait behind the first with the same branch: an INVITE that is sent
// seven times, its CANCEL, and some reserve.
const mostParked = 16

var errParked = errors.New("too many retransmissions are waiting for the address of the next hop")

func (x *Context) park(m *message.Message, t *Target, hop *NextHop, peer transport.Peer, branch string) error {
	c := x.core
	queue, before := c.parked[branch]
	if len(queue) >= mostParked {
		c.giveMessage(m)
		return errParked
	}
	m.Detach()
	p := &parked{x: *x, server: *x.Server, m: m, t: t, hop: hop, peer: peer, branch: strings.Clone(branch)}
	p.x.Req, p.x.Server = nil, &p.server
	if before {
		c.parked[p.branch] = append(queue, p)
		return nil
	}
	if c.parked == nil {
		c.parked = map[string][]*parked{}
	}
	c.parked[p.branch] = nil
	p.find()
	return nil
}

// find has the address looked up, sends, and continues with what waits behind.
func (p *parked) find() {
	if p.hop == nil {
		p.send([]transport.Peer{p.peer}, nil)
		return
	}
	p.x.core.Resolver.Resolve(p.x.core.Lane, p.hop, p.send)
}

func (p *parked) send(peers []transport.Peer, err error) {
	c := p.x.core
	if err == nil && len(peers) == 0 {
		err = errNoDestination
	}
	if err == nil {
		err = p.x.sendStateless(p.m, peers[0], p.t, p.branch)
	}
	if err != nil {
		c.Unsent("not forwarded", p.m.CallID(), p.x.Server.From.Source.Addr(), p.t, err)
	}
	c.giveMessage(p.m)
	queue := c.parked[p.branch]
	if len(queue) == 0 {
		delete(c.parked, p.branch)
		return
	}
	c.parked[p.branch] = queue[1:]
	queue[0].find()
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
		x.writeRecordRoute(m, x.caller, &callee, x.rare().recordParams)
	}
	x.refreshedBy(m)
	x.core.hide(m, to)
	if err := x.disguise(m, out); err != nil {
		return err
	}
	if to.Kind.Reliable() {
		m.EnsureContentLength()
	}
	if x.asked == 0 {
		return x.core.Layer.Forward(m, to, branch)
	}
	var space [2 * longestStateless]byte
	return x.core.Layer.Forward(m, to, text(x.appendProof(append(space[:0], branch...), m)))
}

// Locate finds the addresses of a target, or of uri if the target names no other; done is called
// once, on the lane.
func (c *Core) Locate(t *Target, uri string, done func([]transport.Peer, error)) {
	m := c.takeMessage()
	defer c.giveMessage(m)
	x := Context{core: c}
	var space [512]byte
	text := message.AppendRequest(space[:0], &message.RequestSpec{Method: "OPTIONS", URI: uri, Routes: t.Path, From: "<sip:a@b>", To: "<sip:a@b>", CallID: "x", CSeq: 1, MaxForwards: 70})
	if err := m.Parse(text, &c.Limits); err != nil {
		done(nil, err)
		return
	}
	hop, peer, err := x.destination(m, t, &noOptions.Defaults)
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
	if err := apply(m, t.Headers); err != nil {
		return err
	}
	c.withhold(m, true)
	return nil
}

// Socket chooses the listener that a request of this server's own leaves from, and sets it on p if
// it is not the first that can send there.
func (c *Core) Socket(p *transport.Peer, t *Target) (*transport.Local, error) {
	x := Context{core: c, Server: &transaction.Server{}}
	return x.socket(p, t, &noOptions.Defaults)
}

// SendOwn sends a request of this server's own, composed for t, in a transaction. d hides the party
// in whose name it is from whom it goes to; nil: nobody is hidden. m is not kept.
func (c *Core) SendOwn(m *message.Message, p *transport.Peer, t *Target, d *Disguise, owner transaction.Owner) (*transaction.Client, error) {
	out, err := c.Socket(p, t)
	if err != nil {
		return nil, err
	}
	if d != nil || c.hides(m, p) {
		own := c.takeMessage()
		defer c.giveMessage(own)
		m.CopyTo(own) // m may be sent elsewhere yet
		c.hide(own, p)
		if err := c.disguiseOwn(own, d, out); err != nil {
			return nil, err
		}
		m = own
	}
	return c.Layer.Send(m, p, "", owner)
}
