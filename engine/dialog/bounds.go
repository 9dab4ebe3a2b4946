package dialog

// What bounds the INVITEs of a leg: each ends, whatever its party does.

import (
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

const (
	// offerTime is how long an INVITE within a dialog may be unanswered. Somebody may be asked
	// there (RFC 6141 §3.2), so it is longer than Timer B.
	offerTime = 60 * time.Second
	// updateTime is how long one may be that passes an UPDATE: the sender of that waits for 32 s.
	updateTime = 20 * time.Second
	// cancelTime is how long an INVITE may be unanswered after it was cancelled, in T1: Timer B
	// until a provisional answer, and again from the CANCEL on (RFC 3261 §9.1).
	cancelTime = 2*64 + 8
	// acceptedTime is how long a 2xx of the wrong dialog keeps its transaction (Timer M), in T1.
	acceptedTime = 64
)

// patience is the Leg as the timer sees it that bounds an INVITE of ours.
type patience Leg

// Expire cancels the INVITE; one that was cancelled, or whose answer can not come any more, is
// lost.
func (x *patience) Expire(*lane.Timer) {
	l := (*Leg)(x)
	switch {
	case l.s.out == outSent && !l.strange && l.s.phase == up:
		l.headers = nil
		l.feed(evWithdraw)
	case l.s.out == outSent || l.s.out == outCancelled:
		l.unsay()
		l.feed(evLost)
		if l.s.out == outNone {
			l.out = nil
		}
	}
}

// misled notes that an INVITE of ours got a 2xx of another dialog: its transaction waits for no
// other answer, and cannot be cancelled.
func (l *Leg) misled() {
	if l.strange || l.s.out != outSent && l.s.out != outCancelled {
		return
	}
	l.strange = true
	l.lane.After(acceptedTime*l.agent.t1, &l.patience, (*patience)(l))
}
