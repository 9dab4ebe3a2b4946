package proxy

import (
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
)

// late is what is kept of a request that is over: for 64*T1 after a 2xx its retransmissions, and a
// 2xx of a phone that was cancelled too late, must still find their way to the caller (§16.7 step
// 5, RFC 6026 §7.2), and nothing else is needed for that.
type late struct {
	core    *Core
	server  *transaction.Server
	altered *alteration // of a branch that is
	// Of the request
	witnesses []Witness
}

// handOver passes the client transactions of a request that is over to a late, so that its
// branches, forks and context can be freed.
func (x *Context) handOver() {
	var l *late
	for f := x.ended; f != nil; f = f.prior {
		for _, b := range f.branches {
			if b.client == nil || b.client.State() == transaction.Terminated || b.timer.Active() {
				continue
			}
			if b.client.Method() != message.MethodInvite {
				b.client.Abandon()
				continue
			}
			if b.altered != nil {
				b.client.SetOwner(&late{x.core, x.Server, b.altered, x.rare().witnesses})
				continue
			}
			if l == nil {
				l = &late{x.core, x.Server, nil, x.rare().witnesses}
			}
			b.client.SetOwner(l)
		}
	}
	x.ended = nil
	x.Server.User = nil
}

// Response forwards a 2xx; any other response that is this late is dropped.
func (l *late) Response(c *transaction.Client, m *message.Message) {
	if code := m.Status(); code < 200 || code >= 300 {
		return
	}
	m.RemoveElement(message.HeaderVia, 0) // §16.7 step 3
	if m.Find(message.HeaderVia, 0) < 0 {
		return
	}
	l.core.Disbelieve(m, c.To())
	a := Answer{Message: m, core: l.core, from: c.To()}
	if cs, err := m.CSeq(); err == nil {
		a.Asked = cs.Number
	}
	s := l.altered.asSent(m)
	l.altered.restore(m)
	if len(l.witnesses) > 0 && !a.show(l.witnesses) {
		if spec, ok := l.core.ackOf(m, nil, s); ok {
			if l.altered != nil {
				spec.Headers = l.altered.carried
			}
			l.core.acknowledge(&refusal{ack: message.AppendRequest(nil, &spec), to: *c.To()})
		}
		return
	}
	l.core.sealAnswer(m, c.To())
	l.core.sendSuccess(l.server, m)
}

// Failed has nobody to inform.
func (l *late) Failed(*transaction.Client, error) {}
