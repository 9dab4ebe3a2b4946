package notifier

// This file decides how a subscriber is reached: along its route set, on its connection, at the
// address a NAT has given it, or at its Contact.

import (
	"bytes"
	"net/netip"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// way is how a subscriber is reached: an engine.Target in little memory.
type way struct {
	uri      string
	path     []string
	flow     transport.FlowID
	received string
	socket   string
	place    string // where NOTIFYs go first: a URI
}

func (w *way) target() *engine.Target {
	t := &engine.Target{URI: w.uri, Path: w.path, Flow: w.flow, Received: w.received, FromSocket: w.socket}
	t.FromHome = w.received == "" && w.socket != ""
	return t
}

// first is where NOTIFYs are sent first: a URI.
func (w *way) first() string {
	if len(w.path) > 0 {
		if a, err := message.ParseAddress([]byte(w.path[0])); err == nil {
			return string(a.URI)
		}
	}
	return w.uri
}

// readWay makes the target of a dialog from the SUBSCRIBE req (RFC 3261 §12.1.1), or renews old
// (§12.2.2: the route set stays).
func readWay(req *engine.Request, old *way) (w way, no *Refusal) {
	m := req.Message()
	contacts := m.Elements(message.HeaderContact)
	if !contacts.Next() {
		if old != nil {
			return *old, nil
		}
		return w, Refuse(400, "No Contact")
	}
	text := contacts.Value
	a, err := message.ParseAddress(text)
	if err != nil || a.Star || contacts.Next() || len(a.URI) > maxURI {
		return w, Refuse(400, "Bad Contact")
	}
	uri, err := message.ParseURI(a.URI)
	if err != nil || !uri.IsSIP() {
		return w, Refuse(400, "Bad Contact")
	}
	w.uri = string(a.URI)
	if old != nil {
		w.path = old.path
	} else if w.path, no = readRoutes(m); no != nil {
		return w, no
	}
	if len(w.path) == 0 && m.Direct() {
		w.nearby(req, &uri)
	}
	if w.received == "" { // the network that it is on, if there are several
		w.socket = req.Reach().Socket
	}
	if w.target().Check() != nil {
		return w, Refuse(400, "Bad Contact")
	}
	w.place = w.first()
	return w, nil
}

// readRoutes is the route set of a UAS: the Record-Route values, in order (RFC 3261 §12.1.1).
func readRoutes(m *message.Message) ([]string, *Refusal) {
	var path []string
	size := 0
	routes := m.Elements(message.HeaderRecordRoute)
	for routes.Next() {
		a, err := message.ParseAddress(routes.Value)
		if size += len(routes.Value); err != nil || size > maxRoutes || bytes.ContainsAny(routes.Value, "\r\n\x00") {
			return nil, Refuse(400, "Bad Record-Route")
		}
		if uri, err := message.ParseURI(a.URI); err != nil || !uri.IsSIP() {
			return nil, Refuse(400, "Bad Record-Route")
		}
		path = append(path, string(routes.Value))
	}
	return path, nil
}

// nearby records how the sender of req itself is reached, if its Contact alone does not lead there:
// as the registrar does for contacts.
func (w *way) nearby(req *engine.Request, contact *message.URI) {
	m, from := req.Message(), req.Source()
	source := from.Addr.Addr().Unmap().WithZone("")
	address := from.Transport.String() + ":" + netip.AddrPortFrom(source, from.Addr.Port()).String()
	// Always behind its connection (RFC 7118 §5)
	websocket := from.Transport == transport.WS || from.Transport == transport.WSS
	// A GRUU (RFC 5627 §4.4): a name of this server's own, by which nothing leaves it
	home := req.Engine().IsLocal(string(contact.Host), contact.Port)
	switch {
	case from.Transport.Reliable():
		if websocket || home || m.BehindStream(source, contact) {
			w.flow, w.received = req.Flow(), address
		}
	default:
		if _, hidden := m.ContactAt(source, contact); hidden || home {
			w.received, w.socket = address, req.ReceivedOn().Name
		}
	}
}
