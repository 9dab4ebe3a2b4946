package transaction

import (
	"fmt"
	"strings"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// This file runs client transactions: it feeds their machine and carries out the result of each
// step.

// Client is a client transaction.
type Client struct {
	terms *terms
	owner Owner // nil when abandoned, and for a CANCEL
	clock clock

	branch string
	method message.Method
	state  State

	resent    bool // by another connection; see reconnect
	waiting   bool // a CANCEL waits for the first provisional
	cancelled bool // a CANCEL was requested

	rare *rareClient // nil while all of it is zero

	to transport.Peer
	// What doSendAgain sends: the request, then, after a non-2xx, its ACK. It is in a buffer of the
	// layer.
	sent []byte
}

// rareClient is what few client transactions have.
type rareClient struct {
	methodText    string // of an extension method
	cancelHeaders []byte // of a CANCEL that waits for the first provisional
	// Its place in the layer's streams: the connection, 0 for none, and its list
	onFlow     transport.FlowID
	next, prev *Client
}

// seldom is c.rare, to be written to.
func (c *Client) seldom() *rareClient {
	if c.rare == nil {
		c.rare = new(rareClient)
	}
	return c.rare
}

// machine is the table of its states.
func (c *Client) machine() *machine {
	if c.method == message.MethodInvite {
		return &inviteClient
	}
	return &nonInviteClient
}

// key is its key in the layer's table. Our branches have no upper-case letters, unless a suffix
// does.
func (c *Client) key() string { return keyOf(c.branch) }

func keyOf(branch string) string { return strings.ToLower(branch[len(cookie):]) }

// State is the state the transaction is in; Terminated when it is over.
func (c *Client) State() State { return c.state }

// Method is the request's.
func (c *Client) Method() message.Method { return c.method }

// Branch is the branch parameter of our Via, cookie and suffix included.
func (c *Client) Branch() string { return c.branch }

// To is the peer the request was sent to. It must not be changed.
func (c *Client) To() *transport.Peer { return &c.to }

// SetOwner replaces the owner from now on.
func (c *Client) SetOwner(o Owner) { c.owner = o }

// Abandon forgets the owner: the machine handles further messages (ACKs of non-2xx) and reports
// them to nobody. A 2xx becomes a Stray.
func (c *Client) Abandon() { c.owner = nil }

// Quiet ends the retransmissions of a request other than INVITE that nobody waits for any more. The
// machine handles further responses until Timer F runs out.
func (c *Client) Quiet() {
	if c.method != message.MethodInvite && (c.state == Trying || c.state == Proceeding) {
		c.drop()
	}
}

// Send starts a client transaction (§17.1): it pushes our Via onto req, with a new branch "z9hG4bK"
// + random + suffix, and sends it. req is written out at once and neither changed nor kept. A
// transport error found at once is returned, and owner is not called. Other errors: ErrMethod,
// ErrNoListener, and ErrUnreadable for a response. suffix must consist of token characters.
func (l *Layer) Send(req *message.Message, to *transport.Peer, suffix string, owner Owner) (*Client, error) {
	return l.send(req, to, l.newBranch(suffix), owner)
}

// SendAs is Send with a branch made by the user, which begins with the cookie and is unique. If a
// transaction of the layer already has it, a new one is used instead.
func (l *Layer) SendAs(req *message.Message, to *transport.Peer, branch string, owner Owner) (*Client, error) {
	if l.clients[keyOf(branch)] != nil {
		branch = l.newBranch("")
	}
	return l.send(req, to, branch, owner)
}

func (l *Layer) send(req *message.Message, to *transport.Peer, branch string, owner Owner) (*Client, error) {
	method := req.Method()
	switch {
	case !req.IsRequest():
		return nil, ErrUnreadable
	case method == message.MethodAck || method == message.MethodCancel:
		return nil, ErrMethod
	}
	local := l.wire.Choose(to)
	if local == nil {
		return nil, ErrNoListener
	}
	c := &Client{terms: l.terms, owner: owner, method: method, to: *to}
	// The Via and the socket that sends must stay together, through retransmissions, ACK and
	// CANCEL.
	c.to.Local = local
	if method == message.MethodOther {
		c.seldom().methodText = string(req.MethodText())
	}
	c.branch = branch
	c.sent = l.writeRequest(req, local, to.Kind, c.branch)
	if err := l.begin(c, l.clients); err != nil {
		return nil, fmt.Errorf("transaction: send: %w", err)
	}
	return c, nil
}

// begin makes the first step of c, whose request is in c.sent.
func (l *Layer) begin(c *Client, table map[string]*Client) error {
	t := c.machine().step(start, evRequest)
	c.state = t.next
	err := c.first()
	if err != nil {
		l.count(EventTransportError)
		c.state = Terminated
		c.drop()
		return err
	}
	table[c.key()] = c
	c.startTimers(t)
	return nil
}

// first sends the request for the first time.
func (c *Client) first() error {
	if c.to.Kind.Reliable() {
		return c.sendOnStream((*clientFailed)(c))
	}
	return c.send()
}

// receive is a response that belongs to c.
func (c *Client) receive(a *Arrival) {
	e := ev3xx
	switch code := a.Msg.Status(); {
	case code < 200:
		e = ev1xx
	case code < 300:
		e = ev2xx
	}
	c.feed(e, a)
}

// feed makes a step and carries it out. The user is called last, when the state is consistent,
// because it may do anything.
func (c *Client) feed(e event, a *Arrival) {
	t := c.machine().step(c.state, e)
	if t.next == start {
		c.terms.layer.count(EventIgnored)
		return
	}
	again := t.next == c.state && a != nil && t.do&doPass == 0
	c.state = t.next
	if again {
		c.terms.layer.count(EventRetransmissionIn)
	}
	if t.do&doStop != 0 {
		c.clock.stop()
	}
	var failed error
	if t.do&doAck != 0 {
		failed = c.sendAck(a.Msg)
	}
	if t.do&doSendAgain != 0 && len(c.sent) > 0 {
		c.terms.layer.count(EventRetransmissionOut)
		if c.terms.layer.doubt != nil && (c.state == Calling || c.state == Trying) {
			c.terms.layer.doubt.Doubt(&c.to)
		}
		failed = c.send()
	}
	if t.do&doDrop != 0 {
		c.drop()
	}
	if t.do&doCount != 0 {
		c.terms.layer.count(EventTimeout)
	}
	c.cancelStep(t.do, e)
	c.startTimers(t)
	if failed != nil && c.state != Terminated {
		c.fail(failed, a, t.do)
		return
	}
	c.tell(t.do, a)
}

// fail handles a transport error found in a step: the user receives the message of the step before
// what follows from the error.
func (c *Client) fail(err error, a *Arrival, do action) {
	c.tell(do, a)
	c.broke(err)
}

// tell informs the owner. A 2xx that nobody owns is a stray: it may still be forwarded (§16.7 step
// 5).
func (c *Client) tell(do action, a *Arrival) {
	owner := c.owner
	switch {
	case do&doPass != 0 && owner != nil:
		owner.Response(c, a.Msg)
	case do&doPass != 0 && c.method == message.MethodInvite && a.Msg.Status()/100 == 2:
		c.terms.layer.count(EventStray)
		c.terms.layer.user.Stray(a)
	case do&doFail != 0 && owner != nil:
		c.owner = nil
		err := c.terms.layer.failing
		if err == nil {
			err = ErrTimeout
		}
		c.terms.layer.failing = nil
		owner.Failed(c, err)
	}
}

// startTimers starts the timers of a transition. One of length zero runs out at once; Terminated
// ends the transaction.
func (c *Client) startTimers(t transition) {
	l := c.terms.layer
	now := l.lane.Now()
	reliable := c.to.Kind.Reliable()
	// A and E: never on a reliable transport (§17.1.1.2, §17.1.2.2)
	if t.again != none && !reliable {
		c.clock.start(&c.terms.Timers, t.again, c.state, now)
	}
	if t.end != none {
		d := c.terms.end(t.end, c.method == message.MethodInvite, reliable)
		if d == 0 {
			c.state = c.machine().step(c.state, evTimer+event(t.end)).next
			c.clock.stop()
		} else {
			c.clock.end, c.clock.endOf = now.Add(d), t.end
		}
	}
	if c.state == Terminated {
		c.leave()
		return
	}
	c.clock.arm(l.lane, (*clientClock)(c))
}

// leave takes a terminated transaction out of the layer.
func (c *Client) leave() {
	l := c.terms.layer
	l.lane.StopTimer(&c.clock.entry)
	c.offStream()
	c.drop()
	table := l.clients
	if c.method == message.MethodCancel {
		table = l.cancels
	}
	if table[c.key()] == c {
		delete(table, c.key())
	}
}

// send sends what is kept.
func (c *Client) send() error { return c.terms.layer.wire.Send(&c.to, c.sent, (*clientFailed)(c)) }

// drop releases what was kept.
func (c *Client) drop() {
	c.terms.layer.stored.put(c.sent)
	c.sent = nil
}

// sendAck makes and sends the ACK of the non-2xx final res (§17.1.1.3). It replaces the INVITE:
// nothing else may have to be sent again. A retransmitted final response is answered with the same
// bytes.
func (c *Client) sendAck(res *message.Message) error {
	l := c.terms.layer
	if err := l.reparse.Parse(c.sent, &ownLimits); err != nil {
		return err
	}
	l.out = message.AppendAck(l.out[:0], &l.reparse, res)
	l.reparse.Reset()
	c.sent = l.stored.keep(c.sent, l.out)
	return c.send()
}

// ownLimits admit everything that was accepted, plus what the proxy added to it.
var ownLimits = message.Limits{Message: 1 << 24, Headers: 1 << 16, HeaderLine: 1 << 24, Body: 1 << 24, Params: 1 << 16, Elements: 1 << 16}

// clientClock is the Client as its timer sees it.
type clientClock Client

// Expire makes the step of the timer that ran out.
func (t *clientClock) Expire(*lane.Timer) {
	c := (*Client)(t)
	name := c.clock.due(c.terms.layer.lane.Now())
	if name == none {
		c.clock.arm(c.terms.layer.lane, t)
		return
	}
	c.feed(evTimer+event(name), nil)
	// If a step starts no timer, the other one remains to be waited for.
	if c.state != Terminated {
		c.clock.arm(c.terms.layer.lane, t)
	}
}
