package luabind

// Waits for what the script's own lane brings: a call of this server's own that is answered.

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	lua "github.com/yuin/gopher-lua"
)

// Parked is something that a script waits for and that its lane brings. It is called with the
// lane's token and must not block. done is called once with the lane's token, now or later.
type Parked[R any] func(done func(R, error))

// parked waits, with or without a goroutine of the script's own (see later).
func parked[R any](c *Call, r *Returns[R], begin Parked[R]) int {
	c.mustWait()
	ok, tail := c.mayLeave()
	if !ok {
		var out R
		var err error
		w, l := lane.NewWaiter(), c.vm.lane
		begin(func(o R, e error) {
			out, err = o, e
			l.Wake(w)
		})
		c.Park(w)
		return r.outcome(c, out, err)
	}
	a := &asideFor[R]{aside: aside{call: c, tail: tail, t: c.vm.current}, returns: r}
	a.push = a
	a.state = c.vm.suspend()
	a.t.aside = &a.aside
	c.Drop()
	begin(func(o R, e error) {
		a.out, a.err = o, e
		a.t.vm.lane.Return(&a.aside)
	})
	panic(leaving{})
}

// Parked1 declares a function of one argument that waits for what it is told.
func Parked1[A, R any](f Function, a Arg[A], r Returns[R], fn func(*Call, A) Parked[R]) Function {
	return Parked2(f, a, Arg[struct{}]{read: func(*Call, int) struct{} { return struct{}{} }}, r, func(c *Call, x A, _ struct{}) Parked[R] { return fn(c, x) })
}

// Parked2 declares a function of two arguments that waits for what its lane brings. fn reads what
// it needs, and returns what is waited for, or nil and what the function returns at once.
func Parked2[A, B, R any](f Function, a Arg[A], b Arg[B], r Returns[R], fn func(*Call, A, B) Parked[R]) Function {
	f.Waits = true
	declared(&f, a.Params, b.Params)
	f.Results = r.failing(&f)
	nb := 1 + a.width
	f.Call = func(c *Call) int { return parked(c, &r, fn(c, a.read(c, 1), b.read(c, nb))) }
	return f
}

// Parked3 is Parked2 for three arguments.
func Parked3[A, B, C, R any](f Function, a Arg[A], b Arg[B], d Arg[C], r Returns[R], fn func(*Call, A, B, C) Parked[R]) Function {
	f.Waits = true
	declared(&f, a.Params, b.Params, d.Params)
	f.Results = r.failing(&f)
	nb := 1 + a.width
	nd := nb + b.width
	f.Call = func(c *Call) int { return parked(c, &r, fn(c, a.read(c, 1), b.read(c, nb), d.read(c, nd))) }
	return f
}

// Ender belongs to a handler or task and must not outlive it.
type Ender interface {
	// End is called with the lane's token when the handler has ended; failed: by an error.
	End(failed bool)
}

// Owned is what the handler or task that makes the call has of a type: one, made by its first call.
func Owned[T Ender](c *Call, fresh func() T) T {
	t := c.vm.current
	if t == nil {
		return fresh()
	}
	for _, e := range t.ends {
		if x, ok := e.(T); ok {
			return x
		}
	}
	x := fresh()
	t.ends = append(t.ends, x)
	return x
}

// end ends what belongs to the handler.
func (t *thread) end(failed bool) {
	ends := t.ends
	t.ends = nil
	for _, x := range ends {
		x.End(failed)
	}
}

// TargetsArg is a target or a list of them, as relay takes it. It is nil for nil: a lookup that
// failed.
func TargetsArg(name, doc string) Arg[[]*engine.Target] {
	return ArgOf(func(c *Call, n int) []*engine.Target {
		value := c.l.Get(n)
		if value == lua.LNil {
			return nil
		}
		list, err := c.vm.targets(value)
		if err != nil {
			c.Raise("%v", err)
		}
		return list
	}, Param{Name: name, Type: TargetType, Doc: doc})
}

// PushResponse pushes a response, which the script may hold as long as it likes, and returns 1.
func (c *Call) PushResponse(res *engine.Response) int {
	c.l.Push(&c.vm.response(res, nil).ud)
	return 1
}
