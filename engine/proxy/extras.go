package proxy

// This file holds what few requests and few branches have, apart from them: a server has many of
// both at a time.

import (
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// extras is what few requests have. It is apart so that the others take less memory.
type extras struct {
	params    message.Params // the script's parameters in the topmost Route, if it was signed
	routeUser []byte
	flow      *transport.Peer // where its flow token leads; nil if it has none
	dialog    *dialog         // what was changed in the dialog; nil for nothing
	notes     []note          // what the dialog that begins carries
	mask      *Mask           // nil for none
	witnesses []Witness       // nil for nobody
	room      [1]Witness      // where witnesses begin: most have one
	// By how much a CSeq number of the sender is raised, in addition to what the dialog says; nil:
	// not at all
	renumber func(number uint32) uint32
	// Of our Route entry, if only the Request-URI is wrong; otherwise nil
	strayed      *ticket
	recordParams string
	late         *belated // nil for nothing
}

// belated is what fewer requests have, and only while they are forked.
type belated struct {
	// 401 and 407 responses, whose challenges are added to the best (§16.7 step 7)
	challenge []*Response
	events    []event // what arrived while a callback that orders responses ran, in order
}

// nothing is what a request has that has no extras. It is never written.
var nothing = extras{late: new(belated)}

// late is what x has of that, to be read only.
func (x *Context) late() *belated {
	if l := x.rare().late; l != nil {
		return l
	}
	return nothing.late
}

// seldomLate is what x has of that, to be written to.
func (x *Context) seldomLate() *belated {
	more := x.seldom()
	if more.late == nil {
		more.late = new(belated)
	}
	return more.late
}

// rare are the extras of x, to be read only.
func (x *Context) rare() *extras {
	if x.extra == nil {
		return &nothing
	}
	return x.extra
}

// seldom are the extras of x, to be written to.
func (x *Context) seldom() *extras {
	if x.extra == nil {
		x.extra = new(extras)
	}
	return x.extra
}

// extrasOfDialog are the extras of a request within a dialog that carries something.
type extrasOfDialog struct {
	extras
	room dialog
}

// roomForDialog is where to read a dialog: beside the extras, if there are none yet.
func (x *Context) roomForDialog() *dialog {
	if x.extra != nil {
		return new(dialog)
	}
	both := new(extrasOfDialog)
	x.extra = &both.extras
	return &both.room
}

// Params are the script's parameters in the topmost Route, if it was signed.
func (x *Context) Params() message.Params { return x.rare().params }

// RouteUser is the user part of the topmost Route, if that was ours and not signed: nobody has
// vouched for it.
func (x *Context) RouteUser() []byte { return x.rare().routeUser }

// branchExtras is what few branches have. It is apart so that the others take less memory.
type branchExtras struct {
	others   []*Target        // further ways to the same instance
	failed   *Response        // the best of the ways that failed before
	peers    []transport.Peer // still to be tried (RFC 3263 §4.3)
	way      side             // how it left, for witnesses
	notes    []note           // what its dialog carries; nil: what the request says
	admitted *admission       // nil unless a Guard let it in and does not know the outcome

	startAt, limitAt, replyAt, ringAt lane.Time // 0: not set
	heldUntil                         lane.Time // see hold

	// The flow it waits for a response on, if that must be watched, or 0; see lost.go
	onFlow         transport.FlowID
	nextOn, prevOn *Branch // in the list of that

	// 2xx and reliable provisionals as they went on, for their retransmissions
	passed []*Response
}

// plain is what a branch has that has no extras. It is never written.
var plain branchExtras

// rare are the extras of b, to be read only.
func (b *Branch) rare() *branchExtras {
	if b.extra == nil {
		return &plain
	}
	return b.extra
}

// seldom are the extras of b, to be written to.
func (b *Branch) seldom() *branchExtras {
	if b.extra == nil {
		b.extra = new(branchExtras)
	}
	return b.extra
}
