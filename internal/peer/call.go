package peer

// A call that a peer makes.

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// Call is an INVITE under way, and the dialog it led to.
type Call struct {
	p      *Peer
	Invite *sip.Request
	tx     sip.ClientTransaction

	mu       sync.Mutex
	codes    []int         // guarded by mu: of the responses so far
	final    *sip.Response // guarded by mu
	changed  chan struct{} // guarded by mu: closed and replaced at each change
	failure  error         // guarded by mu
	sequence uint32        // CSeq of the dialog's next request
}

// Invite calls a URI such as "sip:bob@example.com" and returns at once. prepare, which may be nil,
// sees the request before it is sent.
func (p *Peer) Invite(to string, prepare func(*sip.Request)) *Call {
	p.t.Helper()
	r := p.Request(sip.INVITE, to)
	if prepare != nil {
		prepare(r)
	}
	c := &Call{p: p, Invite: r, changed: make(chan struct{})}
	tx, err := p.client.TransactionRequest(context.Background(), r)
	p.must("INVITE "+to, err)
	c.tx = tx
	go c.follow() // ends with the transaction
	return c
}

// follow collects the responses.
func (c *Call) follow() {
	for {
		select {
		case res := <-c.tx.Responses():
			c.note(func() {
				c.codes = append(c.codes, res.StatusCode)
				if !res.IsProvisional() && c.final == nil {
					c.final = res
				}
			})
			if !res.IsProvisional() {
				return
			}
		case <-c.tx.Done():
			c.note(func() { c.failure = c.tx.Err() })
			return
		}
	}
}

func (c *Call) note(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	close(c.changed)
	c.changed = make(chan struct{})
}

// await waits until found, called with mu held, is true.
func (c *Call) await(what string, found func() bool) {
	c.p.t.Helper()
	deadline := time.After(Patience)
	for {
		c.mu.Lock()
		ok, changed, codes, failure := found(), c.changed, slices.Clone(c.codes), c.failure
		c.mu.Unlock()
		if ok {
			return
		}
		if failure != nil {
			c.p.t.Fatalf("%s: waiting for %s: %v (responses so far %v)", c.p.User, what, failure, codes)
		}
		select {
		case <-changed:
		case <-deadline:
			c.p.t.Fatalf("%s: no %s (responses so far %v)", c.p.User, what, codes)
		}
	}
}

// Provisional waits for a provisional response with the code.
func (c *Call) Provisional(code int) {
	c.p.t.Helper()
	c.await("a provisional response", func() bool { return slices.Contains(c.codes, code) })
}

// Final waits for the final response.
func (c *Call) Final() *sip.Response {
	c.p.t.Helper()
	c.await("a final response", func() bool { return c.final != nil })
	return c.final
}

// Codes are those of the responses so far, in order.
func (c *Call) Codes() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.codes)
}

// Cancel cancels the call.
func (c *Call) Cancel() {
	c.p.t.Helper()
	r := sip.NewRequest(sip.CANCEL, c.Invite.Recipient)
	r.SetTransport(c.Invite.Transport())
	r.SetDestination(c.Invite.Destination())
	for _, name := range []string{"Via", "From", "To", "Call-ID", "Max-Forwards"} {
		r.AppendHeader(sip.HeaderClone(c.Invite.GetHeader(name)))
	}
	r.AppendHeader(&sip.CSeqHeader{SeqNo: c.Invite.CSeq().SeqNo, MethodName: sip.CANCEL})
	r.SetBody(nil)
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	res, err := c.p.client.Do(ctx, r, sipgo.ClientRequestBuild)
	c.p.must("CANCEL", err)
	if res.StatusCode != 200 {
		c.p.t.Errorf("%s: CANCEL was answered %d", c.p.User, res.StatusCode)
	}
}

// Ack acknowledges the 2xx.
func (c *Call) Ack() {
	c.p.t.Helper()
	r := c.InDialog(sip.ACK)
	c.p.must("ACK", c.p.client.WriteRequest(r))
}

// Bye ends the call and requires a 200.
func (c *Call) Bye() {
	c.p.t.Helper()
	if res := c.p.Send(c.InDialog(sip.BYE)); res.StatusCode != 200 {
		c.p.t.Errorf("%s: BYE was answered %d %s", c.p.User, res.StatusCode, res.Reason)
	}
}

// InDialog builds a request of the dialog: to the remote target, along the route set (§12.2.1.1).
func (c *Call) InDialog(method sip.RequestMethod) *sip.Request {
	c.p.t.Helper()
	final := c.Final()
	contact := final.Contact()
	if final.StatusCode/100 != 2 || contact == nil {
		c.p.t.Fatalf("%s: no dialog: %d with Contact %v", c.p.User, final.StatusCode, contact)
	}
	r := sip.NewRequest(method, *contact.Address.Clone())
	r.SetTransport(c.Invite.Transport())
	r.SetDestination(c.p.server.Addr)
	routes := final.GetHeaders("Record-Route")
	for _, rr := range slices.Backward(routes) { // §12.1.2: in reverse order at the caller
		r.AppendHeader(sip.NewHeader("Route", rr.Value()))
	}
	r.AppendHeader(sip.HeaderClone(c.Invite.From()))
	r.AppendHeader(sip.HeaderClone(final.To()))
	r.AppendHeader(sip.HeaderClone(c.Invite.CallID()))
	number := c.Invite.CSeq().SeqNo
	if method != sip.ACK {
		c.sequence++
		number += c.sequence
	}
	r.AppendHeader(&sip.CSeqHeader{SeqNo: number, MethodName: method})
	return r
}
