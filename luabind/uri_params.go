package luabind

import (
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// Parameters of a uri or a header element, and the headers of a uri: read by name in any case; a parameter without a value reads "", which is true.
// pairs goes over them in their order. Those of a uri that may be changed can be assigned.

type paramsObj struct {
	uri     *uriObj // whose parameters (or headers) they are, or
	addr    *addrObj
	headers bool // the headers of a uri
}

func (v *vm) newParams(o *paramsObj) *lua.LUserData {
	return &lua.LUserData{Value: o, Metatable: v.kinds.params}
}

func paramsArg(l *lua.LState) *paramsObj {
	if ud, ok := l.Get(1).(*lua.LUserData); ok {
		if o, ok := ud.Value.(*paramsObj); ok {
			return o
		}
	}
	raise(l, "parameters are expected here, not %s", describe(l.Get(1)))
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

func paramsIndex(l *lua.LState) int {
	o := paramsArg(l)
	name, ok := l.Get(2).(lua.LString)
	if !ok {
		raise(l, "parameters are read by name, not by %s", describe(l.Get(2)))
	}
	if !o.headers {
		if value, present := o.params(l).Get(string(name)); present {
			l.Push(lua.LString(value))
			return 1
		}
		l.Push(lua.LNil)
		return 1
	}
	var found lua.LValue = lua.LNil
	want := strings.ToLower(string(name))
	o.each(l, func(n, value string) bool {
		if n == want {
			found = lua.LString(value)
			return false
		}
		return true
	})
	l.Push(found)
	return 1
}

// paramsNewIndex sets one parameter: a string, a number, true or "" for a name alone, nil or false to remove it.
func paramsNewIndex(l *lua.LState) int {
	o := paramsArg(l)
	name, ok := l.Get(2).(lua.LString)
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
		if !strings.EqualFold(string(n), string(name)) {
			p = append(append(p, ';'), n...)
			if len(value) > 0 {
				p = append(append(p, '='), value...)
			}
		} else if !done {
			p = appendParam(l, p, string(name), l.Get(3))
			done = true
		}
		return true
	})
	if !done {
		p = appendParam(l, p, string(name), l.Get(3))
	}
	u.Params = p
	o.uri.replace(l, string(u.AppendTo(nil)))
	return 0
}

// paramsPairs makes pairs(params) work: it returns next, a copy as a table, nil. The copy keeps the order.
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

func paramsString(l *lua.LState) int {
	o := paramsArg(l)
	if o.headers {
		l.Push(lua.LString(o.uri.parsed(l).Headers))
	} else {
		l.Push(lua.LString(o.params(l)))
	}
	return 1
}
