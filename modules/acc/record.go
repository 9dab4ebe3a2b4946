package acc

// What is followed of a call: its INVITE and its end.

import (
	"errors"
	"strconv"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/modules/acc/cdr"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// noteName is what a call's id is carried under.
const noteName = "a"

// Causes of a record, beside those of the module dialog and of responses made here.
const (
	CauseLost     = "lost"       // its BYE never came
	causeBye      = "bye"        // a party hung up
	causeRejected = "rejected"   // the answer was a failure
	causeBusy     = "busy"       // 486 or 600
	causeNobody   = "no answer"  // 408 or 480 of the callee
	causeMoved    = "redirected" // the caller was sent elsewhere
	causeCancel   = "cancelled"  // the caller hung up before the answer
	causeDropped  = "dropped"    // the script answered nothing
	causeGone     = "gone"       // a party does not know the call any more
)

// Who ended a call.
const (
	byCaller = "caller"
	byCallee = "callee"
	byServer = "server"
)

var (
	errInvite = errors.New("record is for an INVITE; acc.event is for other requests")
	errMany   = errors.New("acc: there are too many calls")
)

// Record makes a record of the call that r begins, an INVITE, which is record-routed if it was not.
// Called again, and within the call, it changes the fields.
func (a *Accounts) Record(r *engine.Request, fields map[string]any) error {
	if c := a.of(r); c != nil {
		return a.change(c, fields)
	}
	if r.InDialog() {
		return nil
	}
	if r.Method() != message.MethodInvite {
		return errInvite
	}
	if a.calls.size() >= mostCalls {
		return errMany
	}
	if !r.Recorded() {
		if err := r.RecordRoute(); err != nil {
			return err
		}
	}
	e := a.engine.Load()
	c := &call{id: a.newID(e)}
	if err := r.CarryOpen(noteName, string(c.id[:])); err != nil {
		return err
	}
	c.r = about(r, cdr.Time{Time: e.Clock().Wall()})
	c.r.ID, c.r.Type, c.r.Node = c.id.String(), cdr.Call, a.policy.Load().Node
	if err := set(&c.r.Fields, fields); err != nil {
		return err
	}
	a.count.calls.Add(1)
	a.calls.add(c)
	a.noted(c)
	r.Witness(&session{a: a, c: c, req: r})
	return nil
}

// about is what a request says.
func about(r *engine.Request, now cdr.Time) cdr.Record {
	m := r.Message()
	source := r.Source()
	return cdr.Record{CallID: cdr.Text(m.CallID()), FromURI: uriIn(m, message.HeaderFrom), FromTag: cdr.Text(m.FromTag()), ToURI: uriIn(m, message.HeaderTo),
		RequestURI: cdr.Text(m.RequestURI()), User: cdr.Text(r.User()), Source: source.Transport.String() + ":" + source.Addr.String(),
		UserAgent: cdr.Text(m.Header(message.HeaderUserAgent)), Diversion: diversion(m), Began: now}
}

func uriIn(m *message.Message, h message.HeaderID) string {
	addr, err := message.ParseAddress(m.Header(h))
	if err != nil {
		return ""
	}
	return cdr.Text(addr.URI)
}

// diversion is who forwarded a call last: the first Diversion (RFC 5806).
func diversion(m *message.Message) string {
	e := m.Elements(message.HeaderDiversion)
	if !e.Next() {
		return ""
	}
	addr, err := message.ParseAddress(e.Value)
	if err != nil {
		return ""
	}
	return cdr.Text(addr.URI)
}

// of is the call that a request begins or belongs to, nil for none.
func (a *Accounts) of(r *engine.Request) *call {
	for _, w := range r.Witnesses() {
		switch w := w.(type) {
		case *session:
			if w.a == a {
				return w.c
			}
		case *inner:
			if w.a == a {
				return w.c
			}
		}
	}
	if note := r.Carried(noteName); len(note) == len(cdr.ID{}) {
		return a.calls.get(cdr.ID([]byte(note)))
	}
	return nil
}

// change sets fields of a call.
func (a *Accounts) change(c *call, fields map[string]any) error {
	c.mu.Lock()
	err := set(&c.r.Fields, fields)
	answered := !c.r.Answered.IsZero() && !c.ended
	c.mu.Unlock()
	if err == nil && answered && len(fields) > 0 {
		a.noted(c)
	}
	return err
}

// wall is the time of day.
func (a *Accounts) wall() cdr.Time { return cdr.Time{Time: a.engine.Load().Clock().Wall()} }

// end ends a call and hands its record over.
func (a *Accounts) end(c *call, at cdr.Time, by, cause string, code int, reason string) {
	r, ok := c.end(at, by, cause, code, reason)
	if !ok {
		return
	}
	a.calls.remove(c)
	if a.policy.Load().EveryLeg {
		for i := range r.Legs {
			l := legRecord(&r, i)
			a.put(cdr.ID{}, &l)
		}
	}
	a.put(c.id, &r)
}

// legRecord is the record of one leg.
func legRecord(r *cdr.Record, i int) cdr.Record {
	b := &r.Legs[i]
	l := *r
	l.ID, l.Type, l.Call, l.Legs = r.ID+"-"+strconv.Itoa(i+1), cdr.Leg, r.ID, nil
	l.Target, l.Began, l.Rang, l.Ended, l.Code, l.Reason, l.Cause = b.Target, b.Began, b.Rang, b.Ended, b.Code, b.Reason, b.Cause
	if b.Code >= 200 && b.Code < 300 {
		l.Answered, l.Ended, l.Cause, l.Reason = b.Ended, r.Ended, r.Cause, r.Reason
		l.Duration = max(0, l.Ended.Sub(l.Answered.Time)).Seconds()
	} else {
		l.Answered, l.Duration, l.ToTag, l.CalleeAgent, l.EndedBy = cdr.Time{}, 0, "", "", ""
	}
	_ = set(&l.Fields, b.Fields) // what is too much is the call's own
	return l
}

// session is the witness of a call's INVITE.
type session struct {
	a        *Accounts
	c        *call
	req      *engine.Request // nil once it has ended
	branches []*engine.Branch
	legs     []int
	taken    bool // the call is a leg's of this server's own
}

// Sending notes a branch.
func (s *session) Sending(b *engine.Branch) {
	s.branches, s.legs = append(s.branches, b), append(s.legs, s.c.sent(b, s.a.wall()))
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
func (s *session) Answering(x *proxy.Answer) bool {
	code, m, now := x.Message.Status(), x.Message, s.a.wall()
	switch {
	case code >= 300:
		var contacts []string
		for e := m.Elements(message.HeaderContact); code < 400 && len(contacts) < 8 && e.Next(); {
			if addr, err := message.ParseAddress(e.Value); err == nil {
				contacts = append(contacts, cdr.Text(addr.URI))
			}
		}
		s.c.failed(s.leg(x.Branch), code, cdr.Text(m.ReasonPhrase()), x.Cause, contacts, now)
	case code >= 200:
		agent := m.Header(message.HeaderUserAgent)
		if len(agent) == 0 {
			agent = m.Header(message.HeaderServer)
		}
		if !s.over() && s.c.answered(s.leg(x.Branch), cdr.Text(m.ToTag()), cdr.Text(agent), code, now) {
			s.track()
			s.a.noted(s.c)
		}
	case code >= 180:
		s.c.rang(s.leg(x.Branch), now)
	}
	return true
}

// track finds the tracked call, whose end is that of this one.
func (s *session) track() {
	if s.a.o.Dialogs == nil || s.req == nil {
		return
	}
	if d := s.a.o.Dialogs.Of(s.req); d != nil {
		s.c.mu.Lock()
		s.c.track = d.ID().String()
		s.c.mu.Unlock()
		s.a.calls.tracks.Store(s.c.track, s.c)
	}
}

// Ended ends a call that nobody answered. One that the script dropped has no record.
func (s *session) Ended(code int) {
	if s.taken {
		s.req = nil
		return
	}
	cancelled, hungUp := s.req != nil && s.req.Cancelled(), s.hungUp()
	s.req, s.branches, s.legs = nil, nil, nil
	s.c.mu.Lock()
	answered, nothing := !s.c.r.Answered.IsZero(), code == 0 && len(s.c.r.Legs) == 0
	by, cause, reason := s.c.outcome(code, cancelled)
	s.c.mu.Unlock()
	switch {
	case nothing: // the script dropped it, and will see it again
		s.a.calls.remove(s.c)
		s.a.unnoted(s.c)
	case !answered && hungUp != "":
		s.a.end(s.c, s.a.wall(), byServer, hungUp, code, "")
	case !answered:
		s.a.end(s.c, s.a.wall(), by, cause, code, reason)
	}
}

// over reports whether the tracked call has ended: it was hung up while a 2xx was on its way, which
// does not reach the caller.
func (s *session) over() bool {
	if s.a.o.Dialogs == nil || s.req == nil {
		return false
	}
	d := s.a.o.Dialogs.Of(s.req)
	return d != nil && d.State() == track.Ended
}

// hungUp is why the tracked call was ended from here before it was answered, "" if it was not.
func (s *session) hungUp() string {
	if s.a.o.Dialogs == nil || s.req == nil {
		return ""
	}
	d := s.a.o.Dialogs.Of(s.req)
	if d == nil || d.State() != track.Ended {
		return ""
	}
	if v := d.View(); v.By == track.Server && v.Cause != track.CauseRejected && v.Cause != track.CauseDropped {
		return v.Cause
	}
	return ""
}

// outcome says who ended an INVITE that nobody answered, and why. c.mu is held.
func (c *call) outcome(code int, cancelled bool) (by, cause, reason string) {
	if cancelled {
		return byCaller, causeCancel, ""
	}
	for i := range c.r.Legs {
		switch l := &c.r.Legs[i]; {
		case l.Code != code && (code != 500 || l.Code != 503): // §16.7, 6
		case l.Cause == "":
			return byCallee, causeOf(code), l.Reason
		default:
			return byServer, l.Cause, l.Reason
		}
	}
	if code == 0 {
		return byServer, causeDropped, ""
	}
	return byServer, causeOf(code), ""
}

func causeOf(code int) string {
	switch {
	case code == 486 || code == 600:
		return causeBusy
	case code == 408 || code == 480:
		return causeNobody
	case code == 487:
		return causeCancel
	case code < 400:
		return causeMoved
	}
	return causeRejected
}

// tracked hears what becomes of tracked calls: it may be the server that ends one.
func (a *Accounts) tracked(e dialog.Event) {
	if e.Kind != dialog.EventEnded {
		return
	}
	x, ok := a.calls.tracks.Load(e.Call.ID().String())
	if !ok {
		return
	}
	v := e.Call.View()
	a.end(x.(*call), cdr.Time{Time: time.Unix(0, v.EndedAt)}, v.By.String(), v.Cause, 0, "")
}

// sweepEvery is how often calls are looked at that may never end.
const sweepEvery = time.Minute

// mostRinging is how long a call may ring that was ringing when the process was killed. The engine
// itself ends others (Timer C, §16.6).
const mostRinging = 10 * time.Minute

// sweep ends calls whose BYE never comes. It runs on the background lane.
func (a *Accounts) sweep(l *lane.Lane) {
	e := a.engine.Load()
	if e == nil || e.Background() != l {
		return
	}
	defer l.After(sweepEvery, &a.due, a)
	a.sweepCalls()
}

// sweepCalls ends those that never end.
func (a *Accounts) sweepCalls() {
	now, most := a.wall(), a.policy.Load().MaxDuration
	a.calls.each(func(c *call) {
		c.mu.Lock()
		late := !c.r.Answered.IsZero() && now.Sub(c.r.Answered.Time) > most || c.restored && c.r.Answered.IsZero() && now.Sub(c.r.Began.Time) > mostRinging
		late = late || c.restored && c.own // its legs have ended with the process
		id := c.track
		c.mu.Unlock()
		if late && !a.lives(id) {
			a.end(c, now, "", CauseLost, 0, "")
		}
	})
}

// lives reports whether the tracked call with an id is still in progress: its own end will come.
func (a *Accounts) lives(id string) bool {
	if a.o.Dialogs == nil || id == "" {
		return false
	}
	t, err := track.ParseID(id)
	return err == nil && a.o.Dialogs.ByID(t) != nil
}

// Expire is the sweep's timer.
func (a *Accounts) Expire(*lane.Timer) {
	if e := a.engine.Load(); e != nil {
		a.sweep(e.Background())
	}
}
