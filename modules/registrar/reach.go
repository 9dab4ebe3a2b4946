package registrar

// This file decides how a client that registered is reached: at its contact, over the connection it came on, or at the
// address a NAT has given it.

import (
	"bytes"
	"net/netip"

	"github.com/sipscript/sipscript/engine/message"
)

// reach notes in rec how to reach the client whose REGISTER m came from there. It is asked only where there is no Path,
// which says it all (RFC 3327 §5.3).
//
// A request that came through a proxy says nothing of the client's own address, so its contact stands alone. Otherwise
// the contact is believed when it names the address the request came from, or when the sender knows its address (its Via
// has it) and registers another one: that is a registration on somebody's behalf, not a NAT.
func reach(rec *Record, m *message.Message, from *Origin, contact *message.URI) {
	if !from.Source.IsValid() || !contact.IsSIP() || !direct(m) {
		return
	}
	source := from.Source.Addr().Unmap().WithZone("")
	same, hidden := compare(m, source, contact)
	address := from.Transport.String() + ":" + netip.AddrPortFrom(source, from.Source.Port()).String()
	if from.Transport.Reliable() {
		// Nobody listens at the client's end of a connection: the connection is the way (RFC 5626 §5.3 in spirit). The address
		// goes with it to say over what it runs.
		if (same || hidden) && !asksForUDP(contact) {
			rec.Flow, rec.Received = from.Flow, address
		}
		return
	}
	if hidden {
		// The NAT lets in only what comes from where the client sent to.
		rec.Received, rec.Socket = address, from.Socket
	}
}

// compare tells whether the contact may be the source itself, and whether it is an address that can't be reached.
func compare(m *message.Message, source netip.Addr, contact *message.URI) (same, hidden bool) {
	addr, err := netip.ParseAddr(string(contact.Host))
	if err != nil {
		// A name. Clients that know no address of their own (WebSocket) use names under .invalid (RFC 7118 §5).
		return true, bytes.HasSuffix(bytes.ToLower(contact.Host), []byte(".invalid"))
	}
	if addr = addr.Unmap().WithZone(""); addr == source {
		return true, false
	}
	if addr.IsUnspecified() || inner(addr) && !inner(source) {
		return false, true
	}
	via, err := m.TopVia()
	if err != nil {
		return false, false
	}
	sentBy, err := netip.ParseAddr(string(via.Host))
	return false, err != nil || sentBy.Unmap().WithZone("") != source
}

// sharedSpace is what carriers use behind their own NAT (RFC 6598).
var sharedSpace = netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10)

// inner tells whether an address means something only inside of some network.
func inner(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || sharedSpace.Contains(a)
}

// direct tells whether the request came from the UA itself: it has one Via.
func direct(m *message.Message) bool {
	vias := m.Elements(message.HeaderVia)
	return vias.Next() && !vias.Next()
}

func asksForUDP(contact *message.URI) bool {
	t, ok := contact.Params.Get("transport")
	return ok && bytes.EqualFold(t, []byte("udp"))
}
