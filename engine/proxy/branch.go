package proxy

import (
	"cmp"
	"errors"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// Branch is one target of a fork: its copy of the request, its client transaction, and its time
// limits.
type Branch struct {
	// Handle is the router's own.
	Handle any

	fork   *Fork
	target *Target
	msg    *message.Message // what is sent; kept while there is another address to try
	client *transaction.Client
	extra  *branchExtras // nil while all of it is zero

	altered *alteration // nil while nothing is changed that answers must agree with
	timer   lane.Timer
	cAt     lane.Time // when Timer C runs out; 0: it does not run

	breadth   int32 // its share of Max-Breadth
	starving  bool  // it waits for one; see starve
	done      bool  // its outcome is settled; a 2xx may still come
	resolving bool  // its next hop is being looked up
	named     bool  // its addresses belong to a name: the resolver learns how they fare
	praised   bool  // the resolver knows that the current address answers
	// The first of peers is the present address over UDP, for when it refuses TCP (§18.1.1)
	spare     bool
	heard     bool // a provisional response came
	early     bool // and one other than 100
	flowGone  bool // the connection it should have been sent on is gone
	ringing   bool
	cancelled bool
	told      bool // a callback has seen its outcome
	expired   bool // it was given up, but not cancelled
	held      bool // given up, but still waited for; see hold

	promised uint64 // the target that our Record-Route in the last 18x leads to
}

// waiting is the Branch as its client transaction and its timer see it.
type waiting Branch

// Target is the target of the branch; nil when none was passed.
func (b *Branch) Target() *Target { return b.target.shown() }

// Message is what is about to be sent, for reading only.
func (b *Branch) Message() *message.Message { return b.msg }

var errSent = errors.New("this branch has already been sent")

// SetHeader replaces a header on this branch; as for a request.
func (b *Branch) SetHeader(name string, values ...string) error {
	if b.msg == nil {
		return errSent
	}
	return SetHeader(b.msg, name, values...)
}

// AddHeader adds a field on this branch.
func (b *Branch) AddHeader(name, value string, first bool) error {
	if b.msg == nil {
		return errSent
	}
	return AddHeader(b.msg, name, value, first)
}

// RemoveHeader removes a header on this branch.
func (b *Branch) RemoveHeader(name string) error {
	if b.msg == nil {
		return errSent
	}
	return RemoveHeader(b.msg, name)
}

// SetBody replaces the body on this branch.
func (b *Branch) SetBody(body []byte, contentType string) error {
	if b.msg == nil {
		return errSent
	}
	return b.msg.SetBody(body, contentType)
}

// SetRURI changes the Request-URI of this branch; its destination follows, unless the target says
// otherwise.
func (b *Branch) SetRURI(uri string) error {
	if b.msg == nil {
		return errSent
	}
	if _, err := message.ParseURI(view(uri)); err != nil {
		return err
	}
	b.msg.SetRequestURI([]byte(uri))
	return nil
}

// begin starts the branch now, or after its delay.
func (b *Branch) begin() {
	if b.cancelled || b.fork.x.over { // while OnBranch waited for one before it
		b.lost()
		return
	}
	if b.breadth == 0 {
		b.starve()
		return
	}
	d := b.target.Delay
	if d == 0 {
		d = b.fork.opts.Defaults.Delay
	}
	if d > 0 && b.fork.opts.Order == Parallel {
		b.seldom().startAt = b.fork.x.core.Lane.Now().Add(d)
		b.arm()
		return
	}
	b.prepare()
}

// prepare makes the branch's copy of the request (§16.6 steps 1 to 6) and finds its destination.
func (b *Branch) prepare() {
	x := b.fork.x
	b.msg = x.core.takeMessage()
	if err := x.compose(b.msg, b.target, &b.fork.opts.Defaults); err != nil {
		b.fail(err)
		return
	}
	setBreadth(b.msg, int(b.breadth))
	if f := b.fork.opts.OnBranch; f != nil {
		var err error
		x.running++
		panicked := x.guard(func() { err = f(b) })
		x.running--
		if err = cmp.Or(err, panicked); err != nil {
			b.fail(err)
			return
		}
		if b.done || b.cancelled || x.over {
			b.lost()
			return
		}
		x.core.withhold(b.msg, true)
	}
	b.sending()
	hop, peer, err := x.destination(b.msg, b.target, &b.fork.opts.Defaults)
	switch {
	case err == nil && !b.enter():
		b.full()
	case err != nil:
		b.fail(err)
	case hop == nil:
		if peer.Flow != 0 && b.rare().failed == nil && len(b.target.Others) == 0 {
			b.seldom().peers = x.withoutFlow(b.msg, &peer, b.target, &b.fork.opts.Defaults)
		}
		b.launch(peer)
	default:
		b.limit()
		b.arm()
		b.resolving = true
		x.core.Resolver.Resolve(x.core.Lane, hop, b.resolved)
	}
}

// resolved takes the addresses a resolver found, in the order to try them.
func (b *Branch) resolved(peers []transport.Peer, err error) {
	if !b.resolving {
		return // it was ended meanwhile
	}
	b.resolving = false
	if b.done {
		return
	}
	if b.cancelled || b.fork.x.over {
		b.lost()
		return
	}
	if err == nil && len(peers) == 0 {
		err = errNoDestination
	}
	if err != nil {
		b.fail(err)
		return
	}
	b.seldom().peers, b.named = peers, true
	b.next()
}

// next sends to the next address. There is one.
func (b *Branch) next() {
	r := b.seldom()
	p := r.peers[0]
	r.peers = r.peers[1:]
	b.spare, b.heard, b.praised = false, false, false
	b.launch(p)
}

// launch sends the branch to one address (§16.6 steps 4, 8 to 11).
func (b *Branch) launch(to transport.Peer) {
	x := b.fork.x
	c := x.core
	p := &c.peer
	if *p = to; p.Kind == transport.UDP && b.tooLarge(p) {
		r := b.seldom()
		r.peers, b.spare = append([]transport.Peer{to}, r.peers...), true
		p.Kind, p.Local = transport.TCP, nil
	}
	out, err := x.socket(p, b.target, &b.fork.opts.Defaults)
	if err != nil {
		if b.flowGone = b.flowGone || errors.Is(err, transport.ErrFlowGone); b.flowGone && len(b.rare().peers) > 0 {
			b.next()
			return
		}
		b.fail(err)
		return
	}
	m := b.msg
	if len(b.rare().peers) > 0 || b.credentials() != nil {
		m = c.takeMessage()
		b.msg.CopyTo(m)
	}
	way := x.calleeSide(m, p, out, b.target, &b.fork.opts.Defaults)
	if len(x.rare().witnesses) > 0 && (way.named() || c.home(out) != "") {
		b.seldom().way = way // otherwise where the answer comes from says as much
	}
	b.recordRoute(m, way)
	x.refreshedBy(m)
	x.core.hide(m, p)
	if err := x.disguise(m, out); err != nil {
		if m != b.msg {
			c.giveMessage(m)
		}
		b.fail(err)
		return
	}
	if p.Kind.Reliable() {
		m.EnsureContentLength() // §16.6 step 9
	}
	if b.unwatch(); p.FlowOnly {
		b.watch(p.Flow)
	}
	if o := b.fork.opts; o.branch != "" {
		b.client, err = c.Layer.SendAs(m, p, string(x.appendProof([]byte(o.branch), m)), (*waiting)(b))
		o.branch = ""
	} else {
		var space [proofSuffix + loopSuffix]byte
		b.client, err = c.Layer.Send(m, p, text(x.mark.appendTo(x.appendProof(space[:0], m))), (*waiting)(b))
	}
	c.giveMessage(m)
	if m == b.msg {
		b.msg = nil
	}
	if err != nil {
		b.unwatch()
		b.failedAt(p, false)
		b.flowGone = b.flowGone || errors.Is(err, transport.ErrFlowGone)
		if len(b.rare().peers) > 0 {
			b.next()
			return
		}
		b.fail(err)
		return
	}
	b.limit()
	if b.client.Method() == message.MethodInvite {
		b.cAt = c.Lane.Now().Add(c.TimerC)
	}
	b.arm()
}

// limit starts the target's times, which hold for all of its addresses together.
func (b *Branch) limit() {
	now := b.fork.x.core.Lane.Now()
	d := &b.fork.opts.Defaults
	r := b.rare()
	limit, reply := r.limitAt, r.replyAt
	if limit == 0 {
		limit = deadline(now, b.target.Timeout, d.Timeout)
	}
	if reply == 0 {
		reply = deadline(now, b.target.ReplyTimeout, d.ReplyTimeout)
	}
	if limit != r.limitAt || reply != r.replyAt {
		r = b.seldom()
		r.limitAt, r.replyAt = limit, reply
	}
}

func deadline(now lane.Time, d, otherwise time.Duration) lane.Time {
	if d <= 0 {
		d = otherwise
	}
	if d <= 0 {
		return 0
	}
	return now.Add(d)
}

// arm sets the timer to the earliest of the branch's times.
func (b *Branch) arm() {
	l := b.fork.x.core.Lane
	r := b.rare()
	first := lane.Time(0)
	for _, at := range [...]lane.Time{r.startAt, r.limitAt, r.replyAt, r.ringAt, b.cAt} {
		if at != 0 && (first == 0 || at < first) {
			first = at
		}
	}
	if b.done {
		first = r.heldUntil
	}
	switch {
	case first == 0:
		l.StopTimer(&b.timer)
	case !b.timer.Active() || b.timer.When() != first:
		l.After(first.Sub(l.Now()), &b.timer, (*waiting)(b))
	}
}

// fail settles a branch that could not be sent.
func (b *Branch) fail(err error) {
	b.drop()
	b.tell(err)
	b.failing(err)
	x := b.fork.x
	code, cause := b.codeOf(err), CauseUnreachable
	if e := (*BranchError)(nil); errors.As(err, &e) {
		code, cause = e.Code, e.Cause
	}
	x.later(event{b, NewResponse(code, cause, b.target.shown()), true})
}

// codeOf is the response code that an attempt which could not be sent counts as: 503 (§16.9). But
// if a client's connection is gone, that client is unavailable for the moment, whatever became of
// the attempt to connect to it, and the server of a dialog is told that its way has ended (RFC 5626
// §5.3.1).
func (b *Branch) codeOf(err error) int {
	switch {
	case !b.flowGone && !errors.Is(err, transport.ErrFlowGone):
		return 503
	case b.target == vouched, b.fork.opts.Edge:
		return 430
	}
	return 480
}

// drop lets go of the branch's message.
func (b *Branch) drop() {
	if b.msg != nil {
		b.fork.x.core.giveMessage(b.msg)
		b.msg = nil
	}
}

// settle handles, in its turn, a final response that was made here.
func (b *Branch) settle(r *Response) { b.fork.x.deliver(event{b, r, true}) }

// Failed is the client transaction's end without a final response (§16.9): the next address, or the
// outcome.
func (w *waiting) Failed(c *transaction.Client, err error) {
	b := (*Branch)(w)
	if c != b.client {
		return
	}
	if b.done {
		b.release()
		return
	}
	b.unwatch()
	timeout := errors.Is(err, transaction.ErrTimeout)
	if !timeout { // the response code reports silence
		b.tell(err)
		b.failing(err)
	}
	b.failedAt(c.To(), timeout)
	// It took the request by TCP and was silent: the same over UDP would only double the wait
	if timeout {
		b.unspare()
	}
	// It broke while the request was being written
	b.flowGone = b.flowGone || c.To().FlowOnly && !timeout
	if !b.heard && b.another() {
		b.next()
		return
	}
	if timeout {
		b.settle(NewResponse(408, CauseTimeout, b.target.shown()))
		return
	}
	b.settle(NewResponse(b.codeOf(err), CauseUnreachable, b.target.shown()))
}
