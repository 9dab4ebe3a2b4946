package luabind

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	lua "github.com/yuin/gopher-lua"
)

// ScriptError is an error of a script: its text, which begins with file and line, and its
// traceback.
type ScriptError struct {
	Text      string // "route.lua:12: what"
	Traceback string // the calls that led there, a line each; "" if it is not known
	Stopped   bool   // it overran its budget
	Panic     bool   // a bug of a binding, not of the script
	replaced  bool   // it was ended with its generation
}

func (e *ScriptError) Error() string {
	if e.Traceback == "" {
		return e.Text
	}
	return e.Text + "\n" + e.Traceback
}

// Logged tells the engine that the error was logged, with its traceback, where it happened.
func (e *ScriptError) Logged() bool { return true }

// failed makes the error of a failed call. The text is copied: the error value may hold the whole
// VM.
func (v *vm) failed(err error, stopped bool) *ScriptError {
	e := scriptError(err)
	e.Text = v.explained(e.Text)
	if !v.loading { // the interpreter's name for the function that was called
		e.Traceback = strings.ReplaceAll(e.Traceback, "in main chunk", "in the handler")
	}
	stats := &v.gen.router.stats
	switch {
	case stopped:
		e.Stopped = true
		stats.stopped.Add(1)
		if e.Text == "" || !strings.Contains(e.Text, stoppedError{}.Error()) {
			e.Text = strings.TrimSpace(stoppedError{}.Error() + " " + e.Text)
		}
		o := &v.gen.router.opts
		if v.loading {
			e.Text += fmt.Sprintf(" (load budget %v)", time.Duration(o.loadBudgets())*o.Budget)
		} else {
			e.Text += fmt.Sprintf(" (budget %v)", o.Budget)
		}
	case e.Panic:
		stats.panics.Add(1)
	}
	return e
}

func scriptError(err error) *ScriptError {
	if err == nil {
		return &ScriptError{}
	}
	var api *lua.ApiError
	if !errors.As(err, &api) {
		return &ScriptError{Text: err.Error()}
	}
	e := &ScriptError{Traceback: tidyTraceback(api.StackTrace)}
	switch {
	case api.Object == nil || api.Object == lua.LNil:
		e.Text = api.Error()
	case api.Object.Type() == lua.LTTable:
		e.Text = "an error value that is a table"
		if s, ok := api.Object.(*lua.LTable).RawGetString("message").(lua.LString); ok {
			e.Text = string(s)
		}
	default:
		e.Text = strings.Clone(api.Object.String())
	}
	if api.Type == lua.ApiErrorPanic && !strings.Contains(e.Text, "callstack overflow") {
		e.Panic = true
	}
	return e
}

// tidyTraceback omits what no script author wrote.
func tidyTraceback(s string) string {
	lines := strings.Split(s, "\n")
	kept := lines[:0]
	for _, line := range lines {
		if !strings.HasSuffix(line, "[G]: ?") {
			kept = append(kept, line)
		}
	}
	if len(kept) == 1 {
		return ""
	}
	return strings.Join(kept, "\n")
}

func asMisuse(err error) (*engine.MisuseError, bool) {
	var m *engine.MisuseError
	ok := errors.As(err, &m)
	return m, ok
}
