package luabind

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// FuncOr is the type of an option that takes a function or something else: identity = false, or function(user, uri).
type FuncOr struct {
	Func  *Func // nil where it is no function
	Value any   // else a copy of the value: nil, string, float64, bool, []any, map[string]any
}

// Given tells whether the script gave the option.
func (f *FuncOr) Given() bool { return f.Func != nil || f.Value != nil }

func (f *FuncOr) decode(v *vm, value lua.LValue, name string) error {
	if fn, ok := value.(*lua.LFunction); ok {
		*f = FuncOr{Func: &Func{vm: v, f: fn}}
		return nil
	}
	x, err := toGo(value)
	if err != nil {
		return fmt.Errorf("option %s: %w", name, err)
	}
	*f = FuncOr{Value: x}
	return nil
}

// URIText is text that a script gets as a uri object of its own, where it is one.
type URIText string
