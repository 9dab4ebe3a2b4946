package engine

// Our Contact in dialogs that end here.

import (
	"bytes"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// OwnContact is this server's Contact, with that user part, in a dialog of the request: the
// listener it arrived on, as a sips URI if the request requires that (§12.1.1).
func (r *Request) OwnContact(user string) string {
	return contactOn(r.ctx.Server.From.Local, user, sips(r.ctx.Req.RequestURI()))
}

// sips reports whether a URI is a sips URI.
func sips(uri []byte) bool { return len(uri) > 5 && strings.EqualFold(string(uri[:5]), "sips:") }

// contactOn is a Contact that leads to a listener.
func contactOn(l *transport.Local, user string, secure bool) string {
	if user != "" {
		user += "@"
	}
	if l.Kind.Secure() && secure {
		if l.Kind == transport.WSS {
			return "<sips:" + user + l.SentBy + ";transport=ws>"
		}
		return "<sips:" + user + l.SentBy + ">"
	}
	if l.Kind == transport.UDP {
		return "<sip:" + user + l.SentBy + ">"
	}
	return "<sip:" + user + l.SentBy + ";transport=" + l.Kind.String() + ">"
}

// withContact adds our Contact to the header lines of a 2xx made here that needs one and has none:
// if the 2xx begins a dialog or refreshes its target, the other side sends later requests there
// (§12.1.1, §12.2.2, RFC 6665 §4.2.1.1).
func (r *Request) withContact(headers []byte, o *ReplyOptions) []byte {
	switch r.method {
	case message.MethodInvite, message.MethodSubscribe, message.MethodRefer, message.MethodUpdate:
	default:
		return headers
	}
	if o != nil {
		for _, e := range o.Headers {
			if message.LookupHeader([]byte(e.Name)) == message.HeaderContact {
				return headers
			}
		}
	}
	user := ""
	if u, err := message.ParseURI(r.ctx.Req.RequestURI()); err == nil && !bytes.ContainsAny(u.User, "<>") {
		user = string(u.User)
	}
	return append(append(append(headers, "Contact: "...), r.OwnContact(user)...), "\r\n"...)
}
