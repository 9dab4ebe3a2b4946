package agent

import (
	"fmt"
	"net/netip"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// Call is one INVITE of an agent and the dialogs it makes (§13.2).
type Call struct {
	a      *Agent
	ID     string
	URI    string
	proxy  netip.AddrPort
	client *transaction.Client
	cseq   uint32

	// OnResponse gets each response to the INVITE but repeated 2xx. It may be nil.
	OnResponse func(code int, m *message.Message)

	Finals  []int              // final responses, in order; a repeated 2xx of one dialog counts once
	Failure error              // the INVITE failed without one
	Dialogs map[string]*Dialog // confirmed, by remote tag
}

// Dialog is a confirmed dialog on the caller's side (§12.1.2).
type Dialog struct {
	call   *Call
	tag    string
	target string
	routes []string // in the order to be written
	// Bye is the final code of the BYE, 0 before, -1 when it failed.
	Bye int
}

// Invite calls uri by way of a proxy. Call it with the lane's token.
func (a *Agent) Invite(uri string, proxy string, headers string) *Call {
	a.count++
	c := &Call{a: a, ID: fmt.Sprintf("%s-%d", a.Addr, a.count), URI: uri, proxy: netip.MustParseAddrPort(proxy), cseq: 1, Dialogs: map[string]*Dialog{}}
	m := c.request("INVITE", uri, "", nil, headers+"Contact: <sip:"+a.Addr+transportParam(a.Kind)+">\r\n")
	var err error
	c.client, err = a.layer.Send(m, &transport.Peer{Kind: a.Kind, Addr: c.proxy}, "", c)
	if err != nil {
		c.Failure = err
	}
	return c
}

func (c *Call) request(method, uri, tag string, routes []string, headers string) *message.Message {
	to := "<" + c.URI + ">"
	if tag != "" {
		to += ";tag=" + tag
	}
	text := message.AppendRequest(nil, &message.RequestSpec{Method: method, URI: uri, From: "<sip:alice@" + c.a.Addr + ">;tag=from", To: to,
		CallID: c.ID, CSeq: c.cseq, MaxForwards: 70, Routes: routes, Headers: []byte(headers)})
	m := &message.Message{}
	if err := m.Parse(text, &message.Limits{}); err != nil {
		panic(fmt.Sprintf("%v in\n%s", err, text))
	}
	return m
}

// Cancel cancels the INVITE. Call it with the lane's token.
func (c *Call) Cancel() {
	if c.client != nil {
		c.client.Cancel(nil)
	}
}

// Response takes a response to the INVITE.
func (c *Call) Response(_ *transaction.Client, m *message.Message) {
	code := m.Status()
	if code >= 200 && code < 300 {
		tag := string(m.ToTag())
		if d := c.Dialogs[tag]; d != nil {
			d.sendAck()
			return
		}
		c.Dialogs[tag] = c.confirm(tag, m)
		c.Dialogs[tag].sendAck()
	}
	if code >= 200 {
		c.Finals = append(c.Finals, code)
	}
	if c.OnResponse != nil {
		c.OnResponse(code, m)
	}
}

// Failed is the INVITE's end without a final response.
func (c *Call) Failed(_ *transaction.Client, err error) { c.Failure = err }

// confirm makes the dialog of a 2xx: the route set is its Record-Route in reverse (§12.1.2).
func (c *Call) confirm(tag string, m *message.Message) *Dialog {
	d := &Dialog{call: c, tag: tag}
	contacts := m.Elements(message.HeaderContact)
	if contacts.Next() {
		if a, err := message.ParseAddress(contacts.Value); err == nil {
			d.target = string(a.URI)
		}
	}
	routes := m.Elements(message.HeaderRecordRoute)
	for routes.Next() {
		d.routes = append([]string{string(routes.Value)}, d.routes...)
	}
	return d
}

// hop is where requests of the dialog go: the first route, or the target.
func (d *Dialog) hop() transport.Peer {
	uri := []byte(d.target)
	if len(d.routes) > 0 {
		a, err := message.ParseAddress([]byte(d.routes[0]))
		if err != nil {
			panic(err)
		}
		uri = a.URI
	}
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
	p.Addr = netip.AddrPortFrom(netip.MustParseAddr(string(u.Host)), port)
	return p
}

// sendAck acknowledges the 2xx, the same way each time (§13.2.2.4).
func (d *Dialog) sendAck() {
	m := d.call.request("ACK", d.target, d.tag, d.routes, "")
	p := d.hop()
	_ = d.call.a.layer.Forward(m, &p, fmt.Sprintf("z9hG4bK-ack-%s-%s", d.call.ID, d.tag))
}

// Hangup sends a BYE. Call it with the lane's token.
func (d *Dialog) Hangup() {
	d.call.cseq++
	p := d.hop()
	if _, err := d.call.a.layer.Send(d.call.request("BYE", d.target, d.tag, d.routes, ""), &p, "", d); err != nil {
		d.Bye = -1
	}
}

// Response takes the response to the BYE.
func (d *Dialog) Response(_ *transaction.Client, m *message.Message) {
	if m.Status() >= 200 {
		d.Bye = m.Status()
	}
}

// Failed is the BYE's end without one.
func (d *Dialog) Failed(*transaction.Client, error) { d.Bye = -1 }
