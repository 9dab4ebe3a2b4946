package acc

// The record of a call of this server's own (b2b): of all its legs, from one to the last.

import (
	"sync"

	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/acc/cdr"
)

// legs follows a call whose record is made. Its legs may be on several lanes.
type legs struct {
	a     *Accounts
	c     *call
	first *dialog.Leg

	mu   sync.Mutex          // guards what follows
	of   map[*dialog.Leg]int // those that were called, by their numbers in the record: see forget
	open int                 // legs that have not ended

	// What ended the call, as far as is known
	by, cause string
	stale     bool // it went on after that
}

// RecordLeg makes a record of the call that a leg is of: that leg, those that are called for it,
// and those that it, or one of these, is bridged with later. It is written when the last has ended.
// Called again for any of them it changes fields. The token of the leg's lane is held.
func (a *Accounts) RecordLeg(l *dialog.Leg, fields map[string]any) error {
	switch x, known := dialog.FollowerOf[*legs](l); {
	case known && x.a == a:
		return a.change(x.c, fields)
	case known, l.State() == dialog.Ended:
		return nil
	case a.calls.size() >= mostCalls:
		return errMany
	}
	x := &legs{a: a, c: &call{id: a.newID(a.engine.Load()), own: true}, first: l, of: map[*dialog.Leg]int{}, open: 1}
	now := a.wall()
	x.c.r = aboutLeg(l, now)
	x.c.r.ID, x.c.r.Type, x.c.r.Node = x.c.id.String(), cdr.Call, a.policy.Load().Node
	if err := set(&x.c.r.Fields, fields); err != nil {
		return err
	}
	if l.Dialled() {
		x.of[l] = x.c.calls(cdr.Text([]byte(l.To())), now)
	}
	if l.State() == dialog.Answered {
		x.answered(l, now)
	}
	a.count.calls.Add(1)
	a.calls.add(x.c)
	a.noted(x.c)
	l.Follow(x)
	return nil
}

// Taken has the record be that of a leg: a user agent of this server answers the INVITE.
func (s *session) Taken(l *dialog.Leg) {
	if s.taken {
		return
	}
	s.taken = true
	s.c.mu.Lock()
	s.c.own = true
	s.c.mu.Unlock()
	s.a.noted(s.c) // it does not outlive the process
	l.Follow(&legs{a: s.a, c: s.c, first: l, of: map[*dialog.Leg]int{}, open: 1})
}

// aboutLeg is what is known of a leg at first.
func aboutLeg(l *dialog.Leg, now cdr.Time) cdr.Record {
	m, source := l.Invite()
	if m == nil {
		return cdr.Record{CallID: cdr.Text([]byte(l.CallID())), FromURI: cdr.Text([]byte(l.From())), ToURI: cdr.Text([]byte(l.To())), RequestURI: cdr.Text([]byte(l.To())), Began: now}
	}
	return cdr.Record{CallID: cdr.Text(m.CallID()), FromURI: uriIn(m, message.HeaderFrom), FromTag: cdr.Text(m.FromTag()), ToURI: uriIn(m, message.HeaderTo),
		RequestURI: cdr.Text(m.RequestURI()), Source: source.Transport.String() + ":" + source.Addr.String(),
		UserAgent: cdr.Text(m.Header(message.HeaderUserAgent)), Diversion: diversion(m), Began: now}
}

// SetLeg changes fields: of the leg itself if it was called, otherwise of the call.
func (a *Accounts) SetLeg(l *dialog.Leg, fields map[string]any) error {
	x, known := dialog.FollowerOf[*legs](l)
	if !known || x.a != a {
		return nil
	}
	x.mu.Lock()
	n, called := x.of[l]
	x.mu.Unlock()
	switch {
	case l == x.first, !l.Dialled():
		return a.change(x.c, fields)
	case !called: // it has ended, and another has its place
		return nil
	}
	x.c.mu.Lock()
	defer x.c.mu.Unlock()
	if b := x.c.legOf(n); b != nil {
		return set(&b.Fields, fields)
	}
	return nil
}

// Goes says that legs go to other lanes without one another.
func (*legs) Goes() ([]*dialog.Leg, bool) { return nil, true }

// Leaves is for those that do not.
func (*legs) Leaves(*lane.Lane) func(*lane.Lane) { return func(*lane.Lane) {} }

