package proxy

import (
	"fmt"
	"slices"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// Responses that must not go on: the router can do nothing with the answer of a branch, such as a
// body for which there is no media relay. A 2xx to an INVITE has made a call of the callee's, which
// has to be acknowledged and ended (RFC 3261 §13.2.2.4, §15).

// BranchError is an error of OnBranch that says how its branch fails: with this code and cause, not
// 503 and "unreachable".
type BranchError struct {
	Code  int    // 400 to 699
	Cause string // what Response.Cause is
	Err   error  // why, for the log
}

// Error says why.
func (e *BranchError) Error() string { return fmt.Sprintf("%s: %v", e.Cause, e.Err) }

// Unwrap is Err.
func (e *BranchError) Unwrap() error { return e.Err }

// refusal is what becomes of a response that was refused.
type refusal struct {
	code  int
	cause string
	ack   []byte // of a 2xx to an INVITE; its retransmissions are answered with it
	to    transport.Peer
}

// asSent are the headers of a response that were changed back to what the caller wrote.
type asSent struct {
	from, to string
	cseq     uint32
}

// Refuse has the branch fail with this code (400 to 699) and cause in place of its response. It
// works in OnResponse. The callee of a 2xx to an INVITE gets ACK and BYE; that of a provisional
// response is cancelled. A final failure becomes another one. Within a dialog 481 is the code that
// has the caller end its side as well (§12.2.1.2).
func (r *Response) Refuse(code int, cause string) { r.refused = &refusal{code: code, cause: cause} }

// refuse ends the branch whose response r was refused.
func (b *Branch) refuse(r *Response) {
	code := r.Code()
	switch {
	case b.client == nil:
	case code < 200:
		if !b.done {
			b.client.Cancel(nil)
			b.client.Quiet()
			b.cancelled = true
		}
	case code < 300 && b.client.Method() == message.MethodInvite:
		b.hangUp(r)
		const most = 16
		if len(b.rare().passed) < most {
			b.seldom().passed = append(b.rare().passed, r)
		}
	}
	own := NewResponse(r.refused.code, r.refused.cause, b.target.shown())
	own.branch = b
	b.conclude(own)
	if b.held { // its 2xx will not win
		b.held = false
		b.fork.x.held--
		b.fork.x.check()
	}
}

// asSent are the headers of m that restore is going to change back, or nil.
func (b *Branch) asSent(m *message.Message) *asSent {
	if b.fork.opts.OnResponse == nil && len(b.fork.x.rare().witnesses) == 0 {
		return nil
	}
	return b.altered.asSent(m)
}

// asSent are the headers of m that restore is going to change back, or nil.
func (a *alteration) asSent(m *message.Message) *asSent {
	if a == nil || a.cseq == "" {
		return nil
	}
	cs, err := m.CSeq()
	if err != nil {
		return nil
	}
	return &asSent{string(m.Header(message.HeaderFrom)), string(m.Header(message.HeaderTo)), cs.Number}
}

// hangUp acknowledges a 2xx and ends its dialog, where the INVITE was sent.
func (b *Branch) hangUp(r *Response) {
	c := b.fork.x.core
	spec, ok := c.ackOf(&r.msg, b.fork.x.Req, r.sent)
	if !ok {
		return
	}
	spec.CallID, spec.Headers = b.fork.x.knownAs(r.msg.CallID()), b.carried()
	r.refused.to = *b.client.To()
	r.refused.ack = message.AppendRequest(nil, &spec)
	c.acknowledge(r.refused)
	spec.Method, spec.CSeq, spec.Headers = "BYE", spec.CSeq+1, nil
	var bye message.Message
	if bye.Parse(message.AppendRequest(nil, &spec), &c.Limits) == nil {
		to := r.refused.to
		_, _ = c.SendOwn(&bye, &to, vouched, nil, nobody{})
	}
}

// carried are the credentials in the INVITE, its sender's or ours, as header lines: the ACK of a
// 2xx has the same (§13.2.2.4).
func (b *Branch) carried() (lines []byte) {
	m := b.msg
	if m == nil { // it has left, and none of the credentials are ours
		m = b.fork.x.Req
	}
	for _, id := range [...]message.HeaderID{message.HeaderAuthorization, message.HeaderProxyAuthorization} {
		for i := m.Find(id, 0); i >= 0; i = m.Find(id, i+1) {
			lines = append(lines, id.String()...)
			lines = append(append(append(lines, ": "...), m.Value(i)...), "\r\n"...)
		}
	}
	return lines
}

// ackOf is the ACK of m, a 2xx to req, which may be nil: to who sent it, as that knows the dialog
// (s, or as m has it). ok is false for one without a Contact (§12.1.1).
func (c *Core) ackOf(m, req *message.Message, s *asSent) (spec message.RequestSpec, ok bool) {
	spec = message.RequestSpec{Method: "ACK", URI: string(contactURI(m)), From: string(m.Header(message.HeaderFrom)),
		To: string(m.Header(message.HeaderTo)), CallID: string(m.CallID()), Routes: c.routesTo(m, req)}
	if cs, err := m.CSeq(); err == nil {
		spec.CSeq = cs.Number
	}
	if s != nil {
		spec.From, spec.To, spec.CSeq = s.from, s.to, s.cseq
	}
	return spec, spec.URI != ""
}

// acknowledge sends the ACK of a 2xx that was refused.
func (c *Core) acknowledge(r *refusal) {
	var ack message.Message
	if len(r.ack) == 0 || ack.Parse(r.ack, &c.Limits) != nil {
		return
	}
	c.withhold(&ack, false)
	to := r.to
	var space [64]byte
	_ = c.Layer.Forward(&ack, &to, text(c.Layer.AppendBranch(space[:0])))
}

// routesTo is the route set from here to the sender of m, a 2xx to req. Within a dialog that is
// what is left of the request's (§12.2.1.1). For a new one it is what Record-Route lists above our
// entry, or above those that the request came with, in reverse order (§12.1.2). req may be nil if
// it began a dialog and our entry is there.
func (c *Core) routesTo(m, req *message.Message) (routes []string) {
	if req != nil && req.ToTag() != nil {
		for e := req.Elements(message.HeaderRoute); e.Next(); {
			routes = append(routes, string(e.Value))
		}
		return routes
	}
	var own answerEntries
	c.findEntries(m, &own)
	for e := m.Elements(message.HeaderRecordRoute); (own.count == 0 || len(routes) < own.at[0].n) && e.Next(); {
		routes = append(routes, string(e.Value))
	}
	if own.count == 0 && req != nil {
		for e := req.Elements(message.HeaderRecordRoute); len(routes) > 0 && e.Next(); {
			routes = routes[:len(routes)-1]
		}
	}
	slices.Reverse(routes)
	return routes
}

// nobody owns a request whose outcome nobody waits for.
type nobody struct{}

func (nobody) Response(*transaction.Client, *message.Message) {}
func (nobody) Failed(*transaction.Client, error)              {}
