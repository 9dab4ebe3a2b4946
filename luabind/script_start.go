package luabind

import (
	"errors"
	"fmt"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	lua "github.com/yuin/gopher-lua"
)

// ErrNotStarted is the error of [Func.Start] for a function that was not called: its generation is
// over, or its lane is overloaded.
var ErrNotStarted = errors.New("luabind: the function was not called")

// Start calls the function on the lane of its VM, as a task of its own, which may wait. It returns
// at once and may be called from any goroutine. When the function has ended, done is called on that
// lane, with its first result in what into points to: whether it is true if that is a bool, copies
// of all of its results if that is a []any, as [Func.Call] returns them, the targets and what comes
// behind them if that is a [Targets]; otherwise a table of options, as read by [Call.Decode] (nil
// and no result leave that unchanged). err is ErrNotStarted, a *ScriptError, or says what is wrong
// with the result; it is logged.
func (f *Func) Start(what string, into any, done func(err error), args ...any) {
	v := f.vm
	posted := v.lane.Post(lane.Func(func(*lane.Lane) {
		v.begin()
		defer v.end()
		if v.gen.ctx.Err() != nil {
			done(ErrNotStarted)
			return
		}
		done(f.run(what, into, args))
	}))
	if !posted {
		done(ErrNotStarted)
	}
}

func (f *Func) run(what string, into any, args []any) error {
	v := f.vm
	in := make([]lua.LValue, len(args))
	for i, a := range args {
		lv, err := toLua(v, a)
		if err != nil {
			return err
		}
		in[i] = lv
	}
	var out []lua.LValue
	if err := v.runTask(what, f.f, &out, in...); err != nil {
		return err
	}
	if all, ok := into.(*[]any); ok {
		return v.results(what, out, 0, all)
	}
	if t, ok := into.(*Targets); ok {
		return v.resultTargets(what, out, t)
	}
	if yes, ok := into.(*bool); ok {
		*yes = len(out) > 0 && lua.LVAsBool(out[0])
		return nil
	}
	if len(out) == 0 || out[0] == lua.LNil {
		return nil
	}
	t, ok := out[0].(*lua.LTable)
	if !ok {
		err := &ScriptError{Text: what + ": the result must be a table, not " + describe(out[0])}
		v.report(nil, what, err)
		return err
	}
	if err := decodeTable(v, t, into); err != nil {
		failed := &ScriptError{Text: what + ": the result: " + err.Error()}
		v.report(nil, what, failed)
		return failed
	}
	return nil
}

// results copies what a function returned, from the result number first on.
func (v *vm) results(what string, out []lua.LValue, first int, all *[]any) error {
	for i := first; i < len(out); i++ {
		x, err := resultToGo(out[i])
		if err != nil {
			return v.badResult(what, i+1, err)
		}
		*all = append(*all, x)
	}
	return nil
}

func (v *vm) badResult(what string, n int, err error) error {
	failed := &ScriptError{Text: fmt.Sprintf("%s: result %d: %v", what, n, err)}
	v.report(nil, what, failed)
	return failed
}

// Targets is what [Func.Start] reads of a function that returns targets, as [TargetsArg] has them.
type Targets struct {
	List []*engine.Target // nil: the function returned none, or nil
	Yes  bool             // it returned true in their place
	Rest []any            // copies of the results behind them
}

func (v *vm) resultTargets(what string, out []lua.LValue, into *Targets) error {
	if into.Yes = len(out) > 0 && out[0] == lua.LTrue; !into.Yes && len(out) > 0 && out[0] != lua.LNil {
		list, err := v.targets(out[0])
		if err != nil {
			return v.badResult(what, 1, err)
		}
		for _, t := range list { // they outlive the call, and the VM
			one := *t
			one.Value = nil
			into.List = append(into.List, &one)
		}
	}
	return v.results(what, out, 1, &into.Rest)
}

// JSON is the text of a JSON value. As the type of an option it accepts any value of the script,
// encoded as by sip.json.encode; what a function returns as JSON reaches a script decoded as by
// sip.json.decode.
type JSON []byte

// PushJSON pushes the value of JSON text and returns 1; an error says what is wrong with it, and
// nothing is pushed.
func (c *Call) PushJSON(text JSON) (n int, err error) {
	value, err := c.vm.parseJSON(c.l, string(text))
	if err != nil {
		return 0, err
	}
	c.l.Push(value)
	return 1, nil
}

// RestArg are all arguments from here on: text, numbers, booleans, nil and plain tables, copied.
func RestArg(name, doc string) Arg[[]any] {
	return ArgOf(func(c *Call, n int) (list []any) {
		for ; n <= c.Len(); n++ {
			list = append(list, c.Value(n))
		}
		return list
	}, Param{Name: name, Type: Any, Optional: true, Rest: true, Doc: doc})
}

// JSON is argument n, any value, as JSON.
func (c *Call) JSON(n int) JSON {
	b, err := appendJSON(nil, c.l.Get(n), 0)
	if err != nil {
		c.Raise("argument %d: %v", c.position(n), err)
	}
	return b
}
