package proxy

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// Flow tokens in Record-Route (RFC 5626 §5.3): a client that opened its connection to us is reached
// on it or not at all, and one behind a NAT, over UDP, at the address that the NAT gave it, from
// the socket that it sent to; the later requests of their dialogs must go back the same way. The
// token is the user part of our entry for that side:
// <sip:TOKEN@HOST:PORT;transport=ws;lr;r2=on;s=SIGNATURE>, and the signature is over it too.

// side is one of the two sides that a request connects: the listener, and the way back if the URI
// in the Contact is not one.
type side struct {
	local *transport.Local
	flow  transport.FlowID // the connection, 0 for none
	only  bool             // it is the only way: when it is gone the Contact is not one
	// Over UDP: the address that a NAT gave the client and, if local is bound to a wildcard, which
	// of our addresses it sent to; nil for none
	nat *transport.Peer
}

// named reports whether the side's entry carries a token.
func (s *side) named() bool { return s.flow != 0 || s.nat != nil }

// A token begins with the index of the listener. For a connection, the process follows, because ids
// are unique only within one process, and the connection; for an address, its port and bytes, and
// those of our own if they matter. They are distinguished by their length: 14, or 8, 12, 20, 36.
// The highest bit of the index says that the connection is the only way.
const (
	onlyWay      = 1 << 15
	connToken    = 2 + 4 + 8
	addrToken    = 2 + 2
	longestToken = addrToken + 2*16
)

func (c *Core) appendFlow(dst []byte, s *side) []byte {
	var space [longestToken]byte
	index := uint16(s.local.Index)
	if s.flow != 0 && s.only {
		index |= onlyWay
	}
	b := binary.BigEndian.AppendUint16(space[:0], index)
	if s.flow != 0 {
		b = binary.BigEndian.AppendUint32(b, c.Process)
		b = binary.BigEndian.AppendUint64(b, uint64(s.flow))
		return AppendToken(dst, b)
	}
	b = binary.BigEndian.AppendUint16(b, s.nat.Addr.Port())
	b = appendIP(b, s.nat.Addr.Addr())
	if s.nat.LocalIP.IsValid() && s.local.Addr.Addr().IsUnspecified() {
		b = appendIP(b, s.nat.LocalIP)
	}
	return AppendToken(dst, b)
}

func appendIP(b []byte, a netip.Addr) []byte {
	if a = a.Unmap(); a.Is4() {
		v4 := a.As4()
		return append(b, v4[:]...)
	}
	v6 := a.As16()
	return append(b, v6[:]...)
}

// readFlow returns where a token leads, and whether that is the only way. ok is false if it is not
// a token, or belongs to a connection of another process that is not the only way: that connection
// is gone. The signature has vouched for the token.
func (c *Core) readFlow(token []byte) (p transport.Peer, only, ok bool) {
	var space [longestToken]byte
	n, read := ReadToken(space[:], token)
	b := space[:n]
	if locals := transport.Known(c.Wire); read && n >= addrToken {
		index := int(binary.BigEndian.Uint16(b))
		if only = n == connToken && index&onlyWay != 0; only {
			index &^= onlyWay
		}
		if index < len(locals) {
			p.Local = locals[index]
		}
	}
	if p.Local == nil {
		return p, false, false
	}
	p.Kind = p.Local.Kind
	if n == connToken {
		if binary.BigEndian.Uint32(b[2:]) == c.Process {
			p.Flow, p.FlowOnly = transport.FlowID(binary.BigEndian.Uint64(b[6:])), true
		} else if only {
			p.Flow, p.FlowOnly = transport.FlowGone, true
		}
		return p, only, p.Flow != 0 && p.Kind != transport.UDP
	}
	size := 4
	if p.Local.Addr.Addr().Is6() {
		size = 16
	}
	port, rest := binary.BigEndian.Uint16(b[2:]), b[addrToken:]
	if p.Kind != transport.UDP || len(rest) != size && len(rest) != 2*size {
		return p, false, false
	}
	ip, _ := netip.AddrFromSlice(rest[:size])
	p.LocalIP, _ = netip.AddrFromSlice(rest[size:]) // invalid if there is none
	p.Addr = netip.AddrPortFrom(ip, port)
	return p, false, port != 0
}

