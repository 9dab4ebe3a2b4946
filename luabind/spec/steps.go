package spec

import (
	"net/netip"
	"path/filepath"
	"sync"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
)

// This file knows which line of a script is behind what its server sends: the last call that
// decided about a request is behind everything that is sent for it from then on, responses that are
// passed on included.

// transaction is what the messages about one request have in common at one server.
type transaction struct {
	server netip.Addr
	callID string
	cseq   uint32
}

// steps are the last ones of each request.
type steps struct {
	mu   sync.Mutex // taken after the network's lock; lanes write
	last map[transaction]string
	// By the branch of the Via: a CANCEL, and the ACK of a refusal, belong to the call that sent
	// their INVITE
	sent map[string]string
}

// at notes a step of the script of the server at an address.
func (s *steps) at(server netip.Addr, step luabind.Step) (undo func()) {
	key := transaction{server, step.CallID, step.CSeq}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[transaction]string{}
	}
	before := s.last[key]
	s.last[key] = step.Function + "  " + filepath.Base(step.At)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.last[key] = before
	}
}

// of is the step behind a message from an address, "" if that is not a server's or the script has
// not decided yet.
func (s *steps) of(from netip.Addr, m *message.Message, cseq uint32) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	step := s.last[transaction{from, string(m.CallID()), cseq}]
	if step == "" || !m.IsRequest() {
		return step
	}
	via, err := m.TopVia()
	if err != nil {
		return step
	}
	branch := string(via.Branch())
	if first := s.sent[branch]; first != "" {
		return first
	}
	if s.sent == nil {
		s.sent = map[string]string{}
	}
	s.sent[branch] = step
	return step
}
