package luabind

import (
	"errors"
	"fmt"
	"reflect"

	lua "github.com/yuin/gopher-lua"

	"github.com/sipscript/sipscript/engine"
)

// BranchOptions is the type of an option that is a table of options for all branches of a request,
// or a function(branch) that returns the table of one branch, or false for none. T is a struct as
// for [Call.Decode].
type BranchOptions[T any] struct {
	Options T // where it is a table

	f *lua.LFunction
}

// branchDecoder is a BranchOptions of any T.
type branchDecoder interface {
	decodeBranch(v *vm, value lua.LValue, name string) error
	branchOptions() any
}

func (o *BranchOptions[T]) branchOptions() any { return o.Options }

func (o *BranchOptions[T]) decodeBranch(v *vm, value lua.LValue, name string) error {
	switch x := value.(type) {
	case *lua.LFunction:
		o.f = x
		return nil
	case *lua.LTable:
		return decodeStruct(v, x, reflect.ValueOf(&o.Options).Elem(), name+".")
	}
	return fmt.Errorf("option %s must be a table or a function(branch), not %s", name, describe(value))
}

var errBranchOptions = errors.New("must return a table of options, or false for none")

// For is what the option says of each branch of the request that c's handler is for; nil where it
// is a table. The function it returns is called in OnBranch or a Follower, and may wait. An error
// of the script is logged, and is the branch's.
func (o *BranchOptions[T]) For(c *Call, what string) func(b *engine.Branch) (options T, on bool, err error) {
	if o.f == nil {
		return nil
	}
	f, v, req := o.f, c.vm, c.vm.current.req
	p := req.pinned()
	return func(b *engine.Branch) (options T, on bool, err error) {
		br := v.newBranch(b, req)
		defer func() { br.over, br.b = true, nil }()
		var out []lua.LValue
		if e := p.call(what, f, &out, &br.ud); e != nil {
			return options, false, e
		}
		if len(out) == 0 || out[0] == lua.LNil {
			return options, false, fmt.Errorf("%s: the function of a branch %w", what, errBranchOptions)
		}
		switch x := out[0].(type) {
		case lua.LBool:
			if !bool(x) {
				return options, false, nil
			}
		case *lua.LTable:
			err = decodeStruct(v, x, reflect.ValueOf(&options).Elem(), "")
			return options, err == nil, err
		}
		return options, false, fmt.Errorf("%s: the function of a branch %w, not %s", what, errBranchOptions, describe(out[0]))
	}
}
