package proxy

// This file has the responses of a request come one after another.

import "github.com/sipscript/sipscript/engine/lane"

// event is a response to be handled in its turn.
type event struct {
	branch *Branch
	res    *Response
	forced bool // res was made here: the branch's client transaction has ended or is given up
}

// deliver handles an event in its turn.
func (x *Context) deliver(e event) {
	if x.handling > 0 || len(x.late().events) > 0 {
		x.seldomLate().events = append(x.late().events, e)
		return
	}
	e.branch.handle(e)
	x.drain()
}

// later queues an event for when the lane gets to it: a failure that occurs at once must not call
// back into the script that is just making the request.
func (x *Context) later(e event) {
	x.seldomLate().events = append(x.late().events, e)
	x.core.Lane.Return((*drainWork)(x))
}

// drainWork is a Context with events that were put off.
type drainWork Context

// Do handles them.
func (w *drainWork) Do(*lane.Lane) { (*Context)(w).drain() }

func (x *Context) drain() {
	for len(x.late().events) > 0 && x.handling == 0 {
		e := x.late().events[0]
		x.late().events[0] = event{}
		x.seldomLate().events = x.late().events[1:]
		e.branch.handle(e)
	}
	if x.handling == 0 {
		x.check()
	}
}
