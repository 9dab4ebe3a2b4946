package check

import (
	"strings"

	"github.com/sipscript/sipscript/luabind"
	"github.com/yuin/gopher-lua/ast"
)

// Where functions run: while the file runs, in handlers, or both. A function of which that is not
// known has neither, and nothing is said of the places of its calls.

type runs uint8

const (
	inFile runs = 1 << iota
	inHandler
	caught // within pcall, which may be there to see it fail
)

// link finds the calls of functions, what names of tables hold, and the types of callbacks'
// parameters. The types of parameters come from calls whose own types may come from them: two
// rounds are enough for what is nested once.
func (p *program) link(main *file) {
	for i := range p.calls {
		c := &p.calls[i]
		if id, ok := c.call.Func.(*ast.IdentExpr); ok {
			if v := c.in.file.uses[id]; v != nil && len(v.defs) == 1 {
				if fn, ok := v.defs[0].expr.(*ast.FunctionExpr); ok {
					f := v.defs[0].file.functions[fn]
					f.calls = append(f.calls, c)
				}
			}
		}
	}
	for _, f := range p.functions {
		v := f.variable
		f.escapes = v == nil || len(v.defs) != 1 || v.reads > 0 || v.global && v.name == "route"
	}
	p.linkMembers()
	for range 2 {
		for i := range p.calls {
			p.linkCallbacks(&p.calls[i])
		}
		clear(p.values)
	}
	p.spread(main)
}

func (p *program) linkMembers() {
	for _, m := range p.members {
		table, _ := m.table.(*ast.TableExpr)
		if id, ok := m.table.(*ast.IdentExpr); ok {
			v := m.file.uses[id]
			if v == nil {
				continue
			}
			if known := p.known.globals[v.name]; v.global && known != nil && known.space != nil {
				p.assigned[v.name+"."+m.name] = true
			}
			if len(v.defs) == 1 {
				table, _ = v.defs[0].expr.(*ast.TableExpr)
			}
		}
		if table == nil {
			continue
		}
		if p.tables[table] == nil {
			p.tables[table] = map[string][]definition{}
		}
		p.tables[table][m.name] = append(p.tables[table][m.name], m.definition)
	}
}

// linkCallbacks finds the functions of the script that a declared function is given.
func (p *program) linkCallbacks(c *callSite) {
	f := c.in.file
	m := f.callee(c.call).member
	if m == nil {
		return
	}
	var event *luabind.Event
	for _, g := range f.given(c.call, m) {
		switch {
		case g.param.Event:
			event = p.known.events[f.value(g.arg).text]
		case g.param.Type == luabind.FunctionType:
			fn := f.value(g.arg).fn
			if fn == nil {
				continue
			}
			if event != nil {
				p.eventParams(fn, event)
			} else {
				p.callbackParams(fn, g.param.Callback, m.lib)
			}
		default:
			for _, list := range f.optionsIn(g) {
				list.each(func(o *luabind.Option, _, val ast.Expr) {
					if fn := f.value(val).fn; o != nil && fn != nil && o.Kind == luabind.FunctionType {
						p.callbackParams(fn, o.Type, m.lib)
					}
				})
			}
		}
	}
}

// callbackParams gives the parameters of a function the types that a signature says by their names:
// "function(res, req)". Beside the messages only types of the same library are meant.
func (p *program) callbackParams(fn *function, signature string, lib *library) {
	_, names, ok := strings.Cut(signature, "(")
	if !ok {
		return
	}
	for i, name := range strings.Split(strings.TrimSuffix(names, ")"), ",") {
		if i >= len(fn.params) {
			return
		}
		if v := lib.named(strings.TrimSpace(name)); v.known() {
			p.callbacks[fn.params[i]] = &v
		}
	}
}

func (p *program) eventParams(fn *function, e *luabind.Event) {
	for i, param := range e.Params {
		if i < len(fn.params) {
			v := typed(param.Type, param.Or, param.Object, param.Optional)
			p.callbacks[fn.params[i]] = &v
		}
	}
}

// edge says that what calls from runs to.
type edge struct {
	to   *function
	with runs
}

// spread finds where each function runs.
func (p *program) spread(main *file) {
	edges := map[*function][]edge{}
	var begin []*function
	start := func(fn *function, r runs) {
		if fn != nil {
			fn.runs |= r
			begin = append(begin, fn)
		}
	}
	for _, f := range p.functions {
		if f.node == nil {
			start(f, inFile)
		}
		if !p.spec && f.parameter("req") != nil {
			start(f, inHandler)
		}
	}
	if v := p.globals["route"]; v != nil && !p.spec {
		for _, d := range v.defs {
			start(p.defined(d).fn, inHandler)
		}
	}
	for i := range p.calls {
		p.edges(&p.calls[i], edges, start)
	}
	for len(begin) > 0 {
		f := begin[len(begin)-1]
		begin = begin[:len(begin)-1]
		for _, e := range edges[f] {
			if r := f.runs | e.with; e.to.runs|r != e.to.runs {
				e.to.runs |= r
				begin = append(begin, e.to)
			}
		}
	}
}

// edges are what one call runs.
func (p *program) edges(c *callSite, edges map[*function][]edge, start func(*function, runs)) {
	f := c.in.file
	callee := f.callee(c.call)
	add := func(to *function, with runs) { edges[c.in] = append(edges[c.in], edge{to, with}) }
	switch m := callee.member; {
	case callee.fn != nil:
		add(callee.fn, 0)
	case m == nil || m.fn == nil:
	case m.fn.Call == nil: // Lua's own functions call what they are given on the spot
		for _, arg := range c.call.Args {
			if fn := f.value(arg).fn; fn != nil && (m.full == "pcall" || m.full == "xpcall") {
				add(fn, caught)
			} else if fn != nil {
				add(fn, 0)
			}
		}
	default:
		for _, g := range f.given(c.call, m) {
			if g.param.Type == luabind.FunctionType {
				p.runsAt(f.value(g.arg).fn, g.param.Runs, start)
			}
			for _, list := range f.optionsIn(g) {
				list.each(func(o *luabind.Option, _, val ast.Expr) {
					if o != nil && o.Kind == luabind.FunctionType {
						p.runsAt(f.value(val).fn, o.Runs, start)
					}
				})
			}
		}
	}
}

func (p *program) runsAt(fn *function, where luabind.Where, start func(*function, runs)) {
	switch where {
	case luabind.AtLoad:
		start(fn, inFile)
	case luabind.InHandler:
		start(fn, inHandler)
	}
}

// parameter is the parameter of that name; nil if there is none.
func (f *function) parameter(name string) *variable {
	for _, v := range f.params {
		if v.name == name {
			return v
		}
	}
	return nil
}
