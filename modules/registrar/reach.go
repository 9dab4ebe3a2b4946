package registrar

// This file decides how a client that registered is reached: at its contact, over the connection it
// came on, or at the address a NAT has given it.

import (
	"net/netip"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// reach records in rec how to reach the client whose REGISTER m came from there. It is called only
// if there is no Path, which says everything (RFC 3327 §5.3).
//
// A request that came through a proxy says nothing about the client's own address, so only its
// contact counts. Otherwise, if it is about a flow, that is the way (RFC 5626 §6); the contact is
// believed if it names the address the request came from, or if the sender knows its address (its
// Via has it) and registers another one: that is a registration on somebody's behalf, not a NAT.
func reach(rec *Record, m *message.Message, from *Origin, contact *message.URI, flow bool) {
	if !from.Source.IsValid() || !contact.IsSIP() || !m.Direct() {
		return
	}
	source := from.Source.Addr().Unmap().WithZone("")
	address := from.Transport.String() + ":" + netip.AddrPortFrom(source, from.Source.Port()).String()
	if from.Transport.Reliable() {
		// The connection is the way (in the spirit of RFC 5626 §5.3). The address is stored to say
		// which transport it uses.
		if flow || m.BehindStream(source, contact) {
			rec.Flow, rec.Received, rec.FlowOnly = from.Flow, address, flow
		}
		return
	}
	if same, hidden := m.ContactAt(source, contact); flow || hidden || same && m.PortMapped(from.Source, contact) {
		// The NAT lets in only packets from the address the client sent to.
		rec.Received, rec.Socket = address, from.Socket
	}
}

// LoseFlow makes r the record of a client whose connection ended with an earlier process. If its
// contact may be an address to connect to (RFC 3261 §18), that remains; otherwise nothing can reach
// the client until it registers again, least of all its contact, which is somebody else's address
// here.
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
