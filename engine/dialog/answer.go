package dialog

// What a caller is answered.

import (
	"bytes"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/proxy"
)

// Ring sends a provisional answer to a caller, 101 to 199, with a description or none. For a caller
// that has made no offer that is one, which only a caller with 100rel gets: its PRACK answers (RFC
// 3261 §13.2.1, RFC 3262 §5).
func (l *Leg) Ring(code int, sdp []byte) error {
	if l.s.phase != ringing || code <= 100 || code > 199 {
		return ErrState
	}
	l.describe(sdp)
	l.agent.tell(Event{Kind: EventRinging, Leg: l})
	if x := l.rare; x != nil && x.rel != nil && x.rel.sdp != nil {
		sdp = nil // it has been answered
	}
	if !l.inOffer && l.rel == relNever {
		sdp = nil
	}
	if l.wantsReliable(sdp) {
		return l.ringReliably(code, sdp)
	}
	return l.in.Answer(code, "", l.tag, l.answerOptions(sdp))
}

// Answer accepts the caller's INVITE with a description: the answer to its offer, or an offer if it
// had none, and none that it has answered early.
func (l *Leg) Answer(sdp []byte) error {
	if x := l.rare; l.s.phase == ringing && !l.inOffer && x != nil && x.rel != nil && x.rel.sdp != nil && len(sdp) > 0 && (x.rel.waits || l.remoteSDP != nil) {
		x.rel.moved = true
	}
	return l.answerWith(sdp)
}

// answerWith is Answer with a description of somebody else, whom the caller has not heard of.
func (l *Leg) answerWith(sdp []byte) error {
	if len(sdp) == 0 {
		return ErrNoMedia
	}
	if l.s.phase != ringing || l.s.in != inOpen {
		return ErrState
	}
	l.accept(sdp)
	return nil
}

// accept sends the 2xx to the INVITE that is open.
func (l *Leg) accept(sdp []byte) {
	first := l.s.phase == ringing
	if first {
		x := l.rare
		if x == nil || x.rel == nil || !x.rel.moved {
			l.describe(sdp)
		}
		if x != nil && x.rel != nil {
			if x.rel.waits && x.rel.sdp != nil { // RFC 3262 §3: not before its PRACK
				x.rel.final = sdp
				return
			}
			if x.rel.moved { // the session is not what the INVITE was answered with
				sdp = nil
			}
		}
	}
	l.answer = sdp
	l.feed(evAnswer)
	if first {
		l.early = nil
	}
	if first && l.s.phase == up { // it could be sent
		l.agent.answered.Add(1)
		l.agent.tell(Event{Kind: EventAnswered, Leg: l})
		l.replaced()
	}
}

// describe is called before a caller that was not answered gets a description or none. There is one
// answer to an offer in a dialog (RFC 3261 §13.2.1): another one is in another dialog, for phones
// keep the first. So is what comes when whoever gave that one has left.
func (l *Leg) describe(sdp []byte) {
	if !l.inOffer {
		return
	}
	if l.early != nil && (l.stale || len(sdp) > 0 && !bytes.Equal(l.early, sdp)) {
		l.retag()
		l.forgetReliable()
		if l.rare != nil {
			l.rare.rel = nil
		}
		l.early, l.said, l.stale = nil, nil, false
	}
	if len(sdp) > 0 && l.early == nil {
		l.early = clone(sdp)
	}
}

// Reject refuses the caller's INVITE. Headers that a response cannot carry are an error, and the
// caller goes on ringing.
func (l *Leg) Reject(code int, headers ...engine.HeaderEdit) error {
	if l.s.phase != ringing || code < 300 || code > 699 {
		return ErrState
	}
	if err := proxy.CheckEdits(headers); err != nil {
		return err
	}
	l.code, l.headers, l.why = code, headers, WhyRejected
	l.feed(evRefuse)
	return nil
}

// Pass refuses the caller's INVITE as somebody else refused ours: with the code, the reason phrase,
// Retry-After, Warning and Reason. A challenge becomes 503, a redirection 480, and the 503 of a
// callee 500: they are not the caller's business, nor does this server as a whole refuse calls.
func (l *Leg) Pass(res *engine.Response) error {
	if l.s.phase != ringing || res.Code() < 300 {
		return ErrState
	}
	code := passedCode(res.Code())
	// §16.7 step 6: it is the callee that is full
	if code == 503 && code == res.Code() && res.Cause() == "" {
		code = 500
	}
	var headers []engine.HeaderEdit
	if code == res.Code() {
		l.reason = res.Reason()
		for _, name := range [...]string{"Retry-After", "Warning", "Reason"} {
			if v := res.Message().HeaderName(name); v != nil {
				headers = append(headers, engine.HeaderEdit{Name: name, Values: []string{unfolded(string(v))}})
			}
		}
	}
	return l.Reject(code, sendable(headers)...)
}

// Header are the values of a header of the caller's INVITE, until that has a final answer.
func (l *Leg) Header(name string) (values []string) {
	if l.in == nil || l.in.Message() == nil {
		return nil
	}
	m := l.in.Message()
	for i := m.FindName(name, 0); i >= 0; i = m.FindName(name, i+1) {
		values = append(values, unfolded(string(m.Value(i))))
	}
	return values
}

// Elements are the elements of a header of the caller's INVITE, one per value if the RFC defines
// the header as a list, until that has a final answer.
func (l *Leg) Elements(name string) (values []string) {
	if l.in == nil || l.in.Message() == nil {
		return nil
	}
	for e := l.in.Message().ElementsName(name); e.Next(); {
		values = append(values, unfolded(string(e.Value)))
	}
	return values
}

// answerOptions are a Contact, Allow, and a description.
func (l *Leg) answerOptions(sdp []byte) *engine.ReplyOptions {
	o := &engine.ReplyOptions{Headers: l.sessionID([]engine.HeaderEdit{{Name: "Contact", Values: []string{l.ownContact}}, {Name: "Allow", Values: []string{allowed}}, {Name: "Supported", Values: []string{l.agent.supported("timer, 100rel")}}})}
	if len(sdp) > 0 {
		o.Body, o.ContentType = l.say(sdp), sdpType
	}
	return o
}

// say is a description as the leg sends it.
func (l *Leg) say(sdp []byte) []byte {
	l.said = sdp
	return l.origin.write(l.holds.directed(sdp), l.agent.own)
}

// retag gives a caller's leg another tag: it is another dialog for the caller.
func (l *Leg) retag() { l.retagTo(l.agent.newTag(l.lane)) }

func (l *Leg) retagTo(tag string) {
	t := l.agent.tables[l.lane.ID()]
	delete(t, l.tag)
	l.local = strings.TrimSuffix(l.local, l.tag)
	l.tag = tag
	l.local += l.tag
	t[l.tag] = l
}
