package dialog

import (
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// Hangup ends the call: with BYE to both parties of each leg that was answered, or with CANCEL and
// 480 before the answer. reason is the value of a Reason header (RFC 3326), "" for none. It returns
// at once; false: the call has ended, or another node has it, which can't be told (Redis is away).
func (c *Call) Hangup(reason string) bool {
	if c.State() == track.Ended {
		return false
	}
	if c.Node() != "" { // which hears of it
		return !c.d.shared.away.Load() && c.d.shared.tell(&notice{ID: c.t.ID, HangUp: true, Reason: reason})
	}
	c.d.count.hungUp.Add(1)
	return c.post(func() { c.end(track.CauseHungUp, reason) })
}

// ackPatience is how long a BYE to a caller waits for its ACK: 64*T1 (§15).
const ackPatience = 32 * time.Second

// end ends the call from this side, on its lane.
func (c *Call) end(cause, reason string) {
	if c.State() == track.Ended {
		return
	}
	if x := c.legs(); x != nil {
		c.change(func(t *track.Call, at int64) track.Change { return t.End(track.Server, cause, 0, at) })
		x.end(cause, reason)
		return
	}
	code := 0
	if c.req != nil && !c.req.Over() {
		c.turned = c.req.End(480, reason, nil)
		code = 480
	}
	v := c.View()
	for i := range v.Legs {
		if l := &v.Legs[i]; l.State == track.Confirmed {
			c.bye(&v, l, true, reason)
			if l.Acked {
				c.bye(&v, l, false, reason)
			} else {
				c.due[timerAck] = c.lane().Now().Add(ackPatience)
			}
		}
	}
	c.change(func(t *track.Call, at int64) track.Change { return t.End(track.Server, cause, code, at) })
}

// acked notes the ACK of a leg's 2xx, and lets go the BYE that waited for it.
func (c *Call) acked(tag string) {
	c.mu.Lock()
	l := c.t.Leg(tag)
	waits := l != nil && !l.Acked && c.due[timerAck] != 0
	if l != nil {
		l.Acked = true
	}
	c.mu.Unlock()
	if !waits {
		return
	}
	v := c.View()
	c.bye(&v, v.Leg(tag), false, "")
	for i := range v.Legs {
		if l := &v.Legs[i]; l.AnswerAt != 0 && !l.Acked {
			return
		}
	}
	c.set(timerAck, 0)
	c.d.table.remove(c.t.ID)
}

// sayGoodbye sends the BYEs that waited for an ACK in vain.
func (c *Call) sayGoodbye() {
	v := c.View()
	for i := range v.Legs {
		if l := &v.Legs[i]; l.AnswerAt != 0 && !l.Acked {
			c.bye(&v, l, false, "")
		}
	}
	c.d.table.remove(c.t.ID)
}

// bye sends a BYE to one party of a leg, in the name of the other: with the CSeq number after the
// highest that it has seen of that (§12.2.1.1).
func (c *Call) bye(v *View, l *track.Leg, toCallee bool, reason string) {
	s := c.within(v, l, toCallee)
	s.Method = "BYE"
	s.CSeq++
	if reason != "" {
		s.Headers = []engine.HeaderEdit{{Name: "Reason", Values: []string{reason}}}
	}
	c.send(s, func(*engine.Response, error) {})
}

// within is a request to one party of a leg, in the name of the other. CSeq is the highest number
// that it has seen of that.
func (c *Call) within(v *View, l *track.Leg, toCallee bool) *engine.SendSpec {
	s := &engine.SendSpec{CallID: v.CallID}
	from, to := v.From, v.To
	if toCallee {
		if l.Shown != nil {
			from, to = l.Shown.From, l.Shown.To
		}
		s.From, s.To, s.Target, s.CSeq = from, withTag(to, l.Tag), targetOf(&l.B), l.ToCallee
		s.KnownAs = knownAs(&l.B)
	} else {
		s.From, s.To, s.Target, s.CSeq = withTag(to, l.Tag), from, targetOf(&v.A), l.ToCaller
		s.KnownAs = knownAs(&v.A)
	}
	s.URI = s.Target.URI
	return s
}

func targetOf(s *track.Side) *engine.Target {
	r := s.Reach()
	return r.Target()
}

// knownAs is the Call-ID by which a party knows the dialog, if that is another than the call's.
func knownAs(s *track.Side) string { return s.Reach().CallID }

// send sends a request of ours.
func (c *Call) send(s *engine.SendSpec, then func(*engine.Response, error)) {
	e := c.d.engine.Load()
	if t := s.Target; t.Flow != 0 && !t.FlowOnly && !e.FlowOpen(t.Flow) { // §18: its address may do
		t.Flow, t.Received, t.FromHome = 0, "", t.FromSocket != ""
	}
	if s.URI == "" {
		then(nil, engine.ErrNoAnswer)
		return
	}
	if err := e.SendAsync(s, then); err != nil {
		c.d.log.Warn("dialog: a request within a call could not be sent", "call_id", s.CallID, "method", s.Method, "error", err)
		then(nil, err)
	}
}

// turnAway ends the dialog of a 2xx that came when the caller had got its failure from us.
func (c *Call) turnAway(r *track.Response) {
	c.mu.Lock()
	l := track.Leg{Tag: r.Tag, ToCallee: r.Asked}
	l.B.Set(r.B)
	if r.Leg >= 0 && r.Leg < len(c.t.Legs) {
		l.Shown = c.t.Legs[r.Leg].Shown
	}
	again := false
	if known := c.t.Leg(r.Tag); known != nil {
		again = known.Code >= 200 && known.Code < 300
		known.Code = r.Code
	} else if r.Leg >= 0 && r.Leg < len(c.t.Legs) && c.t.Legs[r.Leg].Tag == "" {
		c.t.Legs[r.Leg].Tag, c.t.Legs[r.Leg].Code = r.Tag, r.Code
	}
	c.mu.Unlock()
	if !again {
		v := c.View()
		c.bye(&v, &l, true, "")
	}
}
