package luabind

import (
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// Parameters of a uri or a header element, and the headers of a uri: read by name in any case; a
// parameter without a value reads "", which is true. pairs visits them in order. Those of a uri
// that may be changed can be assigned.

type paramsObj struct {
	uri     *uriObj // whose parameters (or headers) they are, or
	addr    *addrObj
	headers bool // the headers of a uri
}

func (v *vm) newParams(o *paramsObj) *lua.LUserData {
	return &lua.LUserData{Value: o, Metatable: v.kinds.params}
}

// paramsType declares parameters.
var paramsType = &ObjectType{
	Name: "params",
	Doc: "Parameters of a uri or of an address, or the headers of a uri: read by name in any case; pairs visits them in order. One without a value reads " +
		"\"\", which is true. Those of a uri that may be changed can be assigned: a string, a number, true for a name alone, nil or false to remove one.",
	Example: `req.ruri.params.transport = "tcp"`,
	kind: &kind{
		any: func(c *Call, self any, name string) bool {
			c.l.Push(self.(*paramsObj).get(c.l, name))
			return true
		},
		set: setParam,
		text: func(l *lua.LState, self any) string {
			o := self.(*paramsObj)
			if o.headers {
				return string(o.uri.parsed(l).Headers)
			}
			return string(o.params(l))
		},
	},
}

func paramsArg(l *lua.LState) *paramsObj { return paramsOf(l, l.Get(1)) }

func paramsOf(l *lua.LState, v lua.LValue) *paramsObj {
	if ud, ok := v.(*lua.LUserData); ok {
		if o, ok := ud.Value.(*paramsObj); ok {
			return o
		}
	}
	raise(l, "parameters are expected here, not %s", describe(v))
	return nil
}

func (o *paramsObj) params(l *lua.LState) message.Params {
	if o.addr != nil {
		return o.addr.parsed(l).Params
	}
	return o.uri.parsed(l).Params
}

// each calls f with each name in lower case and its value.
func (o *paramsObj) each(l *lua.LState, f func(name, value string) bool) {
	if !o.headers {
		o.params(l).Each(func(name, value []byte) bool { return f(strings.ToLower(string(name)), string(value)) })
		return
	}
	rest := string(o.uri.parsed(l).Headers)
	for rest != "" {
		var h string
		h, rest, _ = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(h, "=")
		if !f(strings.ToLower(unescape([]byte(name))), unescape([]byte(value))) {
			return
		}
	}
}

// get reads one by its name.
func (o *paramsObj) get(l *lua.LState, name string) lua.LValue {
	if !o.headers {
		if value, present := o.params(l).Get(name); present {
			return lua.LString(value)
		}
		return lua.LNil
	}
	var found lua.LValue = lua.LNil
	want := strings.ToLower(name)
	o.each(l, func(n, value string) bool {
		if n == want {
			found = lua.LString(value)
			return false
		}
		return true
	})
	return found
}

// setParam sets one parameter: a string, a number, true or "" for a name alone, nil or false to
// remove it.
func setParam(c *Call, self any, name string) bool {
	o, l := self.(*paramsObj), c.l
	_, ok := l.Get(2).(lua.LString)
	switch {
	case !ok:
		raise(l, "the name of a parameter must be a string, not %s", describe(l.Get(2)))
	case o.uri == nil:
		raise(l, "these parameters are read-only")
	case o.headers:
		raise(l, "assign all headers of a uri at once: u.headers = {subject = \"...\"}")
	case o.uri.kind == uriFixed:
		o.uri.readOnly(l)
	}
	u := *o.uri.parsed(l)
	var p []byte
	done := false
	u.Params.Each(func(n, value []byte) bool {
		if !strings.EqualFold(string(n), name) {
			p = append(append(p, ';'), n...)
			if len(value) > 0 {
				p = append(append(p, '='), value...)
			}
		} else if !done {
			p = appendParam(l, p, name, l.Get(3))
			done = true
		}
		return true
	})
	if !done {
		p = appendParam(l, p, name, l.Get(3))
	}
	u.Params = p
	o.uri.replace(l, string(u.AppendTo(nil)))
	return true
}

// paramsPairs makes pairs(params) work: it returns next, a copy as a table, nil. The copy keeps the
// order.
func (v *vm) paramsPairs(l *lua.LState) int {
	l.Push(v.kinds.next)
	l.Push(paramsTable(l, paramsArg(l)))
	l.Push(lua.LNil)
	return 3
}

func paramsTable(l *lua.LState, o *paramsObj) *lua.LTable {
	t := l.NewTable()
	o.each(l, func(name, value string) bool {
		if t.RawGetString(name) == lua.LNil {
			t.RawSetString(name, lua.LString(value))
		}
		return true
	})
	return t
}
