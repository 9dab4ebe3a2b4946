package luabind

import (
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// Func is a function of a script that was passed to a module. It lives as long as its VM and may be
// called only with the token of that VM's lane held: from a [Call] of the same VM, or from work
// posted to its lane.
type Func struct {
	vm *vm
	f  *lua.LFunction
}

// VM is the VM it belongs to, as [Call.VM].
func (f *Func) VM() any { return f.vm }

// Call calls the function with args (see [Call.Push]) and returns its results copied into Go; a
// result that is an [Object] is returned as such. The function may wait if its caller may. An error
// of the function is a *ScriptError.
func (f *Func) Call(args ...any) ([]any, error) {
	v := f.vm
	in := make([]lua.LValue, len(args))
	for i, a := range args {
		lv, err := toLua(v, a)
		if err != nil {
			return nil, err
		}
		in[i] = lv
	}
	var out []lua.LValue
	var o *reqObj
	if v.current != nil {
		o = v.current.req
	}
	if err := v.invoke(o, f.f, &out, in...); err != nil {
		return nil, err
	}
	results := make([]any, len(out))
	for i, lv := range out {
		x, err := resultToGo(lv)
		if err != nil {
			return nil, fmt.Errorf("result %d: %w", i+1, err)
		}
		results[i] = x
	}
	return results, nil
}

func resultToGo(lv lua.LValue) (any, error) {
	if ud, ok := lv.(*lua.LUserData); ok {
		switch o := ud.Value.(type) {
		case Object:
			return o, nil
		case *uriObj:
			return string(o.bytesOrNil()), nil
		}
	}
	return toGo(lv)
}

// Rethrow raises an error of [Func.Call] in the script that called c's function, unchanged: with
// the place where it occurred.
func (c *Call) Rethrow(err error) {
	text := err.Error()
	var e *ScriptError
	if errors.As(err, &e) {
		text = e.Text
	}
	c.l.Error(lua.LString(text), 0)
}

// FuncOrValue is the type of an option that accepts a function or something else: identity = false,
// or function(user, uri).
type FuncOrValue struct {
	Func  *Func // nil if it is not a function
	Value any   // otherwise a copy of the value: nil, string, float64, bool, []any, map[string]any
}

// Given reports whether the script gave the option.
func (f *FuncOrValue) Given() bool { return f.Func != nil || f.Value != nil }

func (f *FuncOrValue) decode(v *vm, value lua.LValue, name string) error {
	if fn, ok := value.(*lua.LFunction); ok {
		*f = FuncOrValue{Func: &Func{vm: v, f: fn}}
		return nil
	}
	x, err := toGo(value)
	if err != nil {
		return fmt.Errorf("option %s: %w", name, err)
	}
	*f = FuncOrValue{Value: x}
	return nil
}

// Tree is the type of an option that may have functions inside: a table of rules, some of which are
// a function.
type Tree struct {
	// Value is a copy: nil, string, float64, bool, []any, map[string]any, and *Func for a function.
	Value any
}

func (t *Tree) decode(v *vm, value lua.LValue, name string) error {
	x, err := (&copier{funcs: v}).value(value, 0)
	if err != nil {
		return fmt.Errorf("option %s: %w", name, err)
	}
	t.Value = x
	return nil
}

// URIText is text that a script receives as an independent uri object, if it is a URI.
type URIText string
