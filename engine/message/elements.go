package message

// This file walks the elements of comma lists (RFC 3261 §7.3.1).

import "bytes"

// Elements walks the elements of all fields with one id, splitting comma lists if the header is a
// list (quoted strings and <…> protect commas). An edit of the message invalidates the walk.
type Elements struct {
	// Value is the element, trimmed. Field is the field it is in, Index its place within that
	// field. An element between two commas may be empty; a field without a value has none.
	Value []byte
	Field int // the number of the field among all fields of the message, from 0
	Index int // from 0 in each field

	m    *Message
	id   HeaderID
	name string // for HeaderOther
	list bool
	// Where the next element begins, relative to the value of Field; -1 at the end of the field
	next int
	lo   int // where the element begins, relative to the value of Field
	raw  int // where it ends: at its comma or at the value's end
}

// Elements walks the elements of all fields with the id.
func (m *Message) Elements(id HeaderID) Elements {
	return Elements{m: m, id: id, list: id.IsList(), Field: -1, next: -1}
}

// ElementsName walks the elements of all fields of the name, in any case. A name the engine does
// not know is not a list: each of its fields is one element.
func (m *Message) ElementsName(name string) Elements {
	e := m.Elements(LookupHeader([]byte(name)))
	e.name = name
	return e
}

// Next advances to the next element and reports whether there is one.
func (e *Elements) Next() bool {
	if e.m == nil {
		return false
	}
	for e.next < 0 {
		i := e.m.Find(e.id, e.Field+1)
		if e.id == HeaderOther && e.name != "" {
			i = e.m.FindName(e.name, e.Field+1)
		}
		if i < 0 {
			e.m = nil
			e.Value = nil
			return false
		}
		e.Field, e.Index = i, -1
		if f := &e.m.fields[i]; f.valEnd > f.val {
			e.next = 0
		}
	}
	v := e.m.Value(e.Field)
	e.Index++
	e.lo = e.next
	e.raw = len(v)
	if e.list {
		e.raw = elementEnd(v, e.lo)
	}
	e.Value = trim(v[e.lo:e.raw])
	e.next = e.raw + 1
	if e.raw == len(v) {
		e.next = -1
	}
	return true
}

// elementEnd returns where the list element at v[i] ends: at its comma, or at the end of v. An
// unclosed quoted string extends to the end.
func elementEnd(v []byte, i int) int {
	if bytes.IndexByte(v[i:], ',') < 0 {
		return len(v) // most fields have one element
	}
	for ; i < len(v); i++ {
		switch v[i] {
		case ',':
			return i
		case '"':
			end := skipQuoted(v, i)
			if end < 0 {
				return len(v)
			}
			i = end - 1
		case '<':
			for i < len(v) && v[i] != '>' {
				i++
			}
		}
	}
	return len(v)
}
