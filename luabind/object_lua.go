package luabind

import (
	"fmt"
	"reflect"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// object makes the userdata of a module's object.
func (v *vm) object(o Object) *lua.LUserData {
	return &lua.LUserData{Value: o, Metatable: v.typeOf(o.ObjectType())}
}

// member is a field or a method in one VM.
type member struct {
	method *lua.LFunction
	field  *Field
}

// typeOf is the metatable that all objects of a type share within the VM.
func (v *vm) typeOf(t *ObjectType) *lua.LTable {
	if mt := v.types[t]; mt != nil {
		return mt
	}
	members := map[string]member{}
	for i := range t.Fields {
		members[t.Fields[i].Name] = member{field: &t.Fields[i]}
	}
	for _, m := range t.Methods {
		members[m.Name] = member{method: v.bind(m, t.Variable()+":"+m.Name, true)}
	}
	k := &boundKind{t: t, members: members, call: Call{vm: v, fn: &boundFunction{full: t.Variable()}}}
	mt := v.metatable(func(l *lua.LState) int { return v.readField(l, k) }, func(l *lua.LState) int { return v.assignField(l, k) })
	k.mt = mt
	mt.Append(&lua.LUserData{Value: k}) // for member
	mt.RawSetString("__tostring", v.main.NewFunction(func(l *lua.LState) int {
		l.Push(lua.LString(t.text(l, k.receive(l))))
		return 1
	}))
	if t.kind == nil {
		// An object that comes back (res.target) is its own userdata: the Go values are compared.
		mt.RawSetString("__eq", v.main.NewFunction(func(l *lua.LState) int {
			a, b := k.receive(l), l.Get(2)
			ud, ok := b.(*lua.LUserData)
			l.Push(lua.LBool(ok && reflect.TypeOf(a).Comparable() && ud.Value == a))
			return 1
		}))
	} else if t.kind.joins {
		mt.RawSetString("__concat", v.main.NewFunction(concat))
	}
	v.types[t] = mt
	return mt
}

// boundKind is a type of object in one VM.
type boundKind struct {
	t       *ObjectType
	mt      *lua.LTable
	members map[string]member
	call    Call
}

// at is the Call with which fields are read and written: nothing of a script runs in between.
func (k *boundKind) at(l *lua.LState) *Call {
	c := &k.call
	if c.l != l { // a write to the heap costs more than the check
		c.l = l
	}
	c.used = 0
	return c
}

// readField is __index.
func (v *vm) readField(l *lua.LState, k *boundKind) int {
	self := k.receive(l)
	name, ok := l.Get(2).(lua.LString)
	m := k.members[string(name)]
	if m.method != nil {
		l.Push(m.method)
		return 1
	}
	c, t := k.at(l), k.t
	switch {
	case m.field != nil:
		m.field.push(c, self)
	case !ok && t.kind != nil && t.kind.any != nil:
		raise(l, "%s are read by name, not by %s", t.Name, describe(l.Get(2)))
	case !ok:
		raise(l, "%s has no field %s", article(t.Name), describe(l.Get(2)))
	case t.kind == nil || t.kind.any == nil || !t.kind.any(c, self, string(name)):
		raise(l, "%s has no field '%s'%s%s", article(t.Name), string(name), suggestOrList(string(name), t.names()), t.hint())
	}
	return 1
}

// boundTo is the kind of an object, or nil for what has none.
func boundTo(x *lua.LUserData) *boundKind {
	mt, ok := x.Metatable.(*lua.LTable)
	if !ok || len(insideOf(mt).array) == 0 {
		return nil
	}
	if kind, ok := insideOf(mt).array[0].(*lua.LUserData); ok {
		k, _ := kind.Value.(*boundKind)
		return k
	}
	return nil
}

// member is a field or a method of an object, or nil where the interpreter must look. The stack may
// have moved then.
func (s *state) member(l *lua.LState, x *lua.LUserData, name string) lua.LValue {
	k := boundTo(x)
	if k == nil {
		return nil
	}
	m := k.members[name]
	switch {
	case m.method != nil:
		return m.method
	case m.field == nil:
		return nil
	}
	top := s.reg.top
	m.field.push(k.at(l), x.Value)
	value := s.reg.array[top]
	s.reg.array[top], s.reg.top = nil, top
	return value
}

// assignField is __newindex.
func (v *vm) assignField(l *lua.LState, k *boundKind) int {
	self := k.receive(l)
	name, _ := l.Get(2).(lua.LString)
	c, t := k.at(l), k.t
	if t.kind != nil && t.kind.set != nil && t.kind.set(c, self, string(name)) {
		return 0
	}
	f := k.members[string(name)].field
	if f == nil || f.set == nil {
		raise(l, "%s is read-only", article(t.Name))
	}
	f.set(c, self)
	return 0
}

// receive is argument 1, an object of this kind: scripts can't give one its metatable.
func (k *boundKind) receive(l *lua.LState) any {
	ud, ok := l.Get(1).(*lua.LUserData)
	if !ok || ud.Metatable != lua.LValue(k.mt) {
		raise(l, "%s is expected here, not %s", article(k.t.Name), describe(l.Get(1)))
	}
	return ud.Value
}

func (t *ObjectType) text(l *lua.LState, self any) string {
	switch o := self.(type) {
	case fmt.Stringer:
		return o.String()
	default:
		if t.kind != nil && t.kind.text != nil {
			return t.kind.text(l, self)
		}
		return t.Name
	}
}

// Variable is how scripts usually call an object of the type: "req" for a request.
func (t *ObjectType) Variable() string {
	if t.kind != nil && t.kind.variable != "" {
		return t.kind.variable
	}
	return t.Name
}

// Dynamic reports whether the fields of the type depend on the object: parameters.
func (t *ObjectType) Dynamic() bool { return t.kind != nil && t.kind.any != nil }

func (t *ObjectType) hint() string {
	if t.kind != nil {
		return t.kind.hint
	}
	return ""
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

// article puts "a" or "an" before a name.
func article(name string) string {
	if name != "" && strings.ContainsRune("aeio", rune(name[0])) { // a uri, a ua
		return "an " + name
	}
	return "a " + name
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
