package luabind

// How a function of Go ends the script that called it, as an error would, without what a panic
// costs.

import (
	"errors"

	lua "github.com/yuin/gopher-lua"
)

// quitting is what a function returns, in place of the number of its results, that ends the script.
const quitting = -2

// bottom reports whether the loop that runs from base runs all frames of l, and whoever called that
// knows of quit.
func (t *thread) bottom(l *lua.LState, base *frame) bool {
	if base == nil || base.idx != 0 {
		return false
	}
	if n := len(t.states); n > 0 {
		return l == t.states[n-1]
	}
	return l == t.l
}

// abandon empties a state as if its first function had returned.
func (s *state) abandon() {
	if s.upvalues != nil {
		s.close(0)
	}
	dropFrames(s.stack.frames, 0)
	s.frame = nil
	clear(s.reg.array[:s.reg.top])
	s.reg.top = 0
}

// Quit ends the script that called the function, up to the nearest pcall or the handler's end. To a
// pcall it is an error of exactly this text; a handler ends well. The function returns what Quit
// returns.
func (c *Call) Quit(text string) int {
	t := c.vm.current
	if t == nil {
		c.Raise("there is nothing to end")
	}
	if t.quit = text; !t.mayQuit {
		c.busy = false
		c.l.Error(lua.LString(text), 0)
	}
	t.mayQuit, t.gone = false, true
	return quitting
}

// hasGone reports whether the script that has returned was ended by Quit without an error.
func (t *thread) hasGone() bool {
	gone := t.gone
	t.gone = false
	return gone
}

// quitBy reports whether an error of a script is that of Quit.
func (t *thread) quitBy(err error) bool {
	var api *lua.ApiError
	return t.quit != "" && errors.As(err, &api) && api.Type == lua.ApiErrorRun && api.Object == lua.LString(t.quit)
}
