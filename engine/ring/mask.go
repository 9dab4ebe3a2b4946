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
		// A header's name ends here, and its colon may be on the next line
		rest := bytes.TrimLeft(line[len(s.name):], " \t\r")
		if len(rest) == 0 || rest[0] == ':' || rest[0] == '\n' {
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

// masker masks one text, line by line, from its beginning to its end. Whoever sends chooses the
// text, so each byte of it is looked at a fixed number of times.
type masker struct {
	start int     // where the text begins
	first bool    // with the start line of a message
	seen  int     // the last line whose header was looked for, or -1
	how   secrecy // of that header
	work  int     // bytes that were looked at: tests bound it
}

// begin begins a text; first: it begins with the start line of a message.
func (m *masker) begin(at int, first bool) { *m = masker{start: at, first: first, seen: -1} }

// mask overwrites what is secret in text[lo:hi], a line with its end, and returns where the first
// byte was that it changed, or hi.
func (m *masker) mask(text []byte, lo, hi int) int {
	line := text[lo:hi]
	first := hi
	m.work += len(line)
	switch m.header(text, lo, hi) {
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
	return min(first, lo+m.uris(line, m.first && lo == m.start))
}

// header is how the line must be masked that begins at lo, or the one that it continues (RFC 3261
// §7.3.1). It goes back as far as the last line that was asked for, never further.
func (m *masker) header(text []byte, lo, hi int) secrecy {
	at, least := lo, max(m.seen, m.start)
	for at > least && (text[at] == ' ' || text[at] == '\t') {
		at = least + bytes.LastIndexByte(text[least:at-1], '\n') + 1
	}
	m.work += lo - at
	if at != m.seen {
		m.work += hi - at
		m.how = secrecyOf(text[at:hi])
	}
	m.seen = lo
	return m.how
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
	if i == 0 {
		return len(line)
	}
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
