package registrar

// This file is the edge proxy of RFC 5626 §5: in front of another registrar it writes itself into
// the Path of a REGISTER, with a token of the flow the client came on, by which Intercept finds the
// client again.

import (
	"errors"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// pathOptions are the options of add_path.
type pathOptions struct {
	Force bool `lua:"force" doc:"also if the client does not list path in Supported"`
	Route bool `lua:"route" doc:"requests that come back for the client reach route, where req:relay() takes its flow; otherwise they go to the client unseen"`
}

// errNoPath is why AddPath writes none.
var errNoPath = errors.New("registrar: add_path: the client does not list path in Supported")

// AddPath puts this server on top of the Path of the REGISTER req, so that the registrar it is
// relayed to sends the client's requests here (RFC 3327 §5.2). If the client came straight here,
// the entry leads back on its flow, and has ob if the client asks for outbound (RFC 5626 §5.1).
// force: also if the client does not list path in Supported, which RFC 3327 advises against, but
// old phones need. route: what comes back for the client reaches the router, which sends it on by a
// Relay without targets; otherwise Intercept does.
//
// Errors: an *engine.MisuseError for another request than a REGISTER; errors for a client without
// path, and before Attach.
func (r *Registrar) AddPath(req *engine.Request, force, route bool) error {
	m := req.Message()
	if m.Method() != message.MethodRegister {
		return &engine.MisuseError{Text: "the request is " + string(m.MethodText()) + ", not REGISTER"}
	}
	n := r.node.Load()
	if n == nil {
		return errors.New("registrar: add_path: there is no engine yet, or it has no listener")
	}
	if !force && !supports(m, "path") {
		return errNoPath
	}
	entry := "<sip:" + n.host() + ">"
	if m.Direct() {
		rec := Record{Flow: req.Flow(), Received: req.Source().Transport.String() + ":" + req.Source().Addr.String()}
		if req.Source().Transport == transport.UDP {
			rec.Socket = req.ReceivedOn().Name
		}
		entry = "<sip:" + n.user(&rec, route)
		if supports(m, "outbound") && asksForFlow(m) {
			entry += ";ob"
		}
		entry += ">"
	}
	return req.AddHeader("Path", entry, true)
}

// asksForFlow reports whether a contact of the REGISTER has an instance and a reg-id.
func asksForFlow(m *message.Message) bool {
	contacts := m.Elements(message.HeaderContact)
	for contacts.Next() {
		a, err := message.ParseAddress(contacts.Value)
		if err != nil {
			return false
		}
		if _, id := instanceOf(a.Params); id != 0 {
			return true
		}
	}
	return false
}
