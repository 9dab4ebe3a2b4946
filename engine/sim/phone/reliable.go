package phone

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
)

// This file is about reliable provisional responses (RFC 3262), on both sides.

// reliable is a provisional response without its PRACK. It is repeated with T1, doubled each time
// (§3).
type reliable struct {
	r     *Incoming
	rseq  int
	bytes []byte
	next  time.Duration
	until lane.Time
	timer lane.Timer
}

// has100rel reports whether a message names the extension in a header.
func has100rel(m *message.Message, names ...string) bool {
	for _, name := range names {
		for e := m.ElementsName(name); e.Next(); {
			if strings.EqualFold(string(e.Value), "100rel") {
				return true
			}
		}
	}
	return false
}

// mayRely says why a response cannot be reliable.
func (r *Incoming) mayRely(code int) error {
	switch {
	case r.Msg.Method() != message.MethodInvite || code <= 100 || code >= 200:
		return errors.New("only a provisional response to an INVITE, 101 to 199, can be reliable")
	case !has100rel(r.Msg, "Supported", "Require"):
		return errors.New("the INVITE does not offer 100rel: invite with { reliable = true }")
	case r.unacknowledged != nil:
		return errors.New("the reliable response before it has no PRACK yet")
	}
	return nil
}

// repeat sends a reliable response again until its PRACK comes.
func (r *Incoming) repeat(m *message.Message) {
	x := &reliable{r: r, rseq: r.rseq, bytes: m.AppendTo(nil), next: t1, until: r.p.lane.Now().Add(giveUp)}
	r.unacknowledged = x
	r.p.lane.After(x.next, &x.timer, x)
}

// Expire sends the response again, or rejects the INVITE when nobody acknowledged it for long
// enough (§3).
func (x *reliable) Expire(*lane.Timer) {
	p := x.r.p
	if p.lane.Now() >= x.until {
		x.r.unacknowledged = nil
		p.check(x.r.reply(504, Reply{}))
		return
	}
	to := x.r.server.ReplyTo()
	_ = p.wire.Send(&to, x.bytes, nil)
	x.next *= 2
	p.lane.After(min(x.next, x.until.Sub(p.lane.Now())), &x.timer, x)
}

// settle stops the repetitions.
func (r *Incoming) settle() {
	if x := r.unacknowledged; x != nil {
		r.p.lane.StopTimer(&x.timer)
		r.unacknowledged = nil
	}
}

// gotPrack finds what a PRACK acknowledges, and returns false if that is nothing (§3: 481).
func (p *Phone) gotPrack(m *message.Message) bool {
	for _, r := range p.invites {
		x := r.unacknowledged
		if x == nil || r.dialog == nil || string(m.CallID()) != r.dialog.key.callID || string(m.ToTag()) != r.dialog.key.local {
			continue
		}
		cseq, _ := r.Msg.CSeq()
		if strings.Join(strings.Fields(string(m.HeaderName("RAck"))), " ") == fmt.Sprintf("%d %d INVITE", x.rseq, cseq.Number) {
			r.settle()
			return true
		}
	}
	return false
}

// provisional takes a response above 100 and below 200. It returns false for one that was seen, or
// is out of order: neither is acknowledged (§4).
func (o *Outgoing) provisional(d *Dialog, res *message.Message) bool {
	var rseq uint32
	if _, err := fmt.Sscan(string(res.HeaderName("RSeq")), &rseq); err != nil || !o.offers100rel || !has100rel(res, "Require") {
		return true
	}
	if rseq <= d.rseq || d.rseq != 0 && rseq != d.rseq+1 {
		return false
	}
	d.rseq = rseq
	o.reliable = keep(res)
	if !o.spec.PrackManual {
		o.prack(Spec{})
	}
	return true
}

// prack acknowledges the last reliable response.
func (o *Outgoing) prack(spec Spec) *Outgoing {
	d, res := o.dialog, o.reliable
	o.reliable = nil
	spec.Method = "PRACK"
	spec.Headers = append([]proxy.HeaderEdit{{Name: "RAck", Values: []string{fmt.Sprintf("%s %d INVITE", res.HeaderName("RSeq"), o.cseq)}}}, spec.Headers...)
	if offer, ok := ParseSDP(res.Body()); ok && len(o.spec.Body) == 0 && !o.agreed {
		o.agreed = true // the offer is in the response, its answer in the PRACK (§5)
		if len(spec.Body) == 0 && !spec.Media.given() {
			spec.Media.Own = true
		}
		d.offer = offer
	} else {
		d.offer = nil
	}
	return d.send(spec)
}

// Prack acknowledges the last reliable response of an INVITE whose Spec leaves that to the test.
func (o *Outgoing) Prack(spec Spec) (x *Outgoing, err error) {
	if o.reliable == nil {
		return nil, errors.New("there is no reliable provisional response to acknowledge: invite with { reliable = true, prack = false }")
	}
	o.p.do(func() { x = o.prack(spec) })
	return x, nil
}
