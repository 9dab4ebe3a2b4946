package engine

// The table of dialogs that are on another lane than that of their Call-ID.

import (
	"container/list"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

const (
	// mostHomes bounds those that nobody keeps. Of the others there are no more than of those who
	// keep them, which are admitted before.
	mostHomes = 10_000
	mostSame  = 4                // of those with one Call-ID
	homeTime  = 10 * time.Minute // until a call is over that nobody has kept
	mostWas   = 8                // of the lanes that a dialog has left
	// How long the transactions last that a dialog had where it was, and those that it had at its
	// end: Timers D, H, J and L
	wasTime = 32 * time.Second
	// mostForgotten bounds how many are forgotten at a time, while there is room. It is more than
	// come at a time.
	mostForgotten = 128
)

// homes are the lanes of such dialogs.
type homes struct {
	n  atomic.Int32 // how many Call-IDs there are: mostly none
	mu sync.RWMutex
	of map[string]*otherHome // by Call-ID; guarded by mu
	// Those that nobody keeps, in the order of their ends: for homeTime, and for wasTime. They
	// are guarded by mu.
	fresh, left list.List
}

// otherHome is the lane of a dialog. homes.mu guards it.
type otherHome struct {
	callID string
	next   *otherHome // of another dialog with the Call-ID; nil: there is none
	index  int
	// Of who has sent the INVITE: others may know the Call-ID, and have their calls
	tag   string
	own   bool          // it is this server's tag: of a dialog that has moved (MoveHomes)
	keeps int           // who keeps it; less than 0 of a call that was there before
	until lane.Time     // if nobody does
	waits *list.Element // for that; nil: somebody keeps it
	was   []wasHome     // the lanes that it has left not long ago: see looks
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
	if x.own {
		return x.tag == string(local)
	}
	return x.tag == string(remote)
}

// ofOwn is the one of a Call-ID that has them; nil for none.
func (x *otherHome) ofOwn(local, remote []byte) *otherHome {
	for x != nil && !x.has(local, remote) {
		x = x.next
	}
	return x
}

// over reports whether nobody keeps it any more.
func (x *otherHome) over(now lane.Time) bool { return x.waits != nil && now >= x.until }

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
	for x := h.of[string(callID)]; x != nil; x = x.next {
		if x.tag == string(from) || x.tag == string(to) {
			return x.index, true
		}
	}
	return 0, false
}

// findOwn is find for a dialog of a user agent on this server.
func (h *homes) findOwn(callID, local, remote []byte) (index int, ok bool) {
	if h.n.Load() == 0 {
		return 0, false
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	x := h.of[string(callID)].ofOwn(local, remote)
	if x == nil {
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
	now := l.Now()
	h.forget(now)
	same := h.same(callID, now)
	x := h.of[callID]
	for x != nil && x.own {
		x = x.next
	}
	if x == nil {
		if same >= mostSame || !h.room() {
			return false
		}
		x = &otherHome{callID: callID, index: l.ID(), tag: tag}
		h.add(x)
		x.wait(&h.fresh, now.Add(homeTime))
	}
	if x.index != l.ID() {
		return false
	}
	if x.tag != tag && x.keeps <= 0 { // who was challenged may come back with another
		x.tag = tag
	}
	return x.tag == tag
}

// keep has one more keep a dialog, or one less: nobody for a while, if that was the last.
func (h *homes) keep(d Dialog, by int, now lane.Time) bool {
	if h.n.Load() == 0 {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if by < 0 {
		h.forget(now)
	}
	x := h.own(d)
	if x == nil {
		return false
	}
	switch x.keeps += by; {
	case x.keeps > 0:
		h.unwait(x)
	case by < 0:
		h.unwait(x)
		x.wait(&h.left, now.Add(wasTime))
	}
	return true
}

// own is that of a dialog; nil for none.
func (h *homes) own(d Dialog) *otherHome {
	return h.of[d.CallID].ofOwn([]byte(d.Local), []byte(d.Remote))
}

// room reports whether there may be more.
func (h *homes) room() bool { return h.fresh.Len()+h.left.Len() < mostHomes }

// same forgets those of a Call-ID that are over, and is how many are left.
func (h *homes) same(callID string, now lane.Time) (n int) {
	for x := h.of[callID]; x != nil; x = x.next {
		if x.over(now) {
			h.drop(x)
		} else {
			n++
		}
	}
	return n
}

// forget drops those that are over.
func (h *homes) forget(now lane.Time) {
	for _, l := range [...]*list.List{&h.fresh, &h.left} {
		for n := 0; n < mostForgotten || !h.room(); n++ {
			e := l.Front()
			if e == nil || !e.Value.(*otherHome).over(now) {
				break
			}
			h.drop(e.Value.(*otherHome))
		}
	}
}

func (h *homes) add(x *otherHome) {
	if h.of == nil {
		h.of = map[string]*otherHome{}
	}
	x.next = h.of[x.callID]
	h.of[x.callID] = x
	h.n.Store(int32(len(h.of)))
}

func (h *homes) drop(x *otherHome) {
	h.unwait(x)
	switch y := h.of[x.callID]; {
	case y != x:
		for y.next != x {
			y = y.next
		}
		y.next = x.next
	case x.next != nil:
		h.of[x.callID] = x.next
	default:
		delete(h.of, x.callID)
		h.n.Store(int32(len(h.of)))
	}
}

// wait has it be over then.
func (x *otherHome) wait(l *list.List, until lane.Time) { x.until, x.waits = until, l.PushBack(x) }

// unwait ends that.
func (h *homes) unwait(x *otherHome) {
	if x.waits != nil {
		h.fresh.Remove(x.waits) // it removes no element of the other
		h.left.Remove(x.waits)
		x.waits = nil
	}
}
