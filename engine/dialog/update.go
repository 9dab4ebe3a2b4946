package dialog

// UPDATE (RFC 3311): an offer beside INVITEs, before the call is answered, too.

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// updates reports whether an offer by UPDATE is under way, in either direction.
func (l *Leg) updates() bool { return l.rare != nil && (l.rare.upIn != nil || l.rare.upOut) }

// asksBy reports whether the party waits for the answer to its offer.
func (l *Leg) asksBy() bool { return l.s.in == inOpen || l.rare != nil && l.rare.upIn != nil }

// heardAllow notes whether the party takes UPDATE; a message without Allow says nothing.
func (l *Leg) heardAllow(m *message.Message) {
	first := true
	for e := m.Elements(message.HeaderAllow); e.Next(); {
		if first {
			l.takesUpdate, first = false, false
		}
		if string(e.Value) == "UPDATE" {
			l.takesUpdate = true
		}
	}
}

// updated takes an UPDATE of the party. d is the early dialog that it is in; nil for the leg's own.
func (l *Leg) updated(in *engine.Incoming, r *engine.Request, m *message.Message, d *early) {
	sdp, ok := descriptionOf(m)
	if !ok {
		_ = in.Answer(415, "", l.tag, &engine.ReplyOptions{Headers: []engine.HeaderEdit{{Name: "Accept", Values: []string{sdpType}}}})
		return
	}
	l.heardAllow(m)
	if d == nil && l.s.phase == up && !l.heardTimer(m) {
		_ = in.Answer(422, "", l.tag, &engine.ReplyOptions{Headers: tooShort()})
		return
	}
	reach, good := reachable(r.Reach())
	if !good {
		reach.URI = ""
	}
	switch code := l.mayUpdate(sdp, d); {
	case code == 500: // RFC 3311 §5.2
		_ = in.Answer(500, "", l.tag, &engine.ReplyOptions{Headers: l.retryAfter()})
		return
	case code != 0:
		_ = in.Answer(code, "", l.tag, nil)
		return
	case sdp == nil:
		l.moveIn(d, reach)
		o := l.answerOptions(nil)
		if d == nil && l.s.phase == up {
			o.Headers = l.timed(o.Headers)
		}
		_ = in.Answer(200, "", l.tag, o)
		return
	}
	x := l.more()
	x.upIn, x.upEarly, x.upReach, x.upBefore = in, d, reach, l.remoteSDP
	sdp = clone(sdp)
	switch b := l.bridge; {
	case b != nil:
		b.invited(l, sdp)
	case l.s.phase == up:
		l.aloneUpdated(sdp)
	default:
		l.updatedEarly(sdp)
	}
}

// mayUpdate is the code that refuses an UPDATE at once; 0 for none.
func (l *Leg) mayUpdate(sdp []byte, d *early) int {
	switch {
	case l.s.phase == over:
		return 481
	case sdp == nil:
		return 0
	case l.rare != nil && l.rare.upIn != nil, l.s.phase == up && l.s.in == inOpen:
		return 500 // an offer of the party's has no answer (§5.2)
	case l.rare != nil && l.rare.upOut, l.s.phase == up && l.s.out != outNone, l.s.phase == up && l.s.in == inAccepted && !l.inOffer:
		return 491 // one of ours has none
	case l.s.phase == calling && (d == nil || d.sdp == nil):
		return 491 // nor has that of our INVITE
	case l.s.phase == ringing && !l.answeredEarly():
		return 500 // nor has that of its INVITE
	}
	return 0
}

// moveIn takes over where the party is, in its dialog or in an early one.
func (l *Leg) moveIn(d *early, reach engine.Reach) {
	if d == nil {
		l.move(reach)
		return
	}
	if reach.URI != "" {
		routes := d.reach.Routes
		d.reach = reach
		d.reach.Routes = routes
	}
}

// aloneUpdated answers where nobody is there to talk to.
func (l *Leg) aloneUpdated(sdp []byte) {
	if l.said == nil || media(sdp) != media(l.said) {
		l.refuseUpdate(488)
		return
	}
	l.remoteSDP = sdp
	l.met, l.answers = nil, nil
	l.answerUpdate(still(l.said))
}

// answerUpdate answers the UPDATE that is open, with the answer to its offer.
func (l *Leg) answerUpdate(sdp []byte) {
	x := l.rare
	in := x.upIn
	if in == nil {
		return
	}
	l.moveIn(x.upEarly, x.upReach)
	x.upIn, x.upEarly, x.upBefore = nil, nil, nil
	o := l.answerOptions(sdp)
	if l.s.phase == up {
		o.Headers = l.timed(o.Headers)
	}
	_ = in.Answer(200, "", l.tag, o)
}

// refuseUpdate refuses it: the session is what it was.
func (l *Leg) refuseUpdate(code int) {
	x := l.rare
	in := x.upIn
	if in == nil {
		return
	}
	if l.s.phase == up {
		l.remoteSDP = x.upBefore
	}
	x.upIn, x.upEarly, x.upBefore = nil, nil, nil
	var o *engine.ReplyOptions
	if code == 500 {
		o = &engine.ReplyOptions{Headers: l.retryAfter()}
	}
	_ = in.Answer(code, "", l.tag, o)
}

