package luabind

import lua "github.com/yuin/gopher-lua"

// Object is a Go value that scripts hold as a read-only object with named fields. It must not
// change, and several VMs may use it at once. Nothing is computed before a script asks for it, and
// a list of objects costs one userdata for each.
//
// An Object that is also a [Targeter] can be passed to relay, fork and redirect as a target. One
// that is a fmt.Stringer has that text.
type Object interface {
	ObjectType() *ObjectType
}

// ObjectType describes a kind of [Object]. It is made once and never changed.
type ObjectType struct {
	Name    string     // as documentation calls it: "binding"
	Doc     string     // one or two sentences: what an object is
	Example string     // lines of Lua that a test runs
	Fields  []Field    // what can be read, in the order of documentation
	Methods []Function // called as object:name(...); their first argument is [Self]
	kind    *kind      // of the objects of this package
	keys    []Option   // of a table that scripts write
}

// kind is what the objects of this package have in addition to fields and methods.
type kind struct {
	variable string // as errors and examples call one: "req"
	// any reads a field that has no declaration: a parameter by its name.
	any func(c *Call, self any, name string) bool
	// set raises an error, or assigns the field itself and returns true; argument 3 is the value.
	// If it returns false, the field's own declaration is used.
	set  func(c *Call, self any, name string) bool
	hint string // ends the error for a field that is not there
	text func(l *lua.LState, self any) string
	// joins makes .. join the text.
	joins bool
}

// Field describes a field of an object, and reads it.
type Field struct {
	Name     string      // as scripts write it after the dot
	Type     Type        // what it is, if it is none of Or
	Or       []Type      // the other types it may be of
	Doc      string      // a few words: meaning, unit
	Object   *ObjectType // of ObjectOf, or of a List's elements
	OrNil    bool        // nil where there is none
	Settable bool        // scripts may assign it
	Effects  Effect      // of reading it
	push     func(c *Call, self any)
	set      func(c *Call, self any) // of a Settable one; argument 3 is the value
	targeter bool                    // the object it is of is a [Targeter]
}

// Keys are those of a type that is a table of scripts; nil for objects.
func (t *ObjectType) Keys() []Option { return t.keys }

// IsTarget reports whether relay, fork and redirect take objects of this type: they are
// [Targeter]s.
func (t *ObjectType) IsTarget() bool { return len(t.Fields) > 0 && t.Fields[0].targeter }

// FieldOf declares a field: get reads it from the object.
func FieldOf[O Object, R any](name string, r Returns[R], get func(*Call, O) R) Field {
	return fieldOf(name, r, get)
}

// FieldFrom is FieldOf for a field that needs no more than the object.
func FieldFrom[O Object, R any](name string, r Returns[R], get func(O) R) Field {
	return fieldOf(name, r, func(_ *Call, o O) R { return get(o) })
}

func fieldOf[O, R any](name string, r Returns[R], get func(*Call, O) R) Field {
	d := r.Results[0]
	var none O
	_, targeter := any(none).(Targeter)
	return Field{Name: name, Type: d.Type, Or: d.Or, Doc: d.Doc, Object: d.Object, OrNil: d.OrNil, targeter: targeter,
		push: func(c *Call, self any) { r.push(c, get(c, self.(O))) }}
}

// luaField declares a field of an object of this package, whose value is one of the interpreter's.
func luaField[O any](name string, t Type, doc string, get func(*Call, O) lua.LValue) Field {
	return Field{Name: name, Type: t, Doc: doc, push: func(c *Call, self any) { c.l.Push(get(c, self.(O))) }}
}

// liveField is luaField for an object that must be checked before.
func liveField[O interface{ check(*lua.LState) }](name string, t Type, doc string, get func(*Call, O) lua.LValue) Field {
	return Field{Name: name, Type: t, Doc: doc, push: func(c *Call, self any) {
		o := self.(O)
		o.check(c.l)
		c.l.Push(get(c, o))
	}}
}

// with adds what reading a field means to the request.
func (f Field) with(e Effect) Field { f.Effects |= e; return f }

// orNil says that a field may be nil.
func (f Field) orNil() Field { f.OrNil = true; return f }

// of gives the type of a list's elements.
func (f Field) of(t *ObjectType) Field { f.Object = t; return f }

func settable[O any](f Field, set func(*Call, O)) Field {
	f.Settable = true
	f.set = func(c *Call, self any) { set(c, self.(O)) }
	return f
}
