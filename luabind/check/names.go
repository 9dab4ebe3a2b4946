package check

import (
	"strings"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/syntax"
	"github.com/yuin/gopher-lua/ast"
)

// Names: globals, fields, methods, and what is assigned to them.

// check looks at all of a program.
func (p *program) check(main *file) {
	p.spec = p.spec || strings.HasSuffix(main.name, "_spec.lua")
	p.link(main)
	p.nodes()
	p.globalNames()
	for i := range p.calls {
		p.calls[i].in.file.call(&p.calls[i])
	}
	for i := range p.stores {
		p.stores[i].in.file.store(&p.stores[i])
	}
	for _, fn := range p.functions {
		fn.fileVariables()
	}
	if p.spec {
		return
	}
	p.route(main)
	p.flows()
}

// nodes looks at the names and comparisons of all files.
func (p *program) nodes() {
	called, written := map[ast.Expr]bool{}, map[ast.Expr]bool{}
	for i := range p.calls {
		called[p.calls[i].call.Func] = true
	}
	for i := range p.stores {
		written[p.stores[i].target] = true
	}
	for _, f := range p.order {
		syntax.Walk(f.tree, func(e ast.Expr) {
			switch e := e.(type) {
			case *ast.AttrGetExpr:
				if !written[e] {
					f.read(e, called[e])
				}
			case *ast.RelationalOpExpr:
				f.compared(e)
			}
		})
	}
}

// read checks the reading of a name of a library or an object.
func (f *file) read(e *ast.AttrGetExpr, called bool) {
	key, ok := e.Key.(*ast.StringExpr)
	if !ok || f.full() {
		return
	}
	o := f.value(e.Object)
	if f.memberOf(o, key.Value) != nil {
		return
	}
	f.missing(o, key.Value, e, called)
}

// missing reports a name that a library or an object does not have.
func (f *file) missing(o value, name string, at any, called bool) {
	what := "field"
	if called {
		what = "method"
	}
	switch {
	case o.space != nil && !(o.space.standard && f.assigned[o.space.name+"."+name]):
		f.report(f, at, Error, "names", "%s has no function '%s'%s", o.space.name, name, meant(name, o.space.names()))
	case o.space == nil && o.object != nil && o.typ != luabind.List:
		if x := f.known.object(o.object); x != nil {
			f.report(f, at, Error, "names", "%s has no %s '%s'%s", article(o.object.Name), what, name, meant(name, x.names()))
		}
	case o.typ == luabind.String && called && !f.assigned["string."+name]:
		f.report(f, at, Error, "names", "a string has no method '%s'%s", name, meant(name, f.known.texts.names()))
	}
}

// compared reports a comparison that is never true: an object with text.
func (f *file) compared(e *ast.RelationalOpExpr) {
	if e.Operator != "==" && e.Operator != "~=" {
		return
	}
	a, b := f.value(e.Lhs), f.value(e.Rhs)
	if !a.isUserdata() {
		a, b = b, a
	}
	if !a.isUserdata() || b.typ != luabind.String {
		return
	}
	hint := "compare tostring(…) of it"
	if a.typ == luabind.URIType {
		hint = `write uri:equals("…"), or compare uri.aor or tostring(uri)`
	}
	f.report(f, e, Error, "comparison", "%s never equals a string: %s", a.words(), hint)
}

// globalNames reports globals that nothing declares.
func (p *program) globalNames() {
	if p.sawG { // which may declare any
		return
	}
	known := append(sortedNames(p.known.globals), declaredGlobals(p.globals)...)
	for _, f := range p.order {
		if f.tree == nil {
			continue
		}
		syntax.Walk(f.tree, func(e ast.Expr) {
			id, ok := e.(*ast.IdentExpr)
			if !ok {
				return
			}
			if v := f.uses[id]; v != nil && v.global && len(v.defs) == 0 && p.known.globals[v.name] == nil {
				f.undeclared(id, v.name, known)
			}
		})
	}
}

func declaredGlobals(m map[string]*variable) (names []string) {
	for name, v := range m {
		if len(v.defs) > 0 {
			names = append(names, name)
		}
	}
	return names
}

func (f *file) undeclared(at any, name string, known []string) {
	if f.full() {
		return
	}
	hint := ""
	switch best := closest(name, known); {
	case name == "exit":
		hint = "; there is no exit: return ends a handler"
	case f.known.modules[name] != nil:
		hint = "; the module is not loaded: local " + name + " = require \"" + name + "\""
	case best != "":
		hint = "; did you mean '" + best + "'?"
	}
	f.report(f, at, Error, "globals", "there is no global '%s'%s", name, hint)
}

