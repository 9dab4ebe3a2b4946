package dialog

// Calling somebody: a hunt goes through targets until one of them answers.

import (
	"fmt"
	"slices"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
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
