package dialog

// Requests of the party within the dialog, and INVITEs of ours.

import (
	"bytes"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// request takes one of them.
func (l *Leg) request(r *engine.Request) {
	m := r.Message()
	cs, err := m.CSeq()
	if err != nil {
		return
	}
	if l.remoteTag == string(m.FromTag()) {
		l.backOn(r)
	}
	if r.Method() == message.MethodAck {
		l.acked(m, cs.Number)
		_, _ = r.Serve(nil)
		return
	}
	in, err := r.Serve(nil)
	if err != nil {
		return
	}
	if l.ownContact == "" {
		l.ownContact = r.OwnContact(l.contact)
	}
	d := l.earlyOf(string(m.FromTag()))
	switch {
	case l.s.phase == calling && d != nil && int64(cs.Number) > d.peerSeq:
		d.peerSeq = int64(cs.Number)
		l.heardSession(m)
		l.serveEarly(in, r, m, d)
	case l.remoteTag != string(m.FromTag()):
		_ = in.Answer(481, "", l.tag, nil)
	case int64(cs.Number) <= l.peerSeq: // §12.2.2; the same number again is another request
		_ = in.Answer(500, "", l.tag, nil)
	default:
		l.peerSeq = int64(cs.Number)
		l.heardSession(m)
		l.serve(in, r, m)
	}
}

// serve answers a request that is in order.
func (l *Leg) serve(in *engine.Incoming, r *engine.Request, m *message.Message) {
	if tags := unsupported(m); tags != "" && r.Method() != message.MethodBye {
		_ = in.Answer(420, "", l.tag, &engine.ReplyOptions{Headers: []engine.HeaderEdit{{Name: "Unsupported", Values: []string{tags}}}})
		return
	}
	switch r.Method() {
	case message.MethodBye:
		_ = in.Answer(200, "", l.tag, nil)
		l.headers = nil
		l.heardReason(m)
		l.feed(evBye)
	case message.MethodInvite:
		l.invited(in, r, m)
	case message.MethodOptions:
		_ = in.Answer(200, "", l.tag, l.answerOptions(nil))
	case message.MethodInfo, message.MethodMessage:
		l.aside(in, r, m)
	case message.MethodPrack:
		l.pracked(in, m)
	case message.MethodUpdate:
		l.updated(in, r, m, nil)
	case message.MethodRefer:
		l.referred(in, m)
	case message.MethodNotify:
		l.notified(in, m)
	default:
		_ = in.Answer(405, "", l.tag, &engine.ReplyOptions{Headers: []engine.HeaderEdit{{Name: "Allow", Values: []string{allowed}}}})
	}
}

// serveEarly answers a request in an early dialog of our INVITE.
func (l *Leg) serveEarly(in *engine.Incoming, r *engine.Request, m *message.Message, d *early) {
	switch r.Method() {
	case message.MethodUpdate:
		l.updated(in, r, m, d)
	case message.MethodOptions:
		_ = in.Answer(200, "", l.tag, l.answerOptions(nil))
	case message.MethodBye: // §15: who is called does not hang up before it has answered
		_ = in.Answer(481, "", l.tag, nil)
	default:
		_ = in.Answer(405, "", l.tag, &engine.ReplyOptions{Headers: []engine.HeaderEdit{{Name: "Allow", Values: []string{allowed}}}})
	}
}

// acked takes the ACK of our 2xx; another one is too late, or of another INVITE.
func (l *Leg) acked(m *message.Message, number uint32) {
	if l.s.in != inAccepted || number != l.inSeq || l.remoteTag != string(m.FromTag()) {
		return
	}
	if sdp, ok := descriptionOf(m); ok && sdp != nil && !l.inOffer {
		l.remoteSDP = clone(sdp)
		l.answer = l.remoteSDP
	}
	l.feed(evAcked)
	l.answer = nil
}

// invited takes an INVITE within the dialog.
func (l *Leg) invited(in *engine.Incoming, r *engine.Request, m *message.Message) {
	sdp, ok := descriptionOf(m)
	if !ok {
		_ = in.Answer(415, "", l.tag, &engine.ReplyOptions{Headers: []engine.HeaderEdit{{Name: "Accept", Values: []string{sdpType}}}})
		return
	}
	reach, good := reachable(r.Reach())
	if !good { // §12.2.2: it leaves the remote target as it is
		reach.URI = ""
	}
	if l.updates() {
		if l.rare.upIn != nil { // an offer of the party's has no answer
			_ = in.Answer(500, "", l.tag, &engine.ReplyOptions{Headers: l.retryAfter()})
			return
		}
		_ = in.Answer(491, "", l.tag, nil)
		return
	}
	l.heardAllow(m)
	if !l.heardTimer(m) {
		_ = in.Answer(422, "", l.tag, &engine.ReplyOptions{Headers: tooShort()})
		return
	}
	number := uint32(l.peerSeq)
	sdp = clone(sdp)
	switch do := l.feed(evInvited); {
	case do&doGone != 0:
		_ = in.Answer(481, "", l.tag, nil)
	case do&doPending != 0:
		_ = in.Answer(491, "", l.tag, nil)
	case do&doLater != 0:
		_ = in.Answer(500, "", l.tag, &engine.ReplyOptions{Headers: l.retryAfter()})
	case do&doOpen != 0:
		l.in, l.inSeq, l.inOffer, l.inReach = in, number, sdp != nil, &reach
		l.more().remoteBefore = l.remoteSDP
		in.OnCancel(l.cancelled)
		if b := l.bridge; b != nil && b.agreed && l.said != nil && bytes.Equal(sdp, l.remoteSDP) && m.HeaderName("Session-Expires") != nil {
			// RFC 4028 §7.4: it refreshes this leg's session, and is no offer for the other
			l.accept(l.said)
			return
		}
		if b := l.bridge; b != nil {
			b.invited(l, sdp)
			return
		}
		l.alone(sdp)
	}
}

// alone answers an INVITE within the dialog of a leg without a peer: nobody is there to talk to.
func (l *Leg) alone(sdp []byte) {
	if l.said == nil || sdp != nil && media(sdp) != media(l.said) {
		l.code, l.headers = 488, nil
		l.feed(evRefuse)
		return
	}
	if sdp != nil {
		l.remoteSDP = sdp
	}
	l.met, l.answers = nil, nil // a bridge negotiates
	l.accept(still(l.said))
}

// aside takes a request that has nothing to do with the session: it is passed to the peer, and
// heard by who listens.
func (l *Leg) aside(in *engine.Incoming, r *engine.Request, m *message.Message) {
	s := saidBy(m, r.Method().String())
	l.pass(in, r, m, l.heard(s))
	l.hear(s)
}

// pass passes a request to the peer, and its answer back; wanted: somebody else takes it.
func (l *Leg) pass(in *engine.Incoming, r *engine.Request, m *message.Message, wanted bool) {
	peer := l.Peer()
	method := r.Method().String()
	if peer == nil || peer.s.phase != up || !l.bridge.passes(method) {
		code := 200
		if r.Method() != message.MethodInfo && !wanted {
			code = 405
		}
		_ = in.Answer(code, "", l.tag, &engine.ReplyOptions{Headers: []engine.HeaderEdit{{Name: "Allow", Values: []string{allowed}}}})
		return
	}
	s := peer.within(method)
	s.Body, s.ContentType = clone(m.Body()), string(m.Header(message.HeaderContentType))
	for _, name := range [...]string{"Info-Package", "Content-Disposition"} {
		if v := m.HeaderName(name); v != nil {
			s.Headers = append(s.Headers, engine.HeaderEdit{Name: name, Values: []string{string(v)}})
		}
	}
	err := peer.send(s, func(res *engine.Response, err error) {
		if err != nil {
			_ = in.Answer(408, "", l.tag, nil)
			return
		}
		o := &engine.ReplyOptions{Body: clone(res.Message().Body()), ContentType: string(res.Message().Header(message.HeaderContentType))}
		code := res.Code()
		if code == 401 || code == 407 { // their challenge is not for the other side
			code = 503
		}
		_ = in.Answer(code, res.Reason(), l.tag, o)
	})
	if err != nil {
		_ = in.Answer(503, "", l.tag, nil)
	}
}

// told is what the machine has for the owner, or for whoever has joined the leg.
func (l *Leg) told(e event) {
	switch e {
	case evAccepted:
		if x := l.asked(); x != nil {
			x.accepted()
			return
		}
		switch {
		case l.hunt != nil && l.hunt.a != l: // who waits for a dial has left the bridge that asked
			l.hunt.accepted(l)
		case l.bridge != nil:
			l.bridge.accepted(l)
		default: // of a bridge that is over
			l.met = nil
			l.feed(evAck)
		}
	case evRefused, evLost:
		if x := l.asked(); x != nil {
			x.refused(l.refusal)
			return
		}
		switch {
		case l.hunt != nil && l.hunt.a != l:
			l.hunt.refused(l, l.refusal)
		case l.bridge != nil:
			l.bridge.refused(l, l.refusal)
		}
	case evAcked:
		if l.bridge != nil {
			l.bridge.acked(l, l.answer)
		}
	case evCancel:
		if l.bridge != nil {
			l.bridge.withdrawn(l)
		}
	}
}

// offer sends an INVITE within the dialog, with an offer or without one; false: not now.
func (l *Leg) offer(sdp []byte) bool {
	if l.updates() || l.feed(evOffer)&doInvite == 0 {
		return false
	}
	s := l.within("INVITE")
	s.Headers = append(s.Headers, engine.HeaderEdit{Name: "Allow", Values: []string{allowed}})
	if l.rare != nil && l.rare.timer != nil && l.rare.timer.interval > 0 {
		s.Headers = l.timing(append(s.Headers, engine.HeaderEdit{Name: "Supported", Values: []string{"timer"}}))
	}
	l.outOffer, l.saidBefore = sdp != nil, l.said
	if sdp != nil {
		s.Body, s.ContentType = l.say(sdp), sdpType
	}
	l.strange, l.answers = false, nil
	var err error
	if l.out, err = l.agent.eng.Invite(l.lane, s, l.contact, l); err != nil {
		l.s.out, l.said = outNone, l.saidBefore
		return false
	}
	wait := offerTime
	// RFC 3311 §5.2: who sent an UPDATE waits for 64*T1
	if b := l.bridge; b != nil && b.asks != nil && b.asks.s.in != inOpen {
		wait = updateTime
	}
	l.lane.After(wait, &l.patience, (*patience)(l))
	return true
}

// number is a CSeq number to begin with (§8.1.1.5).
func (l *Leg) number() uint32 { return uint32(l.agent.eng.Random(l.lane)%(1<<20)) + 1 }
