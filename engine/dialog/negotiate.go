package dialog

// How two legs that are joined come to agree on a session.

import (
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

// begin brings the two descriptions together.
func (b *bridge) begin() {
	for _, l := range [...]*Leg{b.a, b.b} {
		if l.acks == nil {
			l.lane.StopTimer(&l.limit)
		}
	}
	if b.a.offers() && !b.b.offers() { // whose 2xx waits goes first
		b.a, b.b = b.b, b.a
	}
	x, y := b.a, b.b
	b.relay = between(x, y)
	b.agreed = x.met == y && y.met == x
	switch {
	case x.s.phase == ringing:
		b.take()
	case b.agreed && !x.offers() && !y.offers():
	case x.s.in != inNone || y.s.in != inNone:
		b.waits = true
	default:
		b.negotiate()
	}
}

// agree notes that each has the description of the other.
func (b *bridge) agree() {
	b.a.met, b.b.met = b.b, b.a
	b.agreed, b.tries = true, 0
	b.a.goes(b.relay)
	b.b.goes(b.relay)
}

// disagree notes that one has a description that the other knows nothing of.
func (b *bridge) disagree() {
	b.a.met, b.b.met = nil, nil
	b.agreed = false
}

// take answers a caller by what the other says to its offer.
func (b *bridge) take() {
	x, y := b.a, b.b
	if y.answers == x && y.s.out == outNone || !x.inOffer && y.offers() {
		answer := func(sdp []byte, err error) {
			if err != nil || x.answerWith(padded(sdp, x.said)) != nil {
				b.finish(nil, WhyMedia)
				return
			}
			if b.done == nil { // who was told of the answer took them apart
				return
			}
			b.agree()
			if r := x.rare; r != nil && r.rel != nil && r.rel.news { // told before it answered
				b.disagree()
				b.waits = true
			}
		}
		if r := x.rare; r != nil && r.rel != nil && r.rel.moved { // it gets no other answer
			answer(y.remoteSDP, nil)
			return
		}
		b.show(y, y.remoteSDP, x.inOffer, answer)
		return
	}
	if y.s.in != inNone { // it was answered just now: its ACK comes first
		b.waits = true
		return
	}
	y.park()
	b.asks = x
	if !x.inOffer {
		b.asked(y.offer(nil))
		return
	}
	b.show(x, x.remoteSDP, false, func(offer []byte, err error) {
		if err != nil {
			b.finish(nil, WhyMedia)
			return
		}
		b.asked(y.offer(padded(offer, y.said)))
	})
}

// asked tries later what could not be asked now.
func (b *bridge) asked(sent bool) {
	if !sent {
		b.asks = nil
		b.later()
	}
}

// offers reports whether the leg has answered an INVITE without an offer by one, which waits.
func (l *Leg) offers() bool { return l.s.out == outAccepted && !l.outOffer }

// park puts what it offers on hold.
func (l *Leg) park() {
	if l.offers() {
		l.answer = held(l.remoteSDP)
		l.feed(evAck)
	}
}

// negotiate has two legs that were answered agree (RFC 3725): what one offers, the other answers.
func (b *bridge) negotiate() {
	x, y := b.a, b.b
	if x.s.phase == ringing {
		b.take()
		return
	}
	x.park()
	if y.offers() {
		b.ours = y
		b.offersOn(y, true)
		return
	}
	b.ours, b.offered = x, nil
	if !x.offer(nil) {
		b.later()
	}
}

// later tries once more (§14.1).
func (b *bridge) later() {
	b.ours, b.offered = nil, nil
	if b.tries++; b.tries > 5 {
		b.finish(nil, WhyMedia)
		return
	}
	b.wait()
}

// wait lets a while pass before the next attempt.
func (b *bridge) wait() {
	l := b.a
	// Up to 2 s
	wait := time.Duration(l.agent.eng.Random(l.lane)%200) * 10 * time.Millisecond
	if l.target != nil { // the Call-ID is ours: 2.1 s to 4 s
		wait = 2100*time.Millisecond + time.Duration(l.agent.eng.Random(l.lane)%191)*10*time.Millisecond
	}
	l.lane.After(wait, &b.retry, (*retrier)(b))
}

// retrier is the bridge as the timer sees it that waits for the end of a glare.
type retrier bridge

// Expire negotiates.
func (r *retrier) Expire(*lane.Timer) {
	switch b := (*bridge)(r); {
	case b.a.bridge != b || b.agreed:
	case b.shows > 0, b.a.s.in == inOpen && b.a.s.phase == up || b.b.s.in == inOpen:
		b.wait() // what one asks now may bring them together
	default:
		b.negotiate()
	}
}
