package proxy

import (
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// Surrender gives away the server transaction of a request that a user agent of this server
// answers: from now on nothing of it passes through x, which is over. The request stays what it
// was, for whoever reads it.
func (x *Context) Surrender() *transaction.Server {
	s := x.Server
	x.Server = s.Origin()
	x.shown = true
	x.Forgotten()
	return s
}

// UAReach is where the sender of a response to a request of this server's own is reached by the
// later requests of the dialog (RFC 3261 §12.1.2).
func (c *Core) UAReach(res, req *message.Message, from *transport.Peer) Reach {
	contact := contactURI(res)
	r := Reach{URI: string(contact)}
	for e := res.Elements(message.HeaderRecordRoute); e.Next(); {
		r.Routes = append([]string{string(e.Value)}, r.Routes...)
	}
	if from == nil {
		return r
	}
	if len(r.Routes) > 0 {
		c.putHome(&r, from.Local)
		return r
	}
	s := side{local: from.Local, flow: from.Flow, only: from.FlowOnly}
	if uri, err := message.ParseURI(contact); err == nil && (uriUnreached(&uri, from) || c.comesBack(&uri)) {
		s.where(from)
	}
	c.put(&r, &s)
	return r
}
