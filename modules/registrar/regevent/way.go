package regevent

// This file decides how a subscriber is reached: along its route set, on its connection, at the
// address a NAT has given it, or at its Contact.

import (
	"bytes"
	"net/netip"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// readTarget makes the target of a dialog from the SUBSCRIBE req (RFC 3261 §12.1.1), or renews old
// (§12.2.2: the route set stays).
func readTarget(req *engine.Request, old *engine.Target) (*engine.Target, *refusal) {
	m := req.Message()
	contacts := m.Elements(message.HeaderContact)
	if !contacts.Next() {
		if old != nil {
			return old, nil
		}
		return nil, refuse(400, "No Contact")
	}
	text := contacts.Value
	a, err := message.ParseAddress(text)
	if err != nil || a.Star || contacts.Next() || len(a.URI) > maxURI {
		return nil, refuse(400, "Bad Contact")
	}
	uri, err := message.ParseURI(a.URI)
	if err != nil || !uri.IsSIP() {
		return nil, refuse(400, "Bad Contact")
	}
	t := &engine.Target{URI: string(a.URI)}
	if old != nil {
		t.Path = old.Path
	} else {
		var no *refusal
		if t.Path, no = readRoutes(m); no != nil {
			return nil, no
		}
	}
	if len(t.Path) == 0 && m.Direct() {
		nearby(t, req, &uri)
	}
	if t.Check() != nil {
		return nil, refuse(400, "Bad Contact")
	}
	return t, nil
}

// readRoutes is the route set of a UAS: the Record-Route values, in order (RFC 3261 §12.1.1).
func readRoutes(m *message.Message) ([]string, *refusal) {
	var path []string
	size := 0
	routes := m.Elements(message.HeaderRecordRoute)
	for routes.Next() {
		a, err := message.ParseAddress(routes.Value)
		if size += len(routes.Value); err != nil || size > maxRoutes || bytes.ContainsAny(routes.Value, "\r\n\x00") {
			return nil, refuse(400, "Bad Record-Route")
		}
		if uri, err := message.ParseURI(a.URI); err != nil || !uri.IsSIP() {
			return nil, refuse(400, "Bad Record-Route")
		}
		path = append(path, string(routes.Value))
	}
	return path, nil
}

// nearby records how the sender of req itself is reached, if its Contact alone does not lead there:
// as the registrar does for contacts.
func nearby(t *engine.Target, req *engine.Request, contact *message.URI) {
	m, from := req.Message(), req.Source()
	source := from.Addr.Addr().Unmap().WithZone("")
	address := from.Transport.String() + ":" + netip.AddrPortFrom(source, from.Addr.Port()).String()
	// Always behind its connection (RFC 7118 §5)
	websocket := from.Transport == transport.WS || from.Transport == transport.WSS
	switch {
	case from.Transport.Reliable():
		if websocket || m.BehindStream(source, contact) {
			t.Flow, t.Received = req.Flow(), address
		}
	default:
		if _, hidden := m.ContactAt(source, contact); hidden {
			t.Received, t.FromSocket = address, req.ReceivedOn().Name
		}
	}
}

// contactUser is the user part of our Contacts, by which the later SUBSCRIBEs of a dialog are
// known.
const contactUser = "reg-event"

// ownContact is our Contact in the dialog of req.
func ownContact(req *engine.Request) string { return req.OwnContact(contactUser) }
