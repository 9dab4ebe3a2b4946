package ring

import "bytes"

// What is secret in the URIs of a line.

// uriScan is where a pass over a line is, in what lies between two delimiters and may be a URI.
type uriScan struct {
	line  []byte
	first int  // the first byte that was changed
	work  int  // bytes that were overwritten
	word  int  // behind the last delimiter
	user  int  // where the userinfo begins: behind "sip:", "sips:" or "://"; or -1
	colon int  // the first one of the userinfo, or -1: a password follows
	done  int  // so far the password is hidden
	web   bool // the userinfo ends at a slash
	query bool // headers follow (RFC 3261 §19.1.1)
	value int  // where the value of a header with credentials begins, or -1
}

// uris overwrites the passwords of URIs, sip:user:password@host (RFC 3261 §19.1.1) and
// https://user:password@host (RFC 3986 §3.2.1), and the credentials in the headers of a SIP URI. It
// goes over the line once. A comma is legal in a user and in a password (RFC 3261 §25.1): it ends a
// URI only where lists may be, outside of angle brackets (§20) and of the start line.
func (m *masker) uris(line []byte, start bool) int {
	s := uriScan{line: line, first: len(line), value: -1}
	s.next(0)
	whole := start // commas are part of a URI
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '<', '>':
			whole = start || line[i] == '<'
			s.delimiter(i)
		case ' ', '\t', '"', '\r', '\n':
			s.delimiter(i)
		case ',':
			if !whole {
				s.delimiter(i)
			}
		case ':':
			s.scheme(i)
		case '@':
			if s.colon >= 0 {
				s.hide(max(s.colon+1, s.done), i)
				s.done = i
			}
		case '/', '#':
			s.path(i)
		case '?', '&':
			s.path(i)
			s.parameter(i)
		}
	}
	s.delimiter(len(line))
	m.work += len(line) + s.work
	return s.first
}

// delimiter ends what may be a URI.
func (s *uriScan) delimiter(i int) {
	s.endValue(i)
	s.next(i + 1)
}

// next begins what may be a URI.
func (s *uriScan) next(i int) {
	s.word, s.user, s.colon, s.done, s.web, s.query = i, -1, -1, 0, false, false
}

// scheme sees a colon: behind a scheme, or between user and password.
func (s *uriScan) scheme(i int) {
	before := s.line[s.word:i]
	switch {
	case s.user >= 0:
		if s.colon < 0 && i >= s.user {
			s.colon = i
		}
	case endsIn(before, "sip"), endsIn(before, "sips"):
		s.user = i + 1
	case i+2 < len(s.line) && s.line[i+1] == '/' && s.line[i+2] == '/':
		s.user, s.web = i+3, true
	}
}

// mayHaveSecrets reports whether uris has to look at a line. What is before each @ decides: the
// name of a user alone, behind "sip:" or nothing, as nearly always; or something with a colon.
func mayHaveSecrets(line []byte) bool {
	if bytes.IndexByte(line, '?') >= 0 {
		return true
	}
	for from := 0; ; {
		k := bytes.IndexByte(line[from:], '@')
		if k < 0 {
			return false
		}
		i := from + k - 1
		for i >= from && line[i] != ':' && !isDelimiter(line[i]) {
			i--
		}
		if i >= from && line[i] == ':' && !afterScheme(line[:i]) {
			return true
		}
		from += k + 1
	}
}

// afterScheme reports whether b ends in "sip" or "sips", and what is before that ends what was
// before.
func afterScheme(b []byte) bool {
	n := len(b)
	if n > 0 && b[n-1]|0x20 == 's' {
		n--
	}
	if n < 4 || !foldEqual(b[n-3:n], "sip") {
		return false
	}
	return isDelimiter(b[n-4])
}

// isDelimiter reports whether c ends what may be a URI, whatever is around it.
func isDelimiter(c byte) bool {
	switch c {
	case '<', '>', ' ', '\t', '"', '\r', '\n':
		return true
	}
	return false
}

func endsIn(b []byte, lower string) bool {
	return len(b) >= len(lower) && foldEqual(b[len(b)-len(lower):], lower)
}

// path sees what ends the authority of https://user:password@host (RFC 3986 §3.2).
func (s *uriScan) path(i int) {
	if s.web && i >= s.user {
		s.user, s.colon, s.web = -1, -1, false
	}
}

// parameter sees what is before a header of a SIP URI, and between two.
func (s *uriScan) parameter(i int) {
	s.endValue(i)
	s.query = s.query || s.line[i] == '?'
	if !s.query {
		return
	}
	for _, name := range [...]string{"authorization=", "proxy-authorization="} {
		if rest := s.line[i+1:]; len(rest) >= len(name) && foldEqual(rest[:len(name)], name) {
			s.value = i + 1 + len(name)
		}
	}
}

// endValue hides the value of a header with credentials, which ends here.
func (s *uriScan) endValue(i int) {
	if s.value >= 0 {
		s.hide(s.value, i)
		s.value = -1
	}
}

func (s *uriScan) hide(lo, hi int) {
	s.work += hi - lo
	s.first = min(s.first, hide(s.line, lo, hi))
}
