package engine

import (
	"strconv"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
)

// The decisions a router takes, and their rules: one decision a request; nothing is sent for a
// request that is over; nothing goes anywhere this server doesn't vouch for.

// ReplyOptions of Reply.
type ReplyOptions struct {
	Headers     []HeaderEdit // beside those a response has of itself
	Body        []byte       // nil for none
	ContentType string       // of the Body
}

// mostForks bounds how often one request is sent on: otherwise a failure handler that relays again
// to a target which fails at once would loop for ever.
const mostForks = 1000

// mayFork refuses to send a request on that was sent on too often.
func (r *Request) mayFork(what string) error {
	if r.ctx.Forks() >= mostForks {
		return misuse("%s: this request was sent on %d times already; does on_failure relay to what fails at once?", what, mostForks)
	}
	return nil
}

// decide takes the one decision, or says why not: go is false when the request is over.
func (r *Request) decide(what string) (ok bool, err error) {
	if r.decided {
		return false, misuse("%s: this request has been decided already; return after the first decision", what)
	}
	if r.ctx.IsOver() {
		return false, nil
	}
	return true, nil
}

// Reply answers with a code from 100 to 699; a provisional one decides nothing. reason "" is the
// code's own phrase. It reports false when the request is over, and for an ACK, to which nothing is
// ever answered.
func (r *Request) Reply(code int, reason string, o *ReplyOptions) (bool, error) {
	if code < 100 || code > 699 {
		return false, misuse("reply: %d is not a status code (100 to 699)", code)
	}
	headers, body, err := o.lines()
	if err != nil {
		return false, err
	}
	if err := proxy.CheckEdits([]HeaderEdit{{Name: "reason", Values: []string{reason}}}); err != nil {
		return false, misuse("reply: the reason phrase has a line break in it")
	}
	if code < 200 {
		return r.provisional(code, reason, headers, body)
	}
	if ok, err := r.decide("reply"); !ok {
		return false, err
	}
	r.decided = true
	if r.method == message.MethodAck {
		return false, nil
	}
	if code < 300 {
		headers = append(headers, r.rare().accept...)
		headers = r.withContact(headers, o)
	}
	return r.answer(code, reason, headers, body)
}

// lines are the options as header lines and body.
func (o *ReplyOptions) lines() (headers, body []byte, err error) {
	if o == nil {
		return nil, nil, nil
	}
	edits := o.Headers
	if len(o.Body) > 0 && o.ContentType != "" {
		edits = append(edits[:len(edits):len(edits)], HeaderEdit{Name: "Content-Type", Values: []string{o.ContentType}})
	}
	if err := proxy.CheckEdits(edits); err != nil {
		return nil, nil, asMisuse(err)
	}
	return proxy.AppendLines(nil, edits), o.Body, nil
}

func (r *Request) provisional(code int, reason string, headers, body []byte) (bool, error) {
	if r.ctx.IsOver() || r.method == message.MethodAck || r.ctx.Server.Stateless {
		return false, nil
	}
	if r.method != message.MethodInvite && code != 100 {
		return false, misuse("reply: %d to %s: only an INVITE gets provisional responses (RFC 4320 §4.1)", code, r.methodText())
	}
	return r.ctx.Server.Reply(code, reason, headers, body) == nil, nil
}

// strayCancel reports whether the request is a CANCEL that matches nothing. If it is not forwarded
// it is answered 481, whatever the router says (§9.2): a script that treats all methods alike must
// not tell a caller that its CANCEL worked, or was redirected.
func (r *Request) strayCancel() bool {
	return r.ctx.Server.Stateless && r.method == message.MethodCancel
}

// answer sends a final response made here.
func (r *Request) answer(code int, reason string, headers, body []byte) (bool, error) {
	if r.strayCancel() {
		code, reason, headers, body = 481, "", nil, nil
	}
	err := r.ctx.Server.Reply(code, reason, headers, body)
	r.unit.answered(r.method, code)
	r.ctx.Finished(code)
	return err == nil, nil
}

// ReplyWith sends on a response that a Fork returned, with further edits.
func (r *Request) ReplyWith(res *Response, o *ReplyOptions) (bool, error) {
	if res.Cause() != "" || res.Message().Len() == 0 || r.strayCancel() {
		return r.Reply(res.Code(), res.Reason(), o)
	}
	if o != nil {
		for _, e := range o.Headers {
			if err := res.SetHeader(e.Name, e.Values...); err != nil {
				return false, asMisuse(err)
			}
		}
		if o.Body != nil {
			if err := res.SetBody(o.Body, o.ContentType); err != nil {
				return false, asMisuse(err)
			}
		}
	}
	if !res.Final() {
		if r.ctx.IsOver() {
			return false, nil
		}
		return r.ctx.Respond(res) == nil, nil
	}
	if ok, err := r.decide("reply"); !ok {
		return false, err
	}
	r.decided = true
	err := r.ctx.Respond(res)
	r.unit.answered(r.method, res.Code())
	r.ctx.Finished(res.Code())
	return err == nil, nil
}

// Redirect answers 3xx with the targets as contacts, with their q and expires (seconds) if these
// are not 0. code 0 is 302; no targets is 480.
func (r *Request) Redirect(targets []*Target, code int, expires int) (bool, error) {
	if code == 0 {
		code = 302
	}
	if code < 300 || code > 399 {
		return false, misuse("redirect: %d is not a redirection (300 to 399)", code)
	}
	if len(targets) == 0 {
		return r.Reply(480, "", nil)
	}
	var contacts []string
	for _, t := range targets {
		uri := t.URI
		if uri == "" {
			return false, misuse("redirect: a target without a uri")
		}
		if _, err := message.ParseURI([]byte(uri)); err != nil {
			return false, misuse("redirect: bad uri %.80q: %v", uri, err)
		}
		c := "<" + uri + ">"
		if t.Q > 0 && t.Q <= 1 {
			c += ";q=" + strconv.FormatFloat(t.Q, 'f', -1, 64)
		}
		if expires > 0 {
			c += ";expires=" + strconv.Itoa(expires)
		}
		contacts = append(contacts, c)
	}
	return r.Reply(code, "", &ReplyOptions{Headers: []HeaderEdit{{Name: "Contact", Values: contacts}}})
}

