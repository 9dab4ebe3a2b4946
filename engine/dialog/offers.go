package dialog

// Offers and answers of two legs that are joined, as they go from one party to the other.

import (
	"github.com/sipscript/sipscript/engine"
)

// invited takes an INVITE of one leg to the other.
func (b *bridge) invited(l *Leg, sdp []byte) {
	if b.shows > 0 { // they negotiate
		b.pending(l)
		return
	}
	b.asks = l
	if sdp == nil {
		b.ask(l, nil)
		return
	}
	l.remoteSDP = sdp
	b.show(l, sdp, false, func(offer []byte, err error) {
		switch {
		case b.asks != l || !l.asksBy(): // cancelled
			b.forget(l)
		case err != nil:
			b.forget(l)
			b.fails(l)
		default:
			b.ask(l, padded(offer, b.other(l).said))
		}
	})
}

// ask has a leg's INVITE, or UPDATE, go on with an offer, or without one.
func (b *bridge) ask(l *Leg, offer []byte) {
	other := b.other(l)
	switch byUpdate := l.s.in != inOpen; {
	case byUpdate && other.takesUpdate:
		if !other.update(offer, nil, func(answer []byte, code int) { b.updated(l, other, answer, code) }) {
			b.forget(l)
			l.refuseUpdate(491)
		}
	case other.offer(offer):
	default:
		b.forget(l)
		b.pending(l)
	}
}

// updated is what a leg has answered to the UPDATE that the other's was passed as.
func (b *bridge) updated(asks, l *Leg, answer []byte, code int) {
	if answer != nil {
		l.remoteSDP = answer
	}
	switch {
	case b.asks != asks || !asks.asksBy(): // it has left, or they are not joined any more
		l.met = nil
		if b.asks == asks {
			b.asks = nil
		}
		if answer != nil && b.done != nil {
			b.disagree()
			b.later()
		}
	case answer == nil:
		b.asks = nil
		b.refuse(l, asks, code)
	default:
		b.asks = nil
		b.answers(l, asks, answer)
	}
}

// accepted is a 2xx to an INVITE that was sent to a leg.
func (b *bridge) accepted(l *Leg) {
	asks := b.asks
	switch {
	case asks != nil && asks == b.other(l):
		b.asks = nil
		if !asks.asksBy() { // cancelled, which has crossed it
			b.again(l)
			return
		}
		if l.outOffer {
			l.feed(evAck)
		}
		b.answers(l, asks, l.remoteSDP)
	case l == b.ours && b.offered == nil: // it offers, as we asked
		b.offersOn(l, false)
	case l == b.offered && b.ours != nil:
		l.feed(evAck)
		b.agrees(l)
	default:
		b.again(l)
	}
}

// offersOn takes what a leg has offered to the other. keep has it be tried again if that is not
// possible now.
func (b *bridge) offersOn(l *Leg, keep bool) {
	b.offered = b.other(l)
	b.show(l, l.remoteSDP, false, func(offer []byte, err error) {
		if len(offer) == 0 || err != nil || !b.offered.offer(padded(offer, b.offered.said)) {
			if !keep || err != nil {
				l.feed(evAck)
			}
			b.later()
		}
	})
}

// agrees takes what a leg has answered to the one that has offered.
func (b *bridge) agrees(l *Leg) {
	ours := b.ours
	b.show(l, trimmed(l.remoteSDP, media(ours.remoteSDP)), true, func(answer []byte, err error) {
		b.ours, b.offered = nil, nil
		if err != nil || ours.s.out != outAccepted {
			b.again(ours)
			return
		}
		ours.answer = trimmed(answer, media(ours.remoteSDP))
		b.agree()
		ours.feed(evAck)
	})
}

