package engine

import (
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/proxy"
)

// What a module needs that keeps account of calls and ends them.

// Witness has w see what becomes of the request from now on, after the router and all followers. A
// request with a witness is not forwarded statelessly: Forward relays it.
func (r *Request) Witness(w Witness) { r.ctx.Witness(w) }

// Witnesses are those of the request. The list must not be changed.
func (r *Request) Witnesses() []Witness { return r.ctx.Witnesses() }

// watchers is how many witnesses there are, less our own, who does without.
func (r *Request) watchers() int {
	n := 0
	for _, w := range r.ctx.Witnesses() {
		if b, ok := w.(Bystander); !ok || !b.Bystands() {
			n++
		}
	}
	if r.rare().report != nil {
		n--
	}
	return n
}

// Bystander is a [Witness] that sees what it can: a request that it alone watches may be forwarded
// statelessly, which Passed tells it. Nobody knows what becomes of that request: it ends with 0.
type Bystander interface {
	Bystands() bool
	Passed()
}

// passed tells the bystanders that the request went on statelessly.
func (r *Request) passed() {
	for _, w := range r.ctx.Witnesses() {
		if b, ok := w.(Bystander); ok {
			b.Passed()
		}
	}
}

// Recorded reports whether RecordRoute was called.
func (r *Request) Recorded() bool { return r.ctx.Recorded() }

// Reach is where the sender of a request that begins a dialog, or refreshes it, is reached by
// requests of this server's own.
func (r *Request) Reach() Reach { return r.ctx.CallerReach() }

// End ends a request that has no final answer, whatever the router has decided: its branches are
// cancelled with the reason as the value of a Reason header (RFC 3326) or "", and it is answered
// with the code of a failure. It reports false when the request is over.
func (r *Request) End(code int, reason string, headers []HeaderEdit) bool {
	if r.ctx.IsOver() || code < 300 || code > 699 || proxy.CheckEdits(headers) != nil {
		return false
	}
	_ = r.Cancel(reason)
	ok, err := r.answer(code, "", proxy.AppendLines(nil, headers), nil)
	return ok && err == nil
}

// Renumber has the CSeq numbers of a request within a dialog, and of what a PRACK names, raised by
// what f says where it goes on: this server's own requests have taken numbers of its sender's. An
// Interceptor calls it, before anything is sent.
func (r *Request) Renumber(f func(number uint32) uint32) { r.ctx.Renumber(f) }

// Hidden is how the sides are hidden from each other ([Request.Hide]), nil if they are not.
func (r *Request) Hidden() *HideOptions { return r.ctx.Hidden() }

// LaneOf is the lane of a Call-ID.
func (e *Engine) LaneOf(callID string) *lane.Lane { return e.laneOf([]byte(callID)) }

// LaneOfDialog is the lane of a dialog, by the tags of both sides: somebody else's call with the
// same Call-ID may be on another.
func (e *Engine) LaneOfDialog(callID, from, to string) *lane.Lane {
	return e.lanes[e.dialogIndex([]byte(callID), []byte(from), []byte(to))]
}

// LaneOfOwn is the lane of a dialog of a user agent on this server.
func (e *Engine) LaneOfOwn(d Dialog) *lane.Lane {
	return e.lanes[e.ownIndex([]byte(d.CallID), []byte(d.Local), []byte(d.Remote))]
}
