package dialog

// Names of parties, in the form in which requests of ours carry them.

import (
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
)

// bare is a URI without its parameters and headers, as To wants it.
func bare(uri string) string {
	if i := strings.IndexAny(uri, "?"); i >= 0 {
		uri = uri[:i]
	}
	at := strings.LastIndexByte(uri, '@') // a user part may have semicolons
	if i := strings.IndexByte(uri[at+1:], ';'); i >= 0 {
		uri = uri[:at+1+i]
	}
	return uri
}

// address is a name-addr.
func address(display, uri string) string {
	if display == "" {
		return "<" + uri + ">"
	}
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, display)
	if strings.ContainsAny(clean, `\"`) {
		clean = strings.ReplaceAll(strings.ReplaceAll(clean, `\`, `\\`), `"`, `\"`)
	}
	return `"` + clean + `" <` + uri + ">"
}

// host is how this server calls itself.
func (a *Agent) host() string {
	if d := a.eng.Domains().First(); d != "" {
		return d
	}
	return a.own.String()
}

// unfolded makes one line of a value (RFC 3261 §7.3.1).
func unfolded(value string) string {
	if !strings.ContainsAny(value, "\r\n") {
		return value
	}
	return strings.NewReplacer("\r", "", "\n", "").Replace(value)
}

// party is who a From or To names, as a name-addr without a tag: peers write it without brackets,
// and on several lines.
func party(value []byte) (name, display, uri string, ok bool) {
	text := unfolded(string(value))
	a, err := message.ParseAddress([]byte(text))
	if err != nil || a.Star || strings.ContainsAny(string(a.URI), " \t\x00") {
		return "", "", "", false
	}
	display, uri = a.DisplayName(), string(a.URI)
	return address(display, uri), display, uri, true
}

// tagged is a name with a tag; "" is that of a peer that knows of none (§12.1.2).
func tagged(name, tag string) string {
	if tag == "" {
		return name
	}
	return name + ";tag=" + unfolded(tag)
}

// reachable is a Reach of values that requests can carry, and whether there is a remote target: a
// dialog cannot be without one (§12.1.1).
func reachable(r engine.Reach) (engine.Reach, bool) {
	r.URI = unfolded(r.URI)
	for i, route := range r.Routes {
		r.Routes[i] = unfolded(route)
	}
	u, err := message.ParseURI([]byte(r.URI))
	if err != nil || !u.IsSIP() {
		return r, false
	}
	return r, (&engine.Target{URI: r.URI, Path: r.Routes}).Check() == nil
}

// sendable are those headers that a response can carry.
func sendable(headers []engine.HeaderEdit) []engine.HeaderEdit {
	if proxy.CheckEdits(headers) == nil {
		return headers
	}
	return nil
}
