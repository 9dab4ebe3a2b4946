package luabind

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// The standard library of scripts: a whitelist. Functions that read files, run programs, load code
// or inspect the interpreter are not available.

// openLibraries makes the base functions and the tables string, table, math, os and coroutine.
func (v *vm) openLibraries() {
	l := v.main
	l.Push(l.NewFunction(lua.OpenBase))
	l.Call(0, 0)
	l.G.MainThread, l.G.CurrentThread = l, l
	g := l.G.Global
	for _, name := range []string{"collectgarbage", "dofile", "getfenv", "load", "loadfile", "loadstring", "_printregs", "setfenv", "module", "newproxy"} {
		g.RawSetString(name, lua.LNil)
	}
	for name, f := range map[string]lua.LGFunction{
		"print": v.basePrint, "pcall": v.basePCall, "xpcall": v.baseXPCall, "require": v.require, "setmetatable": v.baseSetMetatable, "getmetatable": v.baseGetMetatable,
		"unpack": baseUnpack, "tonumber": baseToNumber, "tostring": baseToString, "error": baseError, "assert": baseAssert,
	} {
		g.RawSetString(name, l.NewFunction(f))
	}
	g.RawSetString("select", l.NewFunction(readsNumbersAt(g.RawGetString("select").(*lua.LFunction).GFunction, 1)))
	g.RawSetString("rawset", l.NewFunction(v.rawSet(g.RawGetString("rawset").(*lua.LFunction).GFunction)))
	g.RawSetString("next", l.NewFunction(v.baseNext))
	v.kinds.next = g.RawGetString("next").(*lua.LFunction)
	l.Push(g.RawGetString("ipairs"))
	l.Push(l.NewTable())
	l.Call(1, 1)
	v.kinds.ipairs = l.Get(-1).(*lua.LFunction)
	l.Pop(1)
	g.RawSetString("ipairs", l.NewFunction(v.baseIpairs))
	g.RawSetString("pairs", l.NewFunction(v.basePairs))
	hastenBase(g)
	v.openTable()
	v.openMath()
	v.openString()
	v.openOS()
	v.openCoroutine()
}

// basePairs is pairs, which goes over parameters too (__pairs).
func (v *vm) basePairs(l *lua.LState) int {
	switch x := l.Get(1).(type) {
	case *lua.LTable:
		l.Push(v.kinds.next)
		l.Push(x)
		l.Push(lua.LNil)
		return 3
	case *lua.LUserData:
		if f, ok := l.GetMetaField(x, "__pairs").(*lua.LFunction); ok {
			return f.GFunction(l)
		}
	}
	raise(l, "pairs needs a table, not %s", describe(l.Get(1)))
	return 0
}

// baseIpairs is ipairs(list).
func (v *vm) baseIpairs(l *lua.LState) int {
	t := l.CheckTable(1)
	l.Push(v.kinds.ipairs)
	l.Push(t)
	l.Push(lua.LNumber(0))
	return 3
}

// baseNext is next(table [, key]).
func (v *vm) baseNext(l *lua.LState) int {
	k, value, _ := v.next(l.CheckTable(1), l.Get(2))
	l.Push(k)
	if isNil(k) {
		return 1
	}
	l.Push(value)
	return 2
}

// basePrint writes to the log.
func (v *vm) basePrint(l *lua.LState) int {
	text := ""
	for i := 1; i <= l.GetTop(); i++ {
		if i > 1 {
			text += "\t"
		}
		if text += l.ToStringMeta(l.Get(i)).String(); len(text) > maxLine {
			break
		}
	}
	v.logger(l).Info(clip(text))
	return 0
}

// baseError is error(value [, level]). The interpreter's own treats level 2 as 1, and writes a
// space if there is no position.
func baseError(l *lua.LState) int {
	value := l.Get(1)
	if text, ok := value.(lua.LString); ok {
		if level := optIntArg(l, 2, 1); level > 0 {
			if at := strings.TrimSuffix(l.Where(level), ":"); at != "" && !strings.HasPrefix(at, "[G]") {
				value = lua.LString(at + ": " + string(text))
			}
		}
	}
	l.Error(value, 0)
	return 0
}

// baseAssert is assert(value [, message]). The message may be any value.
func baseAssert(l *lua.LState) int {
	if l.GetTop() == 0 {
		raise(l, "assert needs a value")
	}
	if l.ToBool(1) {
		return l.GetTop()
	}
	switch m := l.Get(2).(type) {
	case *lua.LNilType:
		raise(l, "assertion failed!")
	case lua.LString:
		raise(l, "%s", string(m))
	default:
		l.Error(m, 0)
	}
	return 0
}

// basePCall is pcall. The function runs on its own Lua state: the interpreter closes all upvalues
// of the state an error is raised in, including those of functions outside the pcall, whose locals
// would then be separated from those their closures see. The error of a stopped script is not
// caught.
func (v *vm) basePCall(l *lua.LState) int {
	n := l.GetTop()
	if n == 0 {
		raise(l, "pcall needs a function")
	}
	return v.protect(l, n-1)
}

