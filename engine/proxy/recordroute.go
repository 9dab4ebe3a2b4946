package proxy

import (
	"bytes"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// Record-Route (§16.6 step 4), what happens to it in the response (§16.7 step 8), and when it comes
// back as a Route (§16.4).
//
// Our entry reads <sip:HOST:PORT;transport=…;lr;s=TICKET;PARAMS>: the ticket is signed over
// everything that matters (see ticket.go), including the script's parameters, which follow. If a
// request leaves by another transport or interface than it arrived on, there are two entries (RFC
// 5658 §6), both with r2=on, so that each side sees the one it can reach. The same applies if one
// side is behind a connection or a NAT: the entry of its side names that, in the user part
// (flow.go). If From, To or CSeq of the dialog were changed, ds=… says how (dialog.go).

// StartsDialog reports whether a request of this method can start a dialog (RFC 3261 §12, RFC 6665,
// RFC 3515).
func StartsDialog(m message.Method) bool {
	switch m {
	case message.MethodInvite, message.MethodSubscribe, message.MethodRefer, message.MethodNotify:
		return true
	}
	return false
}

// reserved are the parameters of our entries that a script may not set.
var reserved = [...]string{"lr", "s", "ds", "r2", "transport", "maddr", "ttl", "user", "method"}

// ReservedRouteParam reports whether name can't be a parameter of the script's in Record-Route.
func ReservedRouteParam(name string) bool {
	for _, r := range reserved {
		if strings.EqualFold(r, name) {
			return true
		}
	}
	return false
}

// appendRecordRoute appends one entry.
func (c *Core) appendRecordRoute(dst []byte, s *side, double, secure bool, t *ticket, b *bond, params string) []byte {
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
	case secure: // sips means TLS; what runs over it must still be said (RFC 7118 §5)
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
	dst = c.Signer.sign(dst, t, b, message.Params(view(params)), token)
	dst = append(dst, params...)
	return append(dst, '>')
}

// writeRecordRoute writes our entries onto m, the request as it goes from one side to the other.
// The ticket is the callee's.
func (x *Context) writeRecordRoute(m *message.Message, in, out *side, params string) {
	c := x.core
	var space [512]byte
	caller := x.Req
	if caller == nil { // a request that waited for an address; nothing of its From was changed
		caller = m
	}
	t := ticket{
		issued: ticketTime(c.Wall()),
		caller: c.Signer.identityMark(address(caller, message.HeaderFrom).URI),
		callee: c.Signer.identityMark(address(m, message.HeaderTo).URI),
		seen:   c.Signer.seenMark(x.Server.From.Source.Addr()),
		target: c.Signer.targetMark(contactURI(m)),
	}
	b := bond{callID: m.CallID(), callerTag: m.FromTag(), hop: firstURI(m, message.HeaderRecordRoute)}
	double := in.local != nil && out.local != nil && (in.local.Index != out.local.Index || in.named() || out.named())
	secure := sips(m)
	var below []byte
	if in.local != nil {
		below = c.appendRecordRoute(space[:0], in, double, secure, &t, &b, params)
	}
	if !double {
		m.InsertTop(message.HeaderRecordRoute, below)
		return
	}
	var above [512]byte
	top := c.appendRecordRoute(above[:0], out, true, secure, &t, &b, params)
	m.InsertTop(message.HeaderRecordRoute, below)
	m.InsertTop(message.HeaderRecordRoute, top)
}

// firstURI is the URI of the first element of a header of addresses, nil for none.
func firstURI(m *message.Message, id message.HeaderID) []byte {
	e := m.Elements(id)
	if !e.Next() {
		return nil
	}
	a, err := message.ParseAddress(e.Value)
	if err != nil {
		return nil
	}
	return a.URI
}

// sips reports whether a request must stay on TLS: its Request-URI or topmost Route is a sips URI
// (§16.6 step 4).
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
