package phone

import (
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
	over      bool                        // a BYE went one way or the other
	acks      map[uint32]*acknowledgement // by the CSeq of their INVITE
	rseq      uint32                      // of the last reliable provisional response (RFC 3262)
	media     *session
	offer     *SDP // the other side's, to be answered in a PRACK or an ACK
	// What made it: one of them.
	out *Outgoing
	in  *Incoming
}

// Origin is the request that made the dialog: one that this side sent, or one that came.
func (d *Dialog) Origin() (*Outgoing, *Incoming) { return d.out, d.in }

// session is what this side says of its media.
func (d *Dialog) session() *session {
	if d.media == nil {
		d.media = d.p.newSession()
	}
	return d.media
}

// Hold puts the other side on hold, or takes it back: it is what this side's descriptions say from
// now on (RFC 3264 §8.4).
func (d *Dialog) Hold(on bool) { d.p.do(func() { d.session().held = on }) }

// Phone is the phone whose dialog it is.
func (d *Dialog) Phone() *Phone { return d.p }

// CallID is the Call-ID of the dialog.
func (d *Dialog) CallID() string { return d.key.callID }

// callee is the dialog of an INVITE answered here: its route set is the Record-Route as it came
// (§12.1.1).
func (p *Phone) callee(r *Incoming) *Dialog {
	key := dialogKey{string(r.Msg.CallID()), r.tag, string(r.Msg.FromTag())}
	d := &Dialog{p: p, key: key, from: string(r.Msg.Header(message.HeaderTo)) + ";tag=" + r.tag, to: string(r.Msg.Header(message.HeaderFrom)), acks: map[uint32]*acknowledgement{},
		in: r, media: r.session}
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
		d = &Dialog{p: o.p, key: key, from: o.spec.From, to: string(m.Header(message.HeaderTo)), cseq: o.cseq, acks: map[uint32]*acknowledgement{}, out: o}
		if o.session != nil {
			media := *o.session // each fork negotiates on its own
			d.media = &media
		}
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
