package proxy

// Witnesses: who keeps account of what becomes of a request, on its path and at little cost.

import (
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// Witness sees what becomes of a request, after all who may change that. It is called on the
// request's lane, and must not block.
type Witness interface {
	// Sending is called for each branch that is about to be sent, whose headers it may still
	// change.
	Sending(b *Branch)
	// Answering is called for each response except 100 that is about to go on, again for one that
	// comes again, and for the final outcome of each branch. If it returns false, a 2xx to an
	// INVITE is acknowledged and does not go on; it has no effect on others.
	Answering(a *Answer) bool
	// Ended is called once, when nothing of the request is left to be sent; code is the final one,
	// 0 for none. A 2xx may come later yet.
	Ended(code int)
}

// Answer is a response as a Witness sees it, until Answering returns.
type Answer struct {
	// Branch is the one that it is of; nil for a 2xx that comes when the request is long over.
	Branch *Branch
	// Message is the response, as it goes on to the caller; a start line alone if it was made here.
	// Headers of those below 300 may be changed.
	Message *message.Message
	Cause   string // "" for a response from the network, otherwise one of the Cause constants
	// Asked is the CSeq number that the callee answers; the caller's may be another.
	Asked uint32

	core *Core
	req  *message.Message // nil: it is gone
	from *transport.Peer  // nil if it was made here
}

// Reach is where a party of a dialog is reached by requests of this server's own (§12.2.1.1).
type Reach struct {
	URI    string           // its remote target: the URI in its Contact; "" for none
	Routes []string         // the Route set from here
	Flow   transport.FlowID // the connection that leads to it; 0 for none
	Only   bool             // nothing else leads to it
	At     string           // where a NAT has it: "udp:192.0.2.7:1024"; "" for none
	Socket string           // the listener it is reached from; "" if any will do
	CallID string           // the Call-ID by which it knows the dialog, if that is another
}

// Target is what a request to the party is sent to.
func (r *Reach) Target() *Target {
	t := &Target{URI: r.URI, Path: r.Routes}
	if r.Flow != 0 || r.At != "" {
		t.Flow, t.FlowOnly, t.Received, t.FromSocket = r.Flow, r.Only, r.At, r.Socket
		return t
	}
	t.FromSocket, t.FromHome = r.Socket, r.Socket != ""
	return t
}

// put sets what the side of a party says; no more than its network if its Contact will do.
func (c *Core) put(r *Reach, s *side) {
	if s.local == nil {
		return
	}
	if !s.named() {
		c.putHome(r, s.local)
		return
	}
	r.Socket, r.Flow, r.Only = s.local.Name, s.flow, s.only
	if s.nat != nil {
		r.At = "udp:" + s.nat.Addr.String()
	}
}

// putHome sets the listener that a party is reached from.
func (c *Core) putHome(r *Reach, home *transport.Local) {
	if name := c.home(home); name != "" {
		r.Socket = name
	}
}

// home is the name of a listener, if requests could leave from another one: one with another
// address, or of the same kind; otherwise "".
func (c *Core) home(home *transport.Local) string {
	if home == nil {
		return ""
	}
	ip := home.Addr.Addr()
	for _, l := range c.Wire.Locals() {
		if o := l.Addr.Addr(); l != home && o.Is4() == ip.Is4() && (o != ip || l.Kind == home.Kind) {
			return home.Name
		}
	}
	return ""
}

// CallerReach is where the sender of a request that begins a dialog, or refreshes it, is reached.
func (x *Context) CallerReach() Reach {
	contact := contactURI(x.Req)
	r := Reach{URI: string(contact)}
	if v := x.Server.From.Veil; v != nil {
		r.CallID = v.CallID
	}
	if x.Req.ToTag() == nil {
		for e := x.Req.Elements(message.HeaderRecordRoute); e.Next(); { // §12.1.1: in their order
			r.Routes = append(r.Routes, string(e.Value))
		}
	}
	if len(r.Routes) > 0 {
		x.core.putHome(&r, x.Server.From.Local)
		return r
	}
	s := x.callerSide()
	if uri, err := message.ParseURI(contact); err == nil && x.core.comesBack(&uri) {
		from := &x.Server.From
		s.where(&transport.Peer{Kind: from.Kind, Addr: from.Source, Flow: from.Flow})
	}
	x.core.put(&r, &s)
	return r
}

// comesBack reports whether requests to a remote target would come back to this server: it is a URI
// of its domains, such as a GRUU (RFC 5627 §6).
func (c *Core) comesBack(uri *message.URI) bool {
	return uri.IsSIP() && c.IsLocal(uri.Host, uri.Port, uri.Scheme)
}

// where has the party be where its messages came from, unless something else is said of it.
func (s *side) where(at *transport.Peer) {
	switch {
	case s.named():
	case at.Flow != 0:
		s.flow, s.only = at.Flow, true
	case at.Kind == transport.UDP:
		s.nat = at
	}
}

// Reach is where the sender of the response is reached. Its URI is one of those known, if they are
// equal, and no copy.
func (a *Answer) Reach(known ...string) Reach {
	contact := contactURI(a.Message)
	r := Reach{URI: copied(contact, known), Routes: a.core.routesTo(a.Message, a.req)}
	if a.Branch != nil {
		r.CallID = a.Branch.fork.x.hiddenAs(a.Message.CallID())
	}
	if a.from == nil {
		return r
	}
	if len(r.Routes) > 0 {
		a.core.putHome(&r, a.from.Local)
		return r
	}
	var s side
	if a.Branch != nil {
		s = a.Branch.rare().way
	}
	if s.local == nil {
		s.local = a.from.Local
	}
	if uri, err := message.ParseURI(contact); err == nil && (uriUnreached(&uri, a.from) || a.core.comesBack(&uri)) {
		s.where(a.from)
	}
	a.core.put(&r, &s)
	return r
}

// copied is a text that stays: one of those known, if there is an equal one.
func copied(b []byte, known []string) string {
	for _, s := range known {
		if s == string(b) {
			return s
		}
	}
	return string(b)
}

// Witness has w see what becomes of the request from now on.
func (x *Context) Witness(w Witness) {
	more := x.seldom()
	if more.witnesses == nil {
		more.witnesses = more.room[:0]
	}
	more.witnesses = append(more.witnesses, w)
}

// sending shows the witnesses a branch.
func (b *Branch) sending() {
	if x := b.fork.x; len(x.rare().witnesses) > 0 {
		defer x.core.caught()
		for _, w := range x.rare().witnesses {
			w.Sending(b)
		}
	}
}

// witnessed shows the witnesses a response, and reports whether it may go on.
func (b *Branch) witnessed(m *message.Message, from *transport.Peer, asked uint32, cause string) bool {
	x := b.fork.x
	if len(x.rare().witnesses) == 0 {
		return true
	}
	a := &x.core.shown
	*a = Answer{Branch: b, Message: m, Cause: cause, Asked: asked, core: x.core, req: x.Req, from: from}
	return a.show(x.rare().witnesses)
}

// At is when the lane began the work that brought it.
func (a *Answer) At() lane.Time { return a.core.Lane.Now() }

// show shows the answer to those who see it, and reports whether it may go on.
func (a *Answer) show(list []Witness) (keep bool) {
	keep = true
	defer a.core.caught()
	for _, w := range list {
		keep = w.Answering(a) && keep
	}
	if keep {
		return true
	}
	code := a.Message.Status()
	return code < 200 || code >= 300 || !isInvite(a.Message)
}

// caught is deferred around calls of witnesses: one that panics has said nothing.
func (c *Core) caught() {
	if v := recover(); v != nil {
		c.panicked(v)
	}
}

// turnAway settles a branch with a 2xx that a witness kept from going on: its callee is answered
// with ACK, and whoever kept it ends the dialog.
func (b *Branch) turnAway(m *message.Message, s *asSent) {
	x := b.fork.x
	if spec, ok := x.core.ackOf(m, x.Req, s); ok && b.client != nil {
		spec.CallID = x.knownAs(m.CallID())
		if spec.Headers = b.carried(); spec.Headers != nil {
			b.alter().carried = spec.Headers
		}
		x.core.acknowledge(&refusal{ack: message.AppendRequest(nil, &spec), to: *b.client.To()})
	}
	own := NewResponse(480, CauseCancelled, b.target.shown())
	own.branch = b
	b.conclude(own)
	if b.held { // its 2xx will not win
		b.held = false
		x.held--
		x.check()
	}
}

// askedOf is the number in the CSeq of a response, as it came.
func (x *Context) askedOf(m *message.Message, s *asSent) uint32 {
	if s != nil {
		return s.cseq
	}
	if len(x.rare().witnesses) == 0 {
		return 0
	}
	cs, err := m.CSeq()
	if err != nil {
		return 0
	}
	return cs.Number
}

// tellEnd tells the witnesses that nothing of the request is left.
func (x *Context) tellEnd() {
	if x.accounted {
		return
	}
	x.accounted = true
	defer x.core.caught()
	for _, w := range x.rare().witnesses {
		w.Ended(x.Answered())
	}
}

// Witnesses are those of the request.
func (x *Context) Witnesses() []Witness { return x.rare().witnesses }
