package dialog

// The early media of several that are called (EarlyEach): for the caller each is in a dialog of its
// own, as if a proxy had forked its INVITE (RFC 3261 §13.2.2.4): there is one answer in a dialog.

import (
	"bytes"

	"github.com/sipscript/sipscript/engine"
)

// mostEach bounds them.
const mostEach = 16

// eachEarly is one such dialog. It belongs to the lane.
type eachEarly struct {
	leg    *Leg
	tag    string // that the one who is called has given
	ours   string // and that the caller knows
	origin origin
	sdp    []byte // as the leg's party said it
	told   []byte // and the caller was told; nil: not yet
}

// eachOf is what the caller has got of an early dialog; nil for nothing.
func (h *hunt) eachOf(l *Leg, tag string) *eachEarly {
	for _, e := range h.each {
		if e.leg == l && e.tag == tag {
			return e
		}
	}
	return nil
}

// showEach tells the caller of early media. The first description of a dialog stays.
func (h *hunt) showEach(l *Leg, tag string, code int, sdp []byte) {
	a, e := h.a, h.eachOf(l, tag)
	if e == nil {
		if len(h.each) >= mostEach {
			return
		}
		e = &eachEarly{leg: l, tag: tag, ours: a.tag, origin: a.agent.newOrigin(a.lane), sdp: clone(sdp)}
		if len(h.each) > 0 || a.early != nil {
			e.ours = a.agent.newTag(a.lane)
		}
		h.each = append(h.each, e)
	}
	h.earlyRelay(l).show(Shown{From: l, To: a, Answer: true, Text: e.sdp}, func(sdp []byte, err error) {
		switch {
		case h.done == nil || a.s.phase != ringing:
		case err != nil:
			h.onlyRings()
		default:
			e.told = sdp
			h.tellEach(e, code)
		}
	})
}

// tellEach tells the caller of such a dialog.
func (h *hunt) tellEach(e *eachEarly, code int) {
	a := h.a
	a.agent.tell(Event{Kind: EventRinging, Leg: a})
	o := &engine.ReplyOptions{Headers: a.answerOptions(nil).Headers, ContentType: sdpType}
	o.Body = e.origin.write(e.told, a.agent.own)
	_ = a.in.Answer(code, "", e.ours, o)
}

// chooseEach makes the dialog of who has answered the caller's.
func (h *hunt) chooseEach(l *Leg) {
	a := h.a
	if len(h.each) == 0 || a == nil || a.s.phase != ringing {
		return
	}
	e := h.eachOf(l, l.remoteTag)
	if e == nil || e.told == nil { // the caller has heard nothing of it
		a.retag()
		a.early, a.said = nil, nil
		a.origin = a.agent.newOrigin(a.lane)
		return
	}
	if e.ours != a.tag {
		a.retagTo(e.ours)
	}
	a.origin, a.said, a.early = e.origin, e.told, e.told
	if !bytes.Equal(l.remoteSDP, e.sdp) {
		l.remoteSDP = e.sdp // the first answer holds (§13.2.1)
	}
}
