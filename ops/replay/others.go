package replay

// Whoever is not the server: callers and callees.

import (
	"bytes"
	"fmt"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
)

// mostSent bounds what others send in the course of one request: a script may call them in a loop.
const mostSent = 1000

// others gets what the server sends.
func (s *stage) others(p sim.Packet, answer func([]byte)) {
	x := s.now
	var m message.Message
	if m.Parse(p.Bytes, &message.Limits{}) != nil {
		return
	}
	if x != nil {
		if x.sent++; x.sent > mostSent {
			return
		}
	}
	if m.IsRequest() {
		if method := m.Method(); method != message.MethodAck {
			answer(response(&m, p, s.codeFor(x, &m)))
		}
		return
	}
	cseq, err := m.CSeq()
	if x == nil || err != nil || m.Status() < 200 || !bytes.Equal(m.CallID(), x.message.CallID()) {
		return
	}
	switch {
	case cseq.Method == message.MethodBye:
		x.byes = 0
	case cseq.Number == x.cseq && bytes.Equal(cseq.Text, x.message.MethodText()):
		if x.final == 0 {
			x.final = m.Status()
		}
		if cseq.Method == message.MethodInvite {
			s.acknowledge(x, &m)
		}
	}
}

// codeFor is how a request is answered: as whoever got the one like it then answered, or if there
// was none like the last one that was answered, or 200.
func (s *stage) codeFor(x *play, m *message.Message) int {
	if x == nil || !bytes.Equal(m.MethodText(), x.message.MethodText()) || len(m.ToTag()) > 0 {
		return 200
	}
	code := 200
	for _, t := range x.request.Then.Targets {
		if t.Code >= 200 {
			code = t.Code
			if t.URI == string(m.RequestURI()) {
				break
			}
		}
	}
	if code == 487 { // the caller cancelled, which nobody does here
		return 200
	}
	return code
}

// copied are the headers that a response has from its request (RFC 3261 §8.2.6.2, §12.1.1).
func copied(b *bytes.Buffer, m *message.Message, ids ...message.HeaderID) {
	for i := range m.Len() {
		for _, id := range ids {
			if m.ID(i) == id {
				fmt.Fprintf(b, "%s: %s\r\n", id, m.Value(i))
			}
		}
	}
}

// response answers a request.
func response(m *message.Message, p sim.Packet, code int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "SIP/2.0 %d Replayed\r\n", code)
	copied(&b, m, message.HeaderVia, message.HeaderRecordRoute, message.HeaderFrom, message.HeaderCallID, message.HeaderCSeq)
	tag := ""
	if len(m.ToTag()) == 0 {
		tag = ";tag=replayed"
	}
	fmt.Fprintf(&b, "To: %s%s\r\nContact: <sip:replayed@%s>\r\n", m.Header(message.HeaderTo), tag, p.To)
	if body := m.Body(); m.Method() == message.MethodInvite && code < 300 && len(body) > 0 && m.Header(message.HeaderContentType) != nil {
		copied(&b, m, message.HeaderContentType)
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
		return b.Bytes()
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	return b.Bytes()
}

// acknowledge answers a final response to an INVITE (RFC 3261 §13.2.2.4, §17.1.1.3), and hangs up a
// call.
func (s *stage) acknowledge(x *play, m *message.Message) {
	if m.Status() >= 300 {
		s.within(x, m, "ACK", x.cseq, string(x.message.RequestURI()), x.message.Header(message.HeaderVia), nil)
		return
	}
	uri := string(x.message.RequestURI())
	if contact := m.Elements(message.HeaderContact); contact.Next() {
		if a, err := message.ParseAddress(contact.Value); err == nil {
			uri = string(a.URI)
		}
	}
	var routes [][]byte
	for all := m.Elements(message.HeaderRecordRoute); all.Next(); {
		routes = append([][]byte{bytes.Clone(all.Value)}, routes...)
	}
	via := func(n string) []byte {
		return fmt.Appendf(nil, "SIP/2.0/%s %s;rport;branch=z9hG4bKreplayed%s%s", x.kind.Via(), x.source, n, branchOf(&x.message))
	}
	s.within(x, m, "ACK", x.cseq, uri, via("a"), routes)
	x.byes = 1
	s.within(x, m, "BYE", x.cseq+1, uri, via("b"), routes)
}

// within sends a request of the caller within the call.
func (s *stage) within(x *play, m *message.Message, method string, cseq uint32, uri string, via []byte, routes [][]byte) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\n", method, uri, via)
	for _, r := range routes {
		fmt.Fprintf(&b, "Route: %s\r\n", r)
	}
	copied(&b, m, message.HeaderFrom, message.HeaderTo, message.HeaderCallID)
	fmt.Fprintf(&b, "CSeq: %d %s\r\nContent-Length: 0\r\n\r\n", cseq, method)
	_ = s.world.SendFrom(x.kind, x.source, x.local, b.Bytes())
}
