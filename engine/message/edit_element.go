package message

// This file edits single elements of comma lists.

// element finds the n-th element over all fields with the id.
func (m *Message) element(id HeaderID, n int) (e Elements, found bool) {
	e = m.Elements(id)
	for ; n >= 0; n-- {
		if !e.Next() {
			return e, false
		}
	}
	return e, e.m != nil
}

// RemoveElement removes the n-th element over all fields with the id (0 is topmost) and reports
// whether there was one. A field is removed with its last element; the other elements of a field
// keep their bytes.
func (m *Message) RemoveElement(id HeaderID, n int) bool {
	e, found := m.element(id, n)
	if !found {
		return false
	}
	v := m.Value(e.Field)
	switch {
	case e.raw < len(v):
		// Cut up to the next element: its leading white space goes, the white space before this
		// element stays.
		m.splice(e.Field, skipSpace(v, e.lo), skipSpace(v, e.raw+1), nil)
	case e.Index > 0:
		m.splice(e.Field, e.lo-1, len(v), nil)
	default:
		m.remove(e.Field)
	}
	return true
}

// ReplaceElement puts value, trusted bytes, in place of the n-th element over all fields with the
// id (0 is topmost) and reports whether there was one. Bytes that would end the line become SP.
func (m *Message) ReplaceElement(id HeaderID, n int, value []byte) bool {
	e, found := m.element(id, n)
	if !found {
		return false
	}
	v := m.Value(e.Field)
	lo := skipSpace(v[:e.raw], e.lo)
	hi := trimEnd(v, lo, e.raw)
	if checkValue(value) != nil {
		value = appendClean(nil, value)
	}
	m.splice(e.Field, lo, hi, value)
	return true
}