// Relay hands the request over and returns at once. targets nil: along our signed Record-Route, or
// to the Request-URI that was set; an empty list that is not nil is answered 480, or o.Nobody. o
// may be nil.
func (r *Request) Relay(targets []*Target, o *ForkOptions) (bool, error) {
	if ok, err := r.decide("relay"); !ok {
		return false, err
	}
	targets = r.orHome(targets)
	if err := checkTargets(targets, o); err != nil {
		return false, err
	}
	if err := r.mayCount(targets, "relay"); err != nil {
		return false, err
	}
	if err := r.mayFork("relay"); err != nil {
		return false, err
	}
	r.decided = true
	if r.ctx.Server.Stateless {
		return r.passStateless(targets)
	}
	code := r.unable(targets)
	if code == 480 && o != nil {
		switch {
		case o.OnFailure != nil:
			code = 0 // an empty list is a failure like any other: 480, with the cause "empty"
		case o.Nobody != 0:
			code = o.Nobody
		}
	}
	if code != 0 {
		return r.answer(code, "", nil, nil)
	}
	o = r.followed(r.withFailure(o))
	if targets == nil {
		r.ctx.Vouched(o, true)
	} else {
		r.ctx.Fork(targets, o, true)
	}
	return true, nil
}

// passStateless relays an ACK, or answers a CANCEL that matches nothing.
func (r *Request) passStateless(targets []*Target) (bool, error) {
	if r.method != message.MethodAck {
		r.decided = false // 481 by Idle
		return false, nil
	}
	if r.unable(targets) != 0 {
		r.unit.e.log.Debug("ACK dropped: not along a route of ours", "call_id", string(r.callID()), "source", r.Source().Addr)
		return false, nil
	}
	var t *Target
	if len(targets) > 0 {
		t = targets[0]
	}
	return r.sent(r.ctx.PassAck(t))
}

func (r *Request) sent(err error) (bool, error) {
	if err != nil {
		r.unit.core.Unsent("not forwarded", r.callID(), r.Source().Addr.Addr(), nil, err)
		return false, nil
	}
	return true, nil
}

// unable is the code a request is answered with that can't be sent on: nowhere to go, or nowhere we
// vouch for.
func (r *Request) unable(targets []*Target) int {
	switch {
	case targets != nil && len(targets) == 0:
		return 480
	case targets != nil || r.ctx.Signed:
		return 0
	case r.assigned:
		// The sender's Route would choose the next hop (trap 32)
		r.ctx.Req.RemoveID(message.HeaderRoute)
		return 0
	}
	r.tellRefusal()
	if r.inDialog && r.ctx.Refusal != proxy.RefusedIdentity {
		return 481
	}
	return 403
}

// Forward sends the request on statelessly (§16.11). t nil goes where Relay(nil) would. A request
// that the router waited for, or answered provisionally, is relayed: its client may retransmit no
// more, and somebody must see it through.
func (r *Request) Forward(t *Target) (bool, error) {
	if ok, err := r.decide("forward"); !ok {
		return false, err
	}
	if r.hides {
		return false, misuse("forward: what is hidden must be relayed")
	}
	var targets []*Target
	if t != nil {
		targets = []*Target{t}
	}
	if targets = r.orHome(targets); t == nil && len(targets) > 0 {
		t = targets[0]
	}
	if err := checkTargets(targets, nil); err != nil {
		return false, err
	}
	if err := r.mayCount(targets, "forward"); err != nil {
		return false, err
	}
	r.decided = true
	if code := r.unable(targets); code != 0 {
		if r.method == message.MethodAck {
			return false, nil
		}
		return r.answer(code, "", nil, nil)
	}
	if !r.ctx.MayForward() || r.ctx.Hides() && !r.ctx.Server.Stateless || len(r.followers())+r.watchers() > 0 && !r.ctx.Server.Stateless {
		r.ctx.Sustain(t, r.followed(nil))
		return true, nil
	}
	ok, err := r.sent(r.ctx.Forward(t))
	r.passed() // sent or not: a peer that can't be reached is not the router's decision to drop
	if !r.ctx.Server.Stateless {
		r.ctx.Server.Forget()
	}
	r.ctx.Forgotten()
	return ok, err
}

// Drop answers nothing and keeps nothing.
func (r *Request) Drop() (bool, error) {
	if ok, err := r.decide("drop"); !ok {
		return false, err
	}
	r.decided = true
	if !r.ctx.Server.Stateless {
		r.ctx.Server.Forget()
	}
	r.ctx.Forgotten()
	return true, nil
}

// Cancel cancels all branches; reason is the value of a Reason header (RFC 3326), or "".
func (r *Request) Cancel(reason string) error {
	var lines []byte
	if reason != "" {
		edits := []HeaderEdit{{Name: "Reason", Values: []string{reason}}}
		if err := proxy.CheckEdits(edits); err != nil {
			return asMisuse(err)
		}
		lines = proxy.AppendLines(nil, edits)
	}
	r.ctx.Close()
	r.ctx.CancelBranches(nil, lines)
	return nil
}
