package dialog

// Provisional responses of ours that wait for a PRACK (RFC 3262 §3).

import (
	"fmt"
	"strconv"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

// How the caller takes provisional responses.
const (
	relNever  uint8 = iota
	relMay          // Supported: 100rel: those with a description are reliable
	relAlways       // Require: 100rel: all are (RFC 3262 §3)
)

// reliable are the reliable responses to the caller's INVITE. It belongs to the lane.
type reliable struct {
	leg      *Leg
	rseq     uint32
	waits    bool // the last one has no PRACK
	code     int
	o        *engine.ReplyOptions
	sdp      []byte // the description that one of them had
	answered bool   // and which was acknowledged
	moved    bool   // an UPDATE has changed the session since
	news     bool   // the peer has not been told of that
	interval time.Duration
	deadline lane.Time
	timer    lane.Timer
	next     *provisional // what is to be said after the PRACK
	final    []byte       // the answer that waits for it
}

// provisional is a provisional response that waits.
type provisional struct {
	code int
	sdp  []byte
}

// answeredEarly reports whether the caller's offer has an answer that it has acknowledged.
func (l *Leg) answeredEarly() bool {
	return l.inOffer && l.rare != nil && l.rare.rel != nil && l.rare.rel.answered
}

// wantsReliable reports whether a response must be, or should be, acknowledged. What has been
// answered reliably is not answered once more.
func (l *Leg) wantsReliable(sdp []byte) bool {
	return l.rel == relAlways || l.rel == relMay && len(sdp) > 0
}

// ringReliably sends a provisional response until its PRACK comes. One is under way at a time (§3):
// of what is to be said meanwhile the last is kept.
func (l *Leg) ringReliably(code int, sdp []byte) error {
	x := l.more().rel
	if x == nil {
		x = &reliable{leg: l, rseq: uint32(l.agent.eng.Random(l.lane)%(1<<30)) + 1}
		l.rare.rel = x
	}
	if x.waits {
		if x.next == nil || len(sdp) > 0 || len(x.next.sdp) == 0 {
			x.next = &provisional{code, sdp}
		}
		return nil
	}
	if x.sdp != nil {
		sdp = nil // there is one answer to an offer
	}
	if len(sdp) > 0 {
		x.sdp = sdp
	}
	x.rseq++
	x.code, x.o, x.waits = code, l.answerOptions(sdp), true
	x.o.Headers = append(x.o.Headers, engine.HeaderEdit{Name: "Require", Values: []string{"100rel"}}, engine.HeaderEdit{Name: "RSeq", Values: []string{strconv.FormatUint(uint64(x.rseq), 10)}})
	x.interval = l.agent.t1
	x.deadline = l.lane.Now().Add(64 * l.agent.t1)
	l.lane.After(x.interval, &x.timer, x)
	return l.in.Answer(code, "", l.tag, x.o)
}

// Expire repeats the response, or gives up: the INVITE is refused (§3).
func (x *reliable) Expire(*lane.Timer) {
	l := x.leg
	if l.s.phase != ringing || !x.waits {
		return
	}
	now := l.lane.Now()
	if now >= x.deadline {
		x.waits = false
		l.code, l.headers = 504, nil
		l.setWhy(WhyNoAck)
		l.feed(evRefuse)
		return
	}
	_ = l.in.Answer(x.code, "", l.tag, x.o)
	x.interval *= 2
	l.lane.After(min(x.interval, x.deadline.Sub(now)), &x.timer, x)
}

// forget ends the wait for a PRACK: there is a final response, or another dialog.
func (l *Leg) forgetReliable() {
	if l.rare != nil && l.rare.rel != nil {
		l.lane.StopTimer(&l.rare.rel.timer)
		l.rare.rel.waits = false
	}
}

// answerIn is the answer that a PRACK brings to our offer; nil for none.
func (l *Leg) answerIn(m *message.Message) []byte {
	if sdp, ok := descriptionOf(m); ok && sdp != nil {
		return l.remoteSDP
	}
	return nil
}

// pracked takes a PRACK: 481 if it acknowledges nothing (§3).
func (l *Leg) pracked(in *engine.Incoming, m *message.Message) {
	var rseq, cseq uint32
	var method string
	n, _ := fmt.Sscan(string(m.HeaderName("RAck")), &rseq, &cseq, &method)
	if n != 3 || method != "INVITE" || l.rare == nil || l.rare.rel == nil || !l.rare.rel.waits || l.rare.rel.rseq != rseq || l.inSeq != cseq || l.s.phase != ringing {
		_ = in.Answer(481, "", l.tag, nil)
		return
	}
	x := l.rare.rel
	l.lane.StopTimer(&x.timer)
	x.waits = false
	var o *engine.ReplyOptions
	sdp, ok := descriptionOf(m)
	switch {
	case !ok || sdp == nil:
		// Our offer has no answer: the 2xx makes it again
		x.moved = x.moved && (l.inOffer || x.sdp == nil)
	case !l.inOffer:
		l.remoteSDP = clone(sdp) // the answer to the offer in our response
	case l.said != nil && media(sdp) == media(l.said):
		// §5: another offer, which must be answered at once. What it changes the peer is told by an
		// INVITE once the call is answered
		l.remoteSDP, x.news, x.moved = clone(sdp), true, true
		o = l.answerOptions(l.said)
	default:
		o = l.answerOptions(rejected(sdp))
	}
	x.answered = x.answered || x.sdp != nil
	_ = in.Answer(200, "", l.tag, o)
	if h := l.hunt; h != nil && !l.inOffer && x.sdp != nil {
		h.answersEarly(l.answerIn(m))
	}
	switch {
	case x.final != nil:
		sdp := x.final
		x.final, x.next = nil, nil
		l.accept(sdp)
	case x.next != nil:
		next := x.next
		x.next = nil
		_ = l.Ring(next.code, next.sdp)
	}
}
