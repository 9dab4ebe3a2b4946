package dialog

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	own "github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// Calls of this server's own (b2b): a tracked one is that of a leg, of those that are called for
// it, and of those that any of these is bridged with. It is over when the last has ended.

// ErrOwn is the error of what only the legs of such a call can be asked for.
var ErrOwn = errors.New("the call is this server's own: its legs can be put on hold and transferred")

// errAsked is the error of Track while another handler tracks the leg, and asks other nodes for
// room.
var errAsked = errors.New("another handler is about to track the leg")

// errDecided is the error of Track where nothing of the call can be followed.
var errDecided = errors.New("track stands before the request's decision; dialog.track(leg) tracks what b2b.incoming returns")

// legs follow a call of this server's own. They belong to the lane of the legs.
type legs struct {
	c     *Call
	first *own.Leg
	mu    sync.Mutex
	open  map[*own.Leg]*openLeg // guarded by mu for whoever is not on the lane
	// It is closed, and set to nil, when it is known whether limits leave room for the call
	asks chan struct{}
	// What ended the first that ended, and who: what follows is the server's doing
	by    track.Who
	cause string
}

// openLeg is a leg that has not ended.
type openLeg struct {
	n      int   // its number in the call, of one that was called; otherwise -1
	losses uint8 // pings in a row that it did not answer
}

// Taken has the call be that of a leg: a user agent of this server answers its INVITE.
func (s *session) Taken(l *own.Leg) {
	s.taken = true
	s.call.req = nil
	s.call.follow(l)
}

// follow has the call be that of a leg. It runs on the leg's lane.
func (c *Call) follow(l *own.Leg) *legs {
	x := &legs{c: c, first: l, open: map[*own.Leg]*openLeg{}}
	c.mu.Lock()
	c.own = true
	c.mu.Unlock()
	x.began(l)
	c.d.legs.Store(c, x)
	l.Follow(x)
	return x
}

// leave has the call be that of no leg.
func (x *legs) leave() {
	for l := range x.open {
		l.Unfollow(x)
	}
	x.first.Unfollow(x)
	x.c.d.legs.Delete(x.c)
}

// legs are those of a call of this server's own, nil of another, and after its end.
func (c *Call) legs() *legs {
	x, _ := c.d.legs.Load(c)
	l, _ := x.(*legs)
	return l
}

// ofLegs reports whether it is this server's own.
func (c *Call) ofLegs() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.own
}

// has reports whether one of the legs that are open has a Call-ID. It may be called anywhere.
func (x *legs) has(callID string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	for l := range x.open {
		if l.CallID() == callID {
			return true
		}
	}
	return false
}

// TrackLeg is Track for the call that a leg is of. The token of the leg's lane is held.
func (d *Dialogs) TrackLeg(l *own.Leg, o TrackOptions) (*Call, error) {
	if x, known := own.FollowerOf[*legs](l); known && x.asks != nil {
		return nil, errAsked
	}
	return d.trackLeg(l, o, func(f func(context.Context)) { f(context.Background()) })
}

func (d *Dialogs) trackLeg(l *own.Leg, o TrackOptions, await func(func(context.Context))) (*Call, error) {
	for {
		x, known := own.FollowerOf[*legs](l)
		if !known || x.c.d != d {
			break
		}
		asks := x.asks
		if asks == nil {
			return x.c, x.c.retrack(&o, await)
		}
		await(func(ctx context.Context) { // another handler, which tracks the leg
			select {
			case <-asks:
			case <-ctx.Done():
			}
		})
		if x.asks != nil {
			return nil, errAsked
		}
	}
	switch {
	case l.State() == own.Ended:
		return nil, nil
	case d.table.size.Load() >= mostCalls:
		return nil, errMany
	}
	o.SessionTimer = nil // each leg has its own
	c := &Call{d: d}
	c.home.Store(l.Lane())
	c.t = track.Call{ID: d.newID(), StartedAt: d.wall()}
	if m, _ := l.Invite(); m != nil {
		packed(&c.t, m.CallID(), m.Header(message.HeaderFrom), m.Header(message.HeaderTo), m.RequestURI())
	} else {
		packed(&c.t, []byte(l.CallID()), []byte("<"+l.From()+">"), []byte("<"+l.To()+">"), []byte(l.To()))
	}
	x := c.follow(l)
	x.asks = make(chan struct{}) // other nodes count as well, and meanwhile others may track it
	err := c.retrack(&o, await)
	close(x.asks)
	if x.asks = nil; err != nil {
		x.leave()
		d.count.refused.Add(1)
		return nil, err
	}
	d.count.tracked.Add(1)
	d.table.add(c)
	switch l.State() { // it may have ended meanwhile
	case own.Ended:
		x.leave()
		c.change(func(t *track.Call, at int64) track.Change { return t.End(track.Server, track.CauseDropped, 0, at) })
		return nil, nil
	case own.Answered:
		x.answered(l)
	}
	return c, nil
}

// OfLeg is the call that a leg is of, nil for none. The token of the leg's lane is held.
func (d *Dialogs) OfLeg(l *own.Leg) *Call {
	if x, ok := own.FollowerOf[*legs](l); ok && x.c.d == d && x.asks == nil {
		return x.c
	}
	return nil
}

// Goes has the legs of a call, and what it keeps for them, be on one lane. None goes while another
// handler is about to track them.
func (x *legs) Goes() ([]*own.Leg, bool) { return x.all(), x.asks == nil }

