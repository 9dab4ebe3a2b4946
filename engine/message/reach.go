package message

// This file compares what a request says about its sender's address with where it came from:
// whether its Contact can be reached, or only the connection or address it came from.

import (
	"bytes"
	"net/netip"
)

// Direct reports whether the request came from the UA itself: it has one Via.
func (m *Message) Direct() bool {
	vias := m.Elements(HeaderVia)
	return vias.Next() && !vias.Next()
}

// ContactAt compares a contact of the request with the address the request came from. same: it may
// be the source itself; hidden: it is an address that cannot be reached from here. If neither is
// true, the sender does not know its own address and names another one.
func (m *Message) ContactAt(source netip.Addr, contact *URI) (same, hidden bool) {
	source = source.Unmap().WithZone("")
	addr, err := parseAddr(contact.Host)
	if err != nil {
		// A name. Clients that know no address of their own (WebSocket) use names under .invalid
		// (RFC 7118 §5).
		return true, IsInvalidName(contact.Host)
	}
	if addr = addr.Unmap().WithZone(""); addr == source {
		return true, false
	}
	if isHidden(addr, source) {
		return false, true
	}
	via, err := m.TopVia()
	if err != nil {
		return false, false
	}
	sentBy, err := parseAddr(via.Host)
	return false, err != nil || sentBy.Unmap().WithZone("") != source
}

// IsHidden reports whether a contact is an address that cannot be reached from outside of some
// network, though its owner was reached, or seen, at an address that can.
func IsHidden(contact *URI, seen netip.Addr) bool {
	addr, err := parseAddr(contact.Host)
	return err == nil && isHidden(addr.Unmap(), seen.Unmap().WithZone(""))
}

// parseAddr is [netip.ParseAddr], which allocates, for the addresses that come most often.
func parseAddr(b []byte) (netip.Addr, error) {
	var ip [4]byte
	n, digits := 0, 0
	for i, c := range b {
		switch {
		case '0' <= c && c <= '9' && (digits == 0 || b[i-1] != '0' || digits > 1) && int(ip[n])*10+int(c-'0') < 256:
			ip[n] = ip[n]*10 + c - '0'
			digits++
		case c == '.' && digits > 0 && n < 3:
			n, digits = n+1, 0
		default:
			return netip.ParseAddr(string(b))
		}
	}
	if n < 3 || digits == 0 {
		return netip.ParseAddr(string(b))
	}
	return netip.AddrFrom4(ip), nil
}

func isHidden(addr, seen netip.Addr) bool {
	return addr.IsUnspecified() || inner(addr) && !inner(seen)
}

// PortMapped reports whether the sender of a request, whose contact names the host it came from, is
// at another port than the contact says: the top Via says that the sender does not know the address
// or, with rport (RFC 3581 §3), the port that it is seen at. A gateway in a router may have
// rewritten the host of the contact alone.
func (m *Message) PortMapped(source netip.AddrPort, contact *URI) bool {
	if portOr5060(contact.Port) == source.Port() {
		return false
	}
	from := source.Addr().Unmap().WithZone("")
	if addr, err := parseAddr(contact.Host); err != nil || addr.Unmap() != from {
		return false
	}
	via, err := m.TopVia()
	if err != nil {
		return false
	}
	host, err := parseAddr(via.Host)
	if err == nil && host.Unmap().WithZone("") != from {
		return true
	}
	_, rport := via.Params.Get("rport")
	return err == nil && rport && portOr5060(via.Port) != source.Port()
}

func portOr5060(port uint16) uint16 {
	if port == 0 {
		return 5060
	}
	return port
}

// IsInvalidName reports whether a host is a name that can't exist: one under .invalid (RFC 6761
// §6.4).
func IsInvalidName(host []byte) bool {
	const domain = ".invalid"
	host = withoutDot(host)
	return len(host) >= len(domain) && equalFold(host[len(host)-len(domain):], domain)
}

// sharedSpace is used by carriers behind their own NAT (RFC 6598).
var sharedSpace = netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10)

// inner reports whether an address means something only inside of some network.
func inner(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || sharedSpace.Contains(a)
}

// BehindStream reports whether the sender of a request that came over a stream must be reached on
// that connection: nobody listens at the client's end of one, so it is the only way unless the
// contact names another host, or asks for UDP.
func (m *Message) BehindStream(source netip.Addr, contact *URI) bool {
	if t, ok := contact.Params.Get("transport"); ok && bytes.EqualFold(t, []byte("udp")) {
		return false
	}
	same, hidden := m.ContactAt(source, contact)
	return same || hidden
}
