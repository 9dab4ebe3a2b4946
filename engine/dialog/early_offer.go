package dialog

// An offer in a reliable response to an INVITE without one (RFC 3262 §5, RFC 6337 §2.2): a caller
// that has made none gets it so, too, and its PRACK brings the answer.

import (
	"strconv"

	"github.com/sipscript/sipscript/engine"
)

// earlyOffer is one. It belongs to the lane.
type earlyOffer struct {
	leg  *Leg // of who is called
	d    *early
	sdp  []byte
	rseq uint64 // of its response, and the number of the INVITE
	cseq uint32
	done bool // it has its PRACK
}

// mayOffer reports whether who is called may offer before it answers: the caller has made no offer,
// and acknowledges one that comes early. With several targets it could answer one of them alone.
func (h *hunt) mayOffer() bool {
	a := h.a
	if a != nil && a.rare != nil && a.rare.rel != nil && a.rare.rel.sdp != nil && h.early == nil {
		return false // our own offer was made to it (RFC 3262 §5)
	}
	return a != nil && a.s.phase == ringing && !a.inOffer && a.rel != relNever && h.single && h.o.SDP == nil && h.o.Early != EarlyNone && h.o.Early != EarlyRinging
}

// offersEarly takes an offer to the caller, and reports whether its PRACK waits for the answer.
func (l *Leg) offersEarly(x *earlyOffer, code int) bool {
	h := l.hunt
	if !h.mayOffer() || h.early != nil || x.d.sdp != nil {
		return false
	}
	h.early, x.leg = x, l
	r := l.relay()
	if r == nil {
		if r = between(h.a, l); r != nil {
			l.more().relay = r
		}
	}
	r.show(Shown{From: l, To: h.a, Text: x.sdp}, func(sdp []byte, err error) {
		if h.done != nil && (err != nil || h.a.Ring(code, sdp) != nil) {
			h.answersEarly(nil)
		}
	})
	return true
}

// answersEarly takes the caller's answer to who has offered; nil: there is none.
func (h *hunt) answersEarly(sdp []byte) {
	x := h.early
	if x == nil || x.done || h.done == nil {
		return
	}
	l := x.leg
	x.done = true
	if sdp == nil {
		l.prack(x.d, x.rseq, x.cseq, rejected(x.sdp))
		return
	}
	l.relay().show(Shown{From: h.a, To: l, Answer: true, Text: trimmed(sdp, media(x.sdp))}, func(sdp []byte, err error) {
		switch {
		case h.done == nil:
		case err != nil:
			l.prack(x.d, x.rseq, x.cseq, rejected(x.sdp))
		default:
			l.prack(x.d, x.rseq, x.cseq, padded(sdp, x.sdp))
			x.d.sdp, l.outOffer, l.answers = x.sdp, true, h.a
			if rel := h.a.rare.rel; rel != nil {
				rel.moved = true // neither 2xx says it again
			}
		}
	})
}

// prack acknowledges a reliable response to our INVITE, with a description or nil.
func (l *Leg) prack(d *early, rseq uint64, cseq uint32, sdp []byte) {
	s := l.within("PRACK")
	l.into(s, d)
	s.Headers = append(s.Headers, engine.HeaderEdit{Name: "RAck", Values: []string{strconv.FormatUint(rseq, 10) + " " + strconv.FormatUint(uint64(cseq), 10) + " INVITE"}})
	if sdp != nil {
		s.Body, s.ContentType = l.say(sdp), sdpType
	}
	_ = l.send(s, func(*engine.Response, error) {})
}
