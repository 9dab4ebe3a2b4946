package luabind

import (
	"bytes"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// Fields that requests and responses have in common. A header or body that is absent is nil.

// textValue is a header's value with folded lines joined, nil for none.
func textValue(b []byte) lua.LValue {
	if b == nil {
		return lua.LNil
	}
	return lua.LString(unfold(b))
}

// unfold joins a value's folded lines with one space (§7.3.1).
func unfold(b []byte) string {
	if bytes.IndexByte(b, '\n') < 0 {
		return string(b)
	}
	var parts []string
	for line := range strings.SplitSeq(string(b), "\n") {
		if line = strings.Trim(line, " \t\r"); line != "" {
			parts = append(parts, line)
		}
	}
	return strings.Join(parts, " ")
}

func bodyValue(m *message.Message) lua.LValue {
	if b := m.Body(); len(b) > 0 {
		return lua.LString(b)
	}
	return lua.LNil
}

func cseqTable(l *lua.LState, m *message.Message) lua.LValue {
	c, err := m.CSeq()
	if err != nil {
		return lua.LNil
	}
	t := l.CreateTable(0, 2)
	t.RawSetString("number", lua.LNumber(c.Number))
	t.RawSetString("method", lua.LString(c.Text))
	return t
}

func maxForwards(m *message.Message) lua.LValue {
	if n, ok, err := m.MaxForwards(); ok && err == nil {
		return lua.LNumber(n)
	}
	return lua.LNil
}

func expiresValue(m *message.Message) lua.LValue {
	if n, ok := m.Expires(); ok {
		return lua.LNumber(n)
	}
	return lua.LNil
}

// addresses is the list of all elements of a header as addresses. An element that can't be read is
// left out.
func (v *vm) addresses(l *lua.LState, m *message.Message, id message.HeaderID, life *reqObj, name string) lua.LValue {
	t := l.NewTable()
	for e := m.Elements(id); e.Next(); {
		if a, err := v.newAddress(e.Value, life, name); err == nil {
			t.Append(&a.ud)
		}
	}
	return t
}

// paramTable makes a plain table of parameters, names in lower case.
func paramTable(l *lua.LState, p message.Params) *lua.LTable {
	t := l.NewTable()
	p.Each(func(name, value []byte) bool {
		key := strings.ToLower(string(name))
		if t.RawGetString(key) == lua.LNil {
			t.RawSetString(key, lua.LString(value))
		}
		return true
	})
	return t
}
