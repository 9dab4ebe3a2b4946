package auth

// This file holds users to the identities that are theirs: alice's password does not entitle her to
// register bob's phone.

import (
	"bytes"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
)

// Locals says which hosts are ours; *engine.Engine implements it.
type Locals interface {
	IsLocal(host string, port uint16) bool
}

// based says which users a host of ours has; *engine.Engine implements it.
type based interface {
	UserBase(host []byte, port uint16) string
}

// MayClaim reports whether a user may use an address as his own: a user without an @ any sip
// address with that user part at a local domain, a user with one only that address.
func MayClaim(user string, uri *message.URI, locals Locals) bool {
	if len(uri.Host) == 0 || uri.User == nil {
		// Also for tel and other schemes: those belong to nobody without a rule of the script.
		return false
	}
	name, host, bound := user, "", false
	if at := strings.LastIndexByte(user, '@'); at >= 0 {
		name, host, bound = user[:at], user[at+1:], true
	}
	if !sameUser(uri.User, name) || name == "" {
		return false
	}
	if bound {
		secure := len(uri.Scheme) == 4 // sips
		want := strings.TrimSuffix(strings.Trim(host, "[]"), ".")
		if b, ok := locals.(based); ok && want != "" { // bob@192.0.2.1 may be bob@example.com
			if other := b.UserBase([]byte(want), 0); other != "" {
				want = other
			}
			if b.UserBase(uri.Host, uri.Port) == want {
				return true
			}
		}
		return equalFold(bytes.TrimSuffix(uri.Host, []byte(".")), want) && (uri.Port == 0 || uri.Port == 5060 && !secure || uri.Port == 5061 && secure)
	}
	port := uri.Port
	if port == 0 && len(uri.Scheme) == 4 {
		port = 5061
	}
	return locals.IsLocal(string(uri.Host), port)
}

// sameUser compares the user part of a URI, whose escapes are equal to the characters they
// represent (RFC 3261 §19.1.4), with a name.
func sameUser(escaped []byte, name string) bool {
	if bytes.IndexByte(escaped, '%') < 0 {
		return string(escaped) == name
	}
	plain, ok := unpercent(escaped)
	return ok && string(plain) == name
}

// claimed is the identity that a request claims: in a REGISTER the To, which is what is registered,
// otherwise the From.
func claimed(m *message.Message) (message.URI, bool) {
	var a message.Address
	var err error
	if m.Method() == message.MethodRegister {
		a, err = m.To()
	} else {
		a, err = m.From()
	}
	if err != nil {
		return message.URI{}, false
	}
	u, err := message.ParseURI(a.URI)
	return u, err == nil
}
