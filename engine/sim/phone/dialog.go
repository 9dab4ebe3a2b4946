package phone

import (
	"fmt"

	"github.com/sipscript/sipscript/engine/message"
)

// This file is about dialogs (§12): their state on this phone's side, and the requests within them.

// dialogKey names a dialog on this side (§12).
type dialogKey struct{ callID, local, remote string }

// Dialog is one dialog, early or confirmed.
type Dialog struct {
	p         *Phone
	key       dialogKey
	from, to  string // in what this side sends, tags included
	target    string
	routes    []string // as they are written
	cseq      uint32   // of the last request this side sent
	confirmed bool
	over      bool // a BYE went one way or the other
	// Branches of ACKs, by the CSeq of their INVITE: an ACK comes again as it was
	acks map[uint32]string
}

// CallID is the Call-ID of the dialog.
func (d *Dialog) CallID() string { return d.key.callID }

// callee is the dialog of an INVITE answered here: its route set is the Record-Route as it came
// (§12.1.1).
func (p *Phone) callee(r *Incoming) *Dialog {
	key := dialogKey{string(r.Msg.CallID()), r.tag, string(r.Msg.FromTag())}
	d := &Dialog{p: p, key: key, from: string(r.Msg.Header(message.HeaderTo)) + ";tag=" + r.tag, to: string(r.Msg.Header(message.HeaderFrom)), acks: map[uint32]string{}}
	d.refresh(r.Msg)
	for routes := r.Msg.Elements(message.HeaderRecordRoute); routes.Next(); {
		d.routes = append(d.routes, string(routes.Value))
	}
	p.dialogs[key] = d
	return d
}

// caller is the dialog that a response to an INVITE sent here makes, or belongs to; nil if it has
// no To tag. The route set of a 2xx replaces that of a provisional (§12.1.2, §13.2.2.4): the
// Record-Route in reverse.
func (o *Outgoing) caller(m *message.Message) *Dialog {
	tag := string(m.ToTag())
	if tag == "" || !makesDialogText(o.spec.Method) {
		return nil
	}
	key := dialogKey{o.spec.CallID, o.tag, tag}
	d := o.p.dialogs[key]
	if d == nil {
		d = &Dialog{p: o.p, key: key, from: o.spec.From, to: string(m.Header(message.HeaderTo)), cseq: o.cseq, acks: map[uint32]string{}}
		o.p.dialogs[key] = d
	}
	if !d.confirmed {
		d.refresh(m)
		d.routes = nil
		for routes := m.Elements(message.HeaderRecordRoute); routes.Next(); {
			d.routes = append([]string{string(routes.Value)}, d.routes...)
		}
		d.confirmed = m.Status() >= 200
	}
	return d
}

func makesDialogText(method string) bool { return method == "INVITE" || method == "SUBSCRIBE" }

// refresh takes the remote target from the Contact of a message that may change it (§12.2).
func (d *Dialog) refresh(m *message.Message) {
	contacts := m.Elements(message.HeaderContact)
	if contacts.Next() {
		if a, err := message.ParseAddress(contacts.Value); err == nil {
			d.target = string(a.URI)
		}
	}
}

// Send sends a request in the dialog. Method is required in spec; URI, From, To, CallID and Routes
// are the dialog's unless given.
func (d *Dialog) Send(spec Spec) (o *Outgoing) {
	d.p.do(func() { o = d.send(spec) })
	return o
}

func (d *Dialog) send(spec Spec) *Outgoing {
	if spec.Method == "BYE" {
		d.over = true
	}
	d.fill(&spec)
	o := &Outgoing{p: d.p, spec: spec, in: d, counter: &d.cseq, tag: d.key.local}
	o.start()
	return o
}

func (d *Dialog) fill(spec *Spec) {
	if spec.URI == "" {
		spec.URI = d.target
	}
	if spec.From == "" {
		spec.From = d.from
	}
	if spec.To == "" {
		spec.To = d.to
	}
	if spec.Routes == nil {
		spec.Routes = d.routes
	}
	spec.CallID, spec.inDialog = d.key.callID, true
	spec.Contact = spec.Method == "INVITE" || spec.Method == "UPDATE" || spec.Method == "SUBSCRIBE"
}

// ack acknowledges a 2xx, the same way each time (§13.2.2.4), with the credentials of its INVITE
// (§22.3).
func (d *Dialog) ack(cseq uint32, credentials string) {
	spec := Spec{Method: "ACK"}
	d.fill(&spec)
	m, err := d.p.request(&spec, cseq, credentials)
	if err != nil {
		d.p.trouble("can't acknowledge: %v", err)
		return
	}
	peer, err := d.p.hop(&spec)
	if err != nil {
		d.p.trouble("can't acknowledge: %v", err)
		return
	}
	if d.acks[cseq] == "" {
		d.acks[cseq] = fmt.Sprintf("z9hG4bK%s", d.p.tag())
	}
	_ = d.p.layer.Forward(m, &peer, d.acks[cseq]) // the 2xx will come again
}
