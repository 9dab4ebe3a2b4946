package agent

import (
	"fmt"
	"net/netip"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// Dialog is a confirmed dialog on either side (§12).
type Dialog struct {
	a        *Agent
	ID       string // Call-ID
	from, to string // From and To in what this side sends, with tags
	target   string
	routes   []string // in the order in which they are written
	cseq     uint32   // of the last request this side sent
	invite   uint32   // of the INVITE to acknowledge

	// Bye is the final code of the BYE, 0 before, -1 when it failed.
	Bye int
	// Exchanges are the requests this side sent in the dialog.
	Exchanges []*Exchange
}

// Exchange is one request that is not an initial INVITE, and what came back.
type Exchange struct {
	Agent     *Agent // who asked
	dialog    *Dialog
	Method    string // of the request
	ID        string // Call-ID
	CSeq      uint32 // the number of the request's CSeq
	Finals    []int  // in order; repeated 2xx count once
	Failure   error  // why no final response came; nil if one did
	confirmed bool
	done      func(code int)
}

// callee is the dialog of an INVITE answered here: its route set is the Record-Route as it came
// (§12.1.1).
func (a *Agent) callee(req *message.Message, tag string) *Dialog {
	d := &Dialog{a: a, ID: string(req.CallID()), from: string(req.Header(message.HeaderTo)) + ";tag=" + tag, to: string(req.Header(message.HeaderFrom))}
	d.target = contactOf(req)
	for routes := req.Elements(message.HeaderRecordRoute); routes.Next(); {
		d.routes = append(d.routes, string(routes.Value))
	}
	return d
}

// caller is the dialog of a 2xx: its route set is the Record-Route in reverse (§12.1.2).
func (c *Call) caller(tag string, m *message.Message) *Dialog {
	d := &Dialog{a: c.a, ID: c.ID, from: c.from(), to: "<" + c.URI + ">;tag=" + tag, cseq: c.cseq, invite: c.cseq, target: contactOf(m)}
	for routes := m.Elements(message.HeaderRecordRoute); routes.Next(); {
		d.routes = append([]string{string(routes.Value)}, d.routes...)
	}
	return d
}

func contactOf(m *message.Message) string {
	contacts := m.Elements(message.HeaderContact)
	if contacts.Next() {
		if a, err := message.ParseAddress(contacts.Value); err == nil {
			return string(a.URI)
		}
	}
	return ""
}

// hop is where requests of the dialog are sent: the first route, or the target.
func (d *Dialog) hop() transport.Peer {
	uri := []byte(d.target)
	if len(d.routes) > 0 {
		a, err := message.ParseAddress([]byte(d.routes[0]))
		if err != nil {
			panic(err)
		}
		uri = a.URI
	}
	return peerOf(uri)
}

func peerOf(uri []byte) transport.Peer {
	u, err := message.ParseURI(uri)
	if err != nil {
		panic(fmt.Sprintf("dialog without a target: %v", err))
	}
	p := transport.Peer{Kind: transport.UDP}
	if t, ok := u.Params.Get("transport"); ok {
		p.Kind, _ = transport.ParseKind(t)
	}
	port := u.Port
	if port == 0 {
		port = 5060
	}
	p.Addr = netip.AddrPortFrom(AddrOf(string(u.Host)), port)
	return p
}

// sendAck acknowledges a 2xx, the same way each time (§13.2.2.4).
func (d *Dialog) sendAck(cseq uint32) {
	m := d.request("ACK", cseq)
	p := d.hop()
	_ = d.a.layer.Forward(m, &p, fmt.Sprintf("z9hG4bK-ack-%s-%d-%s", d.ID, cseq, m.ToTag()))
}

func (d *Dialog) request(method string, cseq uint32) *message.Message {
	headers := ""
	if method == "INVITE" || method == "UPDATE" {
		headers = d.a.contact()
	}
	return d.a.make(&message.RequestSpec{Method: method, URI: d.target, From: d.from, To: d.to, CallID: d.ID, CSeq: cseq, MaxForwards: 70,
		Routes: d.routes, Headers: []byte(headers)})
}

func (a *Agent) make(spec *message.RequestSpec) *message.Message {
	text := message.AppendRequest(nil, spec)
	m := &message.Message{}
	if err := m.Parse(text, &message.Limits{}); err != nil {
		panic(fmt.Sprintf("%v in\n%s", err, text))
	}
	return m
}

// Send sends a request in the dialog: INFO, UPDATE, INVITE … done receives the final code, or -1;
// it may be nil. Call it with the lane's token held.
func (d *Dialog) Send(method string, done func(code int)) {
	d.cseq++
	x := &Exchange{Agent: d.a, dialog: d, Method: method, ID: d.ID, CSeq: d.cseq, done: done}
	d.Exchanges = append(d.Exchanges, x)
	p := d.hop()
	x.start(d.request(method, d.cseq), &p)
}

// Hangup sends a BYE. Call it with the lane's token.
func (d *Dialog) Hangup() {
	if d.Bye == 0 {
		d.Send("BYE", func(code int) { d.Bye = code })
	}
}

// Ask sends a request outside of a dialog, other than INVITE, by way of a proxy. Call it with the
// lane's token.
func (a *Agent) Ask(method, uri, proxy string) *Exchange {
	a.count++
	x := &Exchange{Agent: a, Method: method, ID: fmt.Sprintf("%s-%d", a.Addr, a.count), CSeq: 1}
	m := a.make(&message.RequestSpec{Method: method, URI: uri, From: "<sip:alice@" + a.Addr + ">;tag=from", To: "<" + uri + ">", CallID: x.ID, CSeq: 1, MaxForwards: 70})
	x.start(m, &transport.Peer{Kind: a.Kind, Addr: netip.MustParseAddrPort(proxy)})
	return x
}

func (x *Exchange) start(m *message.Message, p *transport.Peer) {
	if _, err := x.Agent.layer.Send(m, p, "", x); err != nil {
		x.Failed(nil, err)
	}
}

// Response takes a response.
func (x *Exchange) Response(_ *transaction.Client, m *message.Message) {
	code := m.Status()
	if code < 200 {
		return
	}
	if x.Method == "INVITE" && code < 300 {
		x.dialog.sendAck(x.CSeq)
		if x.confirmed {
			return
		}
		x.confirmed = true
	}
	x.Finals = append(x.Finals, code)
	if x.done != nil {
		x.done(code)
	}
}

// Failed is the end without a final response.
func (x *Exchange) Failed(_ *transaction.Client, err error) {
	x.Failure = err
	if x.done != nil {
		x.done(-1)
	}
}
