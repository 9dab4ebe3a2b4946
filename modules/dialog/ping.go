package dialog

import (
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// Pings of the parties of a call, so that one that is gone does not keep its slots.

// DefaultKeepalive is how often calls with limits are pinged.
const DefaultKeepalive = 300 * time.Second

const (
	shortestKeepalive = 10 * time.Second
	mostLosses        = 3 // in a row; then a party is gone
)

// neverPinged is the keepalive of a call whose script wants no pings.
const neverPinged = -1

// pingSlots has a call with slots be pinged, unless the script has said how. It runs on the lane.
func (c *Call) pingSlots() {
	c.mu.Lock()
	if c.keepalive == 0 && c.slots.Len() > 0 {
		c.keepalive = DefaultKeepalive
	}
	up := c.t.State == track.Confirmed
	c.mu.Unlock()
	switch {
	case !up:
	case c.keepalive > 0 && c.due[timerPing] == 0:
		c.set(timerPing, c.lane().Now().Add(c.keepalive))
	case c.keepalive < 0 && !c.proving:
		c.set(timerPing, 0)
	}
}

// ping pings both parties of each leg.
func (c *Call) ping() {
	v := c.View()
	again := max(c.keepalive, 0)
	if c.proving && again == 0 {
		if again = proveEvery; c.proven {
			if c.proving = !c.proved(&v); !c.proving {
				return
			}
		}
		c.proven = true
	}
	c.due[timerPing] = c.lane().Now().Add(again)
	if x := c.legs(); x != nil {
		x.ping()
		return
	}
	for i := range v.Legs {
		if l := &v.Legs[i]; l.State == track.Confirmed {
			c.pingParty(&v, l, true)
			c.pingParty(&v, l, false)
		}
	}
}

// pingParty sends an OPTIONS to one party of a leg. It takes no number of its own: see the package.
func (c *Call) pingParty(v *View, l *track.Leg, toCallee bool) {
	s, tag := c.within(v, l, toCallee), l.Tag
	s.Method = "OPTIONS"
	if s.CSeq == 0 {
		s.CSeq = engine.CSeqZero
	}
	c.d.count.pings.Add(1)
	c.send(s, func(res *engine.Response, err error) {
		code := 408
		if err == nil {
			code = res.Code()
		}
		c.pinged(tag, toCallee, code)
	})
}

// pinged takes the answer to a ping. It runs on the call's lane.
func (c *Call) pinged(tag string, toCallee bool, code int) {
	c.mu.Lock()
	l := c.t.Leg(tag)
	if l == nil || l.State != track.Confirmed {
		c.mu.Unlock()
		return
	}
	losses := &l.LostA
	if toCallee {
		losses = &l.LostB
	}
	gone := lost(losses, code)
	c.mu.Unlock()
	if gone {
		c.endLeg(tag, track.CauseKeepalive, code)
	}
}

// lost counts the losses in a row of a party by its answer to a ping, and reports whether it is
// gone.
func lost(losses *uint8, code int) bool {
	switch code {
	case 408, 430, 503, 504: // it did not arrive
		*losses++
	default:
		*losses = 0
	}
	return code == 481 || *losses >= mostLosses
}

// endLeg ends one leg from this side; the call ends with the last.
func (c *Call) endLeg(tag, cause string, code int) {
	v := c.View()
	l := v.Leg(tag)
	c.bye(&v, l, true, "")
	c.bye(&v, l, false, "")
	c.change(func(t *track.Call, at int64) track.Change { return t.Hangup(tag, track.Server, cause, code, at) })
}
