package dialog

// Two legs that are joined.

import (
	"errors"
	"slices"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/transaction"
)

// ErrBusy is the error of a bridge with a leg that is in another, or is being called.
var ErrBusy = errors.New("busy")

// WhyAgain is why a bridge ended whose time was over: neither leg has ended.
const WhyAgain = "timeout"

// BridgeOptions of Bridge. The zero value is good.
type BridgeOptions struct {
	Timeout time.Duration // after which the bridge ends, and the legs go on; 0: none
	Pass    []string      // methods that are passed beside INVITEs; nil: INFO
	// Refer is asked about REFERs of the parties; nil: that of the Options.
	Refer func(*Referral)
}

// bridge joins two legs. It belongs to their lane.
type bridge struct {
	a, b *Leg
	o    BridgeOptions
	done func(ended *Leg, why string)

	timer   lane.Timer
	asks    *Leg // whose INVITE waits for the other's answer; nil for none
	ours    *Leg // who was asked for an offer by us; nil for none
	offered *Leg // who got it
	tries   int
	waits   bool // for an ACK, before the legs can negotiate
	retry   lane.Timer
	agreed  bool   // each has the description of the other
	relay   *relay // of the media of the two; nil for none, or not yet
	shows   int    // descriptions that it is to show
}

// Bridge joins two legs of one lane, and returns at once. A caller's leg that was not answered gets
// the answer of the other. From then on each INVITE of one party goes to the other, and its answer
// back. done is called once: with the leg that ended and why, or with nil and why the bridge has
// ended: its time is over (WhyAgain), or the parties agree on no media (WhyMedia). It ends neither
// leg.
func (a *Agent) Bridge(x, y *Leg, o BridgeOptions, done func(ended *Leg, why string)) error {
	for _, l := range [...]*Leg{x, y} {
		switch {
		case l.s.phase == over:
			done(l, l.why)
			return nil
		case l.bridge != nil || l.hunt != nil || x == y || x.lane != y.lane:
			return ErrBusy
		case l.s.phase == calling:
			return ErrState
		}
	}
	if x.s.phase == ringing && y.s.phase == ringing || y.s.phase == ringing {
		x, y = y, x
	}
	if y.s.phase != up {
		return ErrState
	}
	if o.Pass == nil {
		o.Pass = []string{"INFO"}
	}
	b := &bridge{a: x, b: y, o: o, done: done}
	x.bridge, y.bridge = b, b
	if o.Timeout > 0 {
		x.lane.After(o.Timeout, &b.timer, b)
	}
	for _, l := range [...]*Leg{x, y} {
		if l.rare != nil {
			l.rare.passed = nil // of whom it talked to before
		}
		if l.holds == heldOff && l.asked() == nil { // it has a peer again
			l.holds, l.met = heldNot, nil
		}
	}
	x.passSession(y)
	y.passSession(x)
	x.follows(y)
	y.follows(x)
	a.tell(Event{Kind: EventBridged, Leg: x, Far: y})
	b.begin()
	return nil
}

// Expire ends the bridge: its time is over.
func (b *bridge) Expire(*lane.Timer) { b.finish(nil, WhyAgain) }

func (b *bridge) other(l *Leg) *Leg {
	if l == b.a {
		return b.b
	}
	return b.a
}

func (b *bridge) passes(method string) bool { return slices.Contains(b.o.Pass, method) }

// finish takes the legs apart. An INVITE of one that waits for the other is answered.
func (b *bridge) finish(ended *Leg, why string) {
	done := b.done
	if done == nil {
		return
	}
	b.done = nil
	b.a.lane.StopTimer(&b.timer)
	b.a.lane.StopTimer(&b.retry)
	b.a.bridge, b.b.bridge = nil, nil
	if !b.agreed || b.shows > 0 {
		b.disagree()
	}
	for _, l := range [...]*Leg{b.a, b.b} {
		if l == ended || l.s.phase == over {
			continue
		}
		if l.s.out == outAccepted { // nobody will answer what it offers
			b.disagree()
			l.feed(evAck)
		}
		if l.rare != nil {
			l.refuseUpdate(491)
		}
		if l.s.out == outSent && l.s.phase == up && l.asked() == nil {
			l.headers = nil
			l.feed(evWithdraw)
		}
		if l.s.in == inOpen && l.s.phase == up {
			// It may come again; after a 480 the dialog would be over (RFC 5057 §5.1)
			l.code, l.headers = 491, nil
			l.feed(evRefuse)
		}
	}
	b.relay.leave()
	b.relay = nil
	done(ended, why)
}

// ended is told of the end of one of the legs.
func (b *bridge) ended(l *Leg) {
	other := b.other(l)
	other.met = nil
	l.passReason(other)
	b.finish(l, l.why)
}

func isTimeout(err error) bool {
	return errors.Is(err, transaction.ErrTimeout) || errors.Is(err, engine.ErrNoAnswer)
}
