package dialog

// Transfers that this server makes: a party goes to somebody else, and whoever it talked to is
// ended.

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/proxy"
)

// WhyMoved is why a bridge ended one of whose parties went to somebody else.
const WhyMoved = "moved"

// moving is a transfer under way. It belongs to the lane.
type moving struct {
	agent *Agent
	leg   *Leg // whose party goes
	peer  *Leg // whom it talked to; nil for nobody
	o     BridgeOptions
	done  func(far *Leg, res *engine.Response)
	keep  bool // the peer is ended by somebody else
}

// Transfer has the party of a leg go to the first of the targets that answers: its bridge ends at
// once (WhyMoved), and when somebody has answered the two are joined, and its former peer is ended.
// If nobody does, it is joined with that again. The legs belong to the agent from then on: when one
// of a pair ends, so does the other. done is called once, on the lane.
func (a *Agent) Transfer(l *Leg, targets []*engine.Target, o DialOptions, b BridgeOptions, done func(far *Leg, res *engine.Response)) error {
	x := &moving{agent: a, leg: l, o: b, done: done}
	return x.dial(targets, o)
}

func (x *moving) dial(targets []*engine.Target, o DialOptions) error {
	l := x.leg
	if l.s.phase != up {
		return ErrState
	}
	if l.hunt != nil || l.rare != nil && l.rare.ask != nil {
		return ErrBusy
	}
	for _, t := range targets { // before anything is taken apart
		if err := t.Check(); err != nil {
			return err
		}
	}
	x.take(l)
	if x.peer = l.Peer(); x.peer != nil {
		x.take(x.peer)
		x.peer.more().former++
		l.bridge.finish(nil, WhyMoved)
	}
	if o.From == "" {
		o.From = uriIn(l.remoteName) // the new party is called by the one that goes to it
	}
	o.moves = l
	if err := x.agent.Dial(l.lane, l, targets, o, x.came); err != nil {
		x.came(nil, proxy.NewResponse(500, "", nil))
	}
	return nil
}

// take makes a leg the agent's.
func (x *moving) take(l *Leg) {
	if f := x.agent.o.Taken; f != nil {
		f(l)
	}
}

// came is what dialling came to.
func (x *moving) came(far *Leg, res *engine.Response) {
	if x.peer != nil {
		x.peer.rare.former--
	}
	if far == nil {
		x.agent.tell(Event{Kind: EventTransfer, Leg: x.leg, Why: Failed, Code: res.Code()})
	}
	switch l := x.leg; {
	case far != nil:
		x.take(far)
		x.leave()
		x.agent.join(l, far, x.o)
	case l.s.phase != over && x.peer != nil && x.peer.s.phase != over:
		x.agent.join(l, x.peer, x.o)
	default:
		l.hangUp(480, WhyHangUp, "")
		x.leave()
	}
	x.done(far, res)
}

// leave ends the former peer.
func (x *moving) leave() {
	if x.peer != nil && !x.keep {
		x.peer.hangUp(480, WhyHangUp, "")
	}
}

// join bridges two legs that belong to the agent.
func (a *Agent) join(l, far *Leg, o BridgeOptions) {
	err := a.Bridge(l, far, o, func(_ *Leg, why string) {
		if why != WhyMoved && why != WhyParted {
			l.hangUp(480, WhyHangUp, "")
			far.hangUp(480, WhyHangUp, "")
		}
	})
	if err != nil {
		l.hangUp(480, WhyMedia, "")
		far.hangUp(480, WhyMedia, "")
		return
	}
	a.tell(Event{Kind: EventMoved, Leg: l, Far: far})
}

// Move joins the parties of two legs that were answered, each of which may talk to somebody: those
// are ended. It is a transfer to somebody who was asked before. The legs belong to the agent from
// then on.
func (a *Agent) Move(l, to *Leg, o BridgeOptions) error { return a.move(l, to, o, nil) }

// move is Move, which leaves one leg alone: its owner ends it.
func (a *Agent) move(l, to *Leg, o BridgeOptions, keep *Leg) error {
	switch {
	case l.s.phase != up || to.s.phase != up:
		return ErrState
	case l == to || l.lane != to.lane || l.Peer() == to || l.hunt != nil || to.hunt != nil:
		return ErrBusy
	}
	x, y := &moving{agent: a, leg: l}, &moving{agent: a, leg: to}
	for _, m := range [...]*moving{x, y} { // both at once
		m.take(m.leg)
		if m.peer = m.leg.Peer(); m.peer != nil {
			m.take(m.peer)
			m.leg.bridge.finish(nil, WhyMoved)
		}
		m.keep = m.peer == keep
		m.leg.holds = heldNot // the two agree on a session of their own
	}
	a.join(l, to, o)
	x.leave()
	y.leave()
	return nil
}
