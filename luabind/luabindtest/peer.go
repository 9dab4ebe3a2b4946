package luabindtest

import (
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
)

// Peer is a host of the world that keeps the messages it gets: a [sim.Phone].
type Peer = sim.Phone

// Peer makes a host at "10.0.0.9:5060". on, which may be nil, is called for each message.
func (w *World) Peer(addr string, on func(p *Peer, m *message.Message, in sim.Packet)) *Peer {
	p := w.Sim.Phone(w.T, addr, on)
	p.Server = Addr
	return p
}

// Answering is how a peer answers each request with one code.
func Answering(code int) func(*Peer, *message.Message, sim.Packet) {
	return func(p *Peer, m *message.Message, in sim.Packet) {
		if m.IsRequest() && m.Method() != message.MethodAck {
			p.Reply(m, in, code, "")
		}
	}
}

// Always is what a peer that answers each request with one code has as its Answers; 0 is silence.
func Always(code int) func(*message.Message) int {
	return func(*message.Message) int { return code }
}
