package proxy

import (
	"bytes"
	"slices"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// What is removed of a Request-URI: on the way in, a maddr that has done its work (§16.4); on the
// way out, what may not be there (§16.6 step 2).

// requestURI is a contact or script URI without what may not be in a Request-URI (§19.1.1):
// headers, and the method parameter.
func requestURI(s string) []byte {
	b := view(s)
	if bytes.IndexByte(b, '?') < 0 && !mayHaveMethod(b) {
		return b
	}
	u, err := message.ParseURI(b)
	if err != nil || !u.IsSIP() {
		return b
	}
	head := b[:paramsAt(b, &u)]
	if !u.Params.Has("method") {
		return b[:len(head)+len(u.Params)]
	}
	return appendParams(bytes.Clone(head), u.Params, "method")
}

// rehost replaces host and port of m's Request-URI, which must be a SIP URI; a maddr goes with
// them.
func rehost(m *message.Message, host string) error {
	b := m.RequestURI()
	u, err := message.ParseURI(b)
	if err != nil {
		return err
	}
	if !u.IsSIP() {
		return errScheme
	}
	end := paramsAt(b, &u)
	start := bytes.LastIndexByte(b[:end], '@') + 1
	if start == 0 {
		start = len(u.Scheme) + 1
	}
	out := append(append(make([]byte, 0, len(b)+len(host)), b[:start]...), host...)
	m.SetRequestURI(appendParams(out, u.Params, "maddr"))
	return nil
}

// mayHaveMethod is true of every URI that has a method parameter, and of few others.
func mayHaveMethod(b []byte) bool {
	const name = "method"
	for i := bytes.IndexByte(b, ';'); i >= 0 && i+1+len(name) <= len(b); {
		if bytes.EqualFold(b[i+1:i+1+len(name)], []byte(name)) {
			return true
		}
		n := bytes.IndexByte(b[i+1:], ';')
		if n < 0 {
			break
		}
		i += 1 + n
	}
	return false
}

// paramsAt is where the parameters of a sip URI begin, or would begin.
func paramsAt(b []byte, u *message.URI) int {
	end := len(b)
	if len(u.Headers) > 0 || end > 0 && b[end-1] == '?' {
		end -= len(u.Headers) + 1
	}
	return end - len(u.Params)
}

// appendParams appends parameters as they are written, except for those named.
func appendParams(dst []byte, params message.Params, but ...string) []byte {
	for rest := []byte(params); len(rest) > 0; {
		one := rest
		if i := bytes.IndexByte(rest[1:], ';'); i >= 0 {
			one = rest[:i+1]
		}
		rest = rest[len(one):]
		name, _, _ := bytes.Cut(one[1:], []byte("="))
		if !slices.ContainsFunc(but, func(s string) bool { return bytes.EqualFold(bytes.TrimSpace(name), []byte(s)) }) {
			dst = append(dst, one...)
		}
	}
	return dst
}

// stripMaddr removes maddr, transport and a non-default port from the Request-URI if maddr names
// this server and the request arrived by the port and transport in the URI (§16.4). Otherwise it is
// meant for another listener of ours, or for somebody else.
func (c *Core) stripMaddr(req *message.Message, from *transaction.Arrival) {
	uri := req.RequestURI()
	if bytes.IndexByte(uri, ';') < 0 {
		return
	}
	u, err := message.ParseURI(uri)
	if err != nil || !u.IsSIP() {
		return
	}
	maddr, ok := u.Params.Get("maddr")
	if !ok || !c.IsLocal(bytes.Trim(maddr, "[]"), u.Port, u.Scheme) {
		return
	}
	kind := transport.UDP
	if len(u.Scheme) == 4 { // sips
		kind = transport.TLS
	}
	if t, ok := u.Params.Get("transport"); ok {
		if kind, ok = transport.ParseKind(t); !ok {
			return
		}
	}
	port := u.Port
	if port == 0 {
		port = kind.DefaultPort()
	}
	if l := from.Local; kind != from.Kind || l == nil || port != l.Port && port != l.Addr.Port() {
		return
	}
	at := paramsAt(uri, &u)
	clean := bytes.Clone(uri[:at])
	if u.Port != 0 && u.Port != kind.DefaultPort() {
		clean = clean[:bytes.LastIndexByte(clean, ':')]
	}
	clean = appendParams(clean, u.Params, "maddr", "transport")
	req.SetRequestURI(append(clean, uri[at+len(u.Params):]...))
}
