package source

// What scripts say of sources.

import (
	"context"
	"errors"
	"fmt"

	"github.com/sipscript/sipscript/luabind"
)

// Said is what the script's file says of one source: in each VM, and alike in all of them. A
// function is each VM's own. It belongs to one generation's luabind.Module. The zero value is
// ready.
//
//	spec, first, err := said.Say(c, option, clients.IsDatabase)      // while the file loads
//	if first { list, err = source.Open(said.Context(c), spec, …) }
//	err = list.Reload(said.Context(c))                                // reload(), in a handler
type Said struct {
	agreed luabind.Agreed[any]
	funcs  map[any]*luabind.Func // by VM
}

// isFunction stands for any function where VMs are compared.
type isFunction struct{}

// Say reads what the file says in c's VM; isURL is as for SpecOf. first: no other VM said it
// before, and the caller opens the source. The error is a mistake, or luabind.ErrSaid or
// ErrDiffers.
func (s *Said) Say(c *luabind.Call, option luabind.FuncOrValue, isURL func(string) bool) (spec Spec, first bool, err error) {
	if option.Func == nil {
		if spec, err = SpecOf(option.Value, isURL); err != nil {
			return spec, false, err
		}
		first, err = s.agreed.Say(c.VM(), option.Value)
		return spec, first, err
	}
	if first, err = s.agreed.Say(c.VM(), isFunction{}); err != nil {
		return spec, false, err
	}
	if s.funcs == nil {
		s.funcs = map[any]*luabind.Func{}
	}
	s.funcs[c.VM()] = option.Func
	return Spec{Func: s.call}, first, nil
}

// vmKey is the key of a context for the VM that a function is called in.
type vmKey struct{}

// Context is what Open and Reload are called with on behalf of c: a source that is a function calls
// that of c's VM. They run on c's lane then, as it is; other sources are better waited for with the
// lane lent (c.Await).
func (s *Said) Context(c *luabind.Call) context.Context {
	return context.WithValue(context.Background(), vmKey{}, c.VM())
}

// IsFunction reports whether the source is a function.
func (s *Said) IsFunction() bool { return s.funcs != nil }

// Func is the function that the file gave in c's VM, nil if it gave none: for a source that is not
// read as a whole, but asked.
func (s *Said) Func(c *luabind.Call) *luabind.Func { return s.funcs[c.VM()] }

func (s *Said) call(ctx context.Context) (any, error) {
	f := s.funcs[ctx.Value(vmKey{})]
	if f == nil {
		return nil, errors.New("a source that is a function is read by a script's reload() only")
	}
	out, err := f.Call()
	switch {
	case err != nil:
		return nil, err
	case len(out) > 1 && out[0] == nil && out[1] != nil:
		return nil, fmt.Errorf("%v", out[1])
	case len(out) == 0:
		return nil, nil
	}
	return out[0], nil
}
