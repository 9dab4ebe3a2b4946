package notifier

// This file is one subscription on its lane.

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
)

// Deactivated is the reason of a subscription that its notifier ends: the subscriber should
// subscribe again, at once (RFC 6665 §4.1.3).
const Deactivated = "deactivated"

// Subscription is one subscription. Fields without another named owner belong to its lane.
type Subscription struct {
	machine
	notifier *Notifier // never changed, as all of this group
	engine   *engine.Engine
	lane     *lane.Lane // of the Call-ID
	event    *Package
	feed     Feed
	dialog   string // see dialogKey; it begins with the Call-ID
	local    string // the tags
	remote   string
	from, to string // URIs of NOTIFYs
	eventID  string
	key      string // of the resource
	watcher  string
	asked    string // the first Contact
	first    uint32 // CSeq of the SUBSCRIBE that began it
	accepts  uint8  // which of event.Types

	before, after *Subscription // of the same resource; guarded by the notifier's mu
	counted       bool          // as one of its watcher; guarded by the notifier's mu

	way
	proved        bool // NOTIFYs there can hurt nobody, see prove.go
	authenticated bool // the first SUBSCRIBE was
	busy          bool // advance is at work, with the lane lent perhaps
	again         bool // it was called meanwhile
	contact       string
	suppress      string // the entity tag whose state need not be told next (RFC 5839)
	cseq          uint32 // of the last NOTIFY
	remoteCSeq    uint32 // of the last SUBSCRIBE
	timer         lane.Timer

	posted  atomic.Bool             // it waits in its lane's queue
	dirty   atomic.Bool             // something has changed since the last look
	wanted  atomic.Bool             // everything should be told
	marks   atomic.Uint32           // markLeft, markWrite
	closing atomic.Pointer[closing] // it should end
	until   atomic.Int64            // when it ends: milliseconds of the day's clock
}

// Marks of a subscription; one field takes little memory.
const (
	markLeft  = 1 << iota // another process has it
	markWrite             // what is kept of it is another now
)

// isLeft reports whether another process has it.
func (s *Subscription) isLeft() bool { return s.marks.Load()&markLeft != 0 }

type closing struct {
	reason string
	retry  time.Duration
	stop   bool // the process ends: one that outlives it goes on
}

// newSubscription creates the subscription that the SUBSCRIBE of req requests. It is not entered
// yet.
func newSubscription(n *Notifier, req *engine.Request, d *demand) (*Subscription, *Refusal) {
	m := req.Message()
	from, err := m.From()
	if err != nil || len(from.Tag()) == 0 || len(from.Tag()) > maxTag || len(from.URI) > maxURI {
		return nil, Refuse(400, "Bad From")
	}
	to, err := m.To()
	if err != nil || len(to.URI) > maxURI {
		return nil, Refuse(400, "Bad To")
	}
	cseq, err := m.CSeq()
	if err != nil || len(m.CallID()) > maxTag {
		return nil, Refuse(400, "Bad CSeq Or Call-ID")
	}
	s := &Subscription{
		notifier: n, engine: req.Engine(), lane: req.Lane(), event: d.event, accepts: d.accepts, eventID: d.eventID,
		local: req.ToTag(), remote: string(from.Tag()), way: d.way, contact: req.OwnContact(n.o.User), first: cseq.Number, remoteCSeq: cseq.Number,
		proved: known(req, &d.way), authenticated: authenticated(req), suppress: d.suppress,
	}
	s.dialog = dialogKey(m.CallID(), []byte(s.local), from.Tag())
	// From and To change places (RFC 3261 §12.2.1.1); names in them mean nothing to a dialog.
	s.from, s.to = string(to.URI), string(from.URI)
	s.last(d.expires)
	return s, nil
}

// pack gives the texts of a subscription one piece of memory.
func (s *Subscription) pack() {
	size := 0
	texts := [...]*string{&s.dialog, &s.from, &s.to, &s.key, &s.watcher, &s.contact, &s.uri, &s.received}
	for _, t := range texts {
		size += len(*t)
	}
	var b strings.Builder
	b.Grow(size)
	for _, t := range texts {
		b.WriteString(*t)
	}
	all := b.String()
	for _, t := range texts {
		*t, all = all[:len(*t)], all[len(*t):]
	}
	s.local = s.dialog[len(s.callID())+1:][:len(s.local)]
	s.remote = s.dialog[len(s.dialog)-len(s.remote):]
	s.place, s.asked = s.way.first(), s.uri
}

