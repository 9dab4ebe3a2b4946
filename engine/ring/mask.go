package ring

// What is secret in a line of a message. It is overwritten, not cut out: lengths stay as they were,
// Content-Length included.

import "bytes"

const star = '*'

// secrecy is how a line is masked.
type secrecy uint8

const (
	open        secrecy = iota
	credentials         // of an Authorization header, or its answer
	value               // all that follows the colon or equals sign
	inline              // the key of a=crypto
)

// secretLines are the beginnings of lines with secrets, in lower case.
var secretLines = [...]struct {
	name string
	how  secrecy
}{
	{"authorization", credentials}, {"proxy-authorization", credentials},
	{"authentication-info", credentials}, {"proxy-authentication-info", credentials},
	{"a=crypto:", inline}, {"a=ice-pwd:", value}, {"a=key-mgmt:", value}, {"k=", value},
}

// secrecyOf is how the line must be masked.
func secrecyOf(line []byte) secrecy {
	if len(line) == 0 {
		return open
	}
	switch line[0] | 0x20 {
	case 'a', 'p', 'k':
	default:
		return open
	}
	for i := range secretLines {
		s := &secretLines[i]
		if len(line) < len(s.name) || !foldEqual(line[:len(s.name)], s.name) {
			continue
		}
		if s.how != credentials {
			return s.how
		}
		rest := bytes.TrimLeft(line[len(s.name):], " \t") // a header's name ends here
		if len(rest) > 0 && rest[0] == ':' {
			return s.how
		}
	}
	return open
}

func foldEqual(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// mask overwrites what is secret in text[lo:hi], a line with its end, and returns where the first
// byte was that it changed, or hi.
func mask(text []byte, lo, hi int) int {
	line := text[lo:hi]
	first := hi
	switch secrecyOf(header(text, lo)) {
	case credentials:
		if line[0] == ' ' || line[0] == '\t' {
			first = lo + hide(line, 0, len(line))
		} else {
			first = lo + maskCredentials(line)
		}
	case value:
		separator := byte(':')
		if line[0]|0x20 == 'k' {
			separator = '='
		}
		first = lo + hide(line, bytes.IndexByte(line, separator)+1, len(line))
	case inline:
		if i := bytes.Index(line, []byte("inline:")); i >= 0 {
			first = lo + hide(line, i+len("inline:"), len(line))
		} else { // it is not known where the key is
			first = lo + hide(line, len("a=crypto:"), len(line))
		}
	case open:
	}
	return min(first, lo+maskURIs(line))
}

// header is the line at lo, or the one that it continues (RFC 3261 §7.3.1).
func header(text []byte, lo int) []byte {
	for lo > 0 && lo < len(text) && (text[lo] == ' ' || text[lo] == '\t') {
		lo = bytes.LastIndexByte(text[:lo-1], '\n') + 1
	}
	return text[lo:]
}

// hide overwrites what is neither white space nor a quotation mark in line[lo:hi], and returns
// where the first byte was that it changed, or len(line).
func hide(line []byte, lo, hi int) int {
	first := len(line)
	for i := lo; i < hi; i++ {
		switch line[i] {
		case ' ', '\t', '\r', '\n', '"', star:
		default:
			line[i] = star
			first = min(first, i)
		}
	}
	return first
}

// plain are the parameters of Digest that prove nothing (RFC 7616 §3.4, §3.5).
func plain(name []byte) bool {
	switch string(bytes.ToLower(name)) {
	case "username", "realm", "nonce", "uri", "algorithm", "qop", "nc", "userhash", "nextnonce":
		return true
	}
	return false
}

// maskCredentials leaves the scheme and what only names something.
func maskCredentials(line []byte) int {
	i := bytes.IndexByte(line, ':') + 1
	i += len(line[i:]) - len(bytes.TrimLeft(line[i:], " \t"))
	first := len(line)
	word := bytes.IndexAny(line[i:], " \t=\r\n")
	switch {
	case word < 0, line[i+word] == '\r', line[i+word] == '\n': // no scheme
		return hide(line, i, len(line))
	case line[i+word] == '=': // parameters without a scheme: Authentication-Info
	case !foldEqual(line[i:i+word], "digest"):
		return hide(line, i+word, len(line))
	default:
		i += word
	}
	for i < len(line) {
		end := paramEnd(line, i)
		if eq := bytes.IndexByte(line[i:end], '='); eq >= 0 && !plain(bytes.Trim(line[i:i+eq], " \t\r\n")) {
			first = min(first, hide(line, i+eq+1, end))
		} else if eq < 0 {
			first = min(first, hide(line, i, end))
		}
		i = end + 1
	}
	return first
}

// paramEnd is where the parameter at i ends: at a comma outside of quotes.
func paramEnd(line []byte, i int) int {
	quoted := false
	for ; i < len(line); i++ {
		switch {
		case line[i] == '\\' && quoted:
			i++
		case line[i] == '"':
			quoted = !quoted
		case line[i] == ',' && !quoted:
			return i
		}
	}
	return len(line)
}

// maskURIs overwrites the passwords of SIP URIs: sip:user:password@host (RFC 3261 §19.1.1).
func maskURIs(line []byte) int {
	first := len(line)
	for at := 0; at < len(line); {
		n := bytes.IndexByte(line[at:], '@')
		if n < 0 {
			break
		}
		at += n
		if !colons(line[:at]) {
			at++
			continue
		}
		if i := userinfo(line[:at]); i >= 0 {
			if colon := bytes.IndexByte(line[i:at], ':'); colon >= 0 {
				first = min(first, hide(line, i+colon+1, at))
			}
		}
		at++
	}
	return first
}

// colons reports whether there are two colons between an @ and what could delimit a URI before it:
// without a password there is one, after the scheme.
func colons(line []byte) bool {
	n := 0
	for i := len(line) - 1; i >= 0; i-- {
		switch line[i] {
		case '<', '>', ' ', '\t', '"', ',':
			return false
		case ':':
			if n++; n == 2 {
				return true
			}
		}
	}
	return false
}

// userinfo is where the userinfo begins that ends with line, or -1: behind sip: or sips:.
func userinfo(line []byte) int {
	lo := bytes.LastIndexAny(line, "<> \t\",") + 1
	for i := lo; i+4 <= len(line); i++ {
		if line[i]|0x20 != 's' || line[i+1]|0x20 != 'i' || line[i+2]|0x20 != 'p' {
			continue
		}
		switch {
		case line[i+3] == ':':
			return i + 4
		case line[i+3]|0x20 == 's' && i+4 < len(line) && line[i+4] == ':':
			return i + 5
		}
	}
	return -1
}
