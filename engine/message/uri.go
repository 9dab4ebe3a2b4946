package message

// This file reads and writes URIs.

import (
	"bytes"
	"strconv"
)

// URI is a SIP, SIPS or TEL URI, or any other absolute URI with Scheme and Opaque only (§19.1, RFC
// 3966).
type URI struct {
	Scheme      []byte // as written
	User        []byte // escaped, as written; nil: none; tel: the number
	Password    []byte // after the first ':' of the userinfo, escaped, as written
	HasPassword bool   // "user:@host" has an empty one
	Host        []byte // IPv6 references without brackets
	Port        uint16 // 0: none written
	Params      Params // ";lr;transport=tcp" as written
	Headers     []byte // after '?', as written
	Opaque      []byte // schemes other than sip, sips, tel: all after ':'

	portText []byte // as written; it may have zeros in front
}

// scheme is the engine's classification of a URI's scheme.
type scheme uint8

const (
	schemeOther scheme = iota
	schemeSIP
	schemeSIPS
	schemeTel
)

func schemeOf(b []byte) scheme {
	switch len(b) {
	case 3:
		if equalFold(b, "sip") {
			return schemeSIP
		}
		if equalFold(b, "tel") {
			return schemeTel
		}
	case 4:
		if equalFold(b, "sips") {
			return schemeSIPS
		}
	}
	return schemeOther
}

// ParseURI reads text, a URI without anything around it. The URI's parts are slices of text. The
// error is an [*Error] of status 400.
//
// Headers in a Request-URI are kept though they do not belong there (§19.1.1), and so is a '#' in
// the user, which dial strings have and the grammar has not.
func ParseURI(text []byte) (URI, error) {
	var u URI
	if flaw := u.parse(text, defaultParams); flaw != "" {
		return u, bad("Bad URI: " + flaw)
	}
	return u, nil
}

// parse reads the URI text into u. It returns what is wrong with it, or "".
func (u *URI) parse(text []byte, limit int) (flaw string) {
	if len(text) > 3 && text[3] == ':' && equalFold(text[:3], "sip") { // nearly all
		u.Scheme = text[:3:3]
		return u.parseSIP(text[4:], limit)
	}
	colon := bytes.IndexByte(text, ':')
	if colon < 0 || !isScheme(text[:colon]) {
		return "no scheme"
	}
	u.Scheme = text[:colon:colon]
	rest := text[colon+1:]
	switch schemeOf(u.Scheme) {
	case schemeSIP, schemeSIPS:
		return u.parseSIP(rest, limit)
	case schemeTel:
		return u.parseTel(rest, limit)
	}
	if len(rest) == 0 {
		return "nothing after the scheme"
	}
	if !visible(rest) {
		return "bad character"
	}
	u.Opaque = rest
	return ""
}

