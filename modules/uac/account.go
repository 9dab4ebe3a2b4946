package uac

// This file is what a registration is made from.

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transport"
)

// Account is one address kept registered elsewhere: the argument of uac.register. User and
// Registrar are required.
type Account struct {
	Name      string        `lua:"name" default:"the aor" doc:"what registrations and events call it"`
	Registrar string        `lua:"registrar,required" doc:"a URI: where REGISTER is sent, \"sip:trunk.example\", with ;transport=tcp and the like"`
	User      string        `lua:"user,required" doc:"the credentials"`
	Password  string        `lua:"password,required" doc:"the credentials"`
	AOR       string        `lua:"aor" default:"the user at the registrar's host" doc:"what is registered"`
	Contact   string        `lua:"contact" default:"the aor's user at the listener that sends" doc:"where calls should arrive"`
	Proxy     string        `lua:"proxy" doc:"a URI to send to instead of the registrar"`
	Socket    string        `lua:"socket" default:"the first listener that fits" doc:"the listener to send from, as named by --listen"`
	Expires   time.Duration `lua:"expires" min:"1" max:"604800" default:"3600" doc:"seconds to request, up to a week"`
}

// String leaves the password out.
func (a Account) String() string { return a.Name + " (" + a.AOR + " at " + a.Registrar + ")" }

// GoString leaves the password out.
func (a Account) GoString() string { return a.String() }

const (
	defaultExpires = time.Hour
	// longestExpires is the highest expiration a 423 can demand: more than a week is a mistake.
	longestExpires = 7 * 24 * time.Hour
)

// complete checks an account and fills in the defaults.
func (a Account) complete() (Account, error) {
	host, err := hostOf(a.Registrar)
	if err != nil {
		return a, fmt.Errorf("registrar: %w", err)
	}
	if a.User == "" {
		return a, errors.New("user is required")
	}
	if a.AOR == "" {
		a.AOR = "sip:" + escapeUser(a.User) + "@" + host
		if strings.HasPrefix(strings.ToLower(a.Registrar), "sips:") {
			a.AOR = "sips" + a.AOR[3:]
		}
	}
	for name, uri := range map[string]string{"aor": a.AOR, "contact": a.Contact, "proxy": a.Proxy} {
		if uri == "" {
			continue
		}
		if _, err := hostOf(uri); err != nil {
			return a, fmt.Errorf("%s: %w", name, err)
		}
	}
	if a.Name == "" {
		a.Name = a.AOR
	}
	if a.Expires == 0 {
		a.Expires = defaultExpires
	}
	if a.Expires < time.Second || a.Expires > longestExpires {
		return a, fmt.Errorf("expires must be 1 to %d seconds, not %v", int(longestExpires.Seconds()), a.Expires)
	}
	t := proxy.Target{URI: a.Registrar, Credentials: &proxy.Credentials{User: a.User, Password: a.Password}}
	return a, t.Check()
}

// hostOf is the host of a sip uri as it is written in one.
func hostOf(uri string) (string, error) {
	if strings.ContainsAny(uri, " \t\r\n\x00<>\"") {
		return "", fmt.Errorf("bad uri %.80q", uri)
	}
	u, err := message.ParseURI([]byte(uri))
	switch {
	case err != nil:
		return "", fmt.Errorf("bad uri %.80q: %w", uri, err)
	case !u.IsSIP():
		return "", fmt.Errorf("%.80q is not a sip uri", uri)
	}
	host := string(u.Host)
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		host = "[" + host + "]"
	}
	return host, nil
}

// escapeUser writes a user name as the user part of a uri (§25.1).
func escapeUser(s string) string {
	const plain = "-_.!~*'()&=+$,;?/"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// moved reports whether another account is registered elsewhere, or as somebody else: then its
// binding is not a's.
func (a *Account) moved(b *Account) bool {
	return a.Registrar != b.Registrar || a.AOR != b.AOR || a.Contact != b.Contact || a.Proxy != b.Proxy || a.Socket != b.Socket
}

// rebinds reports whether the binding of another account is that of a all the same: the same
// contact of the same address, by another way.
func (a *Account) rebinds(b *Account, locals []*transport.Local) bool {
	one, _ := hostOf(a.Registrar)
	other, _ := hostOf(b.Registrar)
	return message.EqualHost([]byte(one), []byte(other)) && a.AOR == b.AOR && a.contact(locals) == b.contact(locals)
}
