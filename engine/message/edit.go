package message

// This file edits whole header fields.

import (
	"errors"
	"strconv"
)

var (
	errName  = errors.New("message: header name is not a token")
	errValue = errors.New("message: header value with CR, LF or NUL")
)

// checkField makes sure that a name or value does not end its line: otherwise a value from a
// database or a script could add a header, or a whole request.
func checkField(name, value string) error {
	if len(name) == 0 {
		return errName
	}
	for i := 0; i < len(name); i++ {
		if !is(name[i], charToken) {
			return errName
		}
	}
	return checkValue(value)
}

func checkValue[T ~[]byte | ~string](value T) error {
	for i := 0; i < len(value); i++ {
		if c := value[i]; c == '\r' || c == '\n' || c == 0 {
			return errValue
		}
	}
	return nil
}

// Edits. Values are without the line's end. A CR, LF or NUL in a name or value is an error and
// changes nothing (header injection); a folded value cannot be written at all.

// Set makes value the only one of that name: the first field is replaced in place, others are
// removed; without one a field is added at the end. A list's other fields go too.
func (m *Message) Set(name, value string) error {
	if err := checkField(name, value); err != nil {
		return err
	}
	i := m.FindName(name, 0)
	if i < 0 {
		m.insert(len(m.fields), newField(m, LookupHeader([]byte(name)), name, value))
		return nil
	}
	m.fields[i] = newField(m, LookupHeader([]byte(name)), name, value)
	m.views.forget(m.fields[i].id)
	for j := m.FindName(name, i+1); j >= 0; j = m.FindName(name, j) {
		m.remove(j)
	}
	return nil
}

// Add puts a field after the last.
func (m *Message) Add(name, value string) error {
	if err := checkField(name, value); err != nil {
		return err
	}
	m.insert(len(m.fields), newField(m, LookupHeader([]byte(name)), name, value))
	return nil
}

// AddFirst puts a field before the first of that name, or before all fields if there is none.
func (m *Message) AddFirst(name, value string) error {
	if err := checkField(name, value); err != nil {
		return err
	}
	m.insert(max(m.FindName(name, 0), 0), newField(m, LookupHeader([]byte(name)), name, value))
	return nil
}

// Remove removes all fields of that name and returns how many there were.
func (m *Message) Remove(name string) int {
	n := 0
	for i := m.FindName(name, 0); i >= 0; i = m.FindName(name, i) {
		m.remove(i)
		n++
	}
	return n
}

// InsertTop is AddFirst with bytes the engine made itself: they are not checked. HeaderOther, which
// has no name, is not inserted.
func (m *Message) InsertTop(id HeaderID, value []byte) {
	if id == HeaderOther {
		return
	}
	m.insert(max(m.Find(id, 0), 0), newField(m, id, id.String(), value))
}

// AppendLast puts a field after the last of that id, with bytes the engine made itself, or before
// all fields if there is none.
func (m *Message) AppendLast(id HeaderID, value []byte) {
	if id == HeaderOther {
		return
	}
	last := 0
	for i := m.Find(id, 0); i >= 0; i = m.Find(id, i+1) {
		last = i + 1
	}
	m.insert(last, newField(m, id, id.String(), value))
}

// RemoveID is Remove by id.
func (m *Message) RemoveID(id HeaderID) int {
	n := 0
	for i := m.Find(id, 0); i >= 0; i = m.Find(id, i) {
		m.remove(i)
		n++
	}
	return n
}

// RemoveReceived is RemoveID for fields as they were received: fields written by an edit stay.
func (m *Message) RemoveReceived(id HeaderID) int {
	n := 0
	for i := m.Find(id, 0); i >= 0; i = m.Find(id, i) {
		if m.fields[i].flags&fieldArena != 0 {
			i++
			continue
		}
		m.remove(i)
		n++
	}
	return n
}

// SetMaxForwards writes the Max-Forwards header, with n limited to 0 to 255 (§20.22). It never
// wraps around: 0 stays 0.
func (m *Message) SetMaxForwards(n int) {
	var digits [3]byte
	text := strconv.AppendInt(digits[:0], int64(min(max(n, 0), 255)), 10)
	if i := m.Find(HeaderMaxForwards, 0); i >= 0 {
		m.splice(i, 0, len(m.Value(i)), text)
		return
	}
	m.insert(len(m.fields), newField(m, HeaderMaxForwards, "Max-Forwards", text))
}

// newField writes a field to the arena. id is the HeaderID of name.
func newField[T ~[]byte | ~string](m *Message, id HeaderID, name string, value T) field {
	f := field{id: id, flags: fieldArena, lo: uint32(len(m.arena))}
	m.arena = append(m.arena, name...)
	f.nameEnd = uint32(len(m.arena))
	m.arena = append(m.arena, ": "...)
	f.val = uint32(len(m.arena))
	m.arena = append(m.arena, value...)
	f.valEnd = uint32(len(m.arena))
	m.arena = append(m.arena, "\r\n"...)
	f.hi = uint32(len(m.arena))
	lo := skipSpace(m.arena[:f.valEnd], int(f.val))
	f.val, f.valEnd = uint32(lo), uint32(trimEnd(m.arena, lo, int(f.valEnd)))
	return f
}

// insert makes f field i.
func (m *Message) insert(i int, f field) {
	m.fields = append(m.fields, field{})
	copy(m.fields[i+1:], m.fields[i:])
	m.fields[i] = f
	m.views.forget(f.id)
}

func (m *Message) remove(i int) {
	m.views.forget(m.fields[i].id)
	m.fields = append(m.fields[:i], m.fields[i+1:]...)
}

// splice rewrites field i with text in place of value[lo:hi]; the rest of its line stays unchanged.
func (m *Message) splice(i, lo, hi int, text []byte) {
	f := &m.fields[i]
	old := m.source(f)
	n := field{id: f.id, flags: f.flags | fieldArena, lo: uint32(len(m.arena))}
	n.nameEnd = n.lo + f.nameEnd - f.lo
	m.arena = append(m.arena, old[f.lo:f.val+uint32(lo)]...)
	m.arena = append(m.arena, text...)
	m.arena = append(m.arena, old[f.val+uint32(hi):f.hi]...)
	n.hi = uint32(len(m.arena))
	n.val = n.lo + f.val - f.lo
	n.valEnd = n.hi - (f.hi - f.valEnd)
	*f = n
	// The cut may have left white space at an end of the value.
	v := skipSpace(m.arena[:n.valEnd], int(n.val))
	f.val, f.valEnd = uint32(v), uint32(trimEnd(m.arena, v, int(n.valEnd)))
	m.views.forget(f.id)
}
