package luabind

// The states on which pcall has functions run.

import (
	"fmt"
	_ "unsafe" // for go:linkname

	lua "github.com/yuin/gopher-lua"
)

// attempt calls the function below nargs arguments, which are all that is on s, and returns its
// error. It is the interpreter's PCall without the traceback, which a script that catches an error
// does not see and which costs more than all the rest.
func attempt(s *lua.LState, nargs int) (err *lua.ApiError) {
	defer func() {
		x := recover()
		if x == nil {
			return
		}
		var ok bool
		if err, ok = x.(*lua.ApiError); !ok {
			err = &lua.ApiError{Type: lua.ApiErrorPanic, Object: lua.LString(fmt.Sprint(x)), StackTrace: stackTrace(s, 0)}
		}
	}()
	s.Call(nargs, lua.MultRet)
	return nil
}

// untraced is how a state for pcall raises an error whose upvalues are closed.
func untraced(s *lua.LState) { panic(&lua.ApiError{Type: lua.ApiErrorRun, Object: s.Get(-1)}) }

//go:linkname dropFrames github.com/yuin/gopher-lua.(*autoGrowingCallFrameStack).SetSp
func dropFrames(stack *frames, n int)

// unwind empties a state that an error was raised in, as PCall does.
func unwind(s *lua.LState) {
	in := insideState(s)
	dropFrames(in.stack.frames, 0)
	in.frame = nil
	s.SetTop(0)
}

// maxSpareStack is how large a stack may be that is kept for the next pcall.
const maxSpareStack = 4096

// reuse keeps an empty state for the next pcall.
func (v *vm) reuse(s *lua.LState) {
	if len(v.spare) < maxIdleThreads && len(registryOf(s).array) <= maxSpareStack {
		v.spare = append(v.spare, s)
	}
}
