package luabind

import (
	"fmt"
	"strings"

	"github.com/sipscript/sipscript/engine"
	lua "github.com/yuin/gopher-lua"
)

// The header and body functions, which requests, responses and branches have in common.

// messageSelf is the message that a header function was called on.
func messageSelf() Arg[Editable] {
	return Arg[Editable]{width: 1, read: func(c *Call, _ int) Editable { return messageArg(c.l) }}
}

func messageArg(l *lua.LState) Editable {
	o, ok := heldOf(l.Get(1))
	if !ok {
		raise(l, "a request, response or branch is expected before the ':', not %s", describe(l.Get(1)))
	}
	o.check(l)
	return o.editable()
}

// headerMethods are the methods of requests, responses and branches.
func headerMethods() []Function {
	return []Function{
		Func2(Function{Name: "header", Doc: "The first element of a header, with folded lines joined; nil if there is none. The engine handles compact forms and case.",
			Example: `local subject = req:header("Subject")`},
			messageSelf(), headerNameArg, returnsLua(String, "the element, without the header's name").orNil(), headerGet),
		Func2(Function{Name: "headers", Doc: "All elements of a header, one per value if the RFC defines the header as a list; an empty list if there are none.",
			Example: `for _, value in ipairs(req:headers("Diversion")) do sip.log.info("%s", value) end`},
			messageSelf(), headerNameArg, returnsLua(List, "strings"), headerList),
		Do3(Function{Name: "set_header", Doc: "Replaces a header by a value, or by one field for each value of a list; an empty list removes it.",
			Raises: "for CR, LF, NUL, and headers that the engine owns (Via, CSeq, Content-Length …)", Example: `req:set_header("Subject", "sales")`},
			messageSelf(), headerNameArg, headerValuesArg, func(c *Call, m Editable, name string, values []string) {
				if len(values) == 0 {
					raiseErr(c.l, m.RemoveHeader(name))
				} else {
					raiseErr(c.l, m.SetHeader(name, values...))
				}
			}),
		Do4(Function{Name: "add_header", Doc: "Adds a field to a header, after the existing ones or before them.",
			Raises: "as set_header does", Example: `req:add_header("Diversion", "<sip:bob@example.com>;reason=no-answer", "first")`},
			messageSelf(), headerNameArg, TextArg("value", ""), firstArg, func(c *Call, m Editable, name, value string, first bool) {
				raiseErr(c.l, m.AddHeader(name, value, first))
			}),
		Do2(Function{Name: "remove_header", Doc: "Removes all fields of a header.", Raises: "as set_header does", Example: `req:remove_header("User-Agent")`},
			messageSelf(), headerNameArg, func(c *Call, m Editable, name string) { raiseErr(c.l, m.RemoveHeader(name)) }),
		Do2(Function{Name: "set_body", Doc: "Replaces the body and its Content-Type; a nil body removes both.", Example: `req:set_body("v=0\r\n", "application/sdp")`},
			messageSelf(), bodyArg, func(c *Call, m Editable, b body) { raiseErr(c.l, m.SetBody(b.bytes, b.contentType)) }),
		Do2(Function{Name: "set_parts", Doc: "Replaces the body by a multipart one. A message that is multipart keeps its type, any other becomes multipart/mixed; an empty list removes the body.",
			Raises:  "for a part without content_type, and for CR, LF or NUL in headers",
			Example: `req:set_parts({ { content_type = "text/plain", body = "hello" }, { content_type = "application/sdp", body = req.body or "v=0\r\n" } })`},
			messageSelf(), partsArg, setParts),
	}
}

var headerNameArg = ArgOf(func(c *Call, n int) string {
	name, ok := c.l.Get(n).(lua.LString)
	if !ok || name == "" {
		c.Raise("the name of a header must be a string, not %s", describe(c.l.Get(n)))
	}
	return string(name)
}, Param{Name: "name", Type: String, Doc: "of the header, in any case"})

var headerValuesArg = ArgOf(func(c *Call, n int) []string {
	values, err := headerValues(c.l.Get(n))
	if err != nil {
		c.Raise("%v", err)
	}
	return values
}, Param{Name: "value", Type: String, Or: []Type{List}, Doc: "a string or a list of strings"})

var firstArg = ArgOf(func(c *Call, n int) bool {
	switch where := c.l.Get(n); where {
	case lua.LNil:
		return false
	case lua.LString("first"):
		return true
	default:
		c.Raise("the third argument must be \"first\" or nothing, not %s", describe(where))
		return false
	}
}, Param{Name: "where", Type: String, OneOf: []string{"first"}, Optional: true, Default: "last"})

// body are the arguments of set_body.
type body struct {
	bytes       []byte
	contentType string
}

var bodyArg = ArgOf(func(c *Call, n int) body {
	if c.l.GetTop() >= n && c.l.Get(n) == lua.LNil {
		return body{}
	}
	text, ok := c.l.Get(n).(lua.LString)
	if !ok {
		c.Raise("the body must be a string or nil, not %s", describe(c.l.Get(n)))
	}
	kind, ok := c.l.Get(n + 1).(lua.LString)
	if !ok && text != "" {
		c.Raise("the content type must be a string (\"application/sdp\"), not %s", describe(c.l.Get(n+1)))
	}
	return body{[]byte(text), string(kind)}
}, Param{Name: "body", Type: String, Or: []Type{Nil}}, Param{Name: "content_type", Type: String, Optional: true, Doc: "required for a body that is not empty"})

func headerGet(_ *Call, m Editable, name string) lua.LValue {
	e := m.Message().ElementsName(name)
	if e.Next() {
		return lua.LString(unfold(e.Value))
	}
	return lua.LNil
}

func headerList(c *Call, m Editable, name string) lua.LValue {
	t := c.l.NewTable()
	for e := m.Message().ElementsName(name); e.Next(); {
		t.Append(lua.LString(unfold(e.Value)))
	}
	return t
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
