package proxy

// Calls that a Guard let in, from the answer to their end. They belong to the lane, on which all
// requests of a call arrive.

import (
	"hash/maphash"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

const (
	mostCalls  = 1 << 20          // of one lane; those beyond count as ended
	sweepCalls = 10 * time.Second // how often the ones whose end was never seen are looked for
	mostSwept  = 4096             // calls looked at each time: more would hold up the lane
)

// calls are those of one lane, by dialog. The zero value is empty.
type calls struct {
	core  *Core
	seed  maphash.Seed
	known map[uint64]guarded
	timer lane.Timer
}

type guarded struct {
	guard Guard
	until lane.Time // after that nothing comes back by our Record-Route
}

// dialogKey identifies a dialog, in whichever direction its request goes.
func (c *calls) dialogKey(callID, a, b []byte) uint64 {
	if c.known == nil {
		c.seed, c.known = maphash.MakeSeed(), map[uint64]guarded{}
	}
	if string(a) > string(b) {
		a, b = b, a
	}
	var h maphash.Hash
	h.SetSeed(c.seed)
	for _, part := range [...][]byte{callID, a, b} {
		_, _ = h.Write(part)
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

// hold keeps a call until its end; false: there is no room, or the dialog is known already.
func (c *calls) hold(core *Core, key uint64, g Guard) bool {
	if _, known := c.known[key]; known || key == 0 || len(c.known) >= mostCalls {
		return false
	}
	c.core = core
	c.known[key] = guarded{g, core.Lane.Now().Add(core.RouteLifetime)}
	if !c.timer.Active() {
		core.Lane.After(sweepCalls, &c.timer, c)
	}
	return true
}

// Expire ends the calls that can have no further request here. Of many it looks at some, chosen at
// random, as the order of a map is.
func (c *calls) Expire(*lane.Timer) {
	now, looked := c.core.Lane.Now(), 0
	for key, g := range c.known {
		if g.until <= now {
			c.end(key)
		}
		if looked++; looked >= mostSwept {
			break
		}
	}
	if len(c.known) > 0 {
		c.core.Lane.After(sweepCalls, &c.timer, c)
	}
}

func (c *calls) end(key uint64) {
	if g, known := c.known[key]; known {
		delete(c.known, key)
		g.guard.Exit()
	}
}

// EndCall ends a call whose end is not seen here: this server hung up by requests of its own, or
// knows otherwise.
func (c *Core) EndCall(callID, from, toTag string) {
	if len(c.calls.known) == 0 {
		return
	}
	if a, err := message.ParseAddress([]byte(from)); err == nil {
		c.calls.end(c.calls.dialogKey([]byte(callID), a.Tag(), []byte(toTag)))
	}
}

// endOf ends the call that a finished request was the last of: a BYE (§15.1.1) except for a
// challenge of it, or whatever found nobody (RFC 5057 §5.1). Only what our Record-Route let pass
// counts: a stranger can be answered 481 by us, too; or what the other side of the dialog accepted.
func (c *calls) endOf(x *Context) {
	if len(c.known) == 0 || x.Req == nil || len(x.Req.ToTag()) == 0 {
		return
	}
	code, bye := x.Answered(), x.Req.Method() == message.MethodBye
	switch {
	case bye && x.Signed && code != 401 && code != 407:
	case bye && x.started && code/100 == 2:
	case x.Signed && (code == 408 || code == 481):
	default:
		return
	}
	c.end(c.dialogKey(x.Req.CallID(), x.Req.FromTag(), x.Req.ToTag()))
}
