package peer

// A call that comes in at a peer.

import (
	"time"

	"github.com/emiago/sipgo/sip"
)

// Incoming is an INVITE that came in.
type Incoming struct {
	p       *Peer
	Request *sip.Request
	tx      sip.ServerTransaction
	tag     string

	sequence uint32 // CSeq of the dialog's last request from here
	// Cancelled is closed when the caller cancelled (sipgo has answered 200 and 487 then).
	Cancelled chan struct{}
}

// onInvite runs on a goroutine of sipgo's for each INVITE and keeps it until the transaction is
// over.
func (p *Peer) onInvite(r *sip.Request, tx sip.ServerTransaction) {
	in := &Incoming{p: p, Request: r, tx: tx, tag: sip.GenerateTagN(12), Cancelled: make(chan struct{})}
	tx.OnCancel(func(*sip.Request) { close(in.Cancelled) })
	p.Invites <- in
	<-tx.Done()
}

// Incoming waits for a call.
func (p *Peer) Incoming() *Incoming {
	p.t.Helper()
	return receive(p, p.Invites, "INVITE")
}

// Bye waits for a BYE.
func (p *Peer) Bye() *sip.Request {
	p.t.Helper()
	return receive(p, p.Byes, "BYE")
}

// Ack waits for the ACK of a 2xx.
func (p *Peer) Ack() *sip.Request {
	p.t.Helper()
	return receive(p, p.Acks, "ACK")
}

func receive[T any](p *Peer, from chan T, what string) (v T) {
	p.t.Helper()
	select {
	case v = <-from:
	case <-time.After(Patience):
		p.t.Fatalf("%s: no %s came", p.User, what)
	}
	return v
}

// Reply answers the call with a code.
func (in *Incoming) Reply(code int, reason string) { in.p.t.Helper(); in.reply(code, reason, nil) }

// Answer answers the call 200 with a session description.
func (in *Incoming) Answer(sdp []byte) { in.p.t.Helper(); in.reply(200, "OK", sdp) }

func (in *Incoming) reply(code int, reason string, sdp []byte) {
	in.p.t.Helper()
	res := sip.NewResponseFromRequest(in.Request, code, reason, sdp)
	if sdp != nil {
		res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	}
	if to := res.To(); to != nil && code > 100 {
		to.Params.Remove("tag")
		to.Params.Add("tag", in.tag)
	}
	if code < 300 {
		res.AppendHeader(&sip.ContactHeader{Address: in.p.Contact()})
	}
	in.p.must("reply", in.tx.Respond(res))
}

// AwaitCancel waits until the caller has cancelled.
func (in *Incoming) AwaitCancel() {
	in.p.t.Helper()
	select {
	case <-in.Cancelled:
	case <-time.After(Patience):
		in.p.t.Fatalf("%s: no CANCEL came", in.p.User)
	}
}

// HangUp ends the answered call and requires a 200.
func (in *Incoming) HangUp() {
	in.p.t.Helper()
	if res := in.p.Send(in.InDialog(sip.BYE)); res.StatusCode != 200 {
		in.p.t.Errorf("%s: BYE was answered %d %s", in.p.User, res.StatusCode, res.Reason)
	}
}

// InDialog builds a request of the dialog from the callee's side: to the caller's Contact, along
// the route set (§12.1.1, §12.2.1.1).
func (in *Incoming) InDialog(method sip.RequestMethod) *sip.Request {
	in.p.t.Helper()
	contact := in.Request.Contact()
	if contact == nil {
		in.p.t.Fatalf("%s: the INVITE has no Contact", in.p.User)
	}
	r := sip.NewRequest(method, *contact.Address.Clone())
	r.SetTransport(sip.NetworkToUpper(in.p.server.Transport))
	r.SetDestination(in.p.server.Addr)
	for _, rr := range in.Request.GetHeaders("Record-Route") {
		r.AppendHeader(sip.NewHeader("Route", rr.Value()))
	}
	own, theirs := in.Request.To(), in.Request.From()
	from := &sip.FromHeader{Address: own.Address, Params: sip.NewParams()}
	from.Params.Add("tag", in.tag)
	r.AppendHeader(from)
	r.AppendHeader(&sip.ToHeader{Address: theirs.Address, Params: theirs.Params.Clone()})
	r.AppendHeader(sip.HeaderClone(in.Request.CallID()))
	in.sequence++
	r.AppendHeader(&sip.CSeqHeader{SeqNo: in.sequence, MethodName: method})
	return r
}
