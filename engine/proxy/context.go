package proxy

import (
	"fmt"
	"net/netip"
	"runtime/debug"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// Handler is called by a context for what it cannot decide itself. Calls are made with the lane's
// token held.
type Handler interface {
	// Idle: nothing of the request is running or in progress, and no final response was sent.
	Idle()
	// Ended: a final response went out, the caller cancelled, or the engine stops. It is called
	// once for the first two, and once for the last.
	Ended()
	// Gone: nothing of the request is running or in progress, and it is over. A later 2xx may call
	// back once more, and then Gone is called again.
	Gone()
}

// Context is the response context of one request (§16.7). It belongs to the holder of its lane's
// token.
type Context struct {
	core       *Core
	next, prev *Context
	handler    Handler

	// The server transaction of Req, which its responses leave through
	Server *transaction.Server
	// Req is the request as it came in, less what §16.4 takes off, with the edits of the script.
	Req *message.Message

	// The mark of the user named by the Request-URI as it arrived; 0 for an ACK, which asks for
	// nothing
	asked  uint64
	caller *side   // for Record-Route; nil: it was not asked for
	extra  *extras // nil while all of it is zero

	forks []*Fork // in progress
	ended *Fork   // the last that ended, and by its prior field those before it
	best  *Response
	// The callback that orders responses and is running on this goroutine; nil outside of one
	frame *frame

	mark     loopMark // of the request as it arrived; 0 for an ACK, which is not checked
	held     int32    // abandoned branches whose end the final response waits for
	running  int32    // route and callbacks that have not returned
	handling int32    // callbacks that order responses, running now
	starving int32    // branches that wait for a share of Max-Breadth
	answered int16    // the final code that went out
	tries    int16    // forks, ended ones included

	Signed      bool    // the topmost Route was ours, and its ticket lets this request pass
	Refusal     Refusal // why the ticket of our Route entry does not let it pass
	flowOnly    bool    // if the flow is gone, nothing else leads there
	edge        bool    // see Options.Edge
	recordRoute bool
	started     bool // there was a fork
	shown       bool // a callback may be shown a late 2xx, and the request with it
	cancelled   bool
	over        bool
	silent      bool // nothing will be answered
	accounted   bool // the witnesses know that it ended
	unpreferred bool // the sender's P-Preferred-Identity is not forwarded
	listed      bool
	waited      bool // the router did, for this request
	sender      sender
}

// Start makes x the context of a new request and applies §16.4 to it.
func (x *Context) Start(c *Core, s *transaction.Server, h Handler) {
	x.core, x.Server, x.Req, x.handler = c, s, s.Req, h
	if s.Req.Method() != message.MethodAck {
		x.asked = c.Signer.addressMark(s.Req.RequestURI())
	}
	if !s.Stateless {
		x.mark = c.Signer.loopMark(s.Req)
	}
	x.disbelieve()
	x.resume()
	x.follow()
	if s.Stateless {
		return
	}
	x.listed = true
	x.next = c.first
	if c.first != nil {
		c.first.prev = x
	}
	c.first = x
	c.count++
}

// forget removes x from its core's list once nothing more can happen to it.
func (x *Context) forget() {
	if x.running > 0 || len(x.forks) > 0 || !x.over && x.Server.State() != transaction.Terminated {
		return
	}
	if x.cancelled && x.answered == 0 && !x.silent {
		return
	}
	x.core.calls.endOf(x)
	x.tellEnd()
	x.handler.Gone()
	if !x.listed {
		return
	}
	x.listed = false
	if x.prev != nil {
		x.prev.next = x.next
	} else {
		x.core.first = x.next
	}
	if x.next != nil {
		x.next.prev = x.prev
	}
	x.next, x.prev = nil, nil
	x.core.count--
	x.best = nil
	if r := x.extra; r != nil {
		r.late = nil
	}
	x.Server.Release()
	if x.shown {
		return
	}
	x.handOver()
	x.core.Layer.Reuse(x.Req)
	x.Req = nil
}

// OnFlow reports whether the request goes back on a flow that the Record-Route names.
func (x *Context) OnFlow() bool { return x.rare().flow != nil }

// Flow is the connection that the Record-Route names, 0 for none.
func (x *Context) Flow() transport.FlowID {
	if x.rare().flow == nil {
		return 0
	}
	return x.rare().flow.Flow
}

// Place is the address, of a client behind a NAT, that the Record-Route names; ok is false if it
// names none.
func (x *Context) Place() (at netip.AddrPort, ok bool) {
	if x.rare().flow == nil || x.rare().flow.Flow != 0 {
		return at, false
	}
	return x.rare().flow.Addr, true
}

// Answered is the final code that went out, or 0.
func (x *Context) Answered() int { return int(x.answered) }

// Cancelled reports whether the caller cancelled.
func (x *Context) Cancelled() bool { return x.cancelled }

// IsOver reports whether nothing more may be sent for the request except what is already in
// progress.
func (x *Context) IsOver() bool { return x.over }

// Forked reports whether the request was sent anywhere.
func (x *Context) Forked() bool { return x.started }

// Forks is how many forks there were.
func (x *Context) Forks() int { return int(x.tries) }

// Core is the core of the context's lane.
func (x *Context) Core() *Core { return x.core }

// Enter and Leave enclose the router's own handler: while one runs the request is not idle.
func (x *Context) Enter() { x.running++ }

// Leave is the counterpart of Enter.
func (x *Context) Leave() {
	x.running--
	x.check()
}

// check decides what comes next when something has ended.
func (x *Context) check() {
	if x.answered == 0 && !x.silent && x.held == 0 && len(x.forks) == 0 && len(x.late().events) == 0 && (x.running == 0 || x.cancelled) &&
		(x.Server.Stateless || x.Server.State() != transaction.Terminated) {
		x.handler.Idle()
	}
	x.forget()
}

// RecordRoute asks for our Record-Route in what is sent from now on.
func (x *Context) RecordRoute(params string) {
	x.recordRoute = true
	if params = sealParams(params); params != x.rare().recordParams {
		x.seldom().recordParams = params
	}
	s := x.callerSide()
	x.caller = &s
}

// Recorded reports whether our Record-Route was requested: requests within the dialog come back
// here.
func (x *Context) Recorded() bool { return x.recordRoute }

// frame is one call of a callback that responses wait for.
type frame struct {
	// It waits for a fork, whose responses must arrive: it delays nothing in the meantime
	yielded bool
	over    bool
}

// run calls a callback of the router's: responses of the request that come while it runs or waits
// are queued. One that panics has changed nothing.
func (x *Context) run(f func()) {
	outer, own := x.frame, &frame{}
	x.frame = own
	x.handling++
	x.running++
	defer func() {
		x.frame, own.over = outer, true
		x.running--
		if !own.yielded {
			x.handling--
		}
	}()
	_ = x.guard(f)
}

// guard calls the router's code. Whatever must happen afterwards happens even if it panics, or the
// request would never end.
func (x *Context) guard(f func()) (err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		err = fmt.Errorf("panic: %v", v)
		x.core.panicked(v)
	}()
	f()
	return nil
}

