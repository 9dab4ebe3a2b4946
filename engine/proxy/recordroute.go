package proxy

import (
	"bytes"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// Record-Route (§16.6 step 4) and what becomes of it when it comes back as a Route (§16.4).
//
// Our entry reads <sip:HOST:PORT;transport=…;lr;s=SIGNATURE;PARAMS>: the signature is over the Call-ID and the script's
// parameters, which follow it. Where a request leaves by another transport or interface than it came in on, there are two entries
// (RFC 5658 §6), both with r2=on, so that each side sees the one it can reach. So there are where one side is behind a connection or a NAT: the
// entry of its side names that, in the user part (flow.go). Where From, To or CSeq of the dialog were changed, ds=… says how, before the script's
// parameters (dialog.go).

// StartsDialog tells whether a request of this method can start a dialog (RFC 3261 §12, RFC 6665, RFC 3515).
func StartsDialog(m message.Method) bool {
	switch m {
	case message.MethodInvite, message.MethodSubscribe, message.MethodRefer, message.MethodNotify:
		return true
	}
	return false
}

// reserved are the parameters of our entries that a script may not set.
var reserved = [...]string{"lr", "s", "ds", "r2", "transport", "maddr", "ttl", "user", "method"}

// ReservedRouteParam tells whether name can't be a parameter of the script's in Record-Route.
func ReservedRouteParam(name string) bool {
	for _, r := range reserved {
		if strings.EqualFold(r, name) {
			return true
		}
	}
	return false
}

// appendRecordRoute appends one entry.
func (c *Core) appendRecordRoute(dst []byte, s *side, double, secure bool, callID []byte, params string) []byte {
	l := s.local
	if secure = secure && l.Kind.Secure(); secure {
		dst = append(dst, "<sips:"...)
	} else {
		dst = append(dst, "<sip:"...)
	}
	var token []byte
	if s.named() {
		at := len(dst)
		dst = c.appendFlow(dst, s)
		token = dst[at:]
		dst = append(dst, '@')
	}
	dst = append(dst, l.SentBy...)
	switch {
	case l.Kind == transport.UDP || secure && l.Kind == transport.TLS:
	case secure: // sips says TLS; what runs over it is still to be said (RFC 7118 §5)
		dst = append(dst, ";transport=ws"...)
	default:
		dst = append(dst, ";transport="...)
		dst = append(dst, l.Kind.String()...)
	}
	dst = append(dst, ";lr"...)
	if double {
		dst = append(dst, ";r2=on"...)
	}
	dst = append(dst, ";s="...)
	dst = c.Signer.appendRoute(dst, callID, view(params), token)
	dst = append(dst, params...)
	return append(dst, '>')
}

// recordRoute writes our entries onto what goes from one side to the other.
func (c *Core) recordRoute(m *message.Message, in, out *side, params string) {
	var space [320]byte
	callID := m.CallID()
	double := in.local != nil && out.local != nil && (in.local.Index != out.local.Index || in.named() || out.named())
	secure := sips(m)
	if in.local != nil {
		m.InsertTop(message.HeaderRecordRoute, c.appendRecordRoute(space[:0], in, double, secure, callID, params))
	}
	if double {
		m.InsertTop(message.HeaderRecordRoute, c.appendRecordRoute(space[:0], out, true, secure, callID, params))
	}
}

// sips tells whether a request must stay on TLS: its Request-URI or topmost Route is a sips URI (§16.6 step 4).
func sips(m *message.Message) bool {
	if isSips(m.RequestURI()) {
		return true
	}
	routes := m.Elements(message.HeaderRoute)
	if !routes.Next() {
		return false
	}
	a, err := message.ParseAddress(routes.Value)
	return err == nil && isSips(a.URI)
}

func isSips(uri []byte) bool { return len(uri) > 5 && bytes.EqualFold(uri[:5], []byte("sips:")) }

// ownRoute is what a Route entry or Request-URI of ours carried.
type ownRoute struct {
	signed bool
	double bool
	params message.Params // the script's
	flow   []byte         // the token, "" for none
	user   []byte         // the user part, whether signed or not
}

// ours reads a URI as an entry of ours.
func (c *Core) ours(text, callID []byte) (own ownRoute, ok bool) {
	u, err := message.ParseURI(text)
	if err != nil || !u.IsSIP() {
		return own, false
	}
	host, port := u.Host, u.Port
	if !c.IsLocal(host, port, u.Scheme) {
		return own, false
	}
	if _, foreign := u.Params.Get("maddr"); foreign {
		if m, _ := u.Params.Get("maddr"); !c.IsLocal(m, port, u.Scheme) {
			return own, false
		}
	}
	own.user = u.User
	_, own.double = u.Params.Get("r2")
	at := bytes.Index(u.Params, []byte(";s="))
	if at < 0 {
		return own, true
	}
	sig, rest := u.Params[at+3:], message.Params(nil)
	if end := bytes.IndexByte(sig, ';'); end >= 0 {
		sig, rest = sig[:end], message.Params(sig[end:])
	}
	if c.Signer.routeHolds(sig, callID, rest, u.User) {
		own.signed, own.params, own.flow = true, rest, u.User
	}
	return own, true
}

// Preprocess is §16.4: undoes what a strict router did to the Request-URI, and removes our own topmost Route entries. It reports
// the parameters our entry carried; signed is false unless it was ours and its signature holds. flow is the token of the last entry that
// was removed, and back that another one stood before it. When signed is false, flow is the user part of the entry, by whoever put it there.
func (c *Core) Preprocess(req *message.Message) (params message.Params, signed bool, flow []byte, back bool) {
	callID := req.CallID()
	found, most := false, 2
	var own ownRoute
	if req.Find(message.HeaderRoute, 0) >= 0 && hasParam(req.RequestURI(), "lr") {
		// A strict router put our entry into the Request-URI and the real one at the end of Route.
		if o, ok := c.ours(req.RequestURI(), callID); ok {
			if n, last := lastElement(req, message.HeaderRoute); n >= 0 {
				if a, err := message.ParseAddress(last); err == nil {
					req.SetRequestURI(bytes.Clone(a.URI))
					req.RemoveElement(message.HeaderRoute, n)
					own, found, most = o, true, 1
					own.user = nil // such a hop is written with lr
				}
			}
		}
	}
	for range most {
		routes := req.Elements(message.HeaderRoute)
		if !routes.Next() {
			break
		}
		a, err := message.ParseAddress(routes.Value)
		if err != nil {
			break
		}
		o, ok := c.ours(a.URI, callID)
		if !ok || found && !(own.double && o.double) {
			break
		}
		o.params, o.flow, o.user = bytes.Clone(o.params), bytes.Clone(o.flow), bytes.Clone(o.user)
		if back = found; !found {
			own, found = o, true
		}
		own.signed, own.flow = own.signed && o.signed, o.flow
		req.RemoveElement(message.HeaderRoute, 0)
		if !o.double {
			break
		}
	}
	if !found || !own.signed {
		return nil, false, own.user, false
	}
	return own.params, true, own.flow, back
}

func hasParam(uri []byte, name string) bool {
	u, err := message.ParseURI(uri)
	return err == nil && u.Params.Has(name)
}

// lastElement is the last element of a header over all its fields, and its number, -1 when there is none.
func lastElement(m *message.Message, id message.HeaderID) (n int, value []byte) {
	n = -1
	e := m.Elements(id)
	for e.Next() {
		n++
		value = e.Value
	}
	return n, value
}
