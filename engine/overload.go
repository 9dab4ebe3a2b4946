package engine

import (
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
)

// Overload control (RFC 6357 §3: reject early, locally, and by what the load does, not by a count). What is watched is how long messages wait:
// in the socket's buffer, which the system's time stamps tell, and in the lane's queue. A caller retransmits after T1 = 500 ms, so
// work that waits longer is done twice; well before that, what is new is refused, at a fraction of the cost of a call.

// overloaded says after how many seconds a request should come again, 0 when it is to be taken. It is asked for new requests only:
// neither retransmissions nor ACK and CANCEL.
func (u *unit) overloaded(a *transaction.Arrival) (retryAfter int) {
	draining := u.e.draining.Load()
	if !draining && u.waited < u.e.config.MaxDelay/2 {
		return 0
	}
	if a.Msg.ToTag() != nil || a.Msg.Method() == message.MethodBye {
		return 0
	}
	if draining {
		u.answered(a.Msg.Method(), 503)
		return 30
	}
	if !refuseAt(u.waited, u.e.config.MaxDelay, u.core.Random()) {
		return 0
	}
	u.count.overload.Add(1)
	u.answered(a.Msg.Method(), 503)
	return 5 + int(u.core.Random()%10) // spread, so that they don't come back together
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
