package dialog

// One INVITE of a hunt: to whom, with which offer, and for how long.

import (
	"slices"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
)

// call sends an INVITE to one target, when its offer was relayed.
func (h *hunt) call(t *engine.Target) {
	if h.full(t) {
		return
	}
	l := h.agent.newLeg(h.lane)
	l.s = state{phase: calling, out: outSent}
	l.target, l.hunt, l.peerSeq = t, h, -1
	l.callID = h.o.CallID
	if l.callID == "" || len(h.legs)+h.waits > 0 {
		l.callID = h.agent.eng.NewCallID(h.lane)
	}
	l.relayed(h.media())
	offer := h.o.SDP
	if a := h.a; a != nil && offer == nil && a.s.phase == ringing && a.inOffer {
		offer, l.answers = a.remoteSDP, a
		if r := between(a, l); r != nil {
			l.more().relay = r
			h.relays(l, t, r)
			return
		}
	}
	h.invite(l, t, offer)
}

// full notes that there are as many legs as there may be.
func (h *hunt) full(t *engine.Target) bool {
	if h.agent.Calls() < h.agent.o.MaxLegs {
		return false
	}
	h.note(proxy.NewResponse(503, engine.CauseFull, t))
	return true
}

// media is what relays the media of who is called; nil for nothing.
func (h *hunt) media() Media {
	if h.o.Media != nil || h.a == nil || h.a.Media() == nil {
		return h.o.Media
	}
	return h.a.Media().Far()
}

// relays has the caller's offer relayed before it goes to one who is called.
func (h *hunt) relays(l *Leg, t *engine.Target, r *relay) {
	h.waits++
	r.show(Shown{From: h.a, To: l, Text: h.a.remoteSDP}, func(offer []byte, err error) {
		h.waits--
		switch {
		case h.done == nil: // somebody else has answered, or the caller is gone
			l.goes(nil)
		case err != nil:
			l.goes(nil)
			h.note(proxy.NewResponse(503, CauseMedia, t))
			h.next()
		case h.full(t): // meanwhile
			l.goes(nil)
			h.next()
		default:
			if !h.invite(l, t, offer) {
				h.next()
			}
		}
	})
}

// CauseMedia is the cause of the response in place of a call whose media nothing relays.
const CauseMedia = "media"

// invite sends the INVITE to one target, with an offer or nil. It returns false if it cannot.
func (h *hunt) invite(l *Leg, t *engine.Target, offer []byte) (sent bool) {
	s := l.first(h, t, offer)
	var err error
	if l.out, err = h.agent.eng.Invite(h.lane, s, l.contact, l); err != nil {
		l.goes(nil)
		h.note(failure(err))
		return false
	}
	l.add()
	h.agent.dialled.Add(1)
	h.legs = append(h.legs, l)
	l.follows(h.a)
	if h.o.Begun != nil {
		h.o.Begun(l, t)
	}
	h.moving(l, Dialling, 0)
	h.lane.After(h.o.Timeout, &l.limit, (*limiter)(l))
	return true
}

// moving tells how far a transfer is.
func (h *hunt) moving(l *Leg, how string, code int) {
	if h.o.moves != nil {
		h.agent.tell(Event{Kind: EventTransfer, Leg: h.o.moves, Far: l, Why: how, Code: code})
	}
}

// first is the INVITE that begins the leg, with an offer or nil.
func (l *Leg) first(h *hunt, t *engine.Target, offer []byte) *engine.SendSpec {
	if l.seq++; l.seq == 1 {
		l.seq = l.number()
	}
	l.from, l.displayName, l.to = h.o.From, h.o.Display, t.URI
	hops := firstHops
	if a := h.a; a != nil {
		if l.from == "" {
			l.from = a.from
			if l.displayName == "" {
				l.displayName = a.displayName
			}
		}
		hops = a.forwards - 1 // Dial has seen that it is not 0
	}
	if l.from == "" {
		l.from = "sip:" + h.agent.host()
	}
	if u, err := message.ParseURI([]byte(l.from)); err == nil && !strings.ContainsAny(string(u.User), "<>") {
		l.contact = string(u.User)
	}
	l.forwards = hops
	l.local = address(l.displayName, l.from) + ";tag=" + l.tag
	l.remoteName = "<" + bare(t.URI) + ">"
	l.remote = l.remoteName
	l.outOffer = len(offer) > 0
	h.a.passSession(l)
	s := &engine.SendSpec{Method: "INVITE", URI: t.URI, From: l.local, To: l.remote, CallID: l.callID, CSeq: l.seq, Target: t, MaxForwards: hops,
		NextCSeq: l.next, Headers: l.sessionID(append(slices.Clone(h.o.Headers), engine.HeaderEdit{Name: "Allow", Values: []string{allowed}}))}
	l.losesFlow(h.o.FlowLost)
	tags := l.agent.supported("timer")
	if h.o.NoTimer {
		l.more().noTimer = true
	}
	s.Headers = l.timing(s.Headers)
	if l.outOffer {
		s.Body, s.ContentType = l.say(offer), sdpType
	}
	if l.outOffer || h.mayOffer() { // without one the caller has to answer early
		tags = l.agent.supported("timer, 100rel")
	}
	s.Headers = append(s.Headers, engine.HeaderEdit{Name: "Supported", Values: []string{tags}})
	if h.o.Replaces != "" {
		s.Headers = append(s.Headers, engine.HeaderEdit{Name: "Replaces", Values: []string{h.o.Replaces}}, engine.HeaderEdit{Name: "Require", Values: []string{"replaces"}})
	}
	return s
}

// limiter is the Leg as the timer sees it that bounds how long it rings, or waits to be bridged,
// and then how long its ACKs are kept.
type limiter Leg

// Expire gives the leg up.
func (x *limiter) Expire(*lane.Timer) {
	l := (*Leg)(x)
	switch h := l.hunt; {
	case l.acks != nil:
		l.forgetAcks()
	case l.s.phase == up && l.s.out == outAccepted:
		l.hangUp(480, WhyMedia, "")
	case l.s.phase == calling && h != nil:
		l.hunt = nil
		h.leave(l)
		l.hangUp(480, WhyTimeout, "")
		h.note(proxy.NewResponse(408, engine.CauseTimeout, l.target))
		h.next()
	}
}