// store checks an assignment to a field.
func (f *file) store(s *store) {
	key, ok := s.target.Key.(*ast.StringExpr)
	if !ok || f.full() {
		return
	}
	o, at := f.value(s.target.Object), s.target
	switch {
	case o.space != nil && s.in.runs&inHandler != 0:
		f.report(f, at, Error, "read-only", "%s is read-only in handlers: only the file, while it runs, may set %s.%s",
			o.space.name, o.space.name, key.Value)
	case o.space != nil && !o.space.standard && o.space.members[key.Value] == nil:
		f.report(f, at, Error, "read-only", "%s can't get new names; keep what is yours in a local", o.space.name)
	case o.space == nil && o.object != nil && o.typ != luabind.List && o.typ != luabind.Table:
		f.storeInObject(s, o, key.Value)
	}
}

func (f *file) storeInObject(s *store, o value, name string) {
	x, at := f.known.object(o.object), s.target
	if x == nil {
		return
	}
	m := x.members[name]
	switch {
	case m == nil:
		f.missing(o, name, at, false)
	case m.field == nil || !m.field.Settable:
		f.report(f, at, Error, "read-only", "%s is read-only%s", m.full, readOnlyHint(o, m))
	default:
		v := f.defined(s.value)
		t := kind(m.field.Type)
		if t != luabind.Number && t != luabind.Boolean || v.nilable || v.typ == luabind.Nil && m.field.OrNil {
			return
		}
		if v.known() && !accepts(t, v, nil) {
			f.report(f, at, Error, "types", "%s must be %s, not %s", m.full, typeWords(t, nil), v.words())
		}
	}
}

func readOnlyHint(o value, m *member) string {
	if m.field == nil {
		return ": it is a method"
	}
	if setter := "set_" + m.field.Name; o.object != nil {
		for _, method := range o.object.Methods {
			if method.Name == setter {
				return ": " + o.object.Variable() + ":" + setter + "(…) replaces it"
			}
		}
	}
	return ""
}

// fileVariables reports variables of the file that are assigned in handlers.
func (fn *function) fileVariables() {
	f := fn.file
	if f.spec || fn.runs&inHandler == 0 {
		return
	}
	for _, a := range f.program.assignedIn(fn) {
		v := f.uses[a.node]
		switch {
		case v.global && f.known.globals[v.name] != nil:
			f.report(f, a.node, Error, "read-only", "%s is read-only in handlers: only the file, while it runs, may set it", v.name)
		case v.global && !declaredByFile(v):
			f.report(f, a.node, Error, "globals",
				"the global '%s' is not declared: write \"local %s = ...\", or keep it in req.vars or sip.shared", v.name, v.name)
		case v.global || v.owner.node == nil && v.owner.file == f:
			f.report(f, a.node, Error, "file-variables",
				"a handler assigns '%s', a variable of the file: each lane has its own; keep it in sip.shared, or in req.vars", v.name)
		}
	}
}

// assignedIn are the assignments that a function makes to variables that are not its own.
func (p *program) assignedIn(fn *function) []assignment {
	if p.assignments == nil {
		p.assignments = map[*function][]assignment{}
		seen := map[*variable]bool{}
		for _, f := range p.order {
			for _, v := range f.uses {
				if seen[v] {
					continue
				}
				seen[v] = true
				for _, a := range v.later {
					if a.in != v.owner {
						p.assignments[a.in] = append(p.assignments[a.in], a)
					}
				}
			}
		}
	}
	return p.assignments[fn]
}

// declaredByFile reports whether a global may be assigned while the file runs.
func declaredByFile(v *variable) bool {
	for _, a := range v.later {
		if a.in.runs&inHandler == 0 || a.in.runs&inFile != 0 {
			return true
		}
	}
	return false
}

// route reports a script without one.
func (p *program) route(main *file) {
	v := p.globals["route"]
	if main.tree == nil || v != nil && len(v.defs) > 0 || p.sawG || len(main.main.returns) > 0 {
		return
	}
	for _, s := range main.tree {
		if l, ok := s.(*ast.LocalAssignStmt); ok {
			for i, name := range l.Names {
				if name == "route" {
					p.report(main, nameOf{l, i}, Error, "route", "route must be a global function, not a local one")
					return
				}
			}
		}
	}
	for _, f := range p.order {
		if f.tree == nil { // it may be there
			return
		}
	}
	p.report(main, place{1, 1}, Error, "route", "the script defines no function route(req)")
}
