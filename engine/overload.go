package engine

import (
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// Overload control (RFC 6357 §3: reject early, locally, and by the effect of the load, not by a
// count). It watches how long messages wait: in the socket's buffer, measured by the system's time
// stamps, and in the lane's queue. A caller retransmits after T1 = 500 ms, so work that waits
// longer is done twice; well before that, new work is refused, at a fraction of the cost of a call.

// standing is the standing wait: the minimum over an interval. A script that holds its lane for a
// while, or a machine that is briefly busy, makes messages wait, but the queue empties again; only
// if no message of an interval came through quickly is there more work than can be done (the
// insight of CoDel, RFC 8289 §3.1).
type standing struct {
	since lane.Time     // when the present interval began
	least time.Duration // of the present interval
	last  time.Duration // of the one before
	now   time.Duration // of the present message
}

// standingInterval is how long no message may have come through quickly before new dialogs are
// refused.
const standingInterval = 100 * time.Millisecond

// note takes the wait of a message.
func (s *standing) note(now lane.Time, wait time.Duration) {
	s.now = wait
	past := now.Sub(s.since)
	switch {
	case past >= 2*standingInterval: // nothing came for a whole interval
		s.last, s.least, s.since = 0, wait, now
	case past >= standingInterval:
		s.last, s.least, s.since = s.least, wait, now
	default:
		s.least = min(s.least, wait)
	}
}

// wait is the minimum wait of the current message and those of the last interval.
func (s *standing) wait() time.Duration { return min(s.now, s.last) }

// overloaded returns after how many seconds a request should be tried again, or 0 if it is
// accepted. It is called only for new requests, not for retransmissions, ACK or CANCEL.
func (u *unit) overloaded(a *transaction.Arrival) (retryAfter int) {
	draining := u.e.draining.Load() || a.Local != nil && a.Local.Standing() != transport.Serving
	wait := u.load.wait()
	if !draining && wait < u.e.config.MaxDelay/2 {
		return 0
	}
	if len(a.Msg.ToTag()) > 0 || a.Msg.Method() == message.MethodBye {
		return 0
	}
	if draining {
		u.answered(a.Msg.Method(), 503)
		return 30
	}
	if !refuseAt(wait, u.e.config.MaxDelay, u.core.Random()) {
		return 0
	}
	u.count.overload.Add(1)
	u.answered(a.Msg.Method(), 503)
	return 5 + int(u.core.Random()%10) // spread out, so that they do not come back together
}

// refuseAt decides for one request: none below half of most, all above it, in proportion between.
func refuseAt(waited, most time.Duration, random uint64) bool {
	if most < 0 || waited < most/2 {
		return false
	}
	if waited >= most {
		return true
	}
	return time.Duration(random%uint64(most/2)) < waited-most/2
}
