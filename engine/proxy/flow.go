package proxy

import (
	"encoding/base64"
	"encoding/binary"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// Flow tokens in Record-Route (RFC 5626 §5.3): a client that opened its connection to us is reached on it or not at all, so that
// the later requests of its dialogs must go back the same way. The token is the user part of our entry for its side:
// <sip:TOKEN@HOST:PORT;transport=ws;lr;r2=on;s=SIGNATURE>, and the signature is over it too.

// side is one of the two that a request joins: the listener, and the connection, 0 where the URI in the Contact is way enough.
type side struct {
	local *transport.Local
	flow  transport.FlowID
}

// A token is the process, the listener, and the connection: ids are not used twice in one process, but they are in the next.
const (
	tokenBytes = 4 + 2 + 8
	tokenText  = (tokenBytes*8 + 5) / 6
)

func (c *Core) appendFlow(dst []byte, s side) []byte {
	var b [tokenBytes]byte
	binary.BigEndian.PutUint32(b[:], c.Process)
	binary.BigEndian.PutUint16(b[4:], uint16(s.local.Index))
	binary.BigEndian.PutUint64(b[6:], uint64(s.flow))
	return base64.RawURLEncoding.AppendEncode(dst, b[:])
}

// readFlow is the connection of a token; ok is false when it is none, or of another process: then it is gone.
func (c *Core) readFlow(token []byte) (p transport.Peer, ok bool) {
	var b [tokenBytes]byte
	if len(token) != tokenText {
		return p, false
	}
	if n, err := base64.RawURLEncoding.Decode(b[:], token); err != nil || n != tokenBytes {
		return p, false
	}
	index := int(binary.BigEndian.Uint16(b[4:]))
	if locals := c.Wire.Locals(); binary.BigEndian.Uint32(b[:]) == c.Process && index < len(locals) {
		p.Kind, p.Local = locals[index].Kind, locals[index]
		p.Flow, p.FlowOnly = transport.FlowID(binary.BigEndian.Uint64(b[6:])), true
	}
	return p, p.Flow != 0
}

// callerSide is the side a request came from. A WebSocket client is behind its connection always (RFC 7118 §5), any other one when its
// Contact leads there, or nowhere.
func (x *Context) callerSide() side {
	from := &x.Server.From
	s := side{local: from.Local}
	switch from.Kind {
	case transport.WS, transport.WSS:
		s.flow = from.Flow
	case transport.TCP, transport.TLS:
		if !x.Req.Direct() {
			break // its sender has an address of its own in the Route set, or the client behind it in its Contact
		}
		contacts := x.Req.Elements(message.HeaderContact)
		if !contacts.Next() {
			break
		}
		contact, err := message.ParseAddress(contacts.Value)
		if err != nil {
			break
		}
		uri, err := message.ParseURI(contact.URI)
		if err == nil && uri.IsSIP() && x.Req.BehindStream(from.Source.Addr(), &uri) {
			s.flow = from.Flow
		}
	}
	return s
}

// backOn notes the connection that a Route entry of ours names, for a request with that entry as the last of ours. back: it came from the
// other side, which is certain where there are two entries; a single one also stands in what comes from that connection.
func (x *Context) backOn(token []byte, back bool) {
	if p, ok := x.core.readFlow(token); ok && (back || p.Flow != x.Server.From.Flow) {
		x.flow = p
	}
}
