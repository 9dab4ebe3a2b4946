package phone

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// This file sends requests and keeps what comes back.

// Spec is a request. Method is required; empty fields have defaults.
type Spec struct {
	Method   string
	URI      string             // default: the domain of the phone
	From, To string             // whole values; default: the phone's own URI, and URI
	CallID   string             // "" for a new one
	Routes   []string           // written as they are; the request is sent to the first
	Contact  bool               // include a Contact
	Headers  []proxy.HeaderEdit // added to the request, after the phone's own
	Body     []byte             // nil for none
	// ContentType of the body; default application/sdp.
	ContentType string
	// Media is a description in the place of Body.
	Media Media
	AckDelays
	// PrackManual: reliable provisional responses are acknowledged by Prack alone.
	PrackManual bool

	inDialog bool // without Routes it goes to the URI, not to the proxy
}

// Outgoing is a request of the phone and what came back. A request that is challenged and sent
// again with credentials is still the same one.
type Outgoing struct {
	Answers []*Answer // except repeated 2xx, and those to challenges that the phone answered
	Err     error     // why there will be no final answer

	p           *Phone
	spec        Spec
	client      *transaction.Client
	counter     *uint32 // where the CSeq is counted
	cseq        uint32
	tag         string // our From tag
	tries       int
	credentials string  // the header line of the last try
	in          *Dialog // that it was sent in
	dialog      *Dialog // that it made, or was sent in
	session     *session
	// Of RFC 3262: whether it may get reliable responses, the last one without its PRACK, and
	// whether a PRACK answered an offer.
	offers100rel bool
	reliable     *message.Message
	agreed       bool
}

// Answer is a response.
type Answer struct {
	Msg   *message.Message // the response, parsed; it must not be changed
	Taken bool             // for whoever reads them: this one was seen
}

// Phone is the phone that sent it.
func (o *Outgoing) Phone() *Phone { return o.p }

// Method is the request's method.
func (o *Outgoing) Method() string { return o.spec.Method }

// URI is the Request-URI.
func (o *Outgoing) URI() string { return o.spec.URI }

// CallID is the request's Call-ID.
func (o *Outgoing) CallID() string { return o.spec.CallID }

// Dialog is the dialog it was sent in or made: the confirmed one, or the last early one; nil for
// none.
func (o *Outgoing) Dialog() *Dialog { return o.dialog }

// Final is the first final response, nil before it came.
func (o *Outgoing) Final() *message.Message {
	for _, a := range o.Answers {
		if a.Msg.Status() >= 200 {
			return a.Msg
		}
	}
	return nil
}

// Done reports whether there is a final response, or never will be.
func (o *Outgoing) Done() bool { return o.Err != nil || o.Final() != nil }

// Send sends a request outside of a dialog.
func (p *Phone) Send(spec Spec) (o *Outgoing) {
	p.do(func() {
		p.calls++
		o = &Outgoing{p: p, spec: spec, counter: new(uint32)}
		o.spec.defaults(p)
		o.start()
	})
	return o
}

// Invite calls uri.
func (p *Phone) Invite(uri string, spec Spec) *Outgoing {
	spec.Method, spec.URI = "INVITE", uri
	return p.Send(spec)
}

// Registration says what to register.
type Registration struct {
	Contacts []string           // whole values; default: the phone's own Contact
	Expires  int                // seconds
	Headers  []proxy.HeaderEdit // added to the REGISTER, after the phone's own
}

// Register registers the phone. All its registrations have one Call-ID (§10.2).
func (p *Phone) Register(r Registration) (o *Outgoing) {
	if r.Contacts == nil {
		r.Contacts = []string{p.binding()}
	}
	headers := []proxy.HeaderEdit{{Name: "Contact", Values: r.Contacts}, {Name: "Expires", Values: []string{fmt.Sprint(r.Expires)}}}
	if p.o.Outbound {
		headers = append(headers, proxy.HeaderEdit{Name: "Supported", Values: []string{"path, gruu, outbound"}})
	}
	spec := Spec{Method: "REGISTER", To: "<" + p.o.URI + ">", CallID: p.registerID, Headers: append(headers, r.Headers...)}
	p.do(func() {
		o = &Outgoing{p: p, spec: spec, counter: &p.registerSeq}
		o.spec.defaults(p)
		o.start()
	})
	return o
}

// defaults fills in what a request outside a dialog left open.
func (s *Spec) defaults(p *Phone) {
	if s.URI == "" {
		s.URI = string(p.uri.Scheme) + ":" + string(p.uri.Host)
		if p.uri.Port != 0 {
			s.URI += fmt.Sprintf(":%d", p.uri.Port)
		}
	}
	if s.From == "" {
		s.From = p.o.URI
	}
	if s.To == "" {
		s.To = s.URI
	}
	s.From, s.To = bracketed(s.From), bracketed(s.To)
	if s.CallID == "" {
		s.CallID = fmt.Sprintf("call-%d-%s@%s", p.calls, p.tag(), p.o.Addr.Addr())
	}
	s.Contact = s.Contact || makesDialogText(s.Method)
}

// bracketed makes an address of a bare URI: its parameters are the URI's.
func bracketed(s string) string {
	if strings.Contains(s, "<") {
		return s
	}
	return "<" + s + ">"
}

