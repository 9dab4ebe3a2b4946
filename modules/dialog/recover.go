package dialog

import (
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// A hold, or its end, that a restart has cut short. A party that has accepted the INVITE repeats
// its 2xx until it has an ACK, and then ends the call (RFC 3261 §13.3.1.4): it gets one, by which
// an offer in it is answered with no media. Then both parties negotiate anew, for what stood
// before: who wanted the hold is not there any more.

const (
	// recoverTime is how long a 2xx to an INVITE of before the restart may come: 64*T1, and a
	// little.
	recoverTime = 33 * time.Second
	// recoverSoon is when the parties negotiate once a 2xx has come, recoverAgain when they could
	// not, at most recoverTries times.
	recoverSoon, recoverAgain = 2 * time.Second, 10 * time.Second
	recoverTries              = 3
)

// recoveries are the calls after a restart whose parties were being asked, by the Call-IDs that the
// parties know.
type recoveries struct {
	mu    sync.Mutex
	calls map[string]*recovery // guarded by mu
}

// recovery is one call. It belongs to its lane.
type recovery struct {
	c     *Call
	ids   [2]string // the Call-IDs
	tag   string
	acks  [2]*engine.Acknowledgement // by whom they are for: the caller, the callee
	timer lane.Timer
	ends  lane.Time // no 2xx comes after that
	tries int
	asked bool // they negotiate, or don't have to
}

// recover begins it for a call that was there before.
func (c *Call) recover() {
	v := c.View()
	l := v.Live()
	if l == nil || l.Own == nil || l.Own.Invites == [2]uint32{} {
		return
	}
	x := &recovery{c: c, tag: l.Tag, ends: c.lane().Now().Add(recoverTime)}
	for n, side := range []*track.Side{&v.A, &l.B} {
		if x.ids[n] = knownAs(side); x.ids[n] == "" {
			x.ids[n] = v.CallID
		}
	}
	r := &c.d.recoveries
	r.mu.Lock()
	if r.calls == nil {
		r.calls = map[string]*recovery{}
	}
	for _, id := range x.ids {
		r.calls[id] = x
	}
	r.mu.Unlock()
	c.lane().After(recoverTime, &x.timer, x)
}

// Expire has the parties negotiate, and ends the recovery.
func (x *recovery) Expire(*lane.Timer) {
	now := x.c.lane().Now()
	if !x.asked {
		x.negotiate()
	}
	switch {
	case !x.asked:
		x.c.lane().After(recoverAgain, &x.timer, x)
	case now < x.ends:
		x.c.lane().After(x.ends.Sub(now), &x.timer, x)
	default:
		r := &x.c.d.recoveries
		r.mu.Lock()
		for _, id := range x.ids {
			delete(r.calls, id)
		}
		r.mu.Unlock()
	}
}

// negotiate has both parties negotiate for what stood before.
func (x *recovery) negotiate() {
	c := x.c
	v := c.View()
	l := v.Leg(x.tag)
	x.tries++
	if x.asked = l == nil || l.State != track.Confirmed || l.Own.Invites == [2]uint32{} || x.tries > recoverTries; x.asked {
		return
	}
	x.asked = true
	c.hold(v.Held, func(err error) {
		switch {
		case errors.Is(err, ErrBusy):
			x.asked = false
		case err != nil:
			c.d.log.Warn("dialog: a hold was cut short by a restart, and the parties don't negotiate", "call_id", v.CallID, "error", err)
		}
	})
}

// stray takes the 2xx to an INVITE of before a restart, on the lane of the call.
func (d *Dialogs) stray(m *message.Message, _ netip.AddrPort) bool {
	cs, err := m.CSeq()
	if err != nil || cs.Method != message.MethodInvite || m.Status()/100 != 2 {
		return false
	}
	d.recoveries.mu.Lock()
	x := d.recoveries.calls[string(m.CallID())]
	d.recoveries.mu.Unlock()
	return x != nil && x.accepted(m, cs.Number)
}

// accepted acknowledges a 2xx, as often as it comes.
func (x *recovery) accepted(m *message.Message, number uint32) bool {
	c := x.c
	v := c.View()
	l := v.Leg(x.tag)
	if l == nil || l.State != track.Confirmed || l.Own == nil {
		return false
	}
	to, other := string(m.ToTag()), string(m.FromTag())
	n := 0
	switch caller := tagOf(v.From); {
	case to == caller && other == x.tag:
	case to == x.tag && other == caller:
		n = 1
	default:
		return false
	}
	if x.acks[n] != nil {
		x.acks[n].Again()
		return true
	}
	if l.Own.Invites[n] != number {
		return false
	}
	s := c.within(&v, l, n == 1)
	s.Method, s.CSeq, s.CallID = "ACK", number, x.ids[n]
	if uri := proxy.ContactURI(m); uri != "" { // §12.2.1.2
		s.Target.URI = uri
	}
	if n == 0 {
		if offer := description(m); offer != nil {
			s.ContentType, s.Body = sdpType, inactive(offer, true)
		}
	}
	ack, err := c.d.engine.Load().Acknowledge(c.lane(), s)
	if err != nil {
		c.d.log.Warn("dialog: a 2xx of before the restart can't be acknowledged", "call_id", v.CallID, "error", err)
		return true
	}
	x.acks[n] = ack
	if n == 0 && !x.asked {
		c.lane().After(recoverSoon, &x.timer, x)
	}
	return true
}