// callerSide is the side a request came from. A WebSocket client is always behind its connection
// (RFC 7118 §5), any other client if its Contact leads there, or nowhere, or it asks for it (RFC
// 5626 §4.3: ob).
func (x *Context) callerSide() side {
	from := &x.Server.From
	s := side{local: from.Local}
	switch from.Kind {
	case transport.WS, transport.WSS:
		s.flow, s.only = from.Flow, true
	case transport.TCP, transport.TLS:
		uri, ok := x.contact()
		if ob := ok && uri.Params.Has("ob"); ob || ok && x.Req.BehindStream(from.Source.Addr(), &uri) {
			_, hidden := x.Req.ContactAt(from.Source.Addr(), &uri)
			s.flow, s.only = from.Flow, ob || hidden
		}
	case transport.UDP:
		if uri, ok := x.contact(); ok && x.behindNAT(&uri) {
			s.nat = &transport.Peer{Addr: from.Source, LocalIP: from.LocalIP}
		}
	}
	return s
}

// contact is the address that the sender of the request gives for the rest of the dialog. ok is
// false if it says nothing: its sender has an address of its own in the Route set, or the client
// behind it in its Contact.
func (x *Context) contact() (uri message.URI, ok bool) {
	if !x.Req.Direct() {
		return uri, false
	}
	contacts := x.Req.Elements(message.HeaderContact)
	if !contacts.Next() {
		return uri, false
	}
	contact, err := message.ParseAddress(contacts.Value)
	if err != nil {
		return uri, false
	}
	uri, err = message.ParseURI(contact.URI)
	return uri, err == nil && uri.IsSIP()
}

// behindNAT reports whether the sender of a request that came over UDP must be reached at its
// source: it asks for it (RFC 5626 §4.3: ob), or its Contact is an address that cannot be reached
// from here.
func (x *Context) behindNAT(contact *message.URI) bool {
	source := x.Server.From.Source.Addr()
	if source.Zone() != "" {
		return false // a neighbour, and a token has no room for zones
	}
	if contact.Params.Has("ob") {
		return true
	}
	var space [64]byte
	if bytes.Equal(contact.Host, source.AppendTo(space[:0])) { // as nearly always
		return x.Req.PortMapped(x.Server.From.Source, contact)
	}
	_, hidden := x.Req.ContactAt(source, contact)
	return hidden
}

// calleeSide is the side a branch goes to, by p. Where the target was behind a NAT when it
// registered, or a token says that it is, its Contact will not do.
func (x *Context) calleeSide(m *message.Message, p *transport.Peer, out *transport.Local, t, d *Target) side {
	s := side{local: out, flow: p.Flow}
	if p.Flow != 0 {
		s.only = x.onlyOn(m, p, t, d)
	}
	if p.Kind != transport.UDP || p.Flow != 0 {
		return s
	}
	back := x.rare().flow != nil && x.rare().flow.Kind == transport.UDP && x.rare().flow.Addr == p.Addr
	if back || or(t.Received, d.Received) != "" && len(t.Path) == 0 && len(d.Path) == 0 {
		s.nat = &transport.Peer{Addr: p.Addr, LocalIP: p.LocalIP}
	}
	return s
}

// backOn records where a Route entry of ours leads, for a request with that entry as the last of
// ours. back: it came from the other side, which is certain if there are two entries; a single
// entry is also in requests from there.
func (x *Context) backOn(token []byte, back bool) {
	from := &x.Server.From
	if p, only, ok := x.core.readFlow(token); ok && (back || p.Flow != from.Flow || p.Flow == 0 && p.Addr != from.Source) {
		at := p
		x.place(&at)
		x.seldom().flow, x.flowOnly = &at, only
	}
}
