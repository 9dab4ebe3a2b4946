package message

// This file writes out a message, and computes its size.

import "unsafe"

// AppendTo appends the message with its edits to dst, in one pass, adjacent untouched fields as one
// copy.
func (m *Message) AppendTo(dst []byte) []byte {
	// buf[lo:hi] is a run of untouched pieces not yet copied.
	var lo, hi uint32
	if m.start.arena {
		dst = append(dst, m.arena[m.start.lo:m.start.hi]...)
	} else {
		lo, hi = m.start.lo, m.start.hi
	}
	for i := range m.fields {
		f := &m.fields[i]
		if f.flags&fieldArena != 0 {
			dst = append(dst, m.buf[lo:hi]...)
			dst = append(dst, m.arena[f.lo:f.hi]...)
			lo, hi = 0, 0
			continue
		}
		if f.lo != hi {
			dst = append(dst, m.buf[lo:hi]...)
			lo = f.lo
		}
		hi = f.hi
	}
	if m.hasBlank && !m.bodyNew {
		if m.headEnd == hi {
			return append(dst, m.buf[lo:m.bodyEnd]...)
		}
		dst = append(dst, m.buf[lo:hi]...)
		return append(dst, m.buf[m.headEnd:m.bodyEnd]...)
	}
	dst = append(dst, m.buf[lo:hi]...)
	dst = append(dst, "\r\n"...)
	return append(dst, m.Body()...)
}

// Held is the number of bytes of storage the message keeps for use after [Message.Reset]: it keeps
// the largest size it ever needed.
func (m *Message) Held() int {
	return cap(m.own) + cap(m.arena) + cap(m.fields)*int(unsafe.Sizeof(field{}))
}

// Size is the number of bytes AppendTo would append, or slightly more.
func (m *Message) Size() int {
	n := int(m.start.hi-m.start.lo) + len("\r\n") + int(m.bodyEnd-m.bodyStart)
	for i := range m.fields {
		n += int(m.fields[i].hi - m.fields[i].lo)
	}
	return n
}
