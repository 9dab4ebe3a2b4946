package dialog

// Calling somebody: a hunt goes through targets until one of them answers.

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
)

// Early is what a caller is told while others ring.
type Early string

// What a caller is told.
const (
	EarlyRinging Early = "ringing" // 180, without a description; the default for several targets
	EarlyFirst   Early = "first"   // the early media of the first that has some; default for one
	EarlyEach    Early = "each"    // the early media of each, in a dialog of its own
	EarlyNone    Early = "none"    // nothing
)

// DialOptions of Dial. All may be zero.
type DialOptions struct {
	Timeout  time.Duration       // until one target has answered, default 180 s
	Serial   bool                // one target after the other; otherwise all at once
	Early    Early               // what the caller is told meanwhile
	From     string              // the URI in From; default: the caller's
	Display  string              // its display name; default: the caller's
	Headers  []engine.HeaderEdit // in each INVITE
	SDP      []byte              // what is offered; default: what the caller offers
	FlowLost time.Duration       // as that of AcceptOptions, of each leg
	NoTimer  bool                // no session timer (RFC 4028) is asked for
	Media    Media               // of AcceptOptions; default: Far of the caller's
	CallID   string              // default: a new one
	// Replaces is the value of a Replaces header (RFC 3891): the INVITE takes the place of a dialog
	// of who is called, see [Leg.Dialog].
	Replaces string
	// Begun, if not nil, is told of each leg when its INVITE has been handed over, before anything
	// else is told of it.
	Begun func(l *Leg, t *engine.Target)

	moves *Leg // of a transfer: whose party goes
}

const (
	dialTime    = 180 * time.Second
	joinTime    = 5 * time.Second // in which an answered late offer must be taken up
	mostTargets = 100
	firstHops   = 70 // Max-Forwards of a call that comes from nobody (RFC 3261 §8.1.1.6)
)

// hunt is one Dial in progress. It belongs to the lane.
type hunt struct {
	agent *Agent
	lane  *lane.Lane
	a     *Leg // the caller's leg; nil if there is none
	o     DialOptions
	queue []*engine.Target
	legs  []*Leg // that ring
	waits int    // those whose offer is to be relayed first

	single bool        // there is one target
	early  *earlyOffer // of that, in place of the caller's; nil for none
	best   *engine.Response
	done   func(*Leg, *engine.Response)

	rang     bool
	shown    *Leg   // whose description the caller has got
	shownTag string // and in which dialog
	earlySDP []byte
	each     []*eachEarly // of EarlyEach: what the caller has got of whom
}

// Dial calls one of the targets for the leg a, or, if that is nil, for nobody yet: then l is the
// lane that the call will belong to. done is called once, on the lane: with the leg that answered,
// or with the best refusal. If the caller gives up the others are cancelled, and the refusal is a
// 487 with the cause "cancelled". An answer to an INVITE with an offer is acknowledged at once; one
// without waits for Bridge, for 5 s.
func (a *Agent) Dial(l *lane.Lane, from *Leg, targets []*engine.Target, o DialOptions, done func(*Leg, *engine.Response)) error {
	if len(targets) > mostTargets {
		return fmt.Errorf("dial: more than %d targets", mostTargets)
	}
	for _, t := range targets {
		if err := t.Check(); err != nil {
			return err
		}
		if t.URI == "" {
			return fmt.Errorf("dial: a target without a uri")
		}
	}
	if from != nil {
		l = from.lane
		switch {
		case from.s.phase == over:
			done(nil, proxy.NewResponse(487, engine.CauseCancelled, nil))
			return nil
		case from.hunt != nil || from.bridge != nil || from.s.phase == calling:
			return ErrState
		}
	}
	if from != nil && from.s.out == outAccepted { // RFC 3725 flow IV: its offer is put on hold
		l.StopTimer(&from.limit)
		from.answer = held(from.remoteSDP)
		from.feed(evAck)
	}
	if from != nil && from.forwards <= 1 { // §16.3 step 3: a call that comes back to us ends
		done(nil, proxy.NewResponse(483, "", nil))
		return nil
	}
	if o.Timeout <= 0 {
		o.Timeout = dialTime
	}
	if o.Early == "" {
		o.Early = EarlyFirst
		if len(targets) > 1 && !o.Serial {
			o.Early = EarlyRinging
		}
	}
	h := &hunt{agent: a, lane: l, a: from, o: o, queue: slices.Clone(targets), done: done, single: len(targets) == 1}
	if from != nil {
		from.hunt = h
	}
	h.next()
	return nil
}

// next calls the next target, or all.
func (h *hunt) next() {
	for len(h.queue) > 0 {
		t := h.queue[0]
		h.queue = h.queue[1:]
		h.call(t)
		if h.done == nil || h.o.Serial && len(h.legs)+h.waits > 0 {
			return
		}
	}
	if len(h.legs)+h.waits > 0 || h.done == nil {
		return
	}
	if h.best == nil {
		h.best = proxy.NewResponse(480, engine.CauseEmpty, nil)
	}
	h.finish(nil, h.best)
}

// finish ends the hunt.
func (h *hunt) finish(l *Leg, res *engine.Response) {
	done := h.done
	if done == nil {
		return
	}
	h.done = nil
	if h.a != nil && h.a.hunt == h {
		h.a.hunt = nil
	}
	rest := h.legs
	h.legs, h.queue = nil, nil
	for _, other := range rest {
		other.hunt = nil
		switch {
		case other == l:
		case l != nil:
			other.hangUp(480, WhyElsewhere, `SIP;cause=200;text="Call completed elsewhere"`)
		default:
			h.a.passReason(other)
			other.hangUp(480, WhyCancelled, "")
		}
	}
	done(l, res)
}