// Leaves has the call go with them.
func (x *legs) Leaves(to *lane.Lane) (arrives func(at *lane.Lane)) {
	c := x.c
	var when lane.Time
	if c.timer.Active() {
		when = c.timer.When()
		c.lane().StopTimer(&c.timer)
	}
	c.goes(to, true)
	return func(at *lane.Lane) {
		c.goes(at, false)
		if when != 0 {
			at.After(when.Sub(at.Now()), &c.timer, c)
		}
	}
}

// Followed notes what becomes of a leg.
func (x *legs) Followed(e own.Event) {
	switch e.Kind {
	case own.EventBegan:
		x.began(e.Leg)
		if x.c.State() == track.Ended { // it was hung up
			e.Leg.EndFor(own.WhyHangUp, "")
		}
	case own.EventRinging:
		x.leg(e.Leg, func(l *track.Leg, _ int64) { l.Code = 180 })
		x.c.change(func(t *track.Call, at int64) track.Change {
			if t.State != track.Early || t.RangAt != 0 || x.asks != nil {
				return track.None
			}
			t.RangAt = at
			return track.Rang
		})
	case own.EventAnswered:
		x.answered(e.Leg)
	case own.EventEnded:
		x.ended(e)
	}
}

// began notes a leg.
func (x *legs) began(l *own.Leg) {
	o := &openLeg{n: -1}
	if l.Dialled() {
		x.c.change(func(t *track.Call, at int64) track.Change {
			o.n = t.Dial(l.To(), at)
			return track.None
		})
	}
	x.mu.Lock()
	x.open[l] = o
	x.mu.Unlock()
}

// leg has f change what the call knows of one that was called.
func (x *legs) leg(l *own.Leg, f func(l *track.Leg, at int64)) {
	o := x.open[l]
	if o == nil || o.n < 0 {
		return
	}
	x.c.change(func(t *track.Call, at int64) track.Change {
		if o.n < len(t.Legs) && t.Legs[o.n].State != track.Ended {
			f(&t.Legs[o.n], at)
		}
		return track.None
	})
}

// answered notes an answer: that of the first leg is the call's.
func (x *legs) answered(l *own.Leg) {
	x.leg(l, func(leg *track.Leg, at int64) {
		if leg.AnswerAt == 0 {
			leg.State, leg.AnswerAt, leg.Code, leg.Tag = track.Confirmed, at, 200, l.RemoteTag()
		}
	})
	if l != x.first || x.asks != nil {
		return
	}
	x.c.change(func(t *track.Call, at int64) track.Change {
		if t.State != track.Early {
			return track.None
		}
		t.State, t.AnswerAt, t.Code = track.Confirmed, at, 200
		return track.Answered
	})
}

// ended notes the end of a leg, and of the call if it was the last.
func (x *legs) ended(e own.Event) {
	by, cause := x.whose(e)
	x.leg(e.Leg, func(l *track.Leg, at int64) {
		if l.State, l.Cause, l.EndedAt = track.Ended, cause, at; e.Code != 0 {
			l.Code = e.Code
		}
		if e.Code != 0 && e.Why == own.WhyRejected { // as its answer says
			l.Cause = ""
		}
	})
	x.mu.Lock()
	delete(x.open, e.Leg)
	x.mu.Unlock()
	if x.cause == "" || by != track.Server || e.Leg == x.first && e.Code != 0 {
		x.by, x.cause = by, cause
	}
	if len(x.open) > 0 || x.asks != nil {
		return
	}
	code := 0
	if x.c.State() == track.Early {
		code = e.Code
	}
	x.c.change(func(t *track.Call, at int64) track.Change { return t.End(x.by, x.cause, code, at) })
}

// whose says who ended a leg, and why.
func (x *legs) whose(e own.Event) (track.Who, string) {
	party := track.Callee
	if e.Leg == x.first && !e.Leg.Dialled() {
		party = track.Caller
	}
	switch e.Why {
	case own.WhyBye:
		return party, track.CauseBye
	case own.WhyCancelled:
		return party, track.CauseCancelled
	case own.WhyLost, own.WhyNoAck:
		return track.Nobody, track.CauseGone
	case own.WhyDuration:
		return track.Server, track.CauseMaxDuration
	case own.WhyHangUp:
		return track.Server, track.CauseHungUp
	case own.WhyRejected:
		if party == track.Callee {
			return party, track.CauseRejected
		}
		return track.Server, track.CauseRejected
	}
	return track.Server, e.Why
}

// end ends the legs of a call that was ended from here.
func (x *legs) end(cause, reason string) {
	why := own.WhyHangUp
	if cause == track.CauseMaxDuration {
		why = own.WhyDuration
	}
	for _, l := range x.all() {
		l.EndFor(why, reason)
	}
}

// all are the legs that have not ended, in an order.
func (x *legs) all() []*own.Leg {
	all := make([]*own.Leg, 0, len(x.open))
	for l := range x.open {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *own.Leg) int { return strings.Compare(a.ID(), b.ID()) })
	return all
}

// ping pings the party of each leg that is answered. One that is gone has its leg ended, and its
// owner hears of that.
func (x *legs) ping() {
	for _, l := range x.all() {
		if l.State() == own.Answered && l.Ping(func(code int) { x.pinged(l, code) }) == nil {
			x.c.d.count.pings.Add(1)
		}
	}
}

// pinged takes the answer to a ping. It runs on the leg's lane.
func (x *legs) pinged(l *own.Leg, code int) {
	if o := x.open[l]; o != nil && lost(&o.losses, code) {
		l.EndFor(track.CauseKeepalive, "")
	}
}

var _ own.Taker = (*session)(nil)
