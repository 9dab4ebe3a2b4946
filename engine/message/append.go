package message

// This file writes out a message, and computes its size.

import "unsafe"

// AppendTo appends the message with its edits to dst, in one pass, adjacent untouched fields as one
// copy.
func (m *Message) AppendTo(dst []byte) []byte { return m.AppendFrom(dst, nil) }

// AppendFrom is AppendTo, and says in o, unless that is nil, which parts of what it wrote were
// received. dst is empty: o is about all of it.
func (m *Message) AppendFrom(dst []byte, o *Origin) []byte {
	if o == nil {
		return m.appendPieces(dst, nil)
	}
	o.begin(m)
	if m.mark == 0 {
		return m.appendPieces(dst, nil)
	}
	dst = m.appendPieces(dst, o)
	o.n = len(dst)
	return dst
}

func (m *Message) appendPieces(dst []byte, o *Origin) []byte {
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
			dst = m.appendRun(dst, lo, hi, o)
			dst = append(dst, m.arena[f.lo:f.hi]...)
			lo, hi = 0, 0
			continue
		}
		if f.lo != hi {
			dst = m.appendRun(dst, lo, hi, o)
			lo = f.lo
		}
		hi = f.hi
	}
	if m.hasBlank && !m.bodyNew {
		if m.headEnd == hi {
			return m.appendRun(dst, lo, m.bodyEnd, o)
		}
		dst = m.appendRun(dst, lo, hi, o)
		return m.appendRun(dst, m.headEnd, m.bodyEnd, o)
	}
	dst = m.appendRun(dst, lo, hi, o)
	dst = append(dst, "\r\n"...)
	return append(dst, m.Body()...)
}

// appendRun appends bytes as they were received.
func (m *Message) appendRun(dst []byte, lo, hi uint32, o *Origin) []byte {
	if o != nil {
		o.add(len(dst), int(lo), int(hi)-int(lo))
	}
	return append(dst, m.buf[lo:hi]...)
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
