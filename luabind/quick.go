package luabind

import lua "github.com/yuin/gopher-lua"

// quick is the usual case of a function of the library, which the executor calls without a frame:
// its arguments are r[1] to r[n], and it leaves its results from r[0] on. It returns how many they
// are, or -1 if this is not the usual case: then the function itself is called, which also raises
// the errors.
type quick func(v *vm, l *lua.LState, r []lua.LValue, n int) int

// quickRoom is how many values r has at least.
const quickRoom = 8

// quickValue makes a quick something that a function can keep. Without one the function itself is
// called, by the executor: it never yields.
type quickValue struct{ do quick }

func (*quickValue) String() string       { return "quick" }
func (*quickValue) Type() lua.LValueType { return lua.LTNil }

// quickOf is the quick of a function, or nil; direct: the executor may call the function itself.
func quickOf(f *lua.LFunction) (do quick, direct bool) {
	if len(f.Upvalues) != 1 {
		return nil, false
	}
	if q, ok := f.Upvalues[0].Value().(*quickValue); ok {
		return q.do, q.do == nil
	}
	return nil, false
}

// direct makes a function of Go that the executor calls itself.
func (v *vm) direct(f lua.LGFunction) *lua.LFunction {
	fn := v.main.NewFunction(f)
	if v.unyielding == nil {
		u := &lua.Upvalue{}
		u.SetValue(&quickValue{})
		v.unyielding = []*lua.Upvalue{u}
	}
	fn.Upvalues = v.unyielding
	return fn
}

// hasten gives the function under a name, which has no upvalues, its quick.
func hasten(lib *lua.LTable, name string, do quick) {
	f := lib.RawGetString(name).(*lua.LFunction)
	if len(f.Upvalues) > 0 {
		panic("luabind: " + name + " has upvalues")
	}
	u := &lua.Upvalue{}
	u.SetValue(&quickValue{do})
	f.Upvalues = []*lua.Upvalue{u}
}
