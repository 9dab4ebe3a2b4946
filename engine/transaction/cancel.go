package transaction

import (
	"github.com/sipscript/sipscript/engine/message"
)

// This file is CANCEL (§9): the server side, where it is answered and the user informed, and the
// client side, where it follows an INVITE of ours.

// cancel handles a CANCEL that arrived (§9.2). It matches its transaction by everything except the
// method. It is a transaction of its own, answered 200 here; the INVITE's answer is left to the
// user: a proxy forwards the 487 of its branches, or a 2xx that was faster (§16.10).
func (l *Layer) cancel(a *Arrival) {
	key, ok := l.serverKey(a.Msg, message.MethodCancel, a.Msg.ToTag())
	if !ok {
		l.lose(a, EventUnreadable)
		return
	}
	if s := l.servers[key]; s != nil {
		l.count(EventRetransmissionIn)
		s.feed(evRequest, nil) //nolint:errcheck // counted in feed
		return
	}
	of := l.cancelled(a.Msg)
	if of == nil {
		l.count(EventUnmatchedCancel)
		l.stateless(a)
		return
	}
	a.Msg.SetReceived(a.Source)
	l.answerCancel(a, key)
	if of.method == message.MethodInvite && of.state == Proceeding {
		l.user.Cancelled(of, a.Msg)
	}
}

// cancelled is the transaction that a CANCEL is for, or nil if there is none. Only an INVITE is
// ended by one; for any other request it has no effect, and is answered 200 all the same (§9.2).
// Requests with an extension method are not found: their keys contain the method name, which a
// CANCEL does not have.
func (l *Layer) cancelled(m *message.Message) *Server {
	for method := message.MethodInvite; method <= message.MethodUpdate; method++ {
		if method == message.MethodCancel {
			continue
		}
		if key, ok := l.serverKey(m, method, m.ToTag()); ok && l.servers[key] != nil {
			return l.servers[key]
		}
	}
	return nil
}

// answerCancel answers 200, with the To tag of the INVITE's responses made here (§9.2). The
// transaction keeps no copy of the request.
func (l *Layer) answerCancel(a *Arrival, key serverKey) {
	s := &Server{key: key}
	l.fill(s, a)
	s.replyTo(a)
	s.state = Trying
	l.servers[key] = s
	var tag [16]byte
	l.out = a.respell(message.AppendResponse(l.out[:0], a.Msg, 200, "", string(l.appendTag(tag[:0], a.Msg)), l.lines(nil), nil))
	s.feed(ev2xx, &outgoing{code: 200, bytes: l.out}) //nolint:errcheck // counted in feed
}

// Cancel cancels an INVITE (§9.1): the CANCEL waits for the first provisional, carries the INVITE's
// branch, Route and CSeq number, and runs as its own transaction to the same peer. headers are
// whole lines (Reason: …). If no final response follows within 64*T1, the owner receives
// ErrTimeout. It does nothing on a transaction with a final response, or with another method, or
// when called again.
func (c *Client) Cancel(headers []byte) {
	if c.cancelled || c.method != message.MethodInvite || (c.state != Calling && c.state != Proceeding) {
		return
	}
	c.cancelled = true
	if c.state == Calling {
		if len(headers) > 0 {
			c.seldom().cancelHeaders = append([]byte(nil), headers...)
		}
		headers = nil
	}
	c.terms.layer.reason = headers
	c.feed(evCancel, nil)
}

// cancelStep does the part of a step that is about a CANCEL.
func (c *Client) cancelStep(do action, e event) {
	switch {
	case do&doAwait1xx != 0:
		c.waiting = true
	case do&doSendCancel != 0:
		l := c.terms.layer
		headers := l.reason
		if l.reason = nil; c.rare != nil && headers == nil {
			headers, c.rare.cancelHeaders = c.rare.cancelHeaders, nil
		}
		c.sendCancel(headers)
	case c.waiting && c.state == Proceeding && e == ev1xx:
		c.waiting = false
		c.feed(evCancel, nil)
	}
}

// sendCancel starts the CANCEL's own client transaction. Nobody receives its responses: its effect
// shows in the INVITE's. If it cannot be sent, the INVITE's Timer B, started with it, still bounds
// the wait.
func (c *Client) sendCancel(headers []byte) {
	l := c.terms.layer
	if err := l.reparse.Parse(c.sent, &ownLimits); err != nil {
		return
	}
	l.out = message.AppendCancel(l.out[:0], &l.reparse, headers)
	l.reparse.Reset()
	x := &Client{terms: c.terms, method: message.MethodCancel, branch: c.branch, to: c.to}
	x.sent = l.stored.keep(nil, l.out)
	l.begin(x, l.cancels) //nolint:errcheck // counted in begin
}
