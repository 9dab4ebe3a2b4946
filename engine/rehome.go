package engine

// Lanes of calls that are not those of their Call-IDs: an INVITE that takes the place of a dialog
// (RFC 3891) belongs to the lane that has the dialog, and so does all that follows it.

import (
	"slices"
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
	own   bool      // it is this server's tag: of a dialog that has moved (MoveHomes)
	keeps int       // who keeps it
	until lane.Time // if nobody does
	was   []wasHome // the lanes that it has left not long ago: see looks
}

// wasHome is a lane that a dialog has left, where its transactions are until they end.
type wasHome struct {
	index int
	until lane.Time
}

// has reports whether it is that of the dialog with these tags: this server's, and the other
// side's. The two sides of a call of this server with itself have the same tags, the other way
// round.
func (x *otherHome) has(local, remote []byte) bool {
	return x.tag == string(local) || !x.own && x.tag == string(remote)
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

// findFor is find for a dialog with these tags: of either side.
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

// findOwn is find for a dialog of a user agent on this server.
func (h *homes) findOwn(callID, local, remote []byte) (index int, ok bool) {
	if h.n.Load() == 0 {
		return 0, false
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	x := h.of[string(callID)]
	if x == nil || !x.has(local, remote) {
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
	if x == nil || x.index != l.ID() || x.own {
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

// Dialog names a dialog of a user agent on this server.
type Dialog struct {
	CallID, Local, Remote string // the tags: this server's, and the other side's
}

const (
	mostWas = 8 // of the lanes that a dialog has left
	// How long the transactions last that it had there: Timers D, H, J and L
	wasTime = 32 * time.Second
)

// MoveHomes gives dialogs to another lane, where their messages come from now on. arrive is queued
// there before any of them. It reports false, and does nothing, if there is no room, another dialog
// with one of the Call-IDs has moved, or the server ends. from is the lane that the dialogs leave,
// whose token is held.
func (e *Engine) MoveHomes(list []Dialog, from, to *lane.Lane, arrive func()) bool {
	h, now := &e.homes, from.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	fresh := 0
	for i, d := range list {
		h.forget(d.CallID, now)
		x := h.of[d.CallID]
		if x != nil && !x.has([]byte(d.Local), []byte(d.Remote)) || slices.ContainsFunc(list[:i], func(o Dialog) bool { return o.CallID == d.CallID }) {
			return false
		}
		if x == nil {
			fresh++
		}
	}
	if len(h.of)+fresh > mostHomes || !to.Return(lane.Func(func(*lane.Lane) { arrive() })) {
		return false
	}
	if h.of == nil {
		h.of = map[string]*otherHome{}
	}
	for _, d := range list {
		x := h.of[d.CallID]
		if x == nil {
			x = &otherHome{tag: d.Local, own: true, keeps: 1}
			h.of[d.CallID] = x
		}
		x.leaves(from.ID(), now)
		x.index = to.ID()
	}
	h.n.Store(int32(len(h.of)))
	return true
}

// leaves notes a lane that the dialog leaves.
func (x *otherHome) leaves(index int, now lane.Time) {
	was := slices.DeleteFunc(slices.Clone(x.was), func(w wasHome) bool { return w.index == index || now >= w.until })
	if len(was) == mostWas {
		was = was[1:]
	}
	x.was = append(was, wasHome{index, now.Add(wasTime)}) // another slice: see before
}

// before are the lanes, but for l, that the dialog of a message has left not long ago.
func (h *homes) before(m *message.Message, l *lane.Lane) (list []wasHome) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	x := h.of[string(m.CallID())]
	local, remote := tagsOf(m)
	if x == nil || len(x.was) == 0 || !x.has(local, remote) {
		return nil
	}
	now := l.Now()
	for i, w := range x.was {
		if now < w.until && w.index != l.ID() {
			return x.was[i:]
		}
	}
	return nil
}

// tagsOf are the tags of a message that has come: this server's, and the sender's.
func tagsOf(m *message.Message) (local, remote []byte) {
	if m.IsRequest() {
		return m.ToTag(), m.FromTag()
	}
	return m.FromTag(), m.ToTag()
}

// KeepHome has a dialog stay on the lane that it was brought to (see [Settler]), until LeaveHome.
// It reports false for one that is where it belongs, which nothing has to be done for.
func (e *Engine) KeepHome(d Dialog) bool { return e.homes.keep(d, 1, 0) }

// LeaveHome ends that. Late messages still come to the lane for a while.
func (e *Engine) LeaveHome(l *lane.Lane, d Dialog) {
	e.homes.keep(d, -1, l.Now().Add(homeTime))
}

func (h *homes) keep(d Dialog, by int, until lane.Time) bool {
	if h.n.Load() == 0 {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	x := h.of[d.CallID]
	if x == nil || !x.has([]byte(d.Local), []byte(d.Remote)) {
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
