package regevent

// This file is one subscription: when it reports what, and when it ends.

import (
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

// subscription is one subscription. Fields without another named owner belong to its lane.
type subscription struct {
	notifier *Notifier // never changed, as all of this group
	engine   *engine.Engine
	lane     *lane.Lane // of the Call-ID
	dialog   dialog
	from, to string // header values of NOTIFYs
	eventID  string

	target        *engine.Target // replaced, never changed
	place         string         // where NOTIFYs go first
	proved        bool           // NOTIFYs there can hurt nobody, see prove.go
	authenticated bool           // the first SUBSCRIBE was
	contact       string
	cseq          uint32 // of the last NOTIFY
	remoteCSeq    uint32 // of the last SUBSCRIBE
	granted       time.Duration
	ends          lane.Time

	view view
	full bool      // report everything, at once
	next lane.Time // when the next partial NOTIFY may be sent
	// Nothing but the end is reported before: the subscriber asked for that, or the registrations
	// cannot be read
	hold   lane.Time
	tries  int    // NOTIFYs in a row that were put off
	flying bool   // a NOTIFY has no answer yet
	ending string // the reason, once it ends
	final  bool   // the last NOTIFY was sent
	gone   bool
	busy   bool // advance is at work, with the lane lent perhaps
	again  bool // it was called meanwhile
	timer  lane.Timer

	posted  atomic.Bool      // it waits in its lane's queue
	dirty   atomic.Bool      // something has changed since the last look
	closing atomic.Bool      // the notifier stops
	reasons map[string]Event // why contacts ended, by key; guarded by the notifier's mu
}

// newSubscription creates the subscription that the SUBSCRIBE of req requests. It is not entered
// yet.
func newSubscription(n *Notifier, req *engine.Request, aor string, d *demand, m *message.Message) (*subscription, *refusal) {
	from, err := m.From()
	if err != nil || len(from.Tag()) == 0 || len(from.Tag()) > maxTag || len(from.URI) > maxURI {
		return nil, refuse(400, "Bad From")
	}
	to, err := m.To()
	if err != nil || len(to.URI) > maxURI {
		return nil, refuse(400, "Bad To")
	}
	cseq, err := m.CSeq()
	if err != nil || len(m.CallID()) > maxTag {
		return nil, refuse(400, "Bad CSeq Or Call-ID")
	}
	s := &subscription{
		notifier: n, engine: req.Engine(), lane: req.Lane(),
		dialog:  dialog{string(m.CallID()), req.ToTag(), string(from.Tag())},
		eventID: d.eventID, target: d.target, contact: ownContact(req), remoteCSeq: cseq.Number, view: view{aor: aor},
		place: place(d.target), proved: known(req, d.target), authenticated: authenticated(req),
	}
	// From and To change places (RFC 3261 §12.2.1.1); names in them mean nothing to a dialog.
	s.from = "<" + string(to.URI) + ">;tag=" + s.dialog.local
	s.to = "<" + string(from.URI) + ">;tag=" + s.dialog.remote
	s.last(d.expires)
	return s, nil
}

// last makes the subscription last for d, 0 for no longer, and reports everything to its
// subscriber: each SUBSCRIBE is followed by a NOTIFY at once (RFC 6665 §4.2.1.2).
func (s *subscription) last(d time.Duration) {
	s.granted, s.ends = d, s.lane.Now().Add(d)
	s.full, s.hold = true, 0
	if d == 0 {
		s.ending = "timeout"
	}
}

// accepted are the headers of a 200.
func (s *subscription) accepted() []engine.HeaderEdit {
	return []engine.HeaderEdit{header("Contact", s.contact), secondsHeader("Expires", s.granted), header("Allow-Events", "reg")}
}

// hear records a change. The notifier's mu is held.
func (s *subscription) hear(key string, why Event) {
	s.dirty.Store(true)
	if why == "" || len(s.reasons) >= maxReasons {
		return
	}
	if s.reasons == nil {
		s.reasons = map[string]Event{}
	}
	s.reasons[key] = why
}

// heard returns what was recorded.
func (s *subscription) heard() map[string]Event {
	s.notifier.mu.Lock()
	defer s.notifier.mu.Unlock()
	s.dirty.Store(false)
	why := s.reasons
	s.reasons = nil
	return why
}

// kick makes the subscription check on its lane what there is to do. Any goroutine may call it.
func (s *subscription) kick() {
	if !s.posted.Swap(true) {
		s.lane.Return(s)
	}
}

// Expire is its timer's.
func (s *subscription) Expire(*lane.Timer) { s.kick() }

// Do is its turn on the lane. A look at the registrations may lend the lane: a turn that comes in
// the meantime is taken after it.
func (s *subscription) Do(*lane.Lane) {
	s.posted.Store(false)
	if s.busy {
		s.again = true
		return
	}
	s.busy = true
	for again := true; again; again = s.again {
		s.again = false
		s.advance()
	}
	s.busy = false
}

// advance does what is due: one NOTIFY at a time, the end first.
func (s *subscription) advance() {
	if s.gone || s.flying {
		return
	}
	now := s.lane.Now()
	switch {
	case s.ending != "":
	case s.closing.Load():
		s.ending = "deactivated"
	case now >= s.ends:
		s.ending = "timeout"
	}
	if s.ending != "" || s.full && now >= s.hold || s.dirty.Load() && now >= max(s.next, s.hold) {
		s.report()
	}
	if !s.gone && !s.flying {
		s.arm()
	}
}

// arm sets the timer to what is due next.
func (s *subscription) arm() {
	due := s.ends
	switch {
	case s.full:
		due = min(due, s.hold)
	case s.dirty.Load():
		due = min(due, max(s.next, s.hold))
	}
	s.lane.StopTimer(&s.timer)
	s.lane.After(max(0, due.Sub(s.lane.Now())), &s.timer, s)
}

// putOff reports everything after d, or at the end.
func (s *subscription) putOff(d time.Duration) { s.full, s.hold = true, s.lane.Now().Add(d) }

// drop ends it without a word.
func (s *subscription) drop() {
	s.gone = true
	s.lane.StopTimer(&s.timer)
	s.notifier.remove(s)
}
