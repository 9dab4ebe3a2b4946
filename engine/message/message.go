package message

// This file holds the Message itself: what it owns, and how it is reset, detached and copied.

// Message is one SIP message: bytes, an index over them, and edits. See the package comment.
//
// It is a piece table. A piece (the start line, a header field, the body) is in buf, the received
// bytes, or in arena, the text of edits. buf is never written to, and arena only grows until the
// message is reset, so a view taken before an edit stays readable.
type Message struct {
	pieces
	own    []byte  // storage of Detach, kept for the next use
	arena  []byte  // text of edits
	fields []field // in order
	views  views
}

// pieces are the parts of a Message that a copy takes over unchanged.
type pieces struct {
	buf   []byte // what Parse was given: the caller's, or the message's own after Detach
	start startLine
	lim   Limits
	err   *Error // the fault that Parse found, for Validate
	mark  uint64 // what the caller knows buf by; 0: by nothing

	method Method
	status int // 0 for a request

	headEnd   uint32 // in buf: where the empty line after the header fields begins
	bodyStart uint32 // in buf or, with bodyNew, in arena
	bodyEnd   uint32
	bodyNew   bool
	hasBlank  bool // buf has the empty line
	cutOff    bool // the body ends before its Content-Length does
	mended    bool // the Content-Length was wrong, and was corrected
}

// field is one header field, its folded lines included: offsets into buf or arena.
type field struct {
	id      HeaderID
	flags   uint8
	lo      uint32 // where the name begins
	nameEnd uint32 // past the name
	val     uint32 // where the value begins, after white space
	valEnd  uint32 // past the value, white space cut off
	hi      uint32 // past the line end
}

const (
	fieldArena = 1 << iota // the text is in arena
	// Parse found a fault in its bytes: they must not be copied to the wire as they are
	fieldFlawed
)

// Reset makes m empty and keeps its storage. m refers to no bytes of a caller afterwards.
func (m *Message) Reset() {
	m.clear()
	m.views = views{}
}

// clear is Reset except for the views, which may still keep the old bytes from being collected.
func (m *Message) clear() {
	m.buf = nil
	m.arena = m.arena[:0]
	m.fields = m.fields[:0]
	m.start = startLine{}
	m.err = nil
	m.mark = 0
	m.method = MethodOther
	m.status = 0
	m.headEnd, m.bodyStart, m.bodyEnd = 0, 0, 0
	m.bodyNew, m.hasBlank, m.cutOff, m.mended = false, false, false, false
	m.views.have = 0
}

// Detach copies the bytes of m into a buffer of its own, so that the buffer it was parsed from may
// be reused. Views taken before still refer to the old buffer. The own buffer is reused when m is
// parsed and detached again: by then, messages that CopyTo made of a detached m must no longer be
// in use.
func (m *Message) Detach() {
	if len(m.buf) == 0 {
		return
	}
	if len(m.own) > 0 && &m.own[0] == &m.buf[0] {
		return
	}
	m.own = append(m.own[:0], m.buf...)
	m.buf = m.own
	m.views.have = 0
}

// CopyTo makes dst the same message as m, including m's edits; they share m's bytes but not its
// index or arena (as for a branch of a fork). m's bytes must outlive dst's use of them.
func (m *Message) CopyTo(dst *Message) {
	if m == dst {
		return
	}
	dst.pieces = m.pieces
	dst.fields = append(dst.fields[:0], m.fields...)
	dst.arena = append(dst.arena[:0], m.arena...)
	if len(m.arena) > 0 {
		dst.views.have = 0 // a view may be in m's arena, which m may overwrite
	} else {
		dst.views = m.views
	}
}

// source is the storage that holds a field.
func (m *Message) source(f *field) []byte {
	if f.flags&fieldArena != 0 {
		return m.arena
	}
	return m.buf
}

// line is the whole field, line end included.
func (m *Message) line(f *field) []byte { return m.source(f)[f.lo:f.hi] }

func (m *Message) value(f *field) []byte { return m.source(f)[f.val:f.valEnd:f.valEnd] }

// Original is what was parsed, without edits. It is valid as long as the bytes of m are.
func (m *Message) Original() []byte { return m.buf }

// CutOff reports whether the body ends before its Content-Length does: a response like that MUST be
// dropped (§18.3).
func (m *Message) CutOff() bool { return m.cutOff }

// Mended reports whether Parse corrected the Content-Length, because a gateway between here and the
// sender changed the length of the body.
func (m *Message) Mended() bool { return m.mended }

// Body is the message's body, empty if it has none.
func (m *Message) Body() []byte {
	if m.bodyNew {
		return m.arena[m.bodyStart:m.bodyEnd:m.bodyEnd]
	}
	return m.buf[m.bodyStart:m.bodyEnd:m.bodyEnd]
}
