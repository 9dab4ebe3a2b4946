package dialog

import (
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/dialog/limits"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// Calls that were there before a restart.

// resume puts the calls that were kept into the table, with their slots.
func (d *Dialogs) resume(e *engine.Engine) {
	spread := max(30*time.Second, time.Duration(len(d.kept))*time.Millisecond)
	for _, r := range d.kept {
		r.afterRestart()
		c := &Call{d: d, t: *r.Call, vars: r.Vars, sessionAt: r.Session, stored: true, proving: true}
		c.home.Store(e.LaneOf(r.Call.CallID))
		k := r.Kept
		c.settings = settings{maxDuration: k.MaxDuration, flowLost: k.FlowLost, keepalive: k.Keepalive, sessionTimer: k.SessionTimer, endWithoutMedia: k.EndWithoutMedia}
		if len(r.Keys) > 0 && k.Keepalive == 0 { // as versions before this one wrote it
			c.keepalive = neverPinged
		}
		var keys []limits.Limit
		for _, key := range r.Keys {
			keys = append(keys, limits.Limit{Key: key})
		}
		d.limits.Take(&c.slots, keys, true)
		d.table.add(c)
		first := time.Second + time.Duration(e.Random(nil)%uint64(spread))
		c.post(func() { c.resumed(first) })
	}
	if len(d.kept) > 0 {
		d.shared.renewSoon()
	}
	d.kept = nil
}

// resumed starts the timers of a call that was there before. BYEs of the time between are noticed
// by pings, whether the call is pinged otherwise or not.
func (c *Call) resumed(first time.Duration) {
	now, wall := c.lane().Now(), c.d.wall()
	if c.maxDuration > 0 {
		c.due[timerMax] = now.Add(max(1, c.maxDuration-time.Duration(wall-c.t.AnswerAt)))
	}
	if c.sessionAt != 0 {
		c.due[timerSession] = now.Add(max(1, time.Duration(c.sessionAt-wall)))
	}
	c.due[timerPing] = now.Add(first)
	c.arm()
	c.watchFlows()
	c.recover()
}

// proved reports whether a call that was there before a restart has answered pings since, and needs
// no more.
func (c *Call) proved(v *View) bool {
	for i := range v.Legs {
		if l := &v.Legs[i]; l.State == track.Confirmed && l.LostA+l.LostB > 0 {
			return false
		}
	}
	return true
}

// proveEvery is how often a call is pinged after a restart that is not pinged otherwise, until both
// parties have answered.
const proveEvery = 35 * time.Second