// call sends an INVITE to one target, when its offer was relayed.
func (h *hunt) call(t *engine.Target) {
	if h.agent.Calls() >= h.agent.o.MaxLegs {
		h.note(proxy.NewResponse(503, engine.CauseFull, t))
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

// leave takes a leg out of the hunt.
func (h *hunt) leave(l *Leg) {
	if h.shown == l && l.s.phase != up { // the next one may be heard
		h.shown, h.rang, h.earlySDP = nil, false, nil
		h.a.stale = true
	}
	h.legs = slices.DeleteFunc(h.legs, func(o *Leg) bool { return o == l })
}

// note remembers a refusal if it is better than those before (§16.7 step 6).
func (h *hunt) note(res *engine.Response) {
	if h.best == nil || rank(res) < rank(h.best) {
		h.best = res
	}
	if res.Code() >= 600 { // whoever was called wants it nowhere
		h.queue = nil
	}
}

// rank orders refusals: a 6xx, then the lowest class; what came over the wire before what did not.
func rank(res *engine.Response) int {
	n := res.Code() / 100 * 2
	if n == 12 {
		n = 0
	}
	if res.Cause() != "" {
		n++
	}
	return n
}

// failure is the response in place of one that did not come.
func failure(err error) *engine.Response {
	if err == nil {
		return nil
	}
	if isTimeout(err) {
		return proxy.NewResponse(408, engine.CauseTimeout, nil)
	}
	return proxy.NewResponse(503, engine.CauseUnreachable, nil)
}

// progress is a provisional answer of somebody who is called.
func (h *hunt) progress(l *Leg, res *message.Message) {
	code := res.Status()
	if code < 180 || code > 189 {
		return
	}
	l.agent.tell(Event{Kind: EventRinging, Leg: l})
	h.moving(l, Rings, code)
	a := h.a
	if a == nil || a.s.phase != ringing || h.o.Early == EarlyNone {
		return
	}
	sdp, ok := descriptionOf(res)
	tag := string(res.ToTag())
	if h.o.Early == EarlyEach && ok && sdp != nil && tag != "" && a.inOffer && l.outOffer && a.rel != relAlways {
		h.showEach(l, tag, code, sdp)
		return
	}
	if (h.o.Early == EarlyFirst || h.o.Early == EarlyEach) && ok && sdp != nil && tag != "" && a.inOffer && l.outOffer && (h.shown == nil || h.shown == l && h.shownTag == tag) {
		h.shown, h.shownTag = l, tag
		if !bytes.Equal(h.earlySDP, sdp) {
			h.earlySDP = clone(sdp)
		}
		h.earlyRelay(l).show(Shown{From: l, To: a, Answer: true, Text: h.earlySDP}, func(sdp []byte, err error) {
			if err == nil && h.done != nil && h.shown == l && h.shownTag == tag {
				_ = a.Ring(code, sdp)
			}
		})
		return
	}
	if h.rang && code != 180 || h.shown != nil || h.each != nil || h.early != nil && sdp != nil {
		return
	}
	h.rang = true
	_ = a.Ring(180, nil)
}

// earlyRelay is what relays the media of one who is called and has got the caller's offer; nil for
// nothing.
func (h *hunt) earlyRelay(l *Leg) *relay {
	if l.answers != h.a {
		return nil
	}
	return l.relay()
}

// accepted is the first 2xx of a leg that is called.
func (h *hunt) accepted(l *Leg) {
	l.hunt = nil
	h.leave(l)
	l.lane.StopTimer(&l.limit)
	l.rang = nil
	if e := h.eachOf(l, l.remoteTag); l.remoteSDP == nil && e != nil {
		l.remoteSDP = e.sdp
	}
	if l.remoteSDP == nil && h.shown == l && h.shownTag == l.remoteTag {
		l.remoteSDP = h.earlySDP
	}
	if x := h.early; x != nil && !x.done { // RFC 3262 §3: not before the PRACK of its offer
		l.remoteSDP = nil
	}
	if l.remoteSDP == nil { // no answer, or no offer (§13.2.1, §13.3.1)
		l.feed(evAck)
		l.hangUp(480, WhyMedia, "")
		h.note(proxy.NewResponse(502, "", l.target))
		h.next()
		return
	}
	if l.outOffer {
		l.feed(evAck)
	} else {
		l.lane.After(joinTime, &l.limit, (*limiter)(l))
	}
	// A description that the caller has got is of another dialog (RFC 3261 §13.2.1)
	if a := h.a; a != nil && h.shown != nil && (h.shown != l || h.shownTag != l.remoteTag) {
		a.stale = true
	}
	h.chooseEach(l)
	l.agent.answered.Add(1)
	l.agent.tell(Event{Kind: EventAnswered, Leg: l})
	h.finish(l, nil)
}

// refused is a final failure of a leg that is called.
func (h *hunt) refused(l *Leg, res *engine.Response) {
	l.hunt = nil
	h.leave(l)
	if res != nil {
		h.note(res)
	}
	if res != nil && res.Code() >= 600 {
		h.finish(nil, res)
		return
	}
	h.next()
}

// ended is told of the caller's end, or of one that is called, by its owner.
func (h *hunt) ended(l *Leg) {
	l.hunt = nil
	if l == h.a {
		h.finish(nil, proxy.NewResponse(487, engine.CauseCancelled, nil))
		return
	}
	h.leave(l)
	h.next()
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
