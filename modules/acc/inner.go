package acc

// What is followed of requests within a call.

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/modules/acc/cdr"
)

// Intercept follows the later requests of calls; the router decides on them as on others.
func (a *Accounts) Intercept(r *engine.Request) (bool, error) {
	if !r.InDialog() {
		return false, nil
	}
	note := r.Carried(noteName)
	if _, ours := r.RouteParams(); !ours || len(note) != len(cdr.ID{}) {
		return false, nil
	}
	c := a.calls.get(cdr.ID([]byte(note)))
	if c == nil {
		return false, nil
	}
	if r.Method() == message.MethodAck {
		if r.ByCaller() {
			a.resumed(c, cdr.Text(r.Message().ToTag()))
		}
		return false, nil
	}
	i := &inner{a: a, c: c, method: r.Method(), by: byCallee, at: a.wall(), tag: cdr.Text(r.Message().FromTag())}
	if r.ByCaller() {
		i.by, i.tag = byCaller, cdr.Text(r.Message().ToTag())
	}
	if i.method == message.MethodBye {
		i.reason = cdr.Text(r.Message().Header(message.HeaderReason))
		a.resumed(c, i.tag)
	}
	r.Witness(i)
	return false, nil
}

// resumed notes the answer to a call that was ringing when the process was killed: the 2xx has
// passed since, and what it begins tells of it.
func (a *Accounts) resumed(c *call, tag string) {
	c.mu.Lock()
	late := c.restored && c.r.Answered.IsZero()
	c.mu.Unlock()
	if late && c.answered(-1, tag, "", 200, a.wall()) {
		a.noted(c)
	}
}

// inner is the witness of a request within a call.
type inner struct {
	a      *Accounts
	c      *call
	method message.Method
	by     string // who sent it
	tag    string // the callee's
	reason string // of the BYE
	at     cdr.Time
}

// Sending does nothing.
func (*inner) Sending(*engine.Branch) {}

// Answering ends the call before the answer goes on: whoever has it knows that there is a record.
// Only what the other party says counts, or that it says nothing: a request that the router or the
// script answers has not reached it, and the call goes on. A BYE that can't be sent is one that is
// not answered: its sender has left.
func (i *inner) Answering(x *proxy.Answer) bool {
	switch {
	case x.Branch == nil:
	case x.Cause == "", x.Cause == proxy.CauseTimeout:
		i.settle(x.Message.Status())
	case x.Cause == proxy.CauseUnreachable && i.method == message.MethodBye:
		i.settle(408)
	}
	return true
}

// Ended does nothing.
func (*inner) Ended(int) {}

// settle ends the call if the request was its last: a BYE that was accepted (§15.1.1), or one that
// belongs to the call alone and found nobody (§12.2.1.2, RFC 5057 §5.1).
func (i *inner) settle(code int) {
	bye, gone := i.method == message.MethodBye, code == 408 || code == 481
	switch i.method {
	case message.MethodBye, message.MethodInvite, message.MethodUpdate, message.MethodInfo, message.MethodOptions:
	default: // it may be a subscription that is gone, or one request
		return
	}
	switch {
	case bye && (gone || code >= 200 && code < 300):
		if i.c.hungUp(i.tag) {
			i.a.end(i.c, i.at, i.by, causeBye, 0, i.reason)
		}
	case gone:
		if i.c.hungUp(i.tag) {
			i.a.end(i.c, i.at, "", causeGone, 0, "")
		}
	}
}
