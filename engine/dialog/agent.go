package dialog

import (
	"errors"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

// Options of New. The zero value is good.
type Options struct {
	MaxLegs int // legs at a time, default 200000
	// Told, if not nil, is told what becomes of legs, on their lanes. It must not block.
	Told func(Event)
	// Refer, if not nil, is told of REFERs, and says what becomes of them; nil refuses all (603).
	Refer func(*Referral)
	// Taken, if not nil, is told that a leg belongs to the agent from now on: of a transfer.
	Taken func(*Leg)
	// MayLeave, if not nil, says why a leg cannot go to another lane; nil: it can.
	MayLeave func(*Leg) error
	// Leaves, if not nil, is told that a leg goes to another lane. What it returns is called with
	// the token of that lane when it is there; or with that of its own, if it stays after all.
	Leaves func(l *Leg, to *lane.Lane) (arrives func(at *lane.Lane))
	// Changed, if not nil, is told that the [Leg.Goodbye] of a leg that was answered, and has not
	// ended, is another one. Of one that is answered Told is told.
	Changed func(*Leg)
	// Replaces, if not nil, reports whether parties are told that an INVITE may take the place of a
	// dialog (Supported: replaces).
	Replaces func() bool
}

// Event is something that has become of a leg.
type Event struct {
	Kind string // one of the constants below
	Leg  *Leg   // that it is about
	Far  *Leg   // of a bridge: the other leg; of a transfer: the one that is called; nil otherwise
	Why  string // of an end; of a transfer one of Dialling, Rings and Failed
	Code int    // of a transfer, and of an end by a refusal: the response's
}

// How far a transfer is.
const (
	Dialling = "dialling"
	Rings    = "ringing"
	Failed   = "failed" // its party talks to its peer again
)

// Kinds of events.
const (
	EventBegan    = "began"    // followers alone hear of it: a leg has become one of the call
	EventRinging  = "ringing"  // a leg that was dialled rings, or a caller is told so
	EventAnswered = "answered" // it was answered
	EventBridged  = "bridged"  // two legs were joined
	EventMoved    = "moved"    // a party went to somebody else
	EventTransfer = "transfer" // one goes on that calls somebody
	EventEnded    = "ended"    // it has ended
)

// Errors of Accept, and of what a leg is asked.
var (
	ErrFull    = errors.New("there are too many legs")
	ErrMethod  = errors.New("only an INVITE outside of a dialog becomes a leg")
	ErrBody    = errors.New("the body is not a session description")
	ErrState   = errors.New("the leg is not in a state for that")
	ErrNoMedia = errors.New("a session description is wanted")
	ErrShort   = errors.New("the session timer of the INVITE is too short")
	ErrAddress = errors.New("From or To cannot be read")
	ErrContact = errors.New("the INVITE has no Contact that a request can be sent to")
	// ErrReplaces is of an INVITE with Replaces: see Replaced.
	ErrReplaces = errors.New("the INVITE is to take the place of a dialog")
)

// RequireError is the error of an INVITE that requires what legs cannot do. It has been answered
// 420 (RFC 3261 §8.2.2.3).
type RequireError struct {
	Tags string // the option tags, a list
}

// Error says what is required.
func (e *RequireError) Error() string { return "the caller requires " + e.Tags }

// Agent has the legs of one engine. It is an engine.Part, and sees the requests within its legs'
// dialogs before the router.
type Agent struct {
	o      Options
	eng    *engine.Engine
	tables []table            // one a lane
	late   []map[string]*late // one a lane: INVITEs that are over, by our tag
	gone   []gone             // one a lane: the last dialogs that are over
	own    netip.Addr
	legs   atomic.Int64
	t1, t2 time.Duration
	mu     sync.Mutex // of Attach

	unwatch func() // guarded by mu
	flows   flows

	answered, ended, dialled atomic.Uint64
	ends                     atomic.Bool // EndCalls was called
}

// table has the legs of one lane by their local tags. It belongs to the holder of the lane's token.
type table map[string]*Leg

// New makes an Agent without legs.
func New(o Options) *Agent {
	if o.MaxLegs <= 0 {
		o.MaxLegs = 200_000
	}
	return &Agent{o: o}
}

// Attach makes it a part of an engine.
func (a *Agent) Attach(e *engine.Engine) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.unwatch != nil {
		a.unwatch()
	}
	a.eng = e
	a.tables = make([]table, len(e.Lanes()))
	a.late = make([]map[string]*late, len(a.tables))
	a.gone = make([]gone, len(a.tables))
	for i := range a.tables {
		a.tables[i] = table{}
		a.late[i] = map[string]*late{}
	}
	a.legs.Store(0)
	a.ends.Store(false)
	t := e.Timers()
	a.t1, a.t2 = 500*time.Millisecond, 4*time.Second
	if t.T1 > 0 {
		a.t1 = t.T1
	}
	if t.T2 > 0 {
		a.t2 = t.T2
	}
	a.own = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	for _, l := range e.Locals() {
		if ip, err := netip.ParseAddr(l.Host); err == nil {
			a.own = ip.WithZone("")
			break
		}
	}
	strays, closed := e.WatchStrays(a.stray), e.WatchFlows(&a.flows)
	a.unwatch = func() { strays(); closed() }
	return nil
}