// Suspend and Resume enclose every wait of the router's code for this request: others run in the
// meantime, in no callback, or in one of their own.
func (x *Context) Suspend() *frame {
	own := x.frame
	x.frame, x.waited = nil, true
	return own
}

// Outside reports whether no callback that responses wait for is running.
func (x *Context) Outside() bool { return x.frame == nil }

// Resume is the counterpart of Suspend and takes what it returned.
func (x *Context) Resume(own *frame) { x.frame = own }

// yield lets responses be handled while the callback own waits for the outcome of a fork.
func (x *Context) yield(own *frame) {
	own.yielded = true
	x.handling--
	x.drain()
}

// unyield is the counterpart of yield.
func (x *Context) unyield(own *frame) {
	if !own.over {
		own.yielded = false
		x.handling++
	}
}

// panicked counts and logs a panic of the router's code, or a module's.
func (c *Core) panicked(v any) {
	c.Lane.Stats().Panics.Add(1)
	if c.Panics != nil {
		c.Panics.Error("panic in a callback of the router", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	}
}

// end marks the request as over.
func (x *Context) end() {
	if !x.over {
		x.over = true
		x.handler.Ended()
	}
}

// Finished records the final code that went out.
func (x *Context) Finished(code int) {
	if x.answered == 0 {
		x.answered = int16(code)
	}
	if code >= 200 && code < 300 {
		from := &x.Server.From
		x.core.need(from.Kind, from.Source, from.Flow, x.Req.Method())
	}
	x.end()
	for _, f := range x.forks {
		f.closed = true
		if f.waiter != nil && !f.settled() {
			f.wake(NewResponse(code, "", nil))
		}
	}
	x.CancelBranches(nil, nil) // a reply of the script's own while branches ring (§16.7 step 10)
	x.check()
}

// Forgotten tells the context that its server transaction ended without a response.
func (x *Context) Forgotten() {
	x.silent = true
	x.end()
	x.forget()
}

// CallerCancelled is §16.10: the caller's CANCEL, answered 200 already, ends all that is pending.
func (x *Context) CallerCancelled(cancel *message.Message) {
	if x.cancelled || x.answered != 0 {
		return
	}
	x.cancelled = true
	var reason []byte
	if r := cancel.Header(message.HeaderReason); r != nil { // RFC 3326 §2
		reason = append(append(append(reason, "Reason: "...), r...), "\r\n"...)
	}
	x.end()
	for _, f := range x.forks {
		f.closed = true
		if f.waiter != nil && !f.settled() {
			f.wake(NewResponse(487, CauseCancelled, nil))
		}
	}
	x.CancelBranches(nil, reason)
	x.check()
}

// CancelBranches cancels every branch that has no final response, except one. headers are whole
// lines.
func (x *Context) CancelBranches(but *Branch, headers []byte) {
	for _, f := range x.forks {
		for _, b := range f.branches {
			if b != but && !b.done {
				b.cancel(headers)
			}
		}
	}
}

// Close stops the tries of every fork: no further target is tried.
func (x *Context) Close() {
	for _, f := range x.forks {
		f.closed = true
	}
}

// Shutdown ends the request when the engine stops before it was finished.
func (x *Context) Shutdown() {
	for _, f := range x.forks {
		f.closed = true
		if f.waiter != nil && !f.settled() {
			f.wake(NewResponse(503, CauseShutdown, nil))
		}
	}
	if x.answered == 0 && x.Server.State() != transaction.Terminated {
		x.CancelBranches(nil, nil)
		if x.Server.Reply(503, message.ReasonFor(503), []byte("Retry-After: 10\r\n"), nil) == nil {
			x.answered = 503
		}
	}
	x.over = true
	x.handler.Ended()
}

// Responded sends on a response of the script's choice or the best one; it is final.
func (x *Context) Respond(r *Response) error {
	if r.cause != "" || r.msg.Len() == 0 {
		return x.Server.Reply(r.Code(), r.Reason(), nil, nil)
	}
	return x.core.respond(x.Server, &r.msg)
}
