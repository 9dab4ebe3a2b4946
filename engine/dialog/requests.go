package dialog

// Requests of the party within the dialog, and the answers to ours.

import (
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
	if r.Method() == message.MethodAck {
		l.acked(m, cs.Number)
		_, _ = r.Serve(nil)
		return
	}
	in, err := r.Serve(nil)
	if err != nil {
		return
	}
	switch {
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
		l.pass(in, r, m)
	case message.MethodRefer:
		_ = in.Answer(603, "", l.tag, nil)
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
		l.remoteBefore = l.remoteSDP
		in.OnCancel(l.cancelled)
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

// pass passes a request that has nothing to do with the session to the peer, and its answer back.
func (l *Leg) pass(in *engine.Incoming, r *engine.Request, m *message.Message) {
	peer := l.Peer()
	method := r.Method().String()
	if peer == nil || peer.s.phase != up || !l.bridge.passes(method) {
		code := 200
		if r.Method() != message.MethodInfo {
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

// Progress is told the answers to our INVITE that are no failure.
func (l *Leg) Progress(i *engine.Invitation, res *message.Message) {
	l.heardSession(res)
	if res.Status() < 200 {
		if i == l.out && l.hunt != nil && l.s.phase == calling {
			l.hunt.progress(l, res)
		}
		return
	}
	waits := i == l.out && (l.s.out == outSent || l.s.out == outCancelled)
	switch other := l.remoteTag != string(res.ToTag()); {
	case waits && (!l.s.opened || !other):
		l.accepted(i, res)
	case !l.s.opened || other: // before a dialog: it was refused, and accepted all the same
		l.another(i, res)
		if waits {
			l.misled()
		}
	default:
		l.acceptedLate(res, i.CSeq(), i.Credentials())
	}
}

// accepted takes the first 2xx.
func (l *Leg) accepted(i *engine.Invitation, res *message.Message) {
	l.lane.StopTimer(&l.patience)
	reach, good := reachable(i.Reach(res))
	switch {
	case !l.s.opened:
		l.remoteTag = string(res.ToTag())
		l.remote = tagged(l.remoteName, l.remoteTag)
		l.reach = reach
	case good:
		l.move(reach)
	}
	l.seq = max(l.seq, i.CSeq())
	l.saidBefore = nil
	sdp, ok := descriptionOf(res)
	if ok && sdp != nil {
		l.remoteSDP = clone(sdp)
	}
	if !l.s.opened && !good { // §12.1.1: there must be a Contact
		l.reach.URI, l.reach.Routes = uriIn(l.remote), nil
	}
	l.feed(evAccepted)
}

// extra is a dialog that another user agent has made of the same INVITE (§13.2.2.4).
type extra struct {
	tag string
	ack *engine.Acknowledgement
}

// mostExtras bounds them.
const mostExtras = 16

// another acknowledges the 2xx of a second user agent, and ends its dialog.
func (l *Leg) another(i *engine.Invitation, res *message.Message) {
	tag := string(res.ToTag())
	for _, x := range l.extras {
		if x.tag == tag {
			if x.ack != nil {
				x.ack.Again()
			}
			return
		}
	}
	if len(l.extras) >= mostExtras {
		return
	}
	reach, good := reachable(i.Reach(res))
	if !good {
		reach.URI, reach.Routes = uriIn(l.remoteName), nil
	}
	target := reach.Target()
	to := tagged(l.remoteName, tag)
	s := &engine.SendSpec{Method: "ACK", From: l.local, To: to, CallID: l.callID, CSeq: i.CSeq(), Target: target, Headers: i.Credentials()}
	if sdp, ok := descriptionOf(res); ok && sdp != nil && !l.outOffer {
		var o origin
		s.Body, s.ContentType = o.write(rejected(sdp), l.agent.own), sdpType
	}
	x := &extra{tag: tag}
	x.ack, _ = l.agent.eng.Acknowledge(l.lane, s)
	l.extras = append(l.extras, x)
	bye := &engine.SendSpec{Method: "BYE", URI: reach.URI, From: l.local, To: to, CallID: l.callID, CSeq: i.CSeq() + 1, Target: target}
	_ = l.agent.eng.SendAsync(bye, func(*engine.Response, error) {})
}

// Refused is told the failure of our INVITE.
func (l *Leg) Refused(i *engine.Invitation, res *engine.Response, err error) {
	if i != l.out {
		return
	}
	l.lane.StopTimer(&l.patience)
	l.seq = max(l.seq, i.CSeq())
	e := evRefused
	if l.s.opened && (err != nil || res.Code() == 408 || res.Code() == 481) {
		e = evLost
	}
	if err != nil {
		res = failure(err)
	}
	if !l.s.opened && (err == nil && i.Reliable() || isTimeout(err)) {
		l.linger(i)
	}
	if err == nil {
		l.heardReason(res.Message())
		l.heardSession(res.Message())
	}
	l.unsay()
	l.refusal = res
	l.feed(e)
	l.refusal = nil
	if l.s.out == outNone && l.out == i {
		l.out = nil
	}
}

// unsay takes back the offer of an INVITE that was refused: the session is what it was (RFC 3261
// §14.1).
func (l *Leg) unsay() {
	if l.s.opened && l.outOffer {
		l.said = l.saidBefore
	}
	l.saidBefore = nil
}

// told is what the machine has for the owner, or for whoever has joined the leg.
func (l *Leg) told(e event) {
	switch e {
	case evAccepted:
		switch {
		case l.hunt != nil:
			l.hunt.accepted(l)
		case l.bridge != nil:
			l.bridge.accepted(l)
		default: // of a bridge that is over
			l.met = nil
			l.feed(evAck)
		}
	case evRefused, evLost:
		switch {
		case l.hunt != nil:
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
	if l.feed(evOffer)&doInvite == 0 {
		return false
	}
	s := l.within("INVITE")
	s.Headers = append(s.Headers, engine.HeaderEdit{Name: "Allow", Values: []string{allowed}})
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
	l.lane.After(offerTime, &l.patience, (*patience)(l))
	return true
}

// number is a CSeq number to begin with (§8.1.1.5).
func (l *Leg) number() uint32 { return uint32(l.agent.eng.Random(l.lane)%(1<<20)) + 1 }