// start sends the request, for the first time or once more with credentials.
func (o *Outgoing) start() {
	*o.counter++
	o.cseq = *o.counter
	if o.tag == "" {
		o.ownTag()
	}
	if o.in != nil {
		o.dialog = o.in
	}
	if o.spec.Media.given() {
		o.spec.Body = []byte(o.describer().describe(&o.spec.Media, o.answering()))
		o.spec.ContentType, o.spec.Media = "", Media{}
	}
	m, err := o.p.request(&o.spec, o.cseq, o.credentials)
	o.offers100rel = err == nil && has100rel(m, "Supported", "Require")
	var peer transport.Peer
	if err == nil {
		peer, err = o.p.hop(&o.spec)
	}
	if err == nil {
		o.client, err = o.p.layer.Send(m, &peer, "", o)
	}
	if err != nil {
		o.Failed(nil, err)
	}
}

// describer is the session that a description of the request belongs to.
func (o *Outgoing) describer() *session {
	if o.in != nil {
		return o.in.session()
	}
	if o.session == nil {
		o.session = o.p.newSession()
	}
	return o.session
}

// answering is the offer that the request answers: only a PRACK's may be one.
func (o *Outgoing) answering() *SDP {
	if o.in == nil || o.spec.Method != "PRACK" {
		return nil
	}
	return o.in.offer
}

// ownTag gives From a tag, if it has none.
func (o *Outgoing) ownTag() {
	if a, err := message.ParseAddress([]byte(o.spec.From)); err == nil && len(a.Tag()) > 0 {
		o.tag = string(a.Tag())
		return
	}
	o.tag = o.p.tag()
	o.spec.From += ";tag=" + o.tag
}

// hop is where a request is sent: to its first Route, or to its URI if it belongs to a dialog, or
// to the proxy.
func (p *Phone) hop(s *Spec) (transport.Peer, error) {
	if p.browser() {
		return transport.Peer{Kind: p.o.Kind, Addr: p.o.Proxy}, nil
	}
	if len(s.Routes) > 0 {
		a, err := message.ParseAddress([]byte(s.Routes[0]))
		if err != nil {
			return transport.Peer{}, fmt.Errorf("route %q: %w", s.Routes[0], err)
		}
		return p.peerOf(string(a.URI))
	}
	if s.inDialog {
		return p.peerOf(s.URI)
	}
	return transport.Peer{Kind: p.o.Kind, Addr: p.o.Proxy}, nil
}

// request writes a request.
func (p *Phone) request(s *Spec, cseq uint32, credentials string) (*message.Message, error) {
	var headers strings.Builder
	if s.Contact {
		fmt.Fprintf(&headers, "Contact: <%s>\r\n", p.dialogContact())
	}
	headers.WriteString(credentials)
	spec := message.RequestSpec{Method: s.Method, URI: s.URI, From: s.From, To: s.To, CallID: s.CallID, CSeq: cseq, Routes: s.Routes,
		Headers: []byte(headers.String()), ContentType: s.ContentType, Body: s.Body}
	if spec.ContentType == "" {
		spec.ContentType = "application/sdp"
	}
	m := &message.Message{}
	text := message.AppendRequest(nil, &spec)
	if err := m.Parse(text, &message.Limits{}); err != nil {
		return nil, err
	}
	return m, edit(m, s.Headers)
}

// Response takes a response.
func (o *Outgoing) Response(_ *transaction.Client, res *message.Message) {
	code := res.Status()
	if (code == 401 || code == 407) && o.answerChallenge(res) {
		return
	}
	if code > 100 && code < 300 && !o.advance(res) {
		return
	}
	o.Answers = append(o.Answers, &Answer{Msg: keep(res)})
	o.p.o.Changed()
}

// advance does what a response above 100 means for dialogs; it returns false for a repeated 2xx.
func (o *Outgoing) advance(res *message.Message) bool {
	d := o.in
	if d != nil {
		d.refresh(res)
	} else if d = o.caller(res); d == nil {
		return true
	}
	if o.spec.Method != "INVITE" || res.Status() < 200 {
		if o.dialog == nil || !o.dialog.confirmed {
			o.dialog = d
		}
		return o.spec.Method != "INVITE" || o.provisional(d, res)
	}
	offer, _ := ParseSDP(res.Body())
	if !o.accepted(d, offer) {
		return false
	}
	if o.in == nil && o.dialog != nil && o.dialog != d && o.dialog.confirmed {
		d.send(Spec{Method: "BYE"}) // a second phone answered too: we can talk to one (§13.2.2.4)
	} else {
		o.dialog = d
	}
	return true
}

// Failed is the end without a final response.
func (o *Outgoing) Failed(_ *transaction.Client, err error) {
	if errors.Is(err, transaction.ErrTimeout) {
		err = errors.New("no final response came in 32 s")
	}
	o.Err = err
	o.p.o.Changed()
}

// Cancel cancels an INVITE; the CANCEL is sent once a provisional response has arrived (§9.1).
func (o *Outgoing) Cancel(headers []proxy.HeaderEdit) error {
	if o.spec.Method != "INVITE" {
		return fmt.Errorf("only an INVITE can be cancelled, not %s", o.spec.Method)
	}
	if final := o.Final(); final != nil {
		return fmt.Errorf("the INVITE was answered %d already", final.Status())
	}
	if o.Err != nil {
		return o.Err
	}
	var lines strings.Builder
	for _, h := range headers {
		for _, v := range h.Values {
			fmt.Fprintf(&lines, "%s: %s\r\n", h.Name, v)
		}
	}
	o.p.do(func() { o.client.Cancel([]byte(lines.String())) })
	return nil
}
