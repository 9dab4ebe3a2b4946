package proxy

import (
	"bytes"
	"errors"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
)

// Response processing (§16.7).

// Response handles a response of the branch's server. m is valid until the call returns, so it is
// kept if its turn comes later.
func (w *waiting) Response(c *transaction.Client, m *message.Message) {
	b := (*Branch)(w)
	if c != b.client {
		return
	}
	x := b.fork.x
	code := m.Status()
	b.note(code)
	b.unspare()
	if code != 503 {
		b.answeredAt(c.To())
	} else if !b.early && b.another() { // RFC 3263 §4.3: a 503 is a failure of that server, which may have said 100 before
		b.next()
		return
	}
	if code == 100 { // §16.7 step 5: never forwarded
		return
	}
	if (code == 401 || code == 407) && b.challenged(c, m) {
		return
	}
	x.core.Disbelieve(m, c.To())
	m.RemoveElement(message.HeaderVia, 0) // §16.7 step 3
	if m.Find(message.HeaderVia, 0) < 0 { // it was meant for us, and cannot be forwarded
		if code >= 200 {
			b.settle(NewResponse(503, CauseUnreachable, b.target.shown()))
		}
		return
	}
	if code < 200 && x.answered != 0 || b.repeated(m) {
		return
	}
	sent := b.asSent(m)
	b.altered.restore(m)
	shown := b.shows(code)
	if !shown && x.handling == 0 && len(x.late().events) == 0 && (code < 200 || code < 300 && b.fork.waiter == nil) {
		if !b.witnessed(m, c.To(), x.askedOf(m, sent), "") {
			b.turnAway(m, sent)
			return
		}
		b.answered(m, c.To())
		b.pass(m) // nobody changes it, and nothing of it is kept
		x.drain()
		return
	}
	res := keepResponse(m, b)
	res.sent = sent
	x.deliver(event{branch: b, res: res})
}

// shows reports whether a callback sees a response with this code: all that are forwarded, also
// those of an abandoned branch.
func (b *Branch) shows(code int) bool {
	return b.fork.opts.OnResponse != nil && (!b.done || code < 300)
}

// showsOutcome reports whether a callback sees the outcome of a branch without a response: once,
// and not while there is another way to the same user agent.
func (b *Branch) showsOutcome(r *Response) bool {
	return b.fork.opts.OnResponse != nil && !b.done && !b.told && !(b.flowFailed(r) && b.mayFailover())
}

// note keeps the branch's times.
func (b *Branch) note(code int) {
	if b.extra != nil {
		b.extra.replyAt = 0
	}
	if code < 200 {
		b.heard, b.early = true, b.early || code > 100
		if code > 100 && b.cAt != 0 { // §16.7 step 2
			b.cAt = b.fork.x.core.Lane.Now().Add(b.fork.x.core.TimerC)
		}
		if code >= 180 && code < 190 && !b.ringing {
			b.ringing = true
			if at := deadline(b.fork.x.core.Lane.Now(), b.target.RingTimeout, b.fork.opts.Defaults.RingTimeout); at != 0 {
				b.seldom().ringAt = at
			}
		}
	}
	b.arm()
}

// handle is the turn of an event.
func (b *Branch) handle(e event) {
	r, x := e.res, b.fork.x
	r.early = b.early
	if e.forced {
		if b.showsOutcome(r) {
			b.told, r.branch = true, b
			b.fork.x.run(func() { b.fork.opts.OnResponse(r) })
		}
		b.conclude(r)
		return
	}
	if b.repeated(&r.msg) { // of one that a callback delayed
		return
	}
	if b.shows(r.Code()) {
		r.provisional = !r.Final()
		b.fork.x.run(func() { b.fork.opts.OnResponse(r) })
		r.provisional = false
		if r.refused != nil {
			b.refuse(r)
			return
		}
		b.keep(r)
	}
	if code := r.Code(); code < 300 && !r.dropped && !b.witnessed(&r.msg, &r.from, x.askedOf(&r.msg, r.sent), "") {
		b.turnAway(&r.msg, r.sent)
		return
	}
	b.answered(&r.msg, &r.from)
	switch {
	case r.dropped:
	case r.Code() < 300:
		b.passKept(r)
	default:
		b.conclude(r)
	}
}

// pass sends a provisional or 2xx response on that nobody looked at.
func (b *Branch) pass(m *message.Message) {
	x := b.fork.x
	code := m.Status()
	if code < 200 {
		if x.answered == 0 { // also after the caller's CANCEL (§16.7 step 5)
			_ = x.core.respond(x.Server, m)
		}
		return
	}
	x.core.sendSuccess(x.Server, m)
	b.won(nil, code)
}

