// Whom the stack hears at all: asked before anything of what arrived is looked at.

package transport

import "net/netip"

// Verdict says whether somebody is heard.
type Verdict uint8

const (
	Pass  Verdict = iota
	Drop          // what arrived is dropped without an answer; a connection is closed
	Doubt         // it passes with [Inbound.Doubtful] set
)

// Doorkeeper is a [Receiver] that decides who is heard. Readers and accepting goroutines call it
// for everything that arrives, so it must be quick, and must not block.
type Doorkeeper interface {
	// Admit is asked for each datagram; for each connection that a client has opened, with data
	// nil; and for each message on a connection. data is valid until Admit returns.
	Admit(k Kind, from netip.AddrPort, data []byte) Verdict
}

// admits asks about a datagram or a message.
func (s *Stack) admits(in *Inbound, data []byte) bool {
	if s.door == nil {
		return true
	}
	v := s.door.Admit(in.Kind, in.Source, data)
	in.Doubtful = v == Doubt
	if v != Drop {
		return true
	}
	s.count(in.Kind).unheard.Add(1)
	return false
}

// admitsConn asks about a connection that was accepted.
func (s *Stack) admitsConn(k Kind, from netip.AddrPort) bool {
	if s.door == nil || s.door.Admit(k, from, nil) != Drop {
		return true
	}
	s.count(k).unheard.Add(1)
	return false
}