// update sends an offer by UPDATE, in the leg's dialog or, d not nil, in an early one; then is told
// the answer, or the code of the refusal. It reports false if nothing was sent.
func (l *Leg) update(sdp []byte, d *early, then func(answer []byte, code int)) bool {
	if l.negotiatesNow() {
		return false
	}
	x := l.more()
	s := l.within("UPDATE")
	if d != nil {
		l.into(s, d)
	}
	s.NameContact, s.ContactUser = true, l.contact // §5.1
	s.Headers = append(s.Headers, engine.HeaderEdit{Name: "Allow", Values: []string{allowed}})
	if d == nil && l.s.phase == up && x.timer != nil && x.timer.interval > 0 {
		s.Headers = l.timing(append(s.Headers, engine.HeaderEdit{Name: "Supported", Values: []string{"timer"}}))
	}
	before := l.said
	s.Body, s.ContentType = l.say(sdp), sdpType
	x.upOut = true
	err := l.send(s, func(res *engine.Response, err error) {
		x.upOut = false
		if err != nil || res.Code() >= 300 {
			l.said = before
			l.updateFailed(res, err, then)
			return
		}
		l.heardSession(res.Message())
		l.heardAllow(res.Message())
		if l.s.phase == up && d == nil && l.rare.timer != nil && l.rare.timer.interval > 0 {
			l.agreedTimer(res.Message())
		}
		answer, ok := descriptionOf(res.Message())
		if !ok || answer == nil { // nothing was agreed
			l.said = before
			then(nil, 500)
			return
		}
		then(clone(answer), 0)
	})
	if err != nil {
		x.upOut, l.said = false, before
		return false
	}
	return true
}

// updateFailed passes the code on; who knows nothing of the dialog, or is silent, has left it (RFC
// 3261 §12.2.1.2).
func (l *Leg) updateFailed(res *engine.Response, err error, then func([]byte, int)) {
	code := 408
	if err == nil {
		code = res.Code()
	}
	then(nil, code)
	if l.s.phase == up && (code == 408 || code == 481) {
		l.setWhy(WhyLost)
		l.hangUp(480, WhyLost, "")
	}
}

// negotiatesNow is negotiates without what the bridge itself is about.
func (l *Leg) negotiatesNow() bool {
	return l.s.phase == up && (l.s.in != inNone || l.s.out != outNone) || l.updates()
}

// updatedEarly passes an offer before the call is answered: to somebody who has answered the last
// one, and takes UPDATE. One that the other side cannot take is refused: 504.
func (l *Leg) updatedEarly(sdp []byte) {
	h := l.hunt
	if h == nil || h.a == nil || h.shown == nil || !h.a.answeredEarly() || h.a.rare.rel.waits {
		l.refuseUpdate(504)
		return
	}
	a, far := h.a, h.shown
	d := far.earlyOf(h.shownTag)
	to, in := far, d
	if l != a {
		to, in = a, nil
	}
	if d == nil || d.sdp == nil || !to.takesUpdate || l != a && (l != far || l.rare.upEarly != d) {
		l.refuseUpdate(504)
		return
	}
	r := h.earlyRelay(far)
	r.show(Shown{From: l, To: to, Text: sdp}, func(offer []byte, err error) {
		switch {
		case l.rare.upIn == nil:
		case err != nil || h.done == nil:
			l.refuseUpdate(504)
		case !to.update(padded(offer, to.said), in, func(answer []byte, code int) { l.updatedFar(&earlyUpdate{h, r, d, to, sdp}, answer, code) }):
			l.refuseUpdate(491)
		}
	})
}

// earlyUpdate is an offer that passes before the call is answered.
type earlyUpdate struct {
	h   *hunt
	r   *relay
	d   *early // of who is called
	to  *Leg
	sdp []byte
}

// updatedFar is the answer to it, or the code of its refusal.
func (l *Leg) updatedFar(x *earlyUpdate, answer []byte, code int) {
	if l.rare.upIn == nil {
		return
	}
	if answer == nil {
		if code == 408 || code == 481 { // it is no news of this dialog
			code = 504
		}
		l.refuseUpdate(passedCode(code))
		return
	}
	a := x.h.a
	if a.rare.rel == nil { // it has got another dialog meanwhile
		l.refuseUpdate(504)
		return
	}
	rel := a.rare.rel
	rel.moved = true
	if l == a {
		l.remoteSDP, x.d.sdp = x.sdp, answer
	} else {
		a.remoteSDP, x.d.sdp = answer, x.sdp
	}
	x.r.show(Shown{From: x.to, To: l, Answer: true, Text: trimmed(answer, media(x.sdp))}, func(answer []byte, err error) {
		switch {
		case l.rare.upIn == nil:
		case err != nil: // both are asked once more when the call is answered
			rel.news = true
			l.refuseUpdate(504)
		default:
			l.answerUpdate(padded(answer, x.sdp))
		}
	})
}