// sendSuccess sends a 2xx: the first, another of the same fork, or one that comes after another
// final response (§16.7 step 5: a 2xx to an INVITE is always forwarded).
func (c *Core) sendSuccess(s *transaction.Server, m *message.Message) {
	if cs, err := m.CSeq(); err == nil {
		c.need(s.From.Kind, s.From.Source, s.From.Flow, cs.Method)
	}
	err := c.respond(s, m)
	if errors.Is(err, transaction.ErrState) && isInvite(m) {
		c.hide(m, c.cameFrom(&s.From))
		c.disguiseAnswer(m, s)
		if v := s.From.Veil; v != nil && v.CallID != "" {
			_ = m.Set("Call-ID", v.CallID)
		}
		to := s.ReplyTo()
		_ = c.Layer.ForwardResponse(m, &to)
	}
}

func isInvite(res *message.Message) bool {
	cs, err := res.CSeq()
	return err == nil && cs.Method == message.MethodInvite
}

// passKept is pass for a response that a callback saw or a script waits for.
func (b *Branch) passKept(r *Response) {
	x := b.fork.x
	code := r.Code()
	if code < 200 {
		if x.answered == 0 {
			_ = x.core.respond(x.Server, &r.msg)
		}
		return
	}
	x.core.sendSuccess(x.Server, &r.msg)
	b.won(r, code)
}

// won is the effect of a 2xx: the request is over, and every other branch of an INVITE is cancelled
// (§16.7 step 10).
func (b *Branch) won(r *Response, code int) {
	x := b.fork.x
	f := b.fork
	first := !b.done
	if b.client != nil {
		to := b.client.To()
		x.core.need(to.Kind, to.Addr, to.Flow, b.client.Method())
	}
	if first {
		b.settled()
		b.leave(code, "")
		f.active--
	}
	if x.answered == 0 {
		x.answered = int16(code)
		x.CancelBranches(b, elsewhere)
		for _, o := range x.forks {
			if o != f && o.waiter != nil && !o.settled() {
				o.wake(NewResponse(code, "", nil))
			}
			o.closed = true
		}
	}
	x.end()
	if first || !f.ended {
		f.succeeded(r)
	}
	b.release()
}

// elsewhere tells losing branches why (RFC 3326 §3.1): their phones show no missed call.
var elsewhere = []byte("Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n")

// settled notes that the outcome of the branch is known.
func (b *Branch) settled() {
	b.done = true
	b.unwatch()
	b.drop()
	b.arm()
}

// conclude settles the branch with a final response that is not a 2xx.
func (b *Branch) conclude(r *Response) {
	if b.done { // it counted as expired before
		b.release()
		return
	}
	b.settled()
	b.leave(r.Code(), r.cause)
	b.witnessed(&r.msg, &r.from, 0, r.cause)
	if b.flowFailed(r) {
		if r = better(b.rare().failed, r); b.failover(r) {
			return
		}
	}
	f := b.fork
	f.active--
	if code := r.Code(); code >= 300 && code < 400 && f.opts.FollowRedirects && !f.closed && !f.x.over && f.redirected(r, b.target) {
		f.started(r)
	} else {
		f.concluded(r)
	}
	f.x.feed()
}

// keep remembers a response that a callback may have edited, so that its retransmission leaves in
// the same form (2xx and reliable provisionals; the transaction absorbs other repetitions, or they
// are news).
func (b *Branch) keep(r *Response) {
	if code := r.Code(); code >= 300 || code < 200 && r.msg.Header(message.HeaderRSeq) == nil {
		return
	}
	const most = 16
	if len(b.rare().passed) < most {
		b.seldom().passed = append(b.rare().passed, r)
	}
}

// repeated sends a retransmission of a response that a callback saw on as it went before.
func (b *Branch) repeated(m *message.Message) bool {
	for _, r := range b.rare().passed {
		if r.Code() == m.Status() && bytes.Equal(r.msg.ToTag(), m.ToTag()) &&
			bytes.Equal(r.msg.Header(message.HeaderRSeq), m.Header(message.HeaderRSeq)) {
			switch {
			case r.refused != nil:
				b.fork.x.core.acknowledge(r.refused)
			case r.Final():
				b.fork.x.core.sendSuccess(b.fork.x.Server, &r.msg)
			default:
				_ = b.fork.x.core.respond(b.fork.x.Server, &r.msg)
			}
			return true
		}
	}
	return false
}
