package luabindtest

import (
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
)

// Peer is a host of the world that keeps the messages it gets.
type Peer struct {
	*sim.Host
	Got []*message.Message
	w   *World
}

// Peer makes a host at "10.0.0.9:5060". on, which may be nil, is called for each message.
func (w *World) Peer(addr string, on func(p *Peer, m *message.Message, in sim.Packet)) *Peer {
	p := &Peer{w: w}
	p.Host = w.Sim.Host(addr, func(in sim.Packet) {
		m := &message.Message{}
		if err := m.Parse(in.Bytes, &message.Limits{}); err != nil {
			w.T.Errorf("%s got what can't be parsed: %v\n%s", addr, err, in.Bytes)
			return
		}
		p.Got = append(p.Got, m)
		if on != nil {
			on(p, m, in)
		}
	})
	return p
}

// Reply answers a request with a tag of the peer's own and further header lines ("Name:
// value\r\n").
func (p *Peer) Reply(m *message.Message, in sim.Packet, code int, headers string) {
	p.Answer(in, message.AppendResponse(nil, m, code, "", "tag-of-peer", []byte(headers), nil))
}

// Answering is how a peer answers each request with one code.
func Answering(code int) func(*Peer, *message.Message, sim.Packet) {
	return func(p *Peer, m *message.Message, in sim.Packet) {
		if m.IsRequest() && m.Method() != message.MethodAck {
			p.Reply(m, in, code, "")
		}
	}
}

// Requests are the requests it got with that method.
func (p *Peer) Requests(method string) (list []*message.Message) {
	for _, m := range p.Got {
		if m.IsRequest() && string(m.MethodText()) == method {
			list = append(list, m)
		}
	}
	return list
}
