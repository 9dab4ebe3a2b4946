package dialog

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/dialog/limits"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// TrackOptions say how a call is tracked. All may be zero.
type TrackOptions struct {
	MaxDuration time.Duration  // from the answer; 0: DefaultMaxDuration
	Limits      []limits.Limit // counted and checked in one step
	Vars        map[string]any // kept with the call: texts, numbers, truth values
	// FlowLost ends an answered call when the connection of a party that cannot be connected to has
	// been gone for so long; 0: never, or as before; less than 0: never.
	FlowLost time.Duration
	// Keepalive is how often both parties are pinged, at least 10 s; 0: every 300 s if there are
	// limits, less than 0: never.
	Keepalive    time.Duration
	SessionTimer *SessionTimer // nil: none is asked for
	// EndWithoutMedia ends the call when its media is gone ([Dialogs.MediaLost]).
	EndWithoutMedia  bool
	KeepWithoutMedia bool // takes back an EndWithoutMedia of before
}

// DefaultMaxDuration is how long a call may last.
const DefaultMaxDuration = 12 * time.Hour

// FullError is the error of Track and Limit for a key that is full.
type FullError struct {
	Key string // that is full
}

// Error says which.
func (e *FullError) Error() string { return "dialog: as many calls as may be have the key " + e.Key }

// Track follows the call that r begins, an INVITE outside of a dialog that was record-routed.
// Called again it changes the options that are given. Within a dialog it does nothing, and returns
// the call, nil if that is not tracked. The error is a *FullError if a limit is reached: nothing is
// tracked then, and the router answers.
//
// With a Share it lends the lane while it asks that, as [engine.Await] does.
func (d *Dialogs) Track(r *engine.Request, o TrackOptions) (*Call, error) {
	return d.track(r, o, func(f func(context.Context)) {
		_, _ = engine.Await(r, func(ctx context.Context) (struct{}, error) { f(ctx); return struct{}{}, nil })
	})
}

// track is Track; await calls a function that waits for other nodes.
func (d *Dialogs) track(r *engine.Request, o TrackOptions, await func(func(context.Context))) (*Call, error) {
	if r.InDialog() {
		return d.Of(r), nil
	}
	if r.Method() != message.MethodInvite {
		return nil, errInvite
	}
	if c := d.Of(r); c != nil {
		return c, c.retrack(&o, await)
	}
	switch {
	case r.Decided():
		return nil, errDecided
	case d.table.size.Load() >= mostCalls:
		return nil, errMany
	}
	if !r.Recorded() {
		if err := r.RecordRoute(); err != nil {
			return nil, err
		}
	}
	m := r.Message()
	c := &Call{d: d, req: r}
	c.home.Store(r.Lane())
	c.t = track.Call{ID: d.newID(), StartedAt: d.wall()}
	c.t.A.Set(r.Reach())
	packed(&c.t, m.CallID(), m.Header(message.HeaderFrom), m.Header(message.HeaderTo), m.RequestURI())
	if o.SessionTimer != nil {
		if err := o.SessionTimer.complete().tooShort(r); err != nil {
			return nil, err
		}
	}
	if cs, err := m.CSeq(); err == nil {
		c.t.CSeq = cs.Number
	}
	if err := r.CarryOpen(noteName, string(c.t.ID[:])); err != nil {
		return nil, err
	}
	if err := c.retrack(&o, await); err != nil {
		_ = r.Carry(noteName, "")
		d.count.refused.Add(1)
		return nil, err
	}
	d.count.tracked.Add(1)
	d.table.add(c)
	s := &session{call: c}
	s.branches, s.legs = s.space.branch[:0], s.space.leg[:0]
	r.Witness(s)
	return c, nil
}

// packed puts the texts of a call into one piece of memory.
func packed(t *track.Call, callID, from, to, asked []byte) {
	var space [512]byte
	all := string(append(append(append(append(space[:0], callID...), from...), to...), asked...))
	for _, p := range [...]struct {
		into *string
		n    int
	}{{&t.CallID, len(callID)}, {&t.From, len(from)}, {&t.To, len(to)}, {&t.Asked, len(asked)}} {
		*p.into, all = all[:p.n], all[p.n:]
	}
}

// retrack puts options into force.
func (c *Call) retrack(o *TrackOptions, await func(func(context.Context))) error {
	if full, ok := c.take(o.Limits, await); !ok {
		return &FullError{full}
	}
	c.mu.Lock()
	c.settings.take(o)
	c.mu.Unlock()
	c.pingSlots()
	for key, value := range o.Vars {
		c.Keep(key, value)
	}
	c.d.journal.note(c)
	return nil
}

// take puts into force what is given; the rest stays.
func (s *settings) take(o *TrackOptions) {
	if o.MaxDuration != 0 {
		s.maxDuration = o.MaxDuration
	} else if s.maxDuration == 0 {
		s.maxDuration = DefaultMaxDuration
	}
	if o.FlowLost != 0 {
		s.flowLost = max(o.FlowLost, 0)
	}
	switch {
	case o.Keepalive < 0:
		s.keepalive = neverPinged
	case o.Keepalive > 0:
		s.keepalive = max(o.Keepalive, shortestKeepalive)
	}
	if o.SessionTimer != nil {
		s.sessionTimer = o.SessionTimer.complete()
	}
	s.endWithoutMedia = (s.endWithoutMedia || o.EndWithoutMedia) && !o.KeepWithoutMedia
}

