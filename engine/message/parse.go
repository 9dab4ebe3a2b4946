package message

// This file builds the index over a received message: its lines, and where the body ends.

import (
	"bytes"
	"math"
)

// maxParse is the longest message the index can describe.
const maxParse = math.MaxInt32

// Parse indexes the datagram b, which m refers to from now on: b must not change while m or a view
// of it is in use. After an error m holds what could be read, so that Answerable can say whether a
// 400 can be built from it. A Content-Length shorter than the rest of a datagram truncates the body
// (§18.3); a longer one is an error (400). A length that is wrong because a gateway rewrote the
// addresses of a session description is corrected (see miscounted).
//
// Lines end with CRLF. A lone LF or CR is an error (400): implementations differ on whether it ends
// a line, and one that disagrees with its neighbour can be made to read another message than the
// one its neighbour checked. Control characters are errors too, except for HT and for escaped
// characters in quoted strings. CRLFs before the start line are skipped (§7.5).
func (m *Message) Parse(b []byte, lim *Limits) error {
	m.clear()
	m.lim = lim.resolved()
	if len(b) > m.lim.Message {
		m.fail(&Error{513, "Message Too Large"})
		if len(b) > maxParse {
			return m.err
		}
	}
	m.buf = b
	i := SkipCRLF(b)
	if i == len(b) {
		m.fail(bad("Empty message"))
		return m.err
	}
	i = m.parseStart(i)
	end, length := m.parseFields(i)
	m.parseBody(end, length)
	if m.err != nil {
		return m.err
	}
	return nil
}

// SkipCRLF returns how many bytes at the start of b are CRLFs, which may occur before a start line
// (§7.5).
func SkipCRLF(b []byte) int {
	i := 0
	for i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n' {
		i += 2
	}
	return i
}

// fail keeps the first error.
func (m *Message) fail(e *Error) {
	if m.err == nil {
		m.err = e
	}
}

// contentLength is what the Content-Length fields seen so far say.
type contentLength struct {
	n    uint64
	seen bool
	bad  bool
}

const maxContentLength = math.MaxInt32

// add records the value of one Content-Length field. If two differ, the end of the body is
// undefined.
func (c *contentLength) add(value []byte) {
	n, ok := decimal(value, maxContentLength)
	if !ok || c.seen && n != c.n {
		c.bad = true
	}
	c.n, c.seen = n, true
}

// parseFields indexes the header fields from i on, and returns where the body begins.
func (m *Message) parseFields(i int) (bodyStart int, length contentLength) {
	b, fields, most, longest := m.buf, m.fields, m.lim.Headers, m.lim.HeaderLine
	for {
		if i >= len(b) {
			m.fields, m.headEnd = fields, uint32(len(b))
			m.fail(bad("Missing empty line after the header fields"))
			return len(b), length
		}
		if n := blankLine(b, i); n > 0 {
			m.fields, m.headEnd, m.hasBlank = fields, uint32(i), true
			if n == 1 {
				m.fail(bad("Bad empty line: LF without CR"))
			}
			return i + n, length
		}
		if len(fields) >= most {
			m.fail(&Error{513, "Too many header fields"})
		}
		fields = append(fields, field{})
		f := &fields[len(fields)-1]
		next, flaw := f.index(b, i)
		if next-i > longest || flaw != "" {
			m.failField(f, next-i, flaw)
		}
		i = next
		if f.id == HeaderContentLength {
			length.add(b[f.val:f.valEnd])
		}
		if len(fields) > most && (len(fields) > most+answerFields || uint64(forAnswer)>>f.id&1 == 0) {
			fields = fields[:len(fields)-1]
		}
	}
}

// The headers that an answer is built from are searched for beyond the limit too, but only up to
// these bounds.
const (
	forAnswer    = 1<<HeaderVia | 1<<HeaderFrom | 1<<HeaderTo | 1<<HeaderCallID | 1<<HeaderCSeq
	answerFields = 16
)

// blankLine is the length of the line end at b[i], or 0 if there is none. A lone LF is accepted, so
// that a message made of such lines can be answered.
func blankLine(b []byte, i int) int {
	switch {
	case b[i] == '\n':
		return 1
	case b[i] == '\r' && i+1 < len(b) && b[i+1] == '\n':
		return 2
	}
	return 0
}

// failField records what is wrong with f, which is n bytes long.
func (m *Message) failField(f *field, n int, flaw string) {
	// Nobody can be told that a response is too large: it is forwarded.
	if n > m.lim.HeaderLine && m.IsRequest() {
		m.fail(&Error{513, "Header field too long"})
	}
	if flaw != "" {
		f.flags |= fieldFlawed
		m.fail(bad(flaw))
	}
}

