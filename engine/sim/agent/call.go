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
	ID     string // its Call-ID
	URI    string // the Request-URI of its INVITE
	client *transaction.Client
	cseq   uint32

	// OnResponse gets each response to the INVITE except repeated 2xx. It may be nil.
	OnResponse func(code int, m *message.Message)

	// Final responses, in order; repeated 2xx of one dialog count once
	Finals  []int
	Failure error              // the INVITE failed without one
	Dialogs map[string]*Dialog // confirmed, by remote tag
}

// Invite calls uri by way of a proxy. Call it with the lane's token.
func (a *Agent) Invite(uri string, proxy string, headers string) *Call {
	a.count++
	c := &Call{a: a, ID: fmt.Sprintf("%s-%d", a.Addr, a.count), URI: uri, cseq: 1, Dialogs: map[string]*Dialog{}}
	m := a.make(&message.RequestSpec{Method: "INVITE", URI: uri, From: c.from(), To: "<" + uri + ">", CallID: c.ID, CSeq: c.cseq, MaxForwards: 70,
		Headers: []byte(headers + a.contact())})
	var err error
	c.client, err = a.layer.Send(m, &transport.Peer{Kind: a.Kind, Addr: netip.MustParseAddrPort(proxy)}, "", c)
	if err != nil {
		c.Failure = err
	}
	return c
}

func (c *Call) from() string { return "<sip:alice@" + c.a.Addr + ">;tag=from" }

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
			d.sendAck(d.invite)
			return
		}
		d := c.caller(tag, m)
		c.Dialogs[tag] = d
		d.sendAck(d.invite)
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
