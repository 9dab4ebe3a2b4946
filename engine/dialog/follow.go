package dialog

// Who follows a call of several legs: a record of it, for example.

import (
	"reflect"
	"slices"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// Follower hears what becomes of the legs of a call, on their lane, before the agent's owner does.
// It must not block, and changes nothing.
type Follower interface{ Followed(e Event) }

// Taker is a witness of an INVITE ([engine.Witness]) that is told when it becomes a leg, on its
// lane and before the witness hears that the request is over.
type Taker interface{ Taken(l *Leg) }

// taken tells those who watch the INVITE.
func (l *Leg) taken(r *engine.Request) {
	for _, w := range r.Witnesses() {
		if t, ok := w.(Taker); ok {
			t.Taken(l)
		}
	}
}

// Follow has f hear of the leg from now on, and of those that are called for it or bridged with it:
// they are one call. The first follower of each type stays.
func (l *Leg) Follow(f Follower) {
	if l.s.phase == over {
		return
	}
	for _, x := range l.followers() {
		if reflect.TypeOf(x) == reflect.TypeOf(f) {
			return
		}
	}
	more := l.more()
	more.followers = append(more.followers, f)
}

// Unfollow takes a follower away from the leg alone.
func (l *Leg) Unfollow(f Follower) {
	if l.rare != nil {
		l.rare.followers = slices.DeleteFunc(l.rare.followers, func(x Follower) bool { return x == f })
	}
}

// FollowerOf is the follower of a type that the leg has. The token of its lane is held.
func FollowerOf[F Follower](l *Leg) (f F, ok bool) {
	for _, x := range l.followers() {
		if f, ok = x.(F); ok {
			return f, true
		}
	}
	return f, false
}

// followers are those of the leg.
func (l *Leg) followers() []Follower {
	if l == nil || l.rare == nil {
		return nil
	}
	return l.rare.followers
}

// follows has another leg belong to the call of this one.
func (l *Leg) follows(of *Leg) {
	for _, f := range of.followers() {
		n := len(l.followers())
		if l.Follow(f); len(l.followers()) > n {
			f.Followed(Event{Kind: EventBegan, Leg: l, Far: of})
		}
	}
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
