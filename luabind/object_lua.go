package luabind

import (
	"fmt"
	"reflect"

	lua "github.com/yuin/gopher-lua"
)

// object makes the userdata of a module's object.
func (v *vm) object(o Object) *lua.LUserData {
	return &lua.LUserData{Value: o, Metatable: v.typeOf(o.ObjectType())}
}

// typeOf is the metatable that all objects of a type share within the VM.
func (v *vm) typeOf(t *ObjectType) *lua.LTable {
	if mt := v.types[t]; mt != nil {
		return mt
	}
	methods := map[string]*lua.LFunction{}
	for _, m := range t.Methods {
		methods[m.Name] = v.bind(m, t.Name+":"+m.Name, true)
	}
	index := &boundFunction{full: t.Name}
	mt := v.metatable(func(l *lua.LState) int {
		o := objectArg(l, t)
		name, ok := l.Get(2).(lua.LString)
		if !ok {
			raise(l, "a %s has no field %s", t.Name, describe(l.Get(2)))
		}
		if m := methods[string(name)]; m != nil {
			l.Push(m)
			return 1
		}
		c := v.call(l, index)
		known := o.Field(c, string(name))
		v.calls = append(v.calls, c)
		if !known {
			raise(l, "a %s has no field '%s'%s", t.Name, string(name), suggest(string(name), t.names()))
		}
		return 1
	}, func(l *lua.LState) int {
		raise(l, "a %s is read-only", t.Name)
		return 0
	})
	mt.RawSetString("__tostring", v.main.NewFunction(func(l *lua.LState) int {
		o := objectArg(l, t)
		if s, ok := o.(fmt.Stringer); ok {
			l.Push(lua.LString(s.String()))
		} else {
			l.Push(lua.LString(t.Name))
		}
		return 1
	}))
	// An object that comes back (res.target) is a userdata of its own: what is compared is the Go value.
	mt.RawSetString("__eq", v.main.NewFunction(func(l *lua.LState) int {
		a, b := objectArg(l, t), l.Get(2)
		ud, ok := b.(*lua.LUserData)
		l.Push(lua.LBool(ok && reflect.TypeOf(a).Comparable() && ud.Value == any(a)))
		return 1
	}))
	v.types[t] = mt
	return mt
}

func objectArg(l *lua.LState, t *ObjectType) Object {
	if ud, ok := l.Get(1).(*lua.LUserData); ok {
		if o, ok := ud.Value.(Object); ok {
			return o
		}
	}
	raise(l, "a %s is expected here, not %s", t.Name, describe(l.Get(1)))
	return nil
}

func (t *ObjectType) names() []string {
	var names []string
	for _, f := range t.Fields {
		names = append(names, f.Name)
	}
	for _, m := range t.Methods {
		names = append(names, m.Name)
	}
	return names
}

// metatable makes the metatable of a kind of object. Scripts can't get at it.
func (v *vm) metatable(index, newindex lua.LGFunction) *lua.LTable {
	mt := v.main.NewTable()
	mt.RawSetString("__index", v.main.NewFunction(index))
	if newindex != nil {
		mt.RawSetString("__newindex", v.main.NewFunction(newindex))
	}
	mt.RawSetString("__metatable", lua.LFalse)
	return mt
}
