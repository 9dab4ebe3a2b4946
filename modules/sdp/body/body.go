// Package body reads session descriptions (SDP, RFC 8866) and edits them in place: what an edit
// does not name leaves byte for byte as it came. Phones are particular about descriptions that
// somebody wrote anew.
//
// It reads leniently, as descriptions of real devices need it: lines in any order, lines that are
// not known, LF for CRLF. Everything is bounded, since descriptions come from strangers.
package body

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// What a description may have at most.
const (
	MostBytes   = 65535
	MostLines   = 4096
	MostMedia   = 256
	MostFormats = 256 // of one medium
)

var (
	errNotSDP  = errors.New("sdp: the first line is not v=")
	errTooLong = errors.New("sdp: too long")
	errLines   = errors.New("sdp: too many lines")
	errMedia   = errors.New("sdp: too many media")
	errFormats = errors.New("sdp: too many formats in one m= line")
	errMLine   = errors.New("sdp: an m= line that can't be read")
)

// Session is a description and where its lines are. It belongs to one goroutine.
type Session struct {
	text  []byte
	lines []line
	media []section
	stale bool // an edit changed text since it was indexed
}

// line is one line of the text: its value is text[val:end], and the next line begins at next.
type line struct {
	start, val, end, next uint32
	kind                  byte // of "kind=value"; 0 for a line of another form
}

// section is one medium: lines[first:past], the first of which is its m= line.
type section struct {
	first, past int
	port, ports int
	// Of the words of the m= line, as offsets into the text
	kindEnd, portLo, portEnd, protoLo, protoEnd, formats uint32
}

// Parse indexes a description. The Session refers to text, which must not change.
func Parse(text []byte) (*Session, error) {
	s := &Session{text: text}
	if err := s.index(); err != nil {
		return nil, err
	}
	return s, nil
}

// Bytes is the description with the edits made so far.
func (s *Session) Bytes() []byte { return s.text }

// Reset has s describe another text; with an error it is as it was.
func (s *Session) Reset(text []byte) error {
	fresh := Session{text: text}
	if err := fresh.index(); err != nil {
		return err
	}
	*s = fresh
	return nil
}

// fresh indexes the text again after an edit. What an edit makes can be read, and apply has checked
// its size.
func (s *Session) fresh() {
	if s.stale {
		_ = s.index()
	}
}

func (s *Session) index() error {
	b := s.text
	switch {
	case len(b) > MostBytes:
		return errTooLong
	case len(b) < 2 || b[0] != 'v' || b[1] != '=':
		return errNotSDP
	}
	if count := min(bytes.Count(b, newline)+1, MostLines); cap(s.lines) < count {
		s.lines = make([]line, 0, count)
	}
	s.lines, s.media, s.stale = s.lines[:0], s.media[:0], false
	for i := 0; i < len(b); {
		if len(s.lines) == MostLines {
			return errLines
		}
		l := lineAt(b, i)
		if l.kind == 'm' {
			if len(s.media) == MostMedia {
				return errMedia
			}
			m, err := s.mline(l)
			if err != nil {
				return err
			}
			m.first = len(s.lines)
			s.close()
			if s.media == nil {
				s.media = make([]section, 0, 4)
			}
			s.media = append(s.media, m)
		}
		s.lines = append(s.lines, l)
		i = int(l.next)
	}
	s.close()
	return nil
}

var newline = []byte("\n")

// lineAt indexes the line that begins at b[i].
func lineAt(b []byte, i int) line {
	end, next := len(b), len(b)
	if n := bytes.IndexByte(b[i:], '\n'); n >= 0 {
		end, next = i+n, i+n+1
	}
	if end > i && b[end-1] == '\r' {
		end--
	}
	l := line{start: uint32(i), val: uint32(i), end: uint32(end), next: uint32(next)}
	if end-i >= 2 && b[i+1] == '=' && b[i] >= 'a' && b[i] <= 'z' {
		l.kind, l.val = b[i], uint32(i+2)
	}
	return l
}

// close ends the last medium before the line that comes next.
func (s *Session) close() {
	if n := len(s.media); n > 0 {
		s.media[n-1].past = len(s.lines)
	}
}