// protect calls the function below nargs arguments at the bottom of l's frame, and leaves true and
// its results or false and the error.
func (v *vm) protect(l *lua.LState, nargs int) int {
	t := v.current
	if t.depth >= maxNesting {
		raise(l, "stack overflow (pcall within pcall %d deep)", maxNesting)
	}
	s := v.spareState()
	t.adopt(s)
	for i := 1; i <= nargs+1; i++ {
		s.Push(l.Get(i))
	}
	t.depth++
	t.states = append(t.states, s)
	err := attempt(s, nargs)
	t.states = t.states[:len(t.states)-1]
	t.depth--
	if t.stopped() {
		raise(l, "%s", stoppedError{}.Error())
	}
	gone := t.hasGone()
	if err != nil {
		if err.Type == lua.ApiErrorPanic { // nothing is known of its stack: it is not used again
			if x := scriptError(err); x.Panic {
				v.gen.router.stats.panics.Add(1)
				v.logger(l).Error("bug in a binding, caught by pcall", "error", x.Text, "traceback", x.Traceback)
			}
		} else {
			unwind(s)
			v.reuse(s)
		}
		l.Push(lua.LFalse)
		if err.Object == nil {
			l.Push(lua.LString(err.Error()))
		} else {
			l.Push(err.Object)
		}
		return 2
	}
	if gone {
		v.reuse(s)
		l.Push(lua.LFalse)
		l.Push(lua.LString(t.quit))
		return 2
	}
	top := s.GetTop()
	l.Push(lua.LTrue)
	for i := 1; i <= top; i++ {
		l.Push(s.Get(i))
	}
	s.SetTop(0)
	v.reuse(s)
	return top + 1
}

func (v *vm) spareState() *lua.LState {
	if n := len(v.spare); n > 0 {
		s := v.spare[n-1]
		v.spare = v.spare[:n-1]
		return s
	}
	s, _ := v.main.NewThread()
	s.Panic = untraced
	return s
}

// baseXPCall is xpcall(f, handler, ...). The handler is called when the stack has been unwound.
func (v *vm) baseXPCall(l *lua.LState) int {
	handler, ok := l.Get(2).(*lua.LFunction)
	if !ok {
		raise(l, "xpcall: argument 2 must be a function, not %s", describe(l.Get(2)))
	}
	l.Remove(2)
	n := v.protect(l, l.GetTop()-1)
	if l.Get(-n) == lua.LTrue {
		return n
	}
	failure := l.Get(-1)
	l.SetTop(0)
	l.Push(handler)
	l.Push(failure)
	if v.protect(l, 1); l.Get(3) == lua.LFalse { // the handler failed: its error is the result
		return 2
	}
	top := l.GetTop()
	l.Replace(3, lua.LFalse)
	return top - 2
}

// baseSetMetatable is setmetatable, only for tables: the metatables of strings and objects are
// shared by all.
func (v *vm) baseSetMetatable(l *lua.LState) int {
	t, ok := l.Get(1).(*lua.LTable)
	if !ok {
		raise(l, "setmetatable: argument 1 must be a table, not %s", describe(l.Get(1)))
	}
	if l.GetTop() < 2 {
		raise(l, "setmetatable: argument 2 must be a table or nil")
	}
	if old, ok := t.Metatable.(*lua.LTable); ok && old.RawGetString("__metatable") != lua.LNil {
		raise(l, "setmetatable: the metatable of this table cannot be changed")
	}
	switch mt := l.Get(2).(type) {
	case *lua.LTable, *lua.LNilType:
		v.unwatch(t)
		t.Metatable = mt
	default:
		raise(l, "setmetatable: argument 2 must be a table or nil, not %s", describe(mt))
	}
	l.SetTop(1)
	return 1
}

// baseGetMetatable is getmetatable. That of a watched table is none of the script's.
func (v *vm) baseGetMetatable(l *lua.LState) int {
	if t, ok := l.Get(1).(*lua.LTable); ok && v.watched[t] {
		l.Push(lua.LNil)
		return 1
	}
	l.Push(l.GetMetatable(l.CheckAny(1)))
	return 1
}

// maxUnpack bounds how many values unpack and string.byte return: the stack they are put on grows
// slowly, and the budget cannot stop that.
const maxUnpack = 8000

func baseUnpack(l *lua.LState) int {
	t := l.CheckTable(1)
	from, to := optIntArg(l, 2, 1), optIntArg(l, 3, t.Len())
	if to >= from && uint64(to-from) >= maxUnpack {
		raise(l, "unpack: more than %d values", maxUnpack)
	}
	for i := from; i <= to; i++ {
		l.Push(t.RawGetInt(i))
	}
	return max(to-from+1, 0)
}
