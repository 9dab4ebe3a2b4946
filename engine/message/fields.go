package message

// This file reads header fields by index, by id and by name.

// Len is the number of header fields in the message. Fields are numbered from 0 in their order.
func (m *Message) Len() int { return len(m.fields) }

// ID names field i.
func (m *Message) ID(i int) HeaderID { return m.fields[i].id }

// Name is the name of field i as written. It is empty for a line that has none, after an error of
// Parse.
func (m *Message) Name(i int) []byte {
	f := &m.fields[i]
	return m.source(f)[f.lo:f.nameEnd:f.nameEnd]
}

// Value is the value of field i without white space around it; line folds are still in it.
func (m *Message) Value(i int) []byte { return m.value(&m.fields[i]) }

// Find is the first field with id at or after from, or -1. HeaderOther finds the first field of an
// unknown name.
func (m *Message) Find(id HeaderID, from int) int {
	for i := max(from, 0); i < len(m.fields); i++ {
		if m.fields[i].id == id {
			return i
		}
	}
	return -1
}

// FindName is Find by any name, in any case; a compact form finds the long one and the other way
// round.
func (m *Message) FindName(name string, from int) int {
	id := LookupHeader([]byte(name))
	if id != HeaderOther {
		return m.Find(id, from)
	}
	for i := max(from, 0); i < len(m.fields); i++ {
		if m.fields[i].id == HeaderOther && equalFold(m.Name(i), name) {
			return i
		}
	}
	return -1
}

// Header is the value of the first field with id, or nil if there is none; a field without a value
// gives an empty slice.
func (m *Message) Header(id HeaderID) []byte {
	if i := m.Find(id, 0); i >= 0 {
		return m.Value(i)
	}
	return nil
}

// HeaderName is Header by any name.
func (m *Message) HeaderName(name string) []byte {
	if i := m.FindName(name, 0); i >= 0 {
		return m.Value(i)
	}
	return nil
}

// HeaderSet is a set of headers, for looking up several at once.
type HeaderSet [(headerCount + 63) / 64]uint64

// NewHeaderSet is the set of ids.
func NewHeaderSet(ids ...HeaderID) (s HeaderSet) {
	for _, id := range ids {
		s[id/64] |= 1 << (id % 64)
	}
	return s
}

// HasAny reports whether a field of the set is in the message.
func (m *Message) HasAny(s *HeaderSet) bool {
	for i := range m.fields {
		if id := m.fields[i].id; s[id/64]>>(id%64)&1 != 0 {
			return true
		}
	}
	return false
}
