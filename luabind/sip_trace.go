package luabind

import "github.com/sipscript/sipscript/engine"

// sip.trace.

// traceOptions are those of sip.trace.
type traceOptions struct {
	Name string `lua:"name" default:"\"\"" doc:"what the call is called by those who look at it"`
}

// traceMark is how an observer knows the step of sip.trace; ring.Mark in what reads it.
const traceMark = "sip.trace"

func sipTrace() Function {
	return Do2(Function{Name: "trace", Where: InHandler,
		Doc: "Marks the call or request for those who look at what happened (`sipscript trace --name`) and for what is exported. " +
			"Without a ring it does nothing.",
		Example: `if req.from.uri.user == "alice" then sip.trace(req, { name = "the complaint of monday" }) end`},
		RequestArg(), OptionsArg(traceOptions{}), func(c *Call, r *engine.Request, opts traceOptions) {
			name := opts.Name
			if name == "" {
				name = "marked"
			}
			r.Observe(engine.ObservedStep{Function: traceMark, Place: position(c.l), Answer: shorten(name)})
		})
}
