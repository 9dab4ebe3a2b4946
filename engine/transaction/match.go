package transaction

import (
	"encoding/binary"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// This file matches messages to transactions: requests by §17.2.3 (branch, sent-by and method; by
// the whole of RFC 2543's fields for a branch without the magic cookie), responses by §17.1.3
// (branch and CSeq method).
//
// The key of a client transaction is the text of its branch. That of a server transaction, whose
// text others chose, is a keyed hash of what must be equal, so long that two are the same by no
// chance, and by nobody's choice: a transaction has it for 32 s, and a hash takes less room.
//
// Branches compare without case: a branch is a token, and §7.3.1 says "Unless otherwise stated in
// the definition of a particular header field, field values, parameter names, and parameter values
// are case-insensitive."

// cookie begins every branch made by an RFC 3261 element (§8.1.1.7).
const cookie = "z9hG4bK"

// cutCookie is the branch without the magic cookie. ok is false for a branch of RFC 2543, and for a
// bare cookie, which some senders put into every request, and which distinguishes no transactions.
func cutCookie(branch []byte) (rest []byte, ok bool) {
	if len(branch) <= len(cookie) || !equalFold(branch[:len(cookie)], cookie) {
		return nil, false
	}
	return branch[len(cookie):], true
}

// serverKey names a server transaction; the zero key none.
type serverKey [2]uint64

// Kinds of server keys: the first byte of what is hashed.
const (
	keyBranch = 'b'
	keyOld    = 'o' // RFC 2543
)

// serverKey is the key of the server transaction that m belongs to, or would begin, if its method
// were as given and its To tag toTag. ok is false if the message cannot be read.
func (l *Layer) serverKey(m *message.Message, method message.Method, toTag []byte) (key serverKey, ok bool) {
	text, ok := l.serverText(m, method, toTag)
	if !ok {
		return key, false
	}
	return l.tags.Sum128(text), true
}

// serverText is what the key is made of, in scratch.
func (l *Layer) serverText(m *message.Message, method message.Method, toTag []byte) (key []byte, ok bool) {
	via, err := m.TopVia()
	if err != nil {
		return nil, false
	}
	if branch, ok := cutCookie(via.Branch()); ok {
		key = appendLower(append(l.key[:0], keyBranch), branch)
		key = appendLower(append(key, 0), via.Host)
		key = binary.BigEndian.AppendUint16(append(key, 0), sentByPort(&via))
	} else if key, ok = appendOldKey(l.key[:0], m, toTag); !ok {
		return nil, false
	}
	key = append(key, byte(method))
	if method == message.MethodOther {
		key = append(key, m.MethodText()...)
	}
	l.key = key
	return key, true
}

// appendOldKey appends what distinguishes RFC 2543 transactions: Request-URI, To tag, From tag,
// Call-ID, CSeq number and the topmost Via, as it arrived.
func appendOldKey(key []byte, m *message.Message, toTag []byte) ([]byte, bool) {
	cseq, err := m.CSeq()
	if err != nil {
		return nil, false
	}
	vias := m.Elements(message.HeaderVia)
	if !vias.Next() {
		return nil, false
	}
	key = binary.BigEndian.AppendUint32(append(key, keyOld), cseq.Number)
	for _, part := range [...][]byte{m.RequestURI(), toTag, m.FromTag(), m.CallID(), vias.Value} {
		key = append(append(key, part...), 0)
	}
	return key, true
}

// serverOfAck is the INVITE server transaction that the ACK m belongs to, or nil if there is none
// (§17.2.3). The ACK of an RFC 2543 sender must carry the To tag of the response that was sent; the
// INVITE had that tag (within a dialog) or none.
func (l *Layer) serverOfAck(m *message.Message) (s *Server, ok bool) {
	tag := m.ToTag()
	key, ok := l.serverKey(m, message.MethodInvite, tag)
	if !ok {
		return nil, false
	}
	s = l.servers[key]
	if l.key[0] == keyBranch {
		return s, true
	}
	if s == nil {
		key, _ = l.serverKey(m, message.MethodInvite, nil)
		s = l.servers[key]
	}
	if s != nil && (s.rare == nil || s.rare.answerTag != l.tags.Sum(tag)) {
		s = nil
	}
	return s, true
}

// clientOf is the client transaction of a response with this topmost Via and CSeq (§17.1.3), or nil
// if there is none.
func (l *Layer) clientOf(via *message.Via, cseq *message.CSeq) *Client {
	branch, ok := cutCookie(via.Branch())
	if !ok {
		return nil
	}
	l.key = appendLower(l.key[:0], branch)
	if cseq.Method == message.MethodCancel {
		return l.cancels[string(l.key)]
	}
	c := l.clients[string(l.key)]
	if c == nil || c.method != cseq.Method {
		return nil
	}
	if c.method == message.MethodOther && c.rare.methodText != string(cseq.Text) {
		return nil
	}
	return c
}

// ours reports whether a Via was written by this element.
func (l *Layer) ours(via *message.Via) bool {
	port := sentByPort(via)
	// A response may come when its listener has left
	for _, local := range transport.Known(l.wire) {
		if local.Port == port && equalFold(via.Host, local.Host) {
			return true
		}
	}
	return false
}

// sentByPort is the port of a sent-by, or the transport's default if it has none (§18.2.2, §20.42).
func sentByPort(via *message.Via) uint16 {
	if via.Port != 0 {
		return via.Port
	}
	if kind, ok := transport.ParseKind(via.Transport); ok {
		return kind.DefaultPort()
	}
	return transport.UDP.DefaultPort()
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func appendLower[T ~[]byte | ~string](dst []byte, text T) []byte {
	for i := range len(text) {
		dst = append(dst, lower(text[i]))
	}
	return dst
}

func equalFold[A, B ~[]byte | ~string](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// Has reports whether a message belongs to a transaction that there is.
func (l *Layer) Has(m *message.Message) bool {
	switch {
	case !m.IsRequest():
		via, err := m.TopVia()
		cseq, bad := m.CSeq()
		return err == nil && bad == nil && l.clientOf(&via, &cseq) != nil
	case m.Method() == message.MethodAck:
		s, _ := l.serverOfAck(m)
		return s != nil
	}
	key, ok := l.serverKey(m, m.Method(), m.ToTag())
	return ok && l.servers[key] != nil || m.Method() == message.MethodCancel && l.cancelled(m) != nil
}
