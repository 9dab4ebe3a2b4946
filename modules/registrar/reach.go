package registrar

// This file decides how a client that registered is reached: at its contact, over the connection it
// came on, or at the address a NAT has given it.

import (
	"net/netip"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// reach notes in rec how to reach the client whose REGISTER m came from there. It is asked only if
// there is no Path, which says it all (RFC 3327 §5.3).
//
// A request that came through a proxy says nothing of the client's own address, so its contact
// stands alone. Otherwise where it is about a flow, that is the way (RFC 5626 §6); the contact is
// believed when it names the address the request came from, or when the sender knows its address
// (its Via has it) and registers another one: that is a registration on somebody's behalf, not a
// NAT.
func reach(rec *Record, m *message.Message, from *Origin, contact *message.URI, flow bool) {
	if !from.Source.IsValid() || !contact.IsSIP() || !m.Direct() {
		return
	}
	source := from.Source.Addr().Unmap().WithZone("")
	address := from.Transport.String() + ":" + netip.AddrPortFrom(source, from.Source.Port()).String()
	if from.Transport.Reliable() {
		// The connection is the way (RFC 5626 §5.3 in spirit). The address goes with it to say over
		// what it runs.
		if flow || m.BehindStream(source, contact) {
			rec.Flow, rec.Received, rec.FlowOnly = from.Flow, address, flow
		}
		return
	}
	if _, hidden := m.ContactAt(source, contact); flow || hidden {
		// The NAT lets in only what comes from where the client sent to.
		rec.Received, rec.Socket = address, from.Socket
	}
}

// LoseFlow makes r the record of a client whose connection ended with an earlier process. Where its
// contact may be an address to connect to (RFC 3261 §18), that is left; else nothing can reach it
// until it registers again, and least of all its contact, which is somebody else's here.
func (r *Record) LoseFlow() {
	if r.Flow != 0 && r.flowOnly() {
		r.Flow = transport.FlowGone
		return
	}
	r.Flow, r.Received, r.Socket = 0, "", ""
}

// flowOnly reports whether the client is reached on its connection or not at all.
func (r *Record) flowOnly() bool {
	kind, source, _ := strings.Cut(r.Received, ":")
	if r.FlowOnly || kind == "ws" || kind == "wss" {
		return true
	}
	contact, err := message.ParseURI(viewOf(r.Contact))
	if err != nil {
		return true
	}
	seen, err := netip.ParseAddrPort(source)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(string(contact.Host))
	if err != nil {
		return message.IsInvalidName(contact.Host)
	}
	return addr.Unmap() != seen.Addr().Unmap()
}