// isScheme reports whether b is ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ).
func isScheme(b []byte) bool {
	for i, c := range b {
		alpha := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !alpha && (i == 0 || !is(c, charDigit) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return len(b) > 0
}

// visible reports whether b has no control character, space, quote or angle bracket, none of which
// can be in <>.
func visible(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c == '"' || c == '<' || c == '>' || c == 0x7f {
			return false
		}
	}
	return true
}

// parseSIP reads [ userinfo "@" ] hostport uri-parameters [ headers ].
//
// The user may hold ';' '?' and '/', so the first '@' ends it whatever comes before.
func (u *URI) parseSIP(b []byte, limit int) (flaw string) {
	i := 0
	for i < len(b) && is(b[i], charUser) {
		i++
	}
	at := -1
	if i < len(b) {
		if at = bytes.IndexByte(b[i:], '@'); at >= 0 {
			at += i
		}
	}
	switch {
	case at < 0:
		i = 0
	case at == i && i > 0:
		u.User = b[:at:at]
		i++
	default:
		user := b[:at:at]
		if colon := bytes.IndexByte(user, ':'); colon >= 0 {
			u.HasPassword = true
			u.Password = user[colon+1:]
			user = user[:colon:colon]
		}
		if len(user) == 0 {
			return "empty user"
		}
		if !escaped(user, charUser) || !escaped(u.Password, charUser) {
			return "bad character in the user part"
		}
		u.User = user
		i = at + 1
	}
	var h hostport
	if flaw = h.parse(b, i, false); flaw != "" {
		return flaw
	}
	u.Host, u.Port = b[h.lo:h.hi:h.hi], h.port
	if h.port != 0 {
		u.portText = b[h.portLo:h.end:h.end]
	}
	rest := b[h.end:]
	if len(rest) == 0 {
		return ""
	}
	if plainURIParams(rest, limit) {
		u.Params = Params(rest)
		return ""
	}
	if question := bytes.IndexByte(rest, '?'); question >= 0 {
		u.Headers = rest[question+1:]
		rest = rest[:question:question]
		if !escaped(u.Headers, charURI) {
			return "bad character in the headers"
		}
	}
	if len(rest) == 0 {
		return ""
	}
	if rest[0] != ';' {
		return "bad host or port"
	}
	u.Params = Params(rest)
	if !escaped(rest, charURI) || bytes.IndexByte(rest, '@') >= 0 {
		return "bad character in the parameters"
	}
	return u.Params.check(limit, "", new(found))
}

// plainURIParams reports, in one pass, whether b consists only of parameters, at most limit of
// them, without escapes and rare characters such as '=' in a value. A negative result does not mean
// that b is malformed.
func plainURIParams(b []byte, limit int) bool {
	n := 0
	for i := 0; i < len(b); n++ {
		if b[i] != ';' {
			return false
		}
		i++
		name := i
		for i < len(b) && is(b[i], charURIName) {
			i++
		}
		if i == name {
			return false
		}
		if i < len(b) && b[i] == '=' {
			for i++; i < len(b) && is(b[i], charURIName); {
				i++
			}
		}
	}
	return n <= limit
}

// parseTel reads a telephone-subscriber (RFC 3966 §3). It checks only that the number is plausible:
// digits, separators, and the letters of local numbers.
func (u *URI) parseTel(b []byte, limit int) (flaw string) {
	end := bytes.IndexByte(b, ';')
	if end < 0 {
		end = len(b)
	}
	u.User = b[:end:end]
	digits := 0
	for i, c := range u.User {
		if !is(c, charHex) && !isSeparator(c) && c != '*' && c != '#' && (c != '+' || i > 0) {
			return "bad character in the number"
		}
		if !isSeparator(c) && c != '+' {
			digits++
		}
	}
	if digits == 0 {
		return "empty number"
	}
	if end == len(b) {
		return ""
	}
	u.Params = Params(b[end:])
	if !escaped(b[end:], charURI) {
		return "bad character in the parameters"
	}
	return u.Params.check(limit, "", new(found))
}

// isSeparator reports whether c is a visual-separator of a telephone number (RFC 3966 §3).
func isSeparator(c byte) bool { return c == '-' || c == '.' || c == '(' || c == ')' }

// AppendTo appends the URI: byte for byte what was parsed, if nothing was changed.
func (u *URI) AppendTo(dst []byte) []byte {
	dst = append(dst, u.Scheme...)
	dst = append(dst, ':')
	switch schemeOf(u.Scheme) {
	case schemeTel:
		dst = append(dst, u.User...)
		return append(dst, u.Params...)
	case schemeOther:
		return append(dst, u.Opaque...)
	}
	if u.User != nil {
		dst = append(dst, u.User...)
		if u.HasPassword {
			dst = append(dst, ':')
			dst = append(dst, u.Password...)
		}
		dst = append(dst, '@')
	}
	dst = appendHost(dst, u.Host)
	if u.Port != 0 {
		dst = append(dst, ':')
		if n, ok := decimal(u.portText, 65535); ok && n == uint64(u.Port) {
			dst = append(dst, u.portText...)
		} else {
			dst = strconv.AppendUint(dst, uint64(u.Port), 10)
		}
	}
	dst = append(dst, u.Params...)
	if u.Headers != nil {
		dst = append(dst, '?')
		dst = append(dst, u.Headers...)
	}
	return dst
}

// appendHost appends host, an IPv6 address in brackets.
func appendHost(dst, host []byte) []byte {
	if bytes.IndexByte(host, ':') < 0 {
		return append(dst, host...)
	}
	dst = append(dst, '[')
	dst = append(dst, host...)
	return append(dst, ']')
}

// IsSIP reports whether the scheme is sip or sips.
func (u *URI) IsSIP() bool {
	s := schemeOf(u.Scheme)
	return s == schemeSIP || s == schemeSIPS
}
