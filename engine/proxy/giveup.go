package proxy

import (
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
)

// How a branch is ended before its server did: its time is over (§16.8), or it is cancelled (§16.7
// step 10, §16.10).

// Expire is the branch's timer: its delay has passed, or it is given up.
func (w *waiting) Expire(*lane.Timer) {
	b := (*Branch)(w)
	if b.done {
		b.release()
		return
	}
	now := b.fork.x.core.Lane.Now()
	r := b.rare()
	if r.startAt != 0 && b.rare().startAt <= now {
		b.seldom().startAt = 0
		if b.cancelled || b.fork.closed || b.fork.x.over {
			b.lost()
			return
		}
		b.prepare()
		return
	}
	for _, at := range [...]lane.Time{r.limitAt, r.replyAt, r.ringAt, b.cAt} {
		if at != 0 && at <= now {
			// §16.8, and trap 36: an expired branch counts as 408 at once, whether or not its
			// device still answers the CANCEL. Its late 2xx still wins.
			if b.client != nil {
				b.client.Cancel(nil)
				b.client.Quiet()
				b.hold()
			}
			b.expired = !b.cancelled
			b.remark("gave up", b.patience(at))
			b.cancelled, b.resolving = true, false
			b.settle(NewResponse(408, CauseTimeout, b.target.shown()))
			return
		}
	}
	b.arm()
}

// patience says which time of the branch was over.
func (b *Branch) patience(at lane.Time) string {
	switch {
	case b.cancelled:
		return "it was cancelled, and said nothing"
	case at == b.rare().replyAt && !b.heard:
		return "it said nothing in time"
	case at == b.rare().ringAt:
		return "it rang for too long"
	}
	return "its time was over"
}

// expiredPatience is how long hold waits: a CANCEL and its first three retransmissions.
const expiredPatience = 4 * time.Second

// hold delays the final response while a response to the CANCEL of an expired branch can be
// expected: a 2xx that crosses the CANCEL must not come after a failure (§16.7 step 5). It delays
// nothing else, and not for branches that were never heard from.
func (b *Branch) hold() {
	if !b.heard || b.cancelled || b.held || b.client.Method() != message.MethodInvite {
		return
	}
	b.held = true
	b.seldom().heldUntil = b.fork.x.core.Lane.Now().Add(expiredPatience)
	b.fork.x.held++
}

// release is the end of hold. A 2xx that a callback delays at this moment is on its way and ends it
// later.
func (b *Branch) release() {
	if b.extra != nil {
		b.extra.heldUntil = 0
	}
	b.arm()
	if !b.held || b.client.State() == transaction.Accepted && b.fork.x.answered == 0 {
		return
	}
	b.held = false
	b.fork.x.held--
	b.fork.x.check()
}

// cancelPatience is how long a cancelled branch is waited for. The client before us waits 64*T1, 32
// s, from its own CANCEL (§9.1), and should have our answer before that.
const cancelPatience = 30 * time.Second

// cancel ends a branch that has no final response. One that was not sent yet is settled in its
// turn.
func (b *Branch) cancel(headers []byte) {
	if b.cancelled {
		return
	}
	b.cancelled = true
	if b.client != nil {
		if b.client.Method() == message.MethodInvite {
			b.client.Cancel(headers)
			if at := b.fork.x.core.Lane.Now().Add(cancelPatience); b.rare().limitAt == 0 || at < b.rare().limitAt {
				b.seldom().limitAt = at
				b.arm()
			}
		}
		return
	}
	if b.rare().startAt != 0 || b.resolving || b.starving {
		if b.starving {
			b.fed()
		}
		b.resolving = false
		if b.extra != nil {
			b.extra.startAt = 0
		}
		b.arm()
		b.lost()
	}
}

// lost settles a branch that was ended before it was sent.
func (b *Branch) lost() {
	b.remark("not tried", "it was cancelled before")
	b.drop()
	b.fork.x.later(event{b, NewResponse(487, CauseCancelled, b.target.shown()), true})
}