// Followed notes what becomes of a leg.
func (x *legs) Followed(e dialog.Event) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now, n := x.a.wall(), -1
	if number, called := x.of[e.Leg]; called {
		n = number
	}
	switch e.Kind {
	case dialog.EventBegan:
		x.open++
		if e.Leg.Dialled() {
			x.of[e.Leg] = x.c.calls(cdr.Text([]byte(e.Leg.To())), now)
		}
	case dialog.EventRinging:
		x.c.rang(n, now)
	case dialog.EventAnswered:
		x.answered(e.Leg, now)
	case dialog.EventMoved:
		if number, called := x.of[e.Far]; called {
			x.c.transferred(number)
		}
	case dialog.EventEnded:
		x.ended(e, n, now)
		x.forget(e.Leg, n)
	}
}

// forget forgets a leg that has ended and whose place in the record others get as well: a call may
// have any number of legs. The rest can be told of still: acc.set(leg).
func (x *legs) forget(l *dialog.Leg, n int) {
	if n == mostLegs-1 {
		delete(x.of, l)
	}
}

// answered notes an answer: that of the first leg is the call's.
func (x *legs) answered(l *dialog.Leg, now cdr.Time) {
	if n, called := x.of[l]; called {
		x.c.taken(n, now)
	}
	if l != x.first {
		return
	}
	if x.c.answered(-1, cdr.Text([]byte(l.ID())), "", 200, now) {
		x.by, x.cause = "", ""
		x.a.noted(x.c)
	}
}

// ended notes the end of a leg, and of the call if it was the last.
func (x *legs) ended(e dialog.Event, n int, now cdr.Time) {
	x.open--
	by, cause := x.whose(e)
	if e.Code != 0 && n >= 0 {
		local := ""
		if e.Why != dialog.WhyRejected {
			local = e.Why
		}
		x.c.failed(n, e.Code, "", local, nil, now)
	}
	if e.Code == 0 && (by != byServer || x.cause == "" || x.stale) {
		x.by, x.cause, x.stale = by, cause, x.open > 1
	}
	if x.open > 0 {
		if e.Leg == x.first {
			x.c.mu.Lock()
			if x.c.r.Answered.IsZero() {
				x.c.r.Code = e.Code
			}
			x.c.mu.Unlock()
			if e.Code != 0 {
				x.by, x.cause = x.failure(e)
			}
		}
		return
	}
	if e.Leg == x.first && e.Code != 0 {
		x.by, x.cause = x.failure(e)
	}
	x.a.end(x.c, now, x.by, x.cause, e.Code, "")
}

// failure says who ended a call that was not answered, and why.
func (x *legs) failure(e dialog.Event) (by, cause string) {
	x.c.mu.Lock()
	defer x.c.mu.Unlock()
	by, cause, _ = x.c.outcome(e.Code, e.Why == dialog.WhyCancelled)
	return by, cause
}

// whose says who ended a leg, and why, as records have it.
func (x *legs) whose(e dialog.Event) (by, cause string) {
	party := byCallee
	if e.Leg == x.first && !e.Leg.Dialled() {
		party = byCaller
	}
	switch e.Why {
	case dialog.WhyBye:
		return party, causeBye
	case dialog.WhyCancelled:
		return party, causeCancel
	case dialog.WhyLost, dialog.WhyNoAck:
		return "", causeGone
	case dialog.WhyDuration:
		return byServer, "max_duration"
	case dialog.WhyHangUp:
		return byServer, "hung up"
	}
	return byServer, e.Why
}

// calls notes that somebody is called, and returns the number of the leg.
func (c *call) calls(target string, now cdr.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.r.Answered.IsZero() {
		c.r.Target = target
	}
	l := cdr.Branch{Target: target, Began: now}
	if len(c.r.Legs) < mostLegs {
		c.r.Legs = append(c.r.Legs, l)
	} else {
		c.r.Legs[mostLegs-1] = l
	}
	return len(c.r.Legs) - 1
}

// taken notes that somebody who was called has answered.
func (c *call) taken(n int, now cdr.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.legOf(n)
	if l == nil {
		return
	}
	l.Code, l.Ended = 200, now
	if c.r.Answered.IsZero() {
		c.r.Target = l.Target
	}
}

// transferred notes that a party went to the leg.
func (c *call) transferred(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.legOf(n); l != nil {
		_ = set(&l.Fields, map[string]any{"transfer": true}) // what is too much is the script's
	}
}