// Calls is how many legs there are.
func (a *Agent) Calls() int { return int(a.legs.Load()) }

// Stats are how many legs were answered, dialled, and have ended.
func (a *Agent) Stats() (answered, dialled, ended uint64) {
	return a.answered.Load(), a.dialled.Load(), a.ended.Load()
}

// EndCalls ends all legs, each on its lane, and does not wait for that.
func (a *Agent) EndCalls() {
	a.ends.Store(true)
	for _, l := range a.eng.Lanes() {
		l.Return(lane.Func(func(l *lane.Lane) {
			all := a.tables[l.ID()].all()
			for _, leg := range all { // callers first: the end of those they wait for is no answer
				if leg.s.phase == ringing {
					leg.hangUp(503, WhyShutdown, "")
				}
			}
			for _, leg := range all {
				leg.hangUp(503, WhyShutdown, "")
			}
		}))
	}
}

// all is a copy: whoever ends a leg takes it out.
func (t table) all() []*Leg {
	list := make([]*Leg, 0, len(t))
	for _, l := range t {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b *Leg) int { return strings.Compare(a.tag, b.tag) })
	return list
}

// Legs are those on a lane, whose token the caller holds, that have not ended.
func (a *Agent) Legs(l *lane.Lane) []*Leg {
	var list []*Leg
	for _, leg := range a.tables[l.ID()].all() {
		if leg.s.phase != over {
			list = append(list, leg)
		}
	}
	return list
}

// All are those of Legs, in no order: for who looks at some of many.
func (a *Agent) All(l *lane.Lane) iter.Seq[*Leg] {
	return func(yield func(*Leg) bool) {
		for _, leg := range a.tables[l.ID()] {
			if leg.s.phase != over && !yield(leg) {
				return
			}
		}
	}
}

// Find is the leg on a lane, whose token the caller holds, that has an id; nil for none.
func (a *Agent) Find(l *lane.Lane, id string) *Leg {
	if leg := a.tables[l.ID()][id]; leg != nil && leg.s.phase != over {
		return leg
	}
	return nil
}

// Intercept takes requests within the dialogs of legs.
func (a *Agent) Intercept(r *engine.Request) (bool, error) {
	if !r.InDialog() {
		return false, nil
	}
	m := r.Message()
	leg := a.tables[r.Lane().ID()][string(m.ToTag())]
	if leg == nil || leg.callID != string(m.CallID()) {
		return false, nil
	}
	leg.request(r)
	return true, nil
}

// tell reports an event.
func (a *Agent) tell(e Event) {
	for _, f := range e.Leg.followers() {
		f.Followed(e)
	}
	if a.o.Told != nil {
		a.o.Told(e)
	}
}

// add puts a leg into the table of its lane.
func (l *Leg) add() {
	l.agent.tables[l.lane.ID()][l.tag] = l
	l.agent.legs.Add(1)
	l.agent.eng.KeepHome(l.home())
}

// remove takes it out when nothing is left to do for it.
func (l *Leg) remove() {
	t := l.agent.tables[l.lane.ID()]
	if l.byes > 0 || l.depth > 0 || !l.s.done() || t[l.tag] != l {
		return
	}
	delete(t, l.tag)
	l.agent.legs.Add(-1)
	l.agent.eng.LeaveHome(l.lane, l.home())
	if l.s.opened {
		l.agent.gone[l.lane.ID()].add(l.dialog())
	}
}

// unsupported are the option tags that a request requires and legs do not have.
func unsupported(m *message.Message) string {
	tags := ""
	for e := m.Elements(message.HeaderRequire); e.Next(); {
		switch strings.ToLower(string(e.Value)) {
		case "100rel", "timer", "norefersub", "replaces":
			continue
		}
		if tags != "" {
			tags += ", "
		}
		tags += string(e.Value)
	}
	return tags
}
