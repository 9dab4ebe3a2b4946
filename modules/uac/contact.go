package uac

// This file finds where calls for a registered address should arrive: the listener that its
// REGISTERs leave from.

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// contact is the uri that is registered.
func (r *registration) contact() string { return r.account.contact(r.engine.Locals()) }

func (a *Account) contact(locals []*transport.Local) string {
	if a.Contact != "" {
		return a.Contact
	}
	l := leavesFrom(locals, a)
	if l == nil {
		return a.AOR // REGISTER will fail, and say that no listener fits
	}
	user := ""
	if u, err := message.ParseURI([]byte(a.AOR)); err == nil && len(u.User) > 0 {
		user = string(u.User) + "@"
	}
	uri := "sip:" + user + l.SentBy
	if l.Kind.Secure() && strings.HasPrefix(strings.ToLower(a.AOR), "sips:") {
		return "sips" + uri[3:] // §10.2.1
	}
	if l.Kind != transport.UDP {
		uri += ";transport=" + l.Kind.String()
	}
	return uri
}

// leavesFrom is the listener an account's REGISTERs will leave from, as far as its URIs tell.
func leavesFrom(locals []*transport.Local, a *Account) (found *transport.Local) {
	next := a.Registrar
	if a.Proxy != "" {
		next = a.Proxy
	}
	kind, near := reach(next)
	for _, l := range locals {
		switch {
		case a.Socket != "":
			if l.Name == a.Socket {
				return l
			}
		case l.Kind != kind:
		case l.Addr.Addr().IsLoopback() == near:
			return l
		case found == nil:
			found = l
		}
	}
	return found
}

// reach is the transport a URI asks for, and whether it leads to this machine.
func reach(uri string) (kind transport.Kind, near bool) {
	kind = transport.UDP
	u, err := message.ParseURI([]byte(uri))
	if err != nil {
		return kind, false
	}
	if t, ok := u.Params.Get("transport"); ok {
		if k, ok := transport.ParseKind(t); ok {
			kind = k
		}
	}
	if bytes.EqualFold(u.Scheme, []byte("sips")) && (kind == transport.UDP || kind == transport.TCP) {
		kind = transport.TLS
	}
	addr, err := netip.ParseAddr(strings.Trim(string(u.Host), "[]"))
	return kind, err == nil && addr.IsLoopback() || message.EqualHost(u.Host, []byte("localhost"))
}
