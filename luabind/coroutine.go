package luabind

import (
	lua "github.com/yuin/gopher-lua"
)

// Coroutines. They are for scripts' own use; nothing in here yields to wait. The library's
// functions trust that one script runs at a time on a VM, while here any number may be waiting:
// which coroutine a script is in, and which coroutines are in the middle of something, is kept by
// us.

// openCoroutine makes the coroutine table around the library's create, resume and yield.
func (v *vm) openCoroutine() {
	l := v.main
	l.Push(l.NewFunction(lua.OpenCoroutine))
	l.Call(0, 1)
	lib := l.Get(-1).(*lua.LTable)
	l.Pop(1)
	create := lib.RawGetString("create").(*lua.LFunction).GFunction
	resume := lib.RawGetString("resume").(*lua.LFunction).GFunction
	status := lib.RawGetString("status").(*lua.LFunction).GFunction
	active := map[*lua.LState]bool{} // resumed, and neither ended nor yielded
	guarded := func(l *lua.LState) int { return v.coResume(l, resume, active) }
	lib.RawSetString("create", l.NewFunction(func(l *lua.LState) int {
		coFunction(l)
		v.spend(l, threadSize)
		n := create(l)
		v.current.adopt(l.ToThread(-1))
		return n
	}))
	lib.RawSetString("resume", l.NewFunction(guarded))
	lib.RawSetString("wrap", l.NewFunction(func(l *lua.LState) int {
		coFunction(l)
		v.spend(l, threadSize)
		create(l)
		co := l.ToThread(-1)
		// So that it is weighed
		l.Push(l.NewClosure(func(l *lua.LState) int { return wrapped(l, co, guarded) }, co))
		return 1
	}))
	lib.RawSetString("running", l.NewFunction(func(l *lua.LState) int {
		if v.co == nil {
			l.Push(lua.LNil)
		} else {
			l.Push(v.co)
		}
		return 1
	}))
	lib.RawSetString("status", l.NewFunction(func(l *lua.LState) int {
		switch co := l.CheckThread(1); {
		case co == v.co:
			l.Push(lua.LString("running"))
		case active[co]:
			l.Push(lua.LString("normal"))
		default:
			return status(l)
		}
		return 1
	}))
	lib.RawSetString("yield", l.NewFunction(func(l *lua.LState) int {
		if v.co != l || throughGo(l) { // the interpreter would end the coroutine silently, or panic
			raise(l, "coroutine.yield is not possible here: outside of a coroutine, within pcall, or in a callback of sort or gsub")
		}
		return -1
	}))
}

// throughGo reports whether there is a Go function between yield and the coroutine's own function.
func throughGo(l *lua.LState) bool {
	for level := 1; ; level++ {
		d, ok := l.GetStack(level)
		if !ok {
			return false
		}
		if _, err := l.GetInfo("S", d, lua.LNil); err != nil || d.What == "G" {
			return true
		}
		if level > 1 && d.What == "main" {
			return false
		}
	}
}

func coFunction(l *lua.LState) {
	if _, ok := l.Get(1).(*lua.LFunction); !ok {
		raise(l, "a coroutine needs a function, not %s", describe(l.Get(1)))
	}
}

// coResume resumes the coroutine in argument 1.
func (v *vm) coResume(l *lua.LState, resume lua.LGFunction, active map[*lua.LState]bool) int {
	co := l.CheckThread(1)
	if active[co] {
		l.Push(lua.LFalse)
		l.Push(lua.LString("cannot resume a coroutine that runs or waits"))
		return 2
	}
	t := v.current
	if t.depth >= maxNesting {
		raise(l, "stack overflow (coroutines %d deep)", maxNesting)
	}
	outer := v.co
	v.co, active[co] = co, true
	t.adopt(co)
	t.depth++
	defer func() {
		t.depth--
		delete(active, co)
		v.co = outer
	}()
	n := resume(l)
	if t.stopped() {
		raise(l, "%s", stoppedError{}.Error())
	}
	return n
}

// wrapped calls a coroutine as a function: its errors are raised.
func wrapped(l *lua.LState, co *lua.LState, resume lua.LGFunction) int {
	l.Insert(co, 1)
	n := resume(l)
	if n > 0 && l.Get(-n) == lua.LFalse {
		l.Error(l.Get(-1), 0)
	}
	return n - 1
}