func (s *Subscription) callID() string {
	return s.dialog[:len(s.dialog)-len(s.local)-len(s.remote)-2]
}

// ID names the subscription among all of a notifier.
func (s *Subscription) ID() string { return s.local }

// Dialog names its dialog.
func (s *Subscription) Dialog() string { return s.dialog }

// Key names the resource that it is about.
func (s *Subscription) Key() string { return s.key }

// Reason is why it is over, as a watcher may be told (RFC 3857 §4.2): on its lane.
func (s *Subscription) Reason() string {
	if s.ending == "" { // its NOTIFY failed
		return "timeout"
	}
	return s.ending
}

// Event is the event package's name.
func (s *Subscription) Event() string { return s.event.Event }

// Watcher is who watches, as the package said.
func (s *Subscription) Watcher() string { return s.watcher }

// Contact is the URI that the first SUBSCRIBE named.
func (s *Subscription) Contact() string { return s.asked }

// Feed is what the package gave it.
func (s *Subscription) Feed() Feed { return s.feed }

// Until is when it ends, unless it is refreshed.
func (s *Subscription) Until() time.Time { return time.UnixMilli(s.until.Load()) }

// Terminate ends the subscription with a last NOTIFY, for a reason of RFC 6665 §4.1.3; retry is
// when the subscriber should come back, 0 if that is not said. Any goroutine may call it.
func (s *Subscription) Terminate(reason string, retry time.Duration) {
	s.closing.CompareAndSwap(nil, &closing{reason: reason, retry: retry})
	s.kick()
}

func (s *Subscription) last(d time.Duration) {
	s.machine.last(s.lane.Now(), d)
	s.until.Store(s.lane.Wall().Add(d).UnixMilli())
}

// accepted are the headers of a 2xx.
func (s *Subscription) accepted() []engine.HeaderEdit {
	list := []engine.HeaderEdit{Header("Contact", s.contact), Seconds("Expires", s.granted), Header("Allow-Events", s.notifier.o.Allow())}
	if l, ok := s.feed.(Listed); ok && l.List() { // RFC 4662 §4.3
		list = append(list, Header("Require", "eventlist"))
	}
	return list
}

// Rewrite has it kept once more: what its feed keeps has changed. Any goroutine may call it.
func (s *Subscription) Rewrite() {
	s.marks.Or(markWrite)
	s.kick()
}

func (s *Subscription) changed() {
	s.dirty.Store(true)
	s.kick()
}

// kick makes the subscription check on its lane what there is to do. Any goroutine may call it.
func (s *Subscription) kick() {
	if !s.posted.Swap(true) {
		s.lane.Return(s)
	}
}

// Expire is its timer's.
func (s *Subscription) Expire(*lane.Timer) { s.kick() }

// Do is its turn on the lane. A feed may lend the lane: a turn that comes in the meantime is taken
// after it.
func (s *Subscription) Do(*lane.Lane) {
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
func (s *Subscription) advance() {
	if s.isLeft() {
		s.gone = true
		s.lane.StopTimer(&s.timer)
	}
	if s.gone || s.flying {
		return
	}
	if s.marks.And(^uint32(markWrite))&markWrite != 0 {
		s.keep(false)
	}
	if c := s.closing.Load(); c != nil && c.stop && s.notifier.o.Keep != nil && s.record() != nil {
		s.closing.CompareAndSwap(c, nil)
	} else if c != nil {
		s.end(c.reason, c.retry)
	}
	if s.wanted.Swap(false) {
		s.full = true
	}
	if s.step(s.lane.Now(), s.dirty.Load()) {
		s.report()
	}
	if !s.gone && !s.flying {
		s.lane.StopTimer(&s.timer)
		s.lane.After(max(0, s.due(s.dirty.Load()).Sub(s.lane.Now())), &s.timer, s)
	}
}

// drop ends it without a word.
func (s *Subscription) drop() {
	s.gone = true
	s.lane.StopTimer(&s.timer)
	if s.notifier.remove(s) && s.feed != nil {
		s.keep(true)
		s.feed.Ended(s.Reason())
	}
}

// fatal reports whether a code ends the dialog or its subscription (RFC 5057 §5.1), whatever its
// Retry-After.
func fatal(code int) bool {
	switch code {
	case 404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 502, 604:
		return true
	}
	return false
}

var _ lane.Work = (*Subscription)(nil)
