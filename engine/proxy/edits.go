package proxy

import (
	"fmt"

	"github.com/sipscript/sipscript/engine/message"
)

// OwnedHeader reports whether a header is the engine's own: what routing and matching are based on
// cannot be edited by name.
func OwnedHeader(id message.HeaderID) bool {
	switch id {
	case message.HeaderVia, message.HeaderFrom, message.HeaderTo, message.HeaderCallID, message.HeaderCSeq,
		message.HeaderRoute, message.HeaderRecordRoute, message.HeaderMaxForwards, message.HeaderContentLength:
		return true
	}
	return false
}

// ownedHint says what to use instead.
func ownedHint(id message.HeaderID) string {
	switch id {
	case message.HeaderRoute:
		return "; a target's path writes the Route set"
	case message.HeaderRecordRoute:
		return "; use record_route"
	case message.HeaderFrom, message.HeaderTo:
		return "; it belongs to the dialog"
	}
	return ""
}

func owned(name string) error {
	if id := message.LookupHeader(view(name)); OwnedHeader(id) {
		return fmt.Errorf("%s is the engine's own header%s", id, ownedHint(id))
	}
	return nil
}

// SetHeader replaces a header of m by values, one field each; none removes it.
func SetHeader(m *message.Message, name string, values ...string) error {
	if err := owned(name); err != nil {
		return err
	}
	if len(values) == 0 {
		m.Remove(name)
		return nil
	}
	for _, v := range values { // all or nothing
		if err := checkValue(name, v); err != nil {
			return err
		}
	}
	if err := m.Set(name, values[0]); err != nil {
		return err
	}
	for _, v := range values[1:] {
		if err := m.Add(name, v); err != nil {
			return err
		}
	}
	return nil
}

// AddHeader adds one field.
func AddHeader(m *message.Message, name, value string, first bool) error {
	if err := owned(name); err != nil {
		return err
	}
	if first {
		return m.AddFirst(name, value)
	}
	return m.Add(name, value)
}

// RemoveHeader removes all fields of a name.
func RemoveHeader(m *message.Message, name string) error {
	if err := owned(name); err != nil {
		return err
	}
	m.Remove(name)
	return nil
}

// checkValue refuses values that would begin another line (trap 33).
func checkValue(name, value string) error {
	for i := range len(value) {
		if c := value[i]; c == '\r' || c == '\n' || c == 0 {
			return fmt.Errorf("the value of %s contains a line break or NUL: %.60q", name, value)
		}
	}
	return nil
}

// CheckEdits checks header edits before anything is done with them.
func CheckEdits(edits []HeaderEdit) error {
	for _, e := range edits {
		if err := owned(e.Name); err != nil {
			return err
		}
		if !validName(e.Name) {
			return fmt.Errorf("%.60q is not a header name", e.Name)
		}
		for _, v := range e.Values {
			if err := checkValue(e.Name, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || c == ':' || c == '"' || c == ',' || c == ';' || c == '<' || c == '>' || c == '(' || c == ')' {
			return false
		}
	}
	return s != ""
}

// AppendLines appends edits as whole header lines, for a response or request made here. They were
// checked.
func AppendLines(dst []byte, edits []HeaderEdit) []byte {
	for _, e := range edits {
		for _, v := range e.Values {
			dst = append(append(append(append(dst, e.Name...), ": "...), v...), "\r\n"...)
		}
	}
	return dst
}

// apply makes checked edits on a branch.
func apply(m *message.Message, edits []HeaderEdit) error {
	for _, e := range edits {
		if err := SetHeader(m, e.Name, e.Values...); err != nil {
			return err
		}
	}
	return nil
}
