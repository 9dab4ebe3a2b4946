package luabind

import (
	"regexp"
	"strings"

	"github.com/sipscript/sipscript/engine"
	lua "github.com/yuin/gopher-lua"
)

// Step is a place of a script that determines what is sent for a request from then on, until the
// request's next step.
type Step struct {
	CallID, Method string // of the request
	CSeq           uint32 // the number of the request's CSeq
	Function       string // "relay" of req; "registrar.save"; "error" where the script failed
	At             string // "route.lua:23"
}

// steps reports whether calls of a function are told to Options.Steps.
func (v *vm) steps(f *Function) bool {
	return v.gen.router.opts.Steps != nil && determines(f)
}

// stepping is a function whose calls are told. That of one which decides only on false is taken
// back if it did not.
func (v *vm) stepping(f Function, name string) func(c *Call) int {
	call := f.Call
	return func(c *Call) int {
		ud, ok := c.l.Get(1).(*lua.LUserData)
		if !ok {
			return call(c)
		}
		o, ok := ud.Value.(*reqObj)
		if !ok || o.req == nil {
			return call(c)
		}
		undo := v.gen.router.opts.Steps(stepOf(o.req, name, position(c.l)))
		n := call(c)
		if f.Effects&DecidesOnFalse != 0 && c.l.Get(-n) != lua.LFalse {
			undo()
		} else {
			v.gen.router.opts.Console.noteSent(o)
		}
		return n
	}
}

func stepOf(req *engine.Request, name, at string) Step {
	m := req.Message()
	cseq, _ := m.CSeq()
	return Step{CallID: string(m.CallID()), Method: string(m.MethodText()), CSeq: cseq.Number, Function: name, At: at}
}

// errorAt finds the file and line in the text of an error.
var errorAt = regexp.MustCompile(`^(.+?:\d+): `)

// stepFailed tells that a handler of a request failed.
func (r *Router) stepFailed(req *engine.Request, err *ScriptError) {
	if req == nil || r.opts.Steps == nil && !req.Observed() {
		return
	}
	at := errorAt.FindStringSubmatch(err.Text)
	if at == nil {
		return
	}
	line, _, _ := strings.Cut(err.Text[len(at[0]):], "\n")
	req.Observe(engine.ObservedStep{Function: "error", Place: at[1], Answer: shorten(line), Decides: true})
	if r.opts.Steps != nil {
		r.opts.Steps(stepOf(req, "error", at[1]))
	}
}
