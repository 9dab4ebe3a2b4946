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
type quickValue struct {
	do    quick
	quits bool // the function may end the script
}

func (*quickValue) String() string       { return "quick" }
func (*quickValue) Type() lua.LValueType { return lua.LTNil }

// quickOf is what the executor knows of a function, nil if the interpreter must call it.
func quickOf(f *lua.LFunction) *quickValue {
	if len(f.Upvalues) != 1 {
		return nil
	}
	q, _ := f.Upvalues[0].Value().(*quickValue)
	return q
}

// direct makes a function of Go that the executor calls itself; quits: it may end the script.
func (v *vm) direct(f lua.LGFunction, quits bool) *lua.LFunction {
	fn := v.main.NewFunction(f)
	if quits {
		fn.Upvalues = []*lua.Upvalue{quickUpvalue(&quickValue{quits: true})}
		return fn
	}
	if v.unyielding == nil {
		v.unyielding = []*lua.Upvalue{quickUpvalue(&quickValue{})}
	}
	fn.Upvalues = v.unyielding
	return fn
}

func quickUpvalue(q *quickValue) *lua.Upvalue {
	u := &lua.Upvalue{}
	u.SetValue(q)
	return u
}

// hasten gives the function under a name, which has no upvalues, its quick.
func hasten(lib *lua.LTable, name string, do quick) {
	f := lib.RawGetString(name).(*lua.LFunction)
	if len(f.Upvalues) > 0 {
		panic("luabind: " + name + " has upvalues")
	}
	f.Upvalues = []*lua.Upvalue{quickUpvalue(&quickValue{do: do})}
}
