package luabind

import (
	"fmt"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// The header and body functions, which requests, responses and branches have in common.

// editable is a message that scripts edit.
type editable interface {
	Message() *message.Message
	SetHeader(name string, values ...string) error
	AddHeader(name, value string, first bool) error
	RemoveHeader(name string) error
	SetBody(body []byte, contentType string) error
}

// messageArg is argument 1 of a header function.
func messageArg(l *lua.LState) editable {
	if ud, ok := l.Get(1).(*lua.LUserData); ok {
		switch o := ud.Value.(type) {
		case *reqObj:
			o.check(l)
			return o.req
		case *resObj:
			o.check(l)
			return o.res
		case *branchObj:
			o.check(l)
			return o.b
		}
	}
	raise(l, "a request, response or branch is expected before the ':', not %s", describe(l.Get(1)))
	return nil
}

func headerMethods() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"header": headerGet, "headers": headerList, "set_header": headerSet, "add_header": headerAdd,
		"remove_header": headerRemove, "set_body": bodySet,
	}
}

func headerName(l *lua.LState, function string) string {
	name, ok := l.Get(2).(lua.LString)
	if !ok || name == "" {
		raise(l, "%s: the name of a header must be a string, not %s", function, describe(l.Get(2)))
	}
	return string(name)
}

// headerGet is m:header(name): the first element, or nil.
func headerGet(l *lua.LState) int {
	m := messageArg(l)
	e := m.Message().ElementsName(headerName(l, "header"))
	if e.Next() {
		l.Push(lua.LString(unfold(e.Value)))
	} else {
		l.Push(lua.LNil)
	}
	return 1
}

// headerList is m:headers(name): all elements.
func headerList(l *lua.LState) int {
	m := messageArg(l)
	t := l.NewTable()
	for e := m.Message().ElementsName(headerName(l, "headers")); e.Next(); {
		t.Append(lua.LString(unfold(e.Value)))
	}
	l.Push(t)
	return 1
}

// headerSet is m:set_header(name, value | list). An empty list, like remove_header, leaves none.
func headerSet(l *lua.LState) int {
	m := messageArg(l)
	name := headerName(l, "set_header")
	values, err := headerValues(l.Get(3))
	if err != nil {
		raise(l, "set_header(%q): %v", name, err)
	}
	if len(values) == 0 {
		raiseErr(l, m.RemoveHeader(name))
		return 0
	}
	raiseErr(l, m.SetHeader(name, values...))
	return 0
}

// headerAdd is m:add_header(name, value [, "first"]).
func headerAdd(l *lua.LState) int {
	m := messageArg(l)
	name := headerName(l, "add_header")
	value, ok := textOf(l.Get(3))
	if !ok {
		raise(l, "add_header(%q): the value must be a string, not %s", name, describe(l.Get(3)))
	}
	first := false
	switch where := l.Get(4); where {
	case lua.LNil:
	case lua.LString("first"):
		first = true
	default:
		raise(l, "add_header(%q): the third argument must be \"first\" or nothing, not %s", name, describe(where))
	}
	raiseErr(l, m.AddHeader(name, value, first))
	return 0
}

func headerRemove(l *lua.LState) int {
	m := messageArg(l)
	raiseErr(l, m.RemoveHeader(headerName(l, "remove_header")))
	return 0
}

// bodySet is m:set_body(body, content_type); a nil body removes both.
func bodySet(l *lua.LState) int {
	m := messageArg(l)
	if l.GetTop() >= 2 && l.Get(2) == lua.LNil {
		raiseErr(l, m.SetBody(nil, ""))
		return 0
	}
	body, ok := l.Get(2).(lua.LString)
	if !ok {
		raise(l, "set_body: the body must be a string or nil, not %s", describe(l.Get(2)))
	}
	kind, ok := l.Get(3).(lua.LString)
	if !ok && body != "" {
		raise(l, "set_body: the content type must be a string (\"application/sdp\"), not %s", describe(l.Get(3)))
	}
	raiseErr(l, m.SetBody([]byte(body), string(kind)))
	return 0
}

// raiseErr raises err, if there is one.
func raiseErr(l *lua.LState, err error) {
	if err != nil {
		raise(l, "%s", err.Error())
	}
}

// headerValues reads text or a list of texts.
func headerValues(v lua.LValue) ([]string, error) {
	if s, ok := textOf(v); ok {
		return []string{s}, nil
	}
	t, ok := v.(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("the value must be a string or a list of strings, not %s", describe(v))
	}
	return stringList(t)
}

// headerEdits reads {Name = text | list | false}, in the order of the names.
func headerEdits(v lua.LValue) ([]engine.HeaderEdit, error) {
	t, ok := v.(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("headers must be a table {Name = value}, not %s", describe(v))
	}
	m := map[string]lua.LValue{}
	var err error
	t.ForEach(func(k, x lua.LValue) {
		name, ok := k.(lua.LString)
		if !ok {
			err = fmt.Errorf("headers must be a table {Name = value}: %s is not a name", describe(k))
			return
		}
		m[string(name)] = x
	})
	if err != nil {
		return nil, err
	}
	edits := make([]engine.HeaderEdit, 0, len(m))
	for _, name := range sortedKeys(m) {
		e := engine.HeaderEdit{Name: name}
		if m[name] != lua.LFalse {
			if e.Values, err = headerValues(m[name]); err != nil {
				return nil, fmt.Errorf("header %s: %w", name, err)
			}
		}
		if err := lineSafe(name, e.Values); err != nil {
			return nil, err
		}
		edits = append(edits, e)
	}
	return edits, nil
}

// lineSafe refuses what could begin another header or another message.
func lineSafe(name string, values []string) error {
	if name == "" || strings.ContainsAny(name, "\r\n\x00: \t") {
		return fmt.Errorf("%q is not the name of a header", name)
	}
	for _, v := range values {
		if strings.ContainsAny(v, "\r\n\x00") {
			return fmt.Errorf("the value of header %s contains CR, LF or NUL, which would begin another line", name)
		}
	}
	return nil
}
