package engine

// Lanes of calls that are not those of their Call-IDs: an INVITE that takes the place of a dialog
// (RFC 3891) belongs to the lane that has the dialog, and so does all that follows it.

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

// Settler is a [Part] with dialogs of its own whose place an INVITE may take.
type Settler interface {
	// Settles reports whether the dialog that a value of Replaces names is the part's, on a lane,
	// whose token is held: then the INVITE comes to that lane.
	Settles(l *lane.Lane, replaces string) bool
}

const (
	mostHomes = 10_000
	homeTime  = 10 * time.Minute // until a call is over that nobody has kept
)

// homes are the lanes of such calls.
type homes struct {
	n  atomic.Int32 // how many there are: mostly none
	mu sync.RWMutex
	of map[string]*otherHome // by Call-ID; guarded by mu
	// full: with so many, those that are over are forgotten; guarded by mu
	full int
}

type otherHome struct {
	index int
	tag   string    // of who has sent the INVITE: others may know the Call-ID, and have their calls
	keeps int       // who keeps it
	until lane.Time // if nobody does
}

// find is the lane of a Call-ID, if it has another than its own.
func (h *homes) find(callID []byte) (index int, ok bool) {
	if h.n.Load() == 0 {
		return 0, false
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	x := h.of[string(callID)]
	if x == nil {
		return 0, false
	}
	return x.index, true
}

// findFor is find for a dialog with these tags: of who has sent the INVITE, or for it.
func (h *homes) findFor(callID, from, to []byte) (index int, ok bool) {
	if h.n.Load() == 0 {
		return 0, false
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	x := h.of[string(callID)]
	if x == nil || x.tag != string(from) && x.tag != string(to) {
		return 0, false
	}
	return x.index, true
}

// settle gives the Call-ID of an INVITE to a lane, for its sender. It reports false if there is no
// room, or another has it.
func (h *homes) settle(m *message.Message, l *lane.Lane) bool {
	callID, tag := string(m.CallID()), string(m.FromTag())
	if tag == "" {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.of == nil {
		h.of = map[string]*otherHome{}
	}
	now := l.Now()
	h.forget(callID, now)
	if h.of[callID] == nil && len(h.of) < mostHomes {
		h.of[callID] = &otherHome{index: l.ID(), tag: tag, until: now.Add(homeTime)}
	}
	h.n.Store(int32(len(h.of)))
	x := h.of[callID]
	if x == nil || x.index != l.ID() {
		return false
	}
	if x.tag != tag && x.keeps <= 0 { // who was challenged may come back with another
		x.tag = tag
	}
	return x.tag == tag
}

// forget drops that of a Call-ID if it is over, and each time that there are twice as many as were
// left the last time all that are. mu is held.
func (h *homes) forget(callID string, now lane.Time) {
	if x := h.of[callID]; x != nil && x.over(now) {
		delete(h.of, callID)
	}
	if len(h.of) < h.full {
		return
	}
	for id, x := range h.of {
		if x.over(now) {
			delete(h.of, id)
		}
	}
	h.full = min(max(2*len(h.of), 64), mostHomes)
}

// over reports whether nobody keeps it any more: less than 0 of a call that was there before.
func (x *otherHome) over(now lane.Time) bool { return x.keeps <= 0 && now >= x.until }

// MoveHome gives a dialog to another lane, where its messages come from now on: the one with this
// Call-ID and tag. arrive is queued there before any of them. It reports false, and does nothing,
// if there is no room, another dialog with the Call-ID has moved, or the server ends. from is the
// lane that the dialog leaves, whose token is held.
func (e *Engine) MoveHome(callID, tag string, from, to *lane.Lane, arrive func()) bool {
	h := &e.homes
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget(callID, from.Now())
	x := h.of[callID]
	if x == nil && len(h.of) >= mostHomes || x != nil && x.tag != tag {
		return false
	}
	if !to.Return(lane.Func(func(*lane.Lane) { arrive() })) {
		return false
	}
	if x == nil {
		if h.of == nil {
			h.of = map[string]*otherHome{}
		}
		x = &otherHome{tag: tag, keeps: 1}
		h.of[callID] = x
		h.n.Store(int32(len(h.of)))
	}
	x.index = to.ID()
	return true
}

// KeepHome has a Call-ID stay on the lane that it was brought to (see [Settler]), until LeaveHome.
// It reports false for one that is where it belongs, which nothing has to be done for.
func (e *Engine) KeepHome(callID string) bool { return e.homes.keep(callID, 1, 0) }

// LeaveHome ends that. Late messages still come to the lane for a while.
func (e *Engine) LeaveHome(l *lane.Lane, callID string) {
	e.homes.keep(callID, -1, l.Now().Add(homeTime))
}

func (h *homes) keep(callID string, by int, until lane.Time) bool {
	if h.n.Load() == 0 {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	x := h.of[callID]
	if x == nil {
		return false
	}
	if x.keeps += by; until != 0 {
		x.until = until
	}
	return true
}

// replaces is the lane that may have the dialog whose place an INVITE takes; nil if it takes none.
func (e *Engine) replaces(m *message.Message) *lane.Lane {
	if len(e.settlers) == 0 || len(e.lanes) == 1 || !m.IsRequest() || m.Method() != message.MethodInvite || len(m.ToTag()) > 0 {
		return nil
	}
	v := m.HeaderName("Replaces")
	if v == nil {
		return nil
	}
	id, _, _ := strings.Cut(string(v), ";")
	return e.laneOf([]byte(strings.TrimSpace(id)))
}

// settles has the INVITE of a packet stay on the lane that the dialog is on; otherwise it goes to
// its own. The lane's token is held.
func (p *packet) settles(l *lane.Lane) bool {
	p.settle = false
	value := string(p.msg.HeaderName("Replaces"))
	for _, s := range p.e.settlers {
		if s.Settles(l, value) {
			return p.e.homes.settle(&p.msg, l)
		}
	}
	return false
}