// session is the witness of a call's INVITE.
type session struct {
	call  *Call
	space struct { // for the first branch, which mostly is the only one
		branch [1]*engine.Branch
		leg    [1]int
	}
	branches []*engine.Branch // by leg, of those that were sent
	legs     []int
	timers   []askedTimer  // by branch, until it is over
	answered []answerTimer // those that were answered
	taken    bool          // the call is a leg's of this server's own
}

// answerTimer is what the answer of a callee has settled. It outlives the INVITE: a 2xx may come
// again, and is completed as the first was.
type answerTimer struct {
	tag   string
	asked askedTimer
}

// Sending notes a branch.
func (s *session) Sending(b *engine.Branch) {
	m := b.Message()
	var cseq uint32
	if cs, err := m.CSeq(); err == nil {
		cseq = cs.Number
	}
	var shown *track.Shown
	if from, to := m.Header(message.HeaderFrom), m.Header(message.HeaderTo); string(from) != s.call.t.From || string(to) != s.call.t.To {
		shown = &track.Shown{From: string(from), To: string(to)}
	}
	s.call.passes(track.Caller, m)
	if st := s.call.sessionTimer; st != nil {
		s.timers = append(s.timers, st.ask(b))
	}
	s.call.change(func(t *track.Call, at int64) track.Change {
		s.branches, s.legs = append(s.branches, b), append(s.legs, t.Send(string(m.RequestURI()), cseq, shown, at))
		return track.None
	})
}

// leg is the number of the leg of a branch, -1 for none.
func (s *session) leg(b *engine.Branch) int {
	for i := range s.branches {
		if b != nil && s.branches[i] == b {
			return s.legs[i]
		}
	}
	return -1
}

// Answering notes a response.
func (s *session) Answering(a *engine.Answer) bool {
	c, code := s.call, a.Message.Status()
	if code >= 300 {
		c.change(func(t *track.Call, at int64) track.Change {
			t.Fail(s.leg(a.Branch), code, a.Cause, at)
			return track.None
		})
		return true
	}
	c.passes(track.Callee, a.Message)
	r := track.Response{Leg: s.leg(a.Branch), Code: code, Asked: a.Asked}
	r.B = a.Reach(c.t.URIs(r.Leg)...)
	if tag := a.Message.ToTag(); c.t.LegOf(tag) != nil {
		r.Tag = c.t.LegOf(tag).Tag
	} else {
		r.Tag = string(tag)
	}
	if c.turned && code >= 200 {
		c.turnAway(&r)
		return false
	}
	between, fixed := s.between(a.Branch, code)
	c.change(func(t *track.Call, at int64) track.Change {
		if t.Between == nil || between == nil {
			t.Between = cmp.Or(t.Between, between)
		} else if t.Between.Media != between.Media { // another user agent, by another way
			fixed = track.Media
		}
		t.Fixed = max(t.Fixed, fixed)
		return t.Respond(&r, at)
	})
	if c.sessionTimer != nil && code >= 200 {
		s.settle(a, r.Tag)
	}
	return true
}

// settle completes a 2xx, and begins the session of one that comes for the first time.
func (s *session) settle(a *engine.Answer, tag string) {
	for i := range s.answered {
		if s.answered[i].tag == tag {
			s.answered[i].asked.answered(a.Message)
			return
		}
	}
	asked := *s.timer(a.Branch)
	if len(s.answered) < mostAnswers {
		s.answered = append(s.answered, answerTimer{tag, asked})
	}
	s.call.sessionExpires(asked.answered(a.Message))
}

// mostAnswers bounds the user agents whose answers are remembered.
const mostAnswers = 64

// timer is what a branch has asked for; of one that is over, what the last has.
func (s *session) timer(b *engine.Branch) *askedTimer {
	for i := range s.branches {
		if b != nil && s.branches[i] == b && i < len(s.timers) {
			return &s.timers[i]
		}
	}
	if n := len(s.timers); n > 0 && b == nil {
		return &s.timers[n-1]
	}
	return &askedTimer{}
}

// Ended notes the end of the INVITE.
func (s *session) Ended(code int) {
	if s.taken {
		return
	}
	c := s.call
	cancelled := c.req != nil && c.req.Cancelled()
	c.req = nil
	c.change(func(t *track.Call, at int64) track.Change {
		by, cause := outcome(t, code, cancelled)
		return t.Finish(code, by, cause, at)
	})
	s.branches, s.legs = nil, nil
}

// outcome says who ended an INVITE that nobody answered, and why.
func outcome(t *track.Call, code int, cancelled bool) (track.Who, string) {
	if cancelled {
		return track.Caller, track.CauseCancelled
	}
	for i := range t.Legs {
		switch l := &t.Legs[i]; {
		case l.State != track.Ended, l.Code != code && (code != 500 || l.Code != 503): // §16.7, 6
		case l.Cause == "":
			return track.Callee, track.CauseRejected
		default:
			return track.Server, l.Cause
		}
	}
	if code == 0 {
		return track.Server, track.CauseDropped
	}
	return track.Server, track.CauseRejected
}

// withTag is a header value with a tag.
func withTag(value, tag string) string {
	if tag == "" {
		return value
	}
	var b strings.Builder
	b.Grow(len(value) + len(tag) + 5)
	b.WriteString(value)
	b.WriteString(";tag=")
	b.WriteString(tag)
	return b.String()
}

// Limit is how many calls may have a key at the same time.
type Limit = limits.Limit
