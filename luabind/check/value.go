package check

import (
	"slices"

	"github.com/sipscript/sipscript/luabind"
	"github.com/yuin/gopher-lua/ast"
)

// value is what is known about the value of an expression. The zero value means: nothing.
type value struct {
	typ     luabind.Type // Any: not known
	object  *luabind.ObjectType
	elem    *luabind.ObjectType // of a list
	nilable bool                // it may also be nil or false

	space  *space
	member *member        // a declared function
	field  *luabind.Field // what it was read from
	fn     *function      // a function of the script
	table  *ast.TableExpr // a table as it is written, in file
	file   *file

	literal bool // text or number is all there is to it
	text    string
	number  float64

	sender bool // a Request-URI or a Route as the sender wrote it
}

func (v value) known() bool { return v.typ != luabind.Any }

// kind is a type without its shades: all numbers are one.
func kind(t luabind.Type) luabind.Type {
	switch t {
	case luabind.Integer, luabind.Seconds:
		return luabind.Number
	}
	return t
}

// words is what messages call it.
func (v value) words() string {
	switch {
	case v.object != nil && v.typ != luabind.List:
		return article(v.object.Name)
	case v.space != nil:
		return "the table " + v.space.name
	case v.typ == luabind.FunctionType:
		return "a function"
	case v.typ == luabind.Nil:
		return "nil"
	}
	return article(v.typ.String())
}

// absent reports whether a value is nil or false, and nothing else.
func (v value) absent() bool {
	return v.typ == luabind.Nil || v.typ == luabind.Boolean && v.literal && v.number == 0
}

// isEmpty reports whether a value is {}.
func (v value) isEmpty() bool { return v.table != nil && len(v.table.Fields) == 0 }

// join is what is known of something that is a or b.
func join(a, b value) value {
	switch {
	case a.absent() && b.absent():
		return value{typ: luabind.Nil}
	case a.absent():
		b.nilable = true
		return b
	case b.absent():
		a.nilable = true
		return a
	case a.typ == luabind.List && b.isEmpty():
		return a
	case b.typ == luabind.List && a.isEmpty():
		return b
	case !a.known() || !b.known() || kind(a.typ) != kind(b.typ) || a.object != b.object || a.elem != b.elem ||
		a.space != b.space || a.member != b.member || a.fn != b.fn:
		return value{}
	}
	if a.literal != b.literal || a.text != b.text || a.number != b.number {
		a.literal = false
	}
	if a.table != b.table {
		a.table, a.file = nil, nil
	}
	if a.field != b.field {
		a.field = nil
	}
	a.nilable = a.nilable || b.nilable
	a.sender = a.sender && b.sender
	return a
}

// typed is a value of a declared type.
func typed(t luabind.Type, or []luabind.Type, o *luabind.ObjectType, orNil bool) value {
	v := value{typ: kind(t), nilable: orNil}
	for _, x := range or {
		if x != luabind.False && x != luabind.Nil {
			return value{}
		}
		v.nilable = true
	}
	switch {
	case t == luabind.List:
		v.elem = o
	case t == luabind.TargetType:
		return value{}
	case o != nil:
		v.object = o
	default:
		v.object = t.Object()
	}
	if t == luabind.ObjectOf && v.object == nil {
		return value{}
	}
	return v
}

// ofResult is the value of a declared result.
func ofResult(m *member, n int) value {
	results := m.fn.Results
	if n >= len(results) {
		if n > 0 && len(results) > 0 && results[len(results)-1].Name == "..." || len(results) == 0 && m.fn.Call == nil {
			return value{} // Lua's own functions do not declare their results
		}
		return value{typ: luabind.Nil}
	}
	r := &results[n]
	if r.Name == "..." {
		return value{}
	}
	o := r.Object
	if o == nil && r.Named != "" && m.lib != nil {
		o = m.lib.types[r.Named]
	}
	return typed(r.Type, r.Or, o, r.OrNil)
}

// ofMember is the value of a name of a library or an object.
func ofMember(m *member) value {
	switch {
	case m.fn != nil:
		return value{typ: luabind.FunctionType, member: m}
	case m.space != nil:
		return value{typ: luabind.Table, space: m.space}
	}
	v := typed(m.field.Type, m.field.Or, m.field.Object, m.field.OrNil)
	v.field = m.field
	return v
}

// isUserdata reports whether a value is an object that == never finds equal to text.
func (v value) isUserdata() bool {
	return v.object != nil && slices.Contains([]luabind.Type{luabind.URIType, luabind.ObjectOf, luabind.RequestType,
		luabind.ResponseType, luabind.BranchType}, v.typ)
}
