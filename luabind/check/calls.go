package check

import (
	"github.com/sipscript/sipscript/luabind"
	"github.com/yuin/gopher-lua/ast"
)

// Calls: of what is not a function, with the wrong punctuation, and out of place.

func (f *file) call(c *callSite) {
	call := c.call
	if name, ok := requiredName(f, call); ok {
		f.requireCall(c, name)
		return
	}
	m := f.called(call)
	if m == nil {
		return
	}
	f.place(c, m)
	f.arguments(call, m)
	if c.alone && m.fn.Asks != "" {
		f.unused(call, m)
	}
}

// unused reports a question whose answer nobody looks at.
func (f *file) unused(call *ast.FuncCallExpr, m *member) {
	if option := m.fn.Asks; option != "*" && !f.gives(call, m, option) {
		return
	}
	f.report(f, call, Warning, "unused", "nobody looks at what %s returns: it is what says no", m.full)
}

// gives reports whether a call has an option.
func (f *file) gives(call *ast.FuncCallExpr, m *member, option string) bool {
	for _, g := range f.given(call, m) {
		if g.param.Options == nil {
			continue
		}
		if t := f.value(g.arg).table; t != nil {
			for _, field := range t.Fields {
				if name, ok := field.Key.(*ast.StringExpr); ok && name.Value == option {
					return true
				}
			}
		}
	}
	return false
}

// called is the declared function that a call calls; nil if there is none, which is reported if
// that is a mistake.
func (f *file) called(call *ast.FuncCallExpr) *member {
	if call.Receiver != nil {
		return f.method(call)
	}
	v := f.value(call.Func)
	get, dotted := call.Func.(*ast.AttrGetExpr)
	switch {
	case v.member == nil:
		if dotted && v.field != nil && v.known() && v.typ != luabind.FunctionType {
			f.report(f, call, Error, "calls", "%s is a field, not a function", f.fullName(get))
		}
		return nil
	case v.member.method && dotted:
		o := f.value(get.Object)
		if len(call.Args) > 0 {
			if self := f.value(call.Args[0]); !self.known() || self.object == o.object {
				return v.member
			}
		}
		name := v.member.fn.Name
		f.report(f, call, Error, "calls", "%s is a method: write %s:%s(…), not %s.%s(…)", name, o.object.Variable(), name,
			o.object.Variable(), name)
		return nil
	case v.member.method: // a method in a variable
		return nil
	}
	return v.member
}

func (f *file) fullName(get *ast.AttrGetExpr) string {
	o, name := f.value(get.Object), get.Key.(*ast.StringExpr).Value
	if m := f.memberOf(o, name); m != nil {
		return m.full
	}
	return name
}

// method is what object:name(…) calls.
func (f *file) method(call *ast.FuncCallExpr) *member {
	o := f.value(call.Receiver)
	m := f.memberOf(o, call.Method)
	switch {
	case m == nil:
		f.missing(o, call.Method, call, true)
		return nil
	case o.space != nil:
		if o.space.standard && f.assigned[m.full] {
			return nil
		}
		f.report(f, call, Error, "calls", "%s is not a method: write %s.%s(…), not %s:%s(…)", call.Method, o.space.name,
			call.Method, o.space.name, call.Method)
		return nil
	case m.field != nil:
		f.report(f, call, Error, "calls", "%s is a field, not a method", m.full)
		return nil
	case o.typ == luabind.String && f.assigned[m.full]:
		return nil
	}
	return m
}

// place reports a call out of place.
func (f *file) place(c *callSite, m *member) {
	fn, runs := m.fn, c.in.runs
	if runs&caught != 0 {
		return
	}
	why := ""
	if fn.Why != "" {
		why = ": " + fn.Why
	}
	switch {
	case fn.Where == luabind.AtLoad && runs&inHandler != 0:
		f.report(f, c.call, Error, "place", "%s can only be called while the file runs, not in a handler%s", m.full, why)
	case fn.Where == luabind.InHandler && runs&inFile != 0:
		f.report(f, c.call, Error, "place", "%s can only be called in a handler, not while the file runs", m.full)
	case runs&inFile != 0 && f.waits(c.call, m):
		f.report(f, c.call, Error, "place", "%s waits, which is not possible while the file runs: call it in a handler", m.full)
	}
}

// waits reports whether a call waits.
func (f *file) waits(call *ast.FuncCallExpr, m *member) bool {
	if m.fn.Waits || m.fn.WaitsWith == "" {
		return m.fn.Waits
	}
	for _, g := range f.given(call, m) {
		if g.param.Name == m.fn.WaitsWith && f.value(g.arg).typ != luabind.Nil {
			return true
		}
	}
	return false
}

// requireCall checks what is required.
func (f *file) requireCall(c *callSite, name string) {
	at := c.call.Args[0]
	if f.known.modules[name] != nil {
		return
	}
	r := f.required(name)
	switch {
	case r == nil && !f.full():
		f.report(f, at, Error, "require", "there is no module %q and no file %s.lua next to the script%s", name, fileOf(name),
			meant(name, sortedNames(f.known.modules)))
	case r != nil && c.in.runs&(inFile|inHandler) == inHandler && !f.requiredByFile(name):
		f.report(f, at, Error, "require", "%q is not required while the file runs: move the require to the top of the file", name)
	}
}

// requiredByFile reports whether a name may be required while the file runs, so that handlers find
// it.
func (f *file) requiredByFile(name string) bool {
	for i := range f.program.calls {
		c := &f.program.calls[i]
		if n, ok := requiredName(c.in.file, c.call); ok && n == name && (c.in.runs&inFile != 0 || c.in.runs&inHandler == 0) {
			return true
		}
	}
	return false
}
