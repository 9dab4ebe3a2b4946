package proxy

import (
	"bytes"
	"net/netip"
	"slices"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// User agents return what we put into URIs in any spelling that §19.1.4 calls equal, and in some
// that it does not: parameters sorted, names in upper case, values in lower case. So what we write
// has no upper-case letters, and what we sign is its meaning.

// AppendToken is [message.AppendToken].
func AppendToken(dst, b []byte) []byte { return message.AppendToken(dst, b) }

// TokenLen is [message.TokenLen].
func TokenLen(n int) int { return message.TokenLen(n) }

// ReadToken is [message.ReadToken].
func ReadToken(dst, token []byte) (n int, ok bool) { return message.ReadToken(dst, token) }

func appendLower(dst, b []byte) []byte {
	for _, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// sealed begins a name or value of the script's that would not survive: the rest is a token.
const sealed = '!'

// sealParams makes the script's parameters ones that survive a change of case.
func sealParams(params string) string {
	if !needsSeal(params) {
		return params
	}
	var dst []byte
	message.Params(params).Each(func(name, value []byte) bool {
		dst = appendSealed(append(dst, ';'), name)
		if len(value) > 0 {
			dst = appendSealed(append(dst, '='), value)
		}
		return true
	})
	return string(dst)
}

func needsSeal(params string) bool {
	for _, c := range []byte(params) {
		if 'A' <= c && c <= 'Z' || c == sealed || c == '%' {
			return true
		}
	}
	return false
}

func appendSealed(dst, b []byte) []byte {
	if !needsSeal(text(b)) {
		return append(dst, b...)
	}
	return AppendToken(append(dst, sealed), b)
}

// unsealParams is the opposite of sealParams.
func unsealParams(params message.Params) message.Params {
	if bytes.IndexByte(params, sealed) < 0 {
		return params
	}
	var dst []byte
	params.Each(func(name, value []byte) bool {
		dst = appendUnsealed(append(dst, ';'), name)
		if len(value) > 0 {
			dst = appendUnsealed(append(dst, '='), value)
		}
		return true
	})
	return dst
}

func appendUnsealed(dst, b []byte) []byte {
	var space [512]byte
	if len(b) > 0 && b[0] == sealed {
		if n, ok := ReadToken(space[:], b[1:]); ok {
			return append(dst, space[:n]...)
		}
	}
	return append(dst, b...)
}

// isReserved reports whether a parameter of our entries is the engine's, not the script's.
func isReserved(name []byte) bool {
	for _, r := range reserved {
		if len(name) == len(r) && bytes.EqualFold(name, view(r)) {
			return true
		}
	}
	return false
}

// mostRouteParams bounds the parameters of an entry of ours.
const mostRouteParams = 32

// scriptParams appends the script's parameters of an entry, in lower case and in the order of their
// names, however they came back. ok is false if there are too many.
func scriptParams(dst []byte, params message.Params) (_ []byte, ok bool) {
	var space [mostRouteParams][2][]byte
	list := space[:0]
	ok = true
	params.Each(func(name, value []byte) bool {
		if isReserved(name) {
			return true
		}
		if ok = len(list) < mostRouteParams; ok {
			list = append(list, [2][]byte{name, value})
		}
		return ok
	})
	if !ok || len(list) == 0 {
		return dst, ok
	}
	slices.SortStableFunc(list, func(a, b [2][]byte) int { return compareFold(a[0], b[0]) })
	for _, p := range list {
		dst = appendLower(append(dst, ';'), p[0])
		if len(p[1]) > 0 {
			dst = appendLower(append(dst, '='), p[1])
		}
	}
	return dst, true
}

func compareFold(a, b []byte) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if x, y := a[i]|0x20, b[i]|0x20; x != y {
			return int(x) - int(y)
		}
	}
	return len(a) - len(b)
}

// appendPlace appends what a URI says about where a request goes: scheme, host, port, transport and
// maddr, as nextHop reads them. A default and its explicit form are the same place.
func appendPlace(dst []byte, u *message.URI) []byte {
	secure := len(u.Scheme) == 4
	kind, port := transport.UDP, u.Port
	name, there := u.Params.Get("transport")
	if there {
		kind, _ = transport.ParseKind(name) // 0 for an unknown one, which leads nowhere
	}
	if secure {
		hop := NextHop{Kind: kind}
		hop.secure()
		kind = hop.Kind
	}
	if port == 0 {
		port = kind.DefaultPort()
	}
	maddr, _ := u.Params.Get("maddr")
	dst = append(appendLower(dst, u.Scheme), ':')
	dst = append(appendHost(dst, u.Host), ':', byte(port>>8), byte(port), byte(kind))
	return append(appendHost(dst, bytes.Trim(maddr, "[]")), 0)
}

// appendHost appends a host as equal ones are: names in lower case and without the dot of the root,
// IPv6 addresses in one spelling (RFC 5954 §4.2).
func appendHost(dst, host []byte) []byte {
	if bytes.IndexByte(host, ':') >= 0 {
		if addr, err := netip.ParseAddr(text(host)); err == nil {
			return addr.AppendTo(dst)
		}
	}
	if n := len(host); n > 1 && host[n-1] == '.' {
		host = host[:n-1]
	}
	return appendLower(dst, host)
}

// appendHop appends what somebody else's Route entry says about the next hop: for a strict router
// it becomes the Request-URI (§16.6 step 6).
func appendHop(dst []byte, u *message.URI) []byte {
	if dst = appendTarget(dst, u); u.Params.Has("lr") {
		dst = append(dst, 'l')
	}
	return dst
}

// appendTarget appends what a URI says about the recipient of a request: its place, and the user
// and gr.
func appendTarget(dst []byte, u *message.URI) []byte {
	if !u.IsSIP() {
		return u.AppendAOR(dst)
	}
	dst = append(appendPlace(dst, u), 0)
	for i := 0; i < len(u.User); i++ { // escaped or not
		c := u.User[i]
		if c == '%' && i+2 < len(u.User) {
			if hi, lo := unhex(u.User[i+1]), unhex(u.User[i+2]); hi < 16 && lo < 16 {
				c, i = hi<<4|lo, i+2
			}
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	gr, there := u.Params.Get("gr")
	if there {
		dst = append(dst, ';')
	}
	return appendLower(append(dst, 0), gr)
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}