// answers takes what a leg says to the one whose offer, or whose INVITE without one, it was asked
// for.
func (b *bridge) answers(l, asks *Leg, sdp []byte) {
	answer := asks.s.in != inOpen || asks.inOffer
	if answer {
		sdp = trimmed(sdp, media(asks.remoteSDP))
	}
	b.show(l, sdp, answer, func(sdp []byte, err error) {
		switch {
		case !asks.asksBy():
			b.again(l)
		case err != nil && asks.s.phase == ringing:
			b.finish(nil, WhyMedia)
		case err != nil:
			b.fails(asks)
			b.again(l)
		default:
			b.answer(asks, sdp)
		}
	})
}

// answer answers the INVITE of a leg with the description of the other.
func (b *bridge) answer(asks *Leg, sdp []byte) {
	if asks.s.in != inOpen {
		b.agree()
		asks.answerUpdate(padded(sdp, asks.remoteSDP))
		return
	}
	if asks.inOffer {
		sdp = padded(sdp, asks.remoteSDP)
	} else {
		sdp = padded(sdp, asks.said)
	}
	b.agree()
	asks.accept(sdp)
}

// again is for a 2xx to what was withdrawn: its sender has a new session, the other the old one.
func (b *bridge) again(l *Leg) {
	l.feed(evAck)
	if b.done != nil {
		b.disagree()
		b.later()
	}
}

// refused is a failure of an INVITE that was sent to a leg.
func (b *bridge) refused(l *Leg, res *engine.Response) {
	code := 500
	if res != nil {
		code = res.Code()
	}
	switch asks := b.asks; {
	case asks != nil && asks == b.other(l):
		b.asks = nil
		b.refuse(l, asks, code)
	case l == b.ours || l == b.offered:
		ours := b.ours
		b.ours, b.offered = nil, nil
		if ours != l && ours.s.out == outAccepted {
			ours.feed(evAck)
		}
		if code == 491 {
			b.later()
			return
		}
		if l.s.phase != over {
			b.disagree()
			b.finish(nil, WhyMedia)
		}
	}
}

// refuse refuses the INVITE of a leg as the other has refused ours.
func (b *bridge) refuse(l, asks *Leg, code int) {
	switch {
	case asks.rare != nil && asks.rare.upIn != nil:
		if code == 487 { // RFC 3311 §5.2
			code = 504
		}
		asks.refuseUpdate(passedCode(code))
	case asks.s.phase == ringing && code == 491:
		b.later()
	case asks.s.phase == ringing:
		if l.s.phase != over {
			b.finish(nil, WhyMedia)
		}
	case asks.s.in == inOpen:
		asks.code, asks.headers = passedCode(code), nil
		if code == 487 { // it was us who gave up
			asks.code, asks.headers = 500, asks.retryAfter()
		}
		asks.feed(evRefuse)
	}
}

// passedCode is the code of one leg's refusal as the other gets it: a challenge is not for it.
func passedCode(code int) int {
	switch {
	case code == 401 || code == 407:
		return 503
	case code < 400:
		return 480
	}
	return code
}

// acked is the ACK of a leg, with the answer to what it was offered or nil.
func (b *bridge) acked(l *Leg, answer []byte) {
	other := b.other(l)
	if b.waits && l.s.in == inNone && (other.s.in == inNone || other.s.phase == ringing) {
		b.waits = false
		b.negotiate()
		return
	}
	if other.s.out != outAccepted || other.outOffer || l.inOffer {
		return
	}
	if answer == nil { // it answers nothing: there is no session
		l.setWhy(WhyMedia)
		l.hangUp(488, WhyMedia, "")
		return
	}
	b.show(l, trimmed(answer, media(other.remoteSDP)), true, func(answer []byte, err error) {
		if other.s.out != outAccepted || other.outOffer {
			return
		}
		if err != nil {
			b.again(other)
			return
		}
		other.answer = answer
		other.feed(evAck)
	})
}

// withdrawn is the CANCEL of a leg's INVITE.
func (b *bridge) withdrawn(l *Leg) {
	if b.asks != l || b.shows > 0 { // what the other is being asked is not that
		return
	}
	other := b.other(l)
	other.headers = nil
	other.feed(evWithdraw)
}
