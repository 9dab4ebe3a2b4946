package message

// This file reads and edits the start line (RFC 3261 §7.1, §7.2).

import (
	"bytes"
	"strconv"
)

// startLine is the request line or status line: three parts, as offsets into buf or arena.
type startLine struct {
	arena  bool
	lo, hi uint32 // the whole line, its end included
	a, aHi uint32 // method, or version of a response
	b, bHi uint32 // Request-URI, or status code
	c, cHi uint32 // version of a request, or reason phrase
}

const (
	version20 = "SIP/2.0"
	minStatus = 100
	maxStatus = 699
)

// parseRequestLine reads Method SP Request-URI SP SIP-Version from buf[i:end]. The method ends at
// the first space and the version begins after the last, so that a Request-URI with spaces in it,
// which is an error, is still recognized as one.
func (m *Message) parseRequestLine(i, end int) {
	line := m.buf[i:end]
	first := bytes.IndexByte(line, ' ')
	last := bytes.LastIndexByte(line, ' ')
	if first < 0 {
		first, last = len(line), len(line)
	}
	m.start.a, m.start.aHi = uint32(i), uint32(i+first)
	m.start.b, m.start.bHi = uint32(min(i+first+1, end)), uint32(max(i+last, min(i+first+1, end)))
	m.start.c, m.start.cHi = uint32(min(i+last+1, end)), uint32(end)
	method := line[:first]
	m.method = ParseMethod(method)
	switch {
	case first == last:
		m.fail(bad("Bad request line"))
	case m.method == MethodOther && (first == 0 || !all(method, charToken)):
		m.fail(bad("Bad method"))
	case !isVersion(line[last+1:]):
		m.fail(bad("Bad SIP version"))
	case bytes.IndexByte(line[first+1:last], ' ') >= 0:
		// There is an extra space between the parts, or a space in the URI: which of the two cannot
		// be determined (RFC 4475 §3.1.2.8, §3.1.2.9).
		m.fail(bad("Bad Request-URI: white space"))
	}
}

// parseStatusLine reads SIP-Version SP Status-Code SP Reason-Phrase from buf[i:end]. The space
// before an empty phrase may be missing: it often is.
func (m *Message) parseStatusLine(i, end int) {
	line := m.buf[i:end]
	first := bytes.IndexByte(line, ' ')
	if first < 0 {
		first = len(line)
	}
	rest := line[min(first+1, len(line)):]
	second := bytes.IndexByte(rest, ' ')
	if second < 0 {
		second = len(rest)
	}
	second += min(first+1, len(line))
	m.start.a, m.start.aHi = uint32(i), uint32(i+first)
	m.start.b, m.start.bHi = uint32(min(i+first+1, end)), uint32(i+second)
	m.start.c, m.start.cHi = uint32(min(i+second+1, end)), uint32(end)
	code, ok := decimal(line[min(first+1, second):second], maxStatus)
	if !ok || code < minStatus || second-first != 4 {
		m.fail(bad("Bad status code"))
		code = maxStatus // a response, if not one that could be read
	}
	if !isVersion(line[:first]) {
		m.fail(bad("Bad SIP version"))
	}
	m.status = int(code)
}

// isVersion reports whether b is "SIP" "/" 1*DIGIT "." 1*DIGIT, of whatever version.
func isVersion(b []byte) bool {
	if len(b) == len(version20) && string(b) == version20 {
		return true
	}
	if len(b) < len(version20) || !equalFold(b[:4], "SIP/") {
		return false
	}
	dot := bytes.IndexByte(b, '.')
	return dot > 4 && dot < len(b)-1 && all(b[4:dot], charDigit) && all(b[dot+1:], charDigit)
}

// SpellVersion writes "SIP/2.0" as in §7.1 if the start line, which Validate accepted, has it in
// another case: the version is read without case, but "implementations MUST send upper-case".
func (m *Message) SpellVersion() {
	if string(m.Version()) == version20 {
		return
	}
	s := m.start
	shift := uint32(len(m.arena)) - s.lo
	line := m.part(s.lo, s.hi)
	m.arena = append(m.arena, line...)
	s.lo, s.hi = s.lo+shift, s.hi+shift
	s.a, s.aHi, s.b, s.bHi, s.c, s.cHi = s.a+shift, s.aHi+shift, s.b+shift, s.bHi+shift, s.c+shift, s.cHi+shift
	s.arena = true
	m.start = s
	at := s.a
	if m.IsRequest() {
		at = s.c
	}
	copy(m.arena[at:], version20)
}

