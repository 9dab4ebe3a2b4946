package luabind

import (
	"context"
	"fmt"
	_ "unsafe" // for go:linkname

	"github.com/sipscript/sipscript/engine/lane"
	lua "github.com/yuin/gopher-lua"
)

// Waits that hold no goroutine. A script that waits where it stands ([Call.Await]) keeps the
// goroutine it runs on, with a stack of 8 kB that reaches down to the socket's reader, the
// datagram it came with, and a successor must be found for the reader. A route function that waits
// in a function declared by Later is put aside instead: Go's stack is unwound, the Lua thread keeps
// its frames as they are, and whoever has the result continues the thread.
//
// That is possible only where nothing but calls of Lua functions lies between route and the wait.
// Within pcall, a metamethod, an iterator or a callback of sort or gsub there are frames of Go in
// between: there the script waits where it stands.

// aside is a handler that was put aside.
type aside struct {
	t     *thread
	call  *Call
	state saved
	tail  bool // "return f()": the frame of the caller is to be removed
	push  interface{ results(c *Call) int }
}

// leaving unwinds Go's stack down to where the handler was called.
type leaving struct{}

//go:linkname stackTrace github.com/yuin/gopher-lua.(*LState).stackTrace
func stackTrace(l *lua.LState, level int) string

// mayLeave reports whether the script can be put aside in this call; tail: it is the caller's last.
func (c *Call) mayLeave() (ok, tail bool) {
	t := c.vm.current
	if t == nil || !t.route || t.l != c.l || c.vm.co != nil {
		return false, false
	}
	first := true
	for f := frameOf(c.l); f.parent != nil; first = false {
		f = f.parent
		if f.fn.IsG {
			return false, false
		}
		switch int(f.fn.Proto.Code[f.pc-1] >> 26) {
		case lua.OP_CALL:
		case lua.OP_TAILCALL:
			if tail = first; !first {
				return false, false
			}
		default: // a metamethod, or an iterator: the interpreter's loop runs within itself
			return false, false
		}
	}
	return t.req.req.Later(), tail
}

// Pending is something that a script waits for. It is called on the lane, returns at once, and
// calls done once, from any goroutine that holds no lane, when it is there. ctx ends with the
// request. What runs in between touches nothing of the lane.
type Pending[R any] func(ctx context.Context, done func(R, error))

// later waits, with or without a goroutine of the script's own.
func later[R any](c *Call, r *Returns[R], begin Pending[R]) int {
	ctx := c.Context()
	ok, tail := c.mayLeave()
	if !ok {
		var out R
		var err error
		c.Await(func(context.Context) { // the script's goroutine keeps its stack small
			there := make(chan struct{})
			begin(ctx, func(o R, e error) { out, err = o, e; close(there) })
			<-there
		})
		return r.outcome(c, out, err)
	}
	a := &asideFor[R]{aside: aside{call: c, tail: tail, t: c.vm.current}, returns: r}
	a.push = a
	c.vm.lane.Expect()
	a.state = c.vm.suspend()
	a.t.aside = &a.aside
	c.Drop()
	begin(ctx, a.done)
	panic(leaving{})
}

// asideFor is an aside with the result.
type asideFor[R any] struct {
	aside
	returns *Returns[R]
	out     R
	err     error
}

func (a *asideFor[R]) done(out R, err error) {
	a.out, a.err = out, err
	a.t.vm.lane.Bring(&a.aside)
}

func (a *asideFor[R]) results(c *Call) int {
	n := a.returns.outcome(c, a.out, a.err)
	c.foundLater(n)
	return n
}

// Do continues the handler.
func (a *aside) Do(*lane.Lane) {
	t, v := a.t, a.t.vm
	t.req.req.Continue(func() error {
		v.resume(a.state)
		err := t.protected(a)
		if t.aside != nil { // it waits again
			v.restore(saved{waits: v.waits})
			return nil
		}
		req := t.req.req // ended takes it away
		return v.routed(req, v.ended(t, saved{waits: v.waits}, err, nil))
	})
}

// protected runs the function that was pushed with its argument, or what was put aside, until it
// ends or leaves again.
func (t *thread) protected(a *aside) (err error) {
	defer func() {
		x := recover()
		if _, ok := x.(leaving); ok || x == nil {
			return
		}
		api, ok := x.(*lua.ApiError)
		if !ok {
			api = &lua.ApiError{Type: lua.ApiErrorPanic, Object: lua.LString(fmt.Sprint(x))}
		}
		if api.StackTrace == "" {
			api.StackTrace = stackTrace(t.l, 0)
		}
		err = api
	}()
	if t.aside = nil; a == nil {
		t.l.Call(1, lua.MultRet)
		return nil
	}
	if a.tail {
		t.l.RemoveCallerFrame()
	}
	t.vm.continued = a
	run(t.l, nil)
	run(t.l, nil)
	return nil
}

// finish is the second call of the function that was left.
func (a *aside) finish() int {
	n := a.push.results(a.call)
	a.call.busy = false
	return n
}

// Later1 declares a function of one argument that waits. fn reads what it needs, and returns what
// is waited for, whose result is r, or which fails.
func Later1[A, R any](f Function, a Arg[A], r Returns[R], fn func(*Call, A) Pending[R]) Function {
	f.Waits = true
	declared(&f, a.Params)
	f.Results = r.failing(&f)
	f.Call = func(c *Call) int { return later(c, &r, fn(c, a.read(c, 1))) }
	return f
}

// Later2 is Later1 for two arguments.
func Later2[A, B, R any](f Function, a Arg[A], b Arg[B], r Returns[R], fn func(*Call, A, B) Pending[R]) Function {
	f.Waits = true
	declared(&f, a.Params, b.Params)
	f.Results = r.failing(&f)
	nb := 1 + a.width
	f.Call = func(c *Call) int { return later(c, &r, fn(c, a.read(c, 1), b.read(c, nb))) }
	return f
}

// Later3 is Later1 for three arguments.
func Later3[A, B, C, R any](f Function, a Arg[A], b Arg[B], d Arg[C], r Returns[R],
	fn func(*Call, A, B, C) Pending[R]) Function {
	f.Waits = true
	declared(&f, a.Params, b.Params, d.Params)
	f.Results = r.failing(&f)
	nb := 1 + a.width
	nd := nb + b.width
	f.Call = func(c *Call) int { return later(c, &r, fn(c, a.read(c, 1), b.read(c, nb), d.read(c, nd))) }
	return f
}