// mline reads "audio 49170/2 RTP/AVP 0 8" (RFC 8866 §5.14).
func (s *Session) mline(l line) (m section, err error) {
	b := s.text
	next := func(i uint32) (lo, hi uint32) {
		for lo = i; lo < l.end && b[lo] == ' '; lo++ {
		}
		for hi = lo; hi < l.end && b[hi] != ' '; hi++ {
		}
		return lo, hi
	}
	var lo uint32
	if lo, m.kindEnd = next(l.val); lo != l.val {
		return m, errMLine
	}
	m.portLo, m.portEnd = next(m.kindEnd)
	m.protoLo, m.protoEnd = next(m.portEnd)
	m.formats, _ = next(m.protoEnd)
	if m.protoLo == m.protoEnd {
		return m, errMLine
	}
	port, count, many := bytes.Cut(b[m.portLo:m.portEnd], []byte("/"))
	m.port, m.ports = number(port, 65535), 1
	if many {
		m.ports = number(count, 65535)
	}
	if m.port < 0 || m.ports < 0 {
		return m, errMLine
	}
	if bytes.Count(b[m.formats:l.end], []byte(" ")) >= MostFormats {
		return m, errFormats
	}
	return m, nil
}

// number reads a decimal number of at most that size; -1 for anything else.
func number[T ~[]byte | ~string](b T, most int) int {
	if len(b) == 0 || len(b) > 10 {
		return -1
	}
	n := 0
	for i := 0; i < len(b); i++ {
		if b[i] < '0' || b[i] > '9' {
			return -1
		}
		n = n*10 + int(b[i]-'0')
	}
	if n > most {
		return -1
	}
	return n
}

// value is what a line says after "x=".
func (s *Session) value(l line) []byte { return s.text[l.val:l.end:l.end] }

// head is the number of the lines before the first medium.
func (s *Session) head() int {
	if len(s.media) > 0 {
		return s.media[0].first
	}
	return len(s.lines)
}

// lineEnd is what the text ends its lines with.
func (s *Session) lineEnd() string {
	if l := s.lines[0]; l.next > l.end && s.text[l.end] == '\n' {
		return "\n"
	}
	return "\r\n"
}

// splice replaces text[lo:hi].
type splice struct {
	lo, hi uint32
	with   string
}

// apply makes a new text. The splices are in the order of the text and do not overlap.
func (s *Session) apply(edits []splice) error {
	if len(edits) == 0 {
		return nil
	}
	size := len(s.text)
	for _, e := range edits {
		size += len(e.with) - int(e.hi-e.lo)
	}
	if size > MostBytes {
		return errTooLong
	}
	out := make([]byte, 0, size)
	at := uint32(0)
	for _, e := range edits {
		// Two cuts may share a line end
		out = append(append(out, s.text[at:max(at, e.lo)]...), e.with...)
		at = max(at, e.hi)
	}
	out = append(out, s.text[at:]...)
	if bytes.Count(out, newline) >= MostLines {
		return errLines
	}
	s.text, s.stale = out, true
	return nil
}

// insert is the splice that puts a line after line i; all of s's lines count, since a last line
// without an end gets one.
func (s *Session) insert(i int, text string) splice {
	l := s.lines[i]
	if l.next == l.end { // the text ends without a line end, and goes on doing so
		return splice{l.next, l.next, s.lineEnd() + text}
	}
	return splice{l.next, l.next, text + s.lineEnd()}
}

// cut is the splice that removes line i.
func (s *Session) cut(i int) splice {
	l := s.lines[i]
	// The last line, without an end: the one before it is the last now
	if l.next == l.end && i > 0 {
		return splice{s.lines[i-1].end, l.end, ""}
	}
	return splice{l.start, l.next, ""}
}

// last is the last line of lines[lo:hi] whose kind is one of those; lo if there is none.
func (s *Session) last(lo, hi int, kinds string) int {
	for i := hi - 1; i > lo; i-- {
		if k := s.lines[i].kind; k != 0 && strings.IndexByte(kinds, k) >= 0 {
			return i
		}
	}
	return lo
}

func itoa(n int) string { return strconv.Itoa(n) }
