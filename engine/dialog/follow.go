package dialog

// Who follows a call of several legs: a record of it, for example.

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// Follower hears what becomes of the legs of a call, on their lane, before the agent's owner does.
// It must not block, and changes nothing.
type Follower interface{ Followed(e Event) }

// Follow has f hear of the leg from now on, and of those that are called for it or bridged with it:
// they are one call. The first follower of a leg stays.
func (l *Leg) Follow(f Follower) {
	if l.Follower() == nil && l.s.phase != over {
		l.more().follower = f
	}
}

// Follower is who follows the leg; nil for nobody.
func (l *Leg) Follower() Follower {
	if l == nil || l.rare == nil {
		return nil
	}
	return l.rare.follower
}

// follows has another leg belong to the call of this one.
func (l *Leg) follows(of *Leg) {
	f := of.Follower()
	if f == nil || l.Follower() != nil {
		return
	}
	l.Follow(f)
	f.Followed(Event{Kind: EventBegan, Leg: l, Far: of})
}

// Invite is the INVITE of a caller, and where it came from, until it was answered and acknowledged;
// nil afterwards, and of a leg that was dialled.
func (l *Leg) Invite() (*message.Message, engine.Endpoint) {
	if l.in == nil || l.inReach != nil {
		return nil, engine.Endpoint{}
	}
	return l.in.Message(), l.in.Source()
}

// Dialled reports whether it is who was called; otherwise it is a caller's.
func (l *Leg) Dialled() bool { return l.target != nil }

// codeOf is the response by which a leg ends that was not answered; 0 for none, or if it was.
func (l *Leg) codeOf(e event) int {
	switch {
	case l.s.opened:
		return 0
	case l.why == WhyTimeout:
		return 408
	case e == evCancel || l.why == WhyElsewhere || l.why == WhyCancelled:
		return 487
	case l.refusal != nil:
		return l.refusal.Code()
	case l.target == nil && l.code >= 300:
		return l.code
	}
	return 480
}

// EndFor is HangUp that says why in the owner's words.
func (l *Leg) EndFor(why, reason string) bool { return l.hangUp(480, why, reason) }