func (m *Message) part(lo, hi uint32) []byte {
	if m.start.arena {
		return m.arena[lo:hi:hi]
	}
	return m.buf[lo:hi:hi]
}

// IsRequest reports whether the message is a request. It is true for a message whose start line
// could not be read.
func (m *Message) IsRequest() bool { return m.status == 0 }

// Method is the request's method; MethodOther for a response.
func (m *Message) Method() Method { return m.method }

// MethodText is the request's method as written; nil for a response.
func (m *Message) MethodText() []byte {
	if !m.IsRequest() {
		return nil
	}
	return m.part(m.start.a, m.start.aHi)
}

// RequestURI is the Request-URI as written, or as last set; nil for a response.
func (m *Message) RequestURI() []byte {
	if !m.IsRequest() {
		return nil
	}
	return m.part(m.start.b, m.start.bHi)
}

// Version is the SIP version as written: "SIP/2.0".
func (m *Message) Version() []byte {
	if m.IsRequest() {
		return m.part(m.start.c, m.start.cHi)
	}
	return m.part(m.start.a, m.start.aHi)
}

// Status is the response's status code, 100 to 699; 0 for a request.
func (m *Message) Status() int { return m.status }

// ReasonPhrase is the response's reason phrase; nil for a request.
func (m *Message) ReasonPhrase() []byte {
	if m.IsRequest() {
		return nil
	}
	return m.part(m.start.c, m.start.cHi)
}

// SetRequestURI replaces a request's Request-URI. Bytes that would end the URI or the line are
// written escaped (%HH): the caller is expected to have parsed u. It does nothing to a response.
func (m *Message) SetRequestURI(u []byte) {
	if !m.IsRequest() {
		return
	}
	s := startLine{arena: true, lo: uint32(len(m.arena))}
	method, version := m.MethodText(), m.Version()
	s.a = s.lo
	m.arena = append(m.arena, method...)
	s.aHi = uint32(len(m.arena))
	m.arena = append(m.arena, ' ')
	s.b = uint32(len(m.arena))
	if visible(u) {
		m.arena = append(m.arena, u...)
	} else {
		m.arena = appendVisible(m.arena, u)
	}
	s.bHi = uint32(len(m.arena))
	m.arena = append(m.arena, ' ')
	s.c = uint32(len(m.arena))
	m.arena = append(m.arena, version...)
	s.cHi = uint32(len(m.arena))
	m.arena = append(m.arena, "\r\n"...)
	s.hi = uint32(len(m.arena))
	m.start = s
}

// appendVisible appends u with invisible characters escaped.
func appendVisible(dst, u []byte) []byte {
	for i := range u {
		if c := u[i]; visible(u[i : i+1]) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

// SetStatus replaces a response's status line: code is put between 100 and 699, and an empty reason
// means [ReasonFor] the code. It does nothing to a request.
func (m *Message) SetStatus(code int, reason string) {
	if m.IsRequest() {
		return
	}
	code = min(max(code, minStatus), maxStatus)
	if reason == "" {
		reason = ReasonFor(code)
	}
	s := startLine{arena: true, lo: uint32(len(m.arena))}
	s.a = s.lo
	m.arena = append(m.arena, version20...)
	s.aHi = uint32(len(m.arena))
	m.arena = append(m.arena, ' ')
	s.b = uint32(len(m.arena))
	m.arena = strconv.AppendInt(m.arena, int64(code), 10)
	s.bHi = uint32(len(m.arena))
	m.arena = append(m.arena, ' ')
	s.c = uint32(len(m.arena))
	m.arena = appendClean(m.arena, reason)
	s.cHi = uint32(len(m.arena))
	m.arena = append(m.arena, "\r\n"...)
	s.hi = uint32(len(m.arena))
	m.start, m.status = s, code
}

const upperHex = "0123456789ABCDEF"