// index reads the field at b[i] into f and returns where the next line begins.
func (f *field) index(b []byte, i int) (next int, flaw string) {
	end := nextControl(b, i)
	if end+2 < len(b) && b[end] == '\r' && b[end+1] == '\n' && b[end+2] != ' ' && b[end+2] != '\t' {
		next = end + 2 // nearly all
	} else {
		end, next, flaw = scanField(b, i)
	}
	f.lo, f.hi = uint32(i), uint32(next)

	// The name: token, then HCOLON = *( SP / HTAB ) ":" SWS.
	j, nameEnd := i, i
	if colon := bytes.IndexByte(b[i:end], ':'); colon > 0 {
		j = i + colon
		for nameEnd = j; nameEnd > i && (b[nameEnd-1] == ' ' || b[nameEnd-1] == '\t'); {
			nameEnd--
		}
		f.id = lookupHeader(b, i, nameEnd-i)
	}
	if f.id == HeaderOther && (nameEnd == i || !all(b[i:nameEnd], charToken)) || flaw != "" && !all(b[i:nameEnd], charToken) {
		flaw = "Bad header field: no name"
		f.id, nameEnd, j = HeaderOther, i, i
	} else {
		j = skipSpace(b[:end], j+1)
	}
	f.nameEnd, f.val = uint32(nameEnd), uint32(j)
	f.valEnd = uint32(trimEnd(b, j, end))
	return next, flaw
}

// scanField finds where the header field at b[i] ends: its last byte, and the start of the next
// line that is not one of its folded lines (§7.3.1). flaw says what is wrong with its bytes.
func scanField(b []byte, i int) (end, next int, flaw string) {
	for j := i; ; j++ {
		j = nextControl(b, j)
		if j == len(b) {
			return j, j, "Header field cut off"
		}
		switch b[j] {
		case '\t':
			continue
		case '\r':
			if j+1 == len(b) || b[j+1] != '\n' {
				flaw = "Bad header field: CR without LF"
				continue
			}
			next = j + 2
		case '\n':
			flaw = "Bad header field: LF without CR"
			next = j + 1
		default:
			if !quotedPair(b[i:j]) {
				flaw = "Bad header field: control character"
			}
			continue
		}
		if next == len(b) || b[next] != ' ' && b[next] != '\t' {
			return j, next, flaw
		}
		j = next
	}
}

// quotedPair reports whether the byte after b is escaped by a backslash in a quoted string, where
// any character but CR and LF may occur (§25.1, quoted-pair).
func quotedPair(b []byte) bool {
	if len(b) == 0 || b[len(b)-1] != '\\' {
		return false
	}
	quoted, escape := false, false
	for _, c := range b {
		switch {
		case escape:
			escape = false
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			escape = true
		}
	}
	return escape
}

// parseBody finds the body's end.
func (m *Message) parseBody(start int, length contentLength) {
	end := len(m.buf)
	switch {
	case length.bad:
		m.fail(bad("Bad Content-Length"))
	case length.seen && m.miscounted(start, length.n):
		m.mended = true
		defer m.setContentLength()
	case length.seen && length.n > uint64(end-start):
		m.cutOff = true
		m.fail(bad("Bad Content-Length: larger than the body"))
	case length.seen:
		end = start + int(length.n)
	}
	if end-start > m.lim.Body {
		m.fail(&Error{413, "Request Entity Too Large"})
	}
	m.bodyStart, m.bodyEnd = uint32(start), uint32(end)
}

// mostMiscounted is by how many bytes a gateway that rewrites addresses may change a body: an
// address takes 7 to 15 bytes, and a session description has a few.
const mostMiscounted = 96

// miscounted reports whether the Content-Length is that of the body before a router's gateway
// rewrote the addresses in it: the body in the datagram is a session description that ends with a
// whole line, while the length says that it ends some bytes later, or within a line. Such a body is
// taken as it is, which §18.3 would refuse or cut short.
func (m *Message) miscounted(start int, length uint64) bool {
	body := m.buf[start:]
	n := len(body)
	if length == uint64(n) || n == 0 || body[n-1] != '\n' || !bytes.HasPrefix(body, []byte("v=0")) || bytes.IndexByte(body, 0) >= 0 {
		return false
	}
	if length > uint64(n)+mostMiscounted || length+mostMiscounted < uint64(n) {
		return false
	}
	if length < uint64(n) && (length == 0 || body[length-1] == '\n') {
		return false // whole lines, and something behind them
	}
	return IsMediaType(m.Header(HeaderContentType), "application/sdp")
}

// parseStart indexes the start line at b[i] and returns where the next line begins.
func (m *Message) parseStart(i int) int {
	b := m.buf
	end, next := len(b), len(b)
	if lf := bytes.IndexByte(b[i:], '\n'); lf >= 0 {
		end, next = i+lf, i+lf+1
	}
	switch {
	case next == end:
		m.fail(bad("Start line cut off"))
	case end == i || b[end-1] != '\r':
		m.fail(bad("Bad start line: LF without CR"))
	default:
		end--
	}
	m.start.lo, m.start.hi = uint32(i), uint32(next)
	status := end-i >= 4 && equalFold(b[i:i+4], "SIP/")
	for j := nextControl(b[:end], i); j != end; j = nextControl(b[:end], j+1) {
		// A reason phrase may contain HT (§25.1); the rest of a status line does not parse with
		// one.
		if b[j] != '\t' || !status {
			m.fail(bad("Bad start line: control character"))
			break
		}
	}
	if end-i > m.lim.HeaderLine && !status {
		m.fail(&Error{414, "Request-URI Too Long"})
	}
	if status {
		m.parseStatusLine(i, end)
	} else {
		m.parseRequestLine(i, end)
	}
	return next
}
