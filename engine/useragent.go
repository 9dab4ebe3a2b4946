package engine

// What a user agent on this server needs (package engine/dialog): to answer a request by itself,
// and to send INVITEs outside of what the proxy does.

import (
	"errors"
	"fmt"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// ErrDecided is the error of [Request.Serve] for a request that was decided, or is over.
var ErrDecided = errors.New("engine: the request has been decided, or is over")

// Incoming is a request that a user agent on this server answers: [Request.Serve]. It belongs to
// the lane of its request.
type Incoming struct {
	unit      *unit
	s         *transaction.Server
	method    message.Method
	cancelled func(cancel *message.Message)
	success   []byte // the 2xx to an INVITE, for as long as it is repeated
}

// Serve makes a user agent the one that answers the request, and takes the decision. The router may
// still read the request; its context no longer ends with the caller's CANCEL, which cancelled is
// told. An ACK is taken, and has no answer: nil.
func (r *Request) Serve(cancelled func(cancel *message.Message)) (*Incoming, error) {
	if r.decided || r.ctx.IsOver() || r.strayCancel() {
		return nil, ErrDecided
	}
	r.decided = true
	if r.method == message.MethodAck {
		return nil, nil
	}
	i := &Incoming{unit: r.unit, method: r.method, cancelled: cancelled}
	i.s = r.ctx.Surrender()
	i.s.User = i
	return i, nil
}

// Message is the request; nil once a final response was sent.
func (i *Incoming) Message() *message.Message { return i.s.Req }

// Source is where it came from.
func (i *Incoming) Source() Endpoint {
	f := &i.s.From
	return Endpoint{Addr: f.Source, Transport: f.Kind}
}

// Answered is the code of the final response, 0 before.
func (i *Incoming) Answered() int { return i.s.Answered() }

// Answer sends a response; toTag is that of a request that has none. headers are checked, as for
// [Request.Reply]. The 2xx to an INVITE is kept for Repeat.
func (i *Incoming) Answer(code int, reason, toTag string, o *ReplyOptions) error {
	if i.s.Req == nil {
		return ErrDecided
	}
	headers, body, err := o.lines()
	if err != nil {
		return err
	}
	text := message.AppendResponse(make([]byte, 0, 768+len(body)), i.s.Req, code, reason, toTag, headers, body)
	var res message.Message
	if err := res.Parse(text, &i.unit.e.config.Limits); err != nil {
		return err
	}
	if code >= 200 {
		i.unit.answered(i.method, code)
		i.cancelled = nil
	}
	if i.method == message.MethodInvite && code/100 == 2 {
		i.success = text
	}
	return i.s.Respond(&res)
}

// OnCancel replaces whom the caller's CANCEL is told.
func (i *Incoming) OnCancel(f func(cancel *message.Message)) { i.cancelled = f }

// Repeat sends the 2xx to an INVITE again (RFC 3261 §13.3.1.4).
func (i *Incoming) Repeat() {
	var res message.Message
	if len(i.success) > 0 && res.Parse(i.success, &i.unit.e.config.Limits) == nil {
		_ = i.s.Respond(&res)
	}
}

// Acknowledged forgets the 2xx: its ACK has come, or nobody waits for it.
func (i *Incoming) Acknowledged() { i.success = nil }

// Inviter hears what becomes of an INVITE of [Engine.Invite], on the lane of its Call-ID.
type Inviter interface {
	// Progress is told each provisional response above 100, and each 2xx, again when it comes
	// again. res is valid until the call returns.
	Progress(i *Invitation, res *message.Message)
	// Refused is told the final response that is a failure, or why there is none. It is the last
	// call, except for a 2xx that comes all the same.
	Refused(i *Invitation, res *Response, err error)
}

// Invitation is an INVITE of [Engine.Invite]. It belongs to the lane of its Call-ID.
type Invitation struct {
	o *outgoing
	h Inviter
}

// Invite sends an INVITE of a user agent on this server, and returns at once. The Call-ID of s is
// one of the lane l ([Engine.NewCallID]), whose token the caller holds; contact is the user part of
// the Contact that it gets, which names the listener it leaves from. Nothing limits its time but
// Timer B (RFC 3261 §17.1.1.2). Each 2xx is the caller's to acknowledge, by [Engine.Acknowledge].
func (e *Engine) Invite(l *lane.Lane, s *SendSpec, contact string, h Inviter) (*Invitation, error) {
	o, home, err := e.outgoing(s, true)
	if err != nil {
		return nil, err
	}
	if home.lane != l {
		return nil, misuse("invite: the Call-ID is of another lane")
	}
	o.contact, o.named = contact, true
	i := &Invitation{o: o, h: h}
	o.calls = i
	// Not now: the caller must have its Invitation before it hears of it.
	l.Return(lane.Func(func(*lane.Lane) { o.start(home) }))
	return i, nil
}

// response is one that is no failure, or comes late.
func (i *Invitation) response(c *transaction.Client, res *message.Message) {
	if code := res.Status(); code <= 100 || code >= 300 {
		return
	}
	i.o.unit.core.Disbelieve(res, c.To())
	i.h.Progress(i, res)
}

func (i *Invitation) refused(res *Response, err error) { i.h.Refused(i, res, err) }

// Cancel cancels it (§9.1), with these headers; a 2xx may come all the same. One that was not sent
// yet never is.
func (i *Invitation) Cancel(headers ...HeaderEdit) {
	o := i.o
	o.given = true
	switch {
	case o.client != nil:
		if proxy.CheckEdits(headers) != nil {
			headers = nil
		}
		o.client.Cancel(proxy.AppendLines(nil, headers))
	case !o.ended:
		o.unit = o.e.unitOf(o.text, string(i.callID()))
		o.end(nil, ErrRequestOver)
	}
}

func (i *Invitation) callID() []byte {
	var m message.Message
	if m.Parse(i.o.text, &i.o.e.config.Limits) != nil {
		return nil
	}
	return append([]byte(nil), m.CallID()...)
}

// Reliable reports whether it went over a transport that loses nothing: its transaction is over as
// soon as it was refused (§17.1.1.2, Timer D).
func (i *Invitation) Reliable() bool { return i.o.client != nil && i.o.client.To().Kind.Reliable() }

// CSeq is the number that it has: answering a challenge raises it.
func (i *Invitation) CSeq() uint32 {
	cs, err := i.o.msg.CSeq()
	if err != nil {
		return 0
	}
	return cs.Number
}

// Credentials are the headers that answered challenges to it: its ACK has the same (§13.2.2.4).
func (i *Invitation) Credentials() []HeaderEdit { return credentialsIn(&i.o.msg) }

// credentialsIn are the credentials that a request has.
func credentialsIn(m *message.Message) (list []HeaderEdit) {
	for _, id := range [...]message.HeaderID{message.HeaderAuthorization, message.HeaderProxyAuthorization} {
		for i := m.Find(id, 0); i >= 0; i = m.Find(id, i+1) {
			list = append(list, HeaderEdit{Name: id.String(), Values: []string{string(m.Value(i))}})
		}
	}
	return list
}

// ReachOf is Reach for a response to an INVITE that is over, without the connection it came by. The
// token of the lane is held.
func (e *Engine) ReachOf(l *lane.Lane, res *message.Message) Reach {
	return l.Local.(*unit).core.UAReach(res, nil, nil)
}

// Reach is where the sender of a response to it is reached by later requests (§12.1.2).
func (i *Invitation) Reach(res *message.Message) Reach {
	return i.o.unit.core.UAReach(res, &i.o.msg, i.o.client.To())
}

// nameContact writes the Contact: where a peer reaches this server.
func (o *outgoing) nameContact(p *transport.Peer) {
	l, err := o.unit.core.Socket(p, o.target)
	if err != nil {
		return
	}
	ruri := o.msg.RequestURI()
	_ = o.msg.Set("Contact", contactOn(l, o.contact, sips(ruri)))
}

// Acknowledgement is the ACK of a 2xx that a user agent on this server sends, as often as the 2xx
// comes.
type Acknowledgement struct {
	u     *unit
	text  []byte
	to    transport.Peer
	ready bool
	found bool // where it goes, or that this cannot be found
}

// Acknowledge sends the ACK of a 2xx to an INVITE (§13.2.2.4), by a way of its own (§12.2.1.1): s
// has the CSeq number of the INVITE, From and To with their tags, and the Target. l is the lane of
// the call.
func (e *Engine) Acknowledge(l *lane.Lane, s *SendSpec) (*Acknowledgement, error) {
	u, ok := l.Local.(*unit)
	if !ok || s.Target == nil || !tagged(s.From) { // To: RFC 3261 §12.1.2
		return nil, misuse("acknowledge: a target, and a tag in From, are wanted")
	}
	t := s.Target
	a := &Acknowledgement{u: u}
	a.text = message.AppendRequest(make([]byte, 0, 384+len(s.Body)), &message.RequestSpec{Method: "ACK", URI: t.URI, From: s.From, To: s.To, CallID: s.CallID, CSeq: s.CSeq,
		Routes: t.Path, Headers: proxy.AppendLines(nil, s.Headers), ContentType: s.ContentType, Body: s.Body})
	u.core.Locate(t, t.URI, func(peers []transport.Peer, err error) {
		if a.found = true; err != nil || len(peers) == 0 {
			return
		}
		a.to = peers[0]
		if _, err := u.core.Socket(&a.to, t); err == nil {
			a.ready = true
			a.Again()
		}
	})
	return a, nil
}

// Again sends it once more: its 2xx has come again.
func (a *Acknowledgement) Again() {
	var ack message.Message
	if !a.ready || ack.Parse(a.text, &a.u.e.config.Limits) != nil {
		return
	}
	to := a.to
	_ = a.u.core.Layer.Forward(&ack, &to, string(a.u.core.Layer.AppendBranch(nil)))
}

// Bring has the ACK be sent again from another lane. It reports false while it is not known where
// it goes. The token of its lane is held.
func (a *Acknowledgement) Bring(to *lane.Lane) bool {
	u, ok := to.Local.(*unit)
	if !ok || !a.found {
		return false
	}
	a.u = u
	return true
}

// NewCallID is a Call-ID whose messages come to the lane l.
func (e *Engine) NewCallID(l *lane.Lane) string {
	for {
		id := fmt.Sprintf("%016x%016x", e.Random(l), e.Random(l))
		if e.laneOf([]byte(id)) == l {
			return id
		}
	}
}

// Timers are those of transactions.
func (e *Engine) Timers() transaction.Timers { return e.config.Timers }
