package phone

import (
	"errors"
	"fmt"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

// This file acknowledges 2xx: at once, later, or when the test says so.

// acknowledgement is the ACK of a 2xx: it is sent again, as it was, for each repetition of that.
type acknowledgement struct {
	d           *Dialog
	cseq        uint32
	credentials string // of the INVITE (§22.3)
	branch      string // "" before it was sent
	spec        Spec
	timer       lane.Timer
}

// accepted takes a 2xx to an INVITE; it returns false for a repeated one.
func (o *Outgoing) accepted(d *Dialog, offer *SDP) bool {
	if a := d.acks[o.cseq]; a != nil {
		if a.branch != "" {
			a.send()
		}
		return false
	}
	a := &acknowledgement{d: d, cseq: o.cseq, credentials: o.credentials, spec: Spec{Method: "ACK"}}
	d.acks[o.cseq] = a
	if len(o.spec.Body) == 0 && !o.agreed && offer != nil {
		// A late offer is answered in the ACK (§13.2.2.4).
		a.spec.Body, a.spec.ContentType = []byte(d.session().describe(&Media{Own: true}, offer)), ""
		d.offer = offer
	}
	switch {
	case o.spec.AckManual:
	case o.spec.AckDelay > 0:
		o.p.lane.After(o.spec.AckDelay, &a.timer, a)
	default:
		a.send()
	}
	return true
}

// Expire sends the ACK that was delayed.
func (a *acknowledgement) Expire(*lane.Timer) {
	if a.branch == "" {
		a.send()
	}
}

// send sends the ACK, for the first time or again.
func (a *acknowledgement) send() {
	d := a.d
	if a.branch == "" {
		a.branch = fmt.Sprintf("z9hG4bK%s", d.p.tag())
		d.fill(&a.spec)
	}
	m, err := d.p.request(&a.spec, a.cseq, a.credentials)
	if err != nil {
		d.p.trouble("can't acknowledge: %v", err)
		return
	}
	peer, err := d.p.hop(&a.spec)
	if err != nil {
		d.p.trouble("can't acknowledge: %v", err)
		return
	}
	_ = d.p.layer.Forward(m, &peer, a.branch) // the 2xx will come again
}

// Ack acknowledges the 2xx of an INVITE whose Spec leaves that to the test, or delays it. The body
// and headers of spec are the ACK's.
func (o *Outgoing) Ack(spec Spec) error {
	var a *acknowledgement
	if o.dialog != nil {
		a = o.dialog.acks[o.cseq]
	}
	switch {
	case o.spec.Method != "INVITE":
		return fmt.Errorf("only an INVITE is acknowledged, not %s", o.spec.Method)
	case a == nil:
		return errors.New("there is no 2xx to acknowledge yet")
	case a.branch != "":
		return errors.New("the 2xx was acknowledged already: invite with { ack = false }, or { ack = seconds }")
	}
	o.p.do(func() {
		o.p.lane.StopTimer(&a.timer)
		if spec.Media.given() {
			spec.Body, spec.ContentType = []byte(a.d.session().describe(&spec.Media, a.d.offer)), ""
		}
		if len(spec.Body) > 0 {
			a.spec.Body, a.spec.ContentType = spec.Body, spec.ContentType
		}
		a.spec.Headers = spec.Headers
		a.send()
	})
	return nil
}

// AckDelays says how an INVITE's 2xx is acknowledged: after a time, or by Ack alone.
type AckDelays struct {
	AckDelay  time.Duration // after the 2xx; 0: at once
	AckManual bool          // only Ack sends it
}
