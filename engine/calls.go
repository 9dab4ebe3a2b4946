package engine

// Which calls of a lane are in progress, for a drain that waits for them. A proxy keeps no state of
// a call; this is kept only if Config.DrainCalls is set.

import (
	"hash/maphash"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

const (
	mostCalls    = 1 << 20        // of one lane; those beyond are not waited for
	longestCall  = 24 * time.Hour // after that nothing comes back by our Record-Route
	callsCleanUp = time.Minute    // how often a full table is gone through
)

// calls are those of one lane, by the hash of their Call-ID, with the time they were last heard
// from. It belongs to the holder of the lane's token.
type calls struct {
	heard   map[uint64]lane.Time
	cleaned lane.Time
}

func newCalls() *calls { return &calls{heard: map[uint64]lane.Time{}} }

// note records the outcome of a request: a 2xx to an INVITE that we recorded a route for begins a
// call. A call ends with the answer to its BYE (§15.1.1), except for a challenge, and if a request
// within it finds nobody (RFC 5057 §5.1).
func (c *calls) note(r *Request) {
	code := r.ctx.Answered()
	if r.method != message.MethodInvite && r.method != message.MethodBye || r.ctx.Req == nil || code == 0 {
		return
	}
	now := r.unit.lane.Now()
	key := maphash.Bytes(r.unit.e.seed, r.ctx.Req.CallID())
	_, known := c.heard[key]
	switch {
	case r.method == message.MethodBye && code != 401 && code != 407,
		r.inDialog && (code == 408 || code == 481):
		delete(c.heard, key)
	case known, code/100 == 2 && r.method == message.MethodInvite && !r.inDialog && r.ctx.Recorded():
		if known || c.room(now) {
			c.heard[key] = now
		}
	}
}

// CallOver says that the call of a dialog has ended, which no request here need have shown: this
// server hung up, or knows that the parties are gone. Gateways that count calls have room again, a
// drain doesn't wait for it, and a Reporter hears of its end. from is the caller's From, toTag the
// callee's tag. It is called on the lane of the Call-ID.
func (e *Engine) CallOver(callID, from, toTag string) {
	a, _ := message.ParseAddress([]byte(from))
	u := e.units[e.dialogIndex([]byte(callID), a.Tag(), []byte(toTag))]
	u.core.EndCall(callID, from, toTag)
	key := maphash.String(e.seed, callID)
	if u.calls != nil {
		delete(u.calls.heard, key)
	}
	if c := u.reports; c != nil && len(c.open) > 0 {
		c.over(key, u.lane.Now())
		u.count.calls.Store(int64(len(c.open)))
	}
}

// room reports whether there is room, after removing calls whose end was never reported.
func (c *calls) room(now lane.Time) bool {
	if len(c.heard) >= mostCalls && now.Sub(c.cleaned) >= callsCleanUp {
		c.clean(now)
	}
	return len(c.heard) < mostCalls
}

func (c *calls) clean(now lane.Time) {
	c.cleaned = now
	for key, heard := range c.heard {
		if now.Sub(heard) > longestCall {
			delete(c.heard, key)
		}
	}
}

// inProgress is the number of calls.
func (c *calls) inProgress(now lane.Time) int {
	if c == nil {
		return 0
	}
	if now.Sub(c.cleaned) >= callsCleanUp {
		c.clean(now)
	}
	return len(c.heard)
}
