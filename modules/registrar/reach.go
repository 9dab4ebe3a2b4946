package registrar

// This file decides how a client that registered is reached: at its contact, over the connection it came on, or at the
// address a NAT has given it.

import (
	"net/netip"

	"github.com/sipscript/sipscript/engine/message"
)

// reach notes in rec how to reach the client whose REGISTER m came from there. It is asked only where there is no Path,
// which says it all (RFC 3327 §5.3).
//
// A request that came through a proxy says nothing of the client's own address, so its contact stands alone. Otherwise
// where it is about a flow, that is the way (RFC 5626 §6);
// the contact is believed when it names the address the request came from, or when the sender knows its address (its Via
// has it) and registers another one: that is a registration on somebody's behalf, not a NAT.
func reach(rec *Record, m *message.Message, from *Origin, contact *message.URI, flow bool) {
	if !from.Source.IsValid() || !contact.IsSIP() || !m.Direct() {
		return
	}
	source := from.Source.Addr().Unmap().WithZone("")
	address := from.Transport.String() + ":" + netip.AddrPortFrom(source, from.Source.Port()).String()
	if from.Transport.Reliable() {
		// The connection is the way (RFC 5626 §5.3 in spirit). The address goes with it to say over what it runs.
		if flow || m.BehindStream(source, contact) {
			rec.Flow, rec.Received = from.Flow, address
		}
		return
	}
	if _, hidden := m.ContactAt(source, contact); flow || hidden {
		// The NAT lets in only what comes from where the client sent to.
		rec.Received, rec.Socket = address, from.Socket
	}
}
