package engine

// Lanes of calls that are not those of their Call-IDs: an INVITE that takes the place of a dialog
// (RFC 3891) belongs to the lane that has the dialog, and so does all that follows it.

import (
	"errors"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

// Settler is a [Part] with dialogs of its own whose place an INVITE may take.
type Settler interface {
	// Settles reports whether the dialog that a value of Replaces names is the part's, on a lane,
	// whose token is held: then the INVITE comes to that lane.
	Settles(l *lane.Lane, replaces string) bool
}

// Dialog names a dialog of a user agent on this server.
type Dialog struct {
	CallID, Local, Remote string // the tags: this server's, and the other side's
}

// Errors of MoveHomes.
var (
	// ErrManyMoved is the error while there is no room, or the server ends.
	ErrManyMoved = errors.New("too many dialogs have moved not long ago, or the server ends")
	// ErrSameCallID is the error for one of many dialogs with one Call-ID, the others of which have
	// moved: it stays.
	ErrSameCallID = errors.New("too many dialogs with the same Call-ID have moved")
)

// MoveHomes gives dialogs to another lane, where their messages come from now on. arrive is queued
// there before any of them. With an error it does nothing. from is the lane that the dialogs leave,
// whose token is held.
func (e *Engine) MoveHomes(list []Dialog, from, to *lane.Lane, arrive func()) error {
	h, now := &e.homes, from.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget(now)
	if !h.room() {
		return ErrManyMoved
	}
	for i, d := range list {
		same := h.same(d.CallID, now)
		for _, o := range list[:i+1] {
			if o.CallID == d.CallID && h.own(o) == nil {
				same++
			}
		}
		if same > mostSame && h.own(d) == nil {
			return ErrSameCallID
		}
	}
	if !to.Return(lane.Func(func(*lane.Lane) { arrive() })) {
		return ErrManyMoved
	}
	for _, d := range list {
		x := h.own(d)
		if x == nil { // whoever has it keeps it: that ends with LeaveHome
			x = &otherHome{callID: d.CallID, tag: d.Local, own: true, keeps: 1}
			h.add(x)
		}
		x.leaves(from.ID(), now)
		x.index = to.ID()
	}
	return nil
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
	local, remote := tagsOf(m)
	x := h.of[string(m.CallID())].ofOwn(local, remote)
	if x == nil || len(x.was) == 0 {
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
func (e *Engine) LeaveHome(l *lane.Lane, d Dialog) { e.homes.keep(d, -1, l.Now()) }

// replaces is the lane that may have the dialog whose place an INVITE takes; nil if it takes none.
func (e *Engine) replaces(m *message.Message) *lane.Lane {
	if len(e.settlers) == 0 || len(e.lanes) == 1 || !m.IsRequest() || m.Method() != message.MethodInvite || len(m.ToTag()) > 0 {
		return nil
	}
	v := m.HeaderName("Replaces")
	if v == nil {
		return nil
	}
	id, params, _ := strings.Cut(string(v), ";")
	p := message.Params(";" + params)
	callID := []byte(strings.TrimSpace(id))
	to, _ := p.Get("to-tag") // of whom the header is for (RFC 3891 §6.1)
	from, _ := p.Get("from-tag")
	i, ok := e.homes.findOwn(callID, to, from)
	if !ok { // our peer, as its party names it
		i, ok = e.homes.findOwn(callID, from, to)
	}
	if !ok {
		i = e.hashed(callID)
	}
	return e.lanes[i]
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
