package check

import (
	"strconv"

	"github.com/sipscript/sipscript/luabind"
	"github.com/yuin/gopher-lua/ast"
)

// The values of expressions, as far as they can be determined without following the paths of the
// script: a variable is the union of everything assigned to it.

// mostDepth bounds how far values are followed through variables and functions.
const mostDepth = 100

// value determines the value of an expression.
func (f *file) value(e ast.Expr) value {
	if e == nil {
		return value{}
	}
	if v, ok := f.values[e]; ok {
		return v
	}
	if f.depth >= mostDepth {
		return value{}
	}
	f.depth++
	f.values[e] = value{} // what depends on itself is unknown
	v := f.infer(e)
	f.values[e] = v
	f.depth--
	return v
}

func (f *file) infer(e ast.Expr) value {
	switch e := e.(type) {
	case *ast.NilExpr:
		return value{typ: luabind.Nil}
	case *ast.TrueExpr:
		return value{typ: luabind.Boolean, literal: true, number: 1}
	case *ast.FalseExpr:
		return value{typ: luabind.Boolean, literal: true}
	case *ast.NumberExpr:
		n, err := strconv.ParseFloat(e.Value, 64)
		if err != nil {
			i, err := strconv.ParseInt(e.Value, 0, 64)
			return value{typ: luabind.Number, literal: err == nil, number: float64(i)}
		}
		return value{typ: luabind.Number, literal: true, number: n}
	case *ast.StringExpr:
		return value{typ: luabind.String, literal: true, text: e.Value}
	case *ast.TableExpr:
		return value{typ: luabind.Table, table: e, file: f}
	case *ast.FunctionExpr:
		return value{typ: luabind.FunctionType, fn: f.functions[e]}
	case *ast.IdentExpr:
		return f.variable(f.uses[e])
	case *ast.AttrGetExpr:
		return f.index(e)
	case *ast.FuncCallExpr:
		return f.result(e, 0)
	case *ast.LogicalOpExpr:
		return f.logical(e)
	}
	return f.computed(e)
}

func (f *file) computed(e ast.Expr) value {
	switch e := e.(type) {
	case *ast.StringConcatOpExpr:
		return value{typ: luabind.String}
	case *ast.RelationalOpExpr, *ast.UnaryNotOpExpr:
		return value{typ: luabind.Boolean}
	case *ast.ArithmeticOpExpr, *ast.UnaryLenOpExpr:
		return value{typ: luabind.Number}
	case *ast.UnaryMinusOpExpr:
		v := f.value(e.Expr)
		return value{typ: luabind.Number, literal: v.literal && v.typ == luabind.Number, number: -v.number}
	}
	return value{}
}

func (f *file) logical(e *ast.LogicalOpExpr) value {
	a, b := f.value(e.Lhs), f.value(e.Rhs)
	if e.Operator == "and" {
		if a.absent() {
			return a
		}
		b.nilable, b.literal = true, false
		return b
	}
	if !a.known() {
		return value{}
	}
	if !a.nilable && !a.absent() && a.typ != luabind.Boolean {
		return a
	}
	n := b.nilable
	v := join(a, b)
	v.nilable = n
	return v
}

// variable determines what a variable holds.
func (p *program) variable(v *variable) value {
	if v == nil {
		return value{}
	}
	if x, ok := p.values[v]; ok {
		return x
	}
	if p.depth >= mostDepth {
		return value{}
	}
	p.depth++
	p.values[v] = value{}
	x := p.holds(v)
	p.values[v] = x
	p.depth--
	return x
}

func (p *program) holds(v *variable) value {
	if v.global {
		if m := p.known.globals[v.name]; m != nil {
			if len(v.defs) > 0 {
				return value{}
			}
			return ofMember(m)
		}
	}
	if v.param {
		return p.parameter(v)
	}
	if len(v.defs) == 0 {
		return value{}
	}
	joined := p.defined(v.defs[0])
	for _, d := range v.defs[1:] {
		if !joined.known() {
			return value{}
		}
		joined = join(joined, p.defined(d))
	}
	return joined
}

// defined is the value of what is assigned.
func (p *program) defined(d definition) value {
	switch {
	case d.expr == nil:
		return value{}
	case d.each:
		return d.file.element(d.expr, d.result)
	case d.result > 0:
		if call, ok := d.expr.(*ast.FuncCallExpr); ok {
			return d.file.result(call, d.result)
		}
		return value{}
	}
	return d.file.value(d.expr)
}

// element is a variable of a loop over what expr gives.
func (f *file) element(expr ast.Expr, n int) value {
	call, ok := expr.(*ast.FuncCallExpr)
	if !ok || len(call.Args) != 1 {
		return value{}
	}
	m := f.value(call.Func).member
	if m == nil || m.full != "ipairs" {
		return value{}
	}
	if n == 0 {
		return value{typ: luabind.Number}
	}
	if list := f.value(call.Args[0]); list.elem != nil {
		return typed(luabind.ObjectOf, nil, list.elem, false)
	}
	return value{}
}

// parameter is what a function of the script is given.
func (p *program) parameter(v *variable) value {
	if len(v.defs) > 0 {
		return value{}
	}
	if t := p.callbacks[v]; t != nil {
		return *t
	}
	if v.name == "req" && !p.spec {
		return typed(luabind.RequestType, nil, nil, false)
	}
	fn := v.owner
	if fn.escapes || len(fn.calls) == 0 {
		return value{}
	}
	var joined value
	for i, c := range fn.calls {
		args := c.call.Args
		if len(args) > 0 && several(args[len(args)-1]) && v.index >= len(args)-1 {
			return value{}
		}
		given := value{typ: luabind.Nil}
		if v.index < len(args) {
			given = c.in.file.value(args[v.index])
		}
		if i == 0 {
			joined = given
		} else {
			joined = join(joined, given)
		}
		if !joined.known() {
			return value{}
		}
	}
	joined.literal, joined.table = false, nil
	if joined.typ == luabind.Nil {
		return value{}
	}
	return joined
}

// index is object.key.
func (f *file) index(e *ast.AttrGetExpr) value {
	o := f.value(e.Object)
	key, ok := e.Key.(*ast.StringExpr)
	if !ok {
		if o.typ == luabind.List && o.elem != nil && f.value(e.Key).typ == luabind.Number {
			v := typed(luabind.ObjectOf, nil, o.elem, true)
			v.sender = o.sender
			return v
		}
		return value{}
	}
	m := f.memberOf(o, key.Value)
	if m == nil {
		return f.fieldOfTable(o, key.Value)
	}
	v := ofMember(m)
	if o.object != nil && o.object == luabind.RequestType.Object() {
		v.sender = key.Value == fieldURI || key.Value == fieldRoutes
	}
	return v
}

// memberOf is what a name denotes in a library or an object; nil if unknown.
func (f *file) memberOf(o value, name string) *member {
	switch {
	case o.space != nil:
		return o.space.members[name]
	case o.object != nil && o.typ != luabind.List:
		if x := f.known.object(o.object); x != nil {
			return x.members[name]
		}
	case o.typ == luabind.String:
		return f.known.texts.members[name]
	}
	return nil
}

// fieldOfTable is a function that a table of the script holds.
func (f *file) fieldOfTable(o value, name string) value {
	if o.table == nil {
		return value{}
	}
	defs := f.tables[o.table][name]
	if len(defs) != 1 {
		return value{}
	}
	if fn, ok := defs[0].expr.(*ast.FunctionExpr); ok {
		return value{typ: luabind.FunctionType, fn: defs[0].file.functions[fn]}
	}
	return value{}
}

// callee is the function that is called.
func (f *file) callee(call *ast.FuncCallExpr) value {
	if call.Receiver == nil {
		return f.value(call.Func)
	}
	o := f.value(call.Receiver)
	if m := f.memberOf(o, call.Method); m != nil {
		return ofMember(m)
	}
	return f.fieldOfTable(o, call.Method)
}

// result is result n of a call.
func (f *file) result(call *ast.FuncCallExpr, n int) value {
	if name, ok := requiredName(f, call); ok {
		return f.module(name, n)
	}
	c := f.callee(call)
	switch {
	case c.member != nil && c.member.full == "tostring" && n == 0 && len(call.Args) == 1:
		return value{typ: luabind.String, sender: f.value(call.Args[0]).sender}
	case c.member != nil:
		if v, is := f.variant(call, c.member, n); is {
			return v
		}
		return ofResult(c.member, n)
	case c.fn != nil:
		return f.returned(c.fn, n)
	}
	return value{}
}

// variant is result n of a call if an option makes it another object: one that is not known if the
// option isn't.
func (f *file) variant(call *ast.FuncCallExpr, m *member, n int) (v value, is bool) {
	if m.fn == nil || n >= len(m.fn.Results) || m.fn.Results[n].Variant == nil {
		return value{}, false
	}
	x := m.fn.Results[n].Variant
	for _, g := range f.given(call, m) {
		t := f.value(g.arg).table
		if t == nil {
			continue
		}
		for _, field := range t.Fields {
			if key, ok := field.Key.(*ast.StringExpr); !ok || key.Value != x.Option {
				continue
			}
			switch field.Value.(type) {
			case *ast.TrueExpr:
				return typed(luabind.ObjectOf, nil, x.Object, false), true
			case *ast.FalseExpr, *ast.NilExpr:
				return value{}, false
			}
			return value{}, true
		}
	}
	return value{}, false
}

// module is what require returns.
func (f *file) module(name string, n int) value {
	if s := f.known.modules[name]; s != nil && n == 0 {
		return value{typ: luabind.Table, space: s}
	}
	if r := f.required(name); r != nil && r.tree != nil {
		return f.returned(r.main, n)
	}
	return value{}
}

// returned is what a function of the script returns, if it returns the same everywhere.
func (f *file) returned(fn *function, n int) value {
	if len(fn.returns) == 0 {
		return value{}
	}
	var joined value
	for i, r := range fn.returns {
		v := value{typ: luabind.Nil}
		if d := returnedBy(fn.file, r, n); d.expr != nil {
			v = f.defined(d)
		}
		if i == 0 {
			joined = v
		} else {
			joined = join(joined, v)
		}
		if !joined.known() {
			return value{}
		}
	}
	joined.literal = false
	if joined.typ == luabind.Nil {
		return value{}
	}
	if len(fn.stmts) > 0 {
		if _, ends := fn.stmts[len(fn.stmts)-1].(*ast.ReturnStmt); !ends {
			joined.nilable = true
		}
	}
	return joined
}

func returnedBy(f *file, r *ast.ReturnStmt, n int) definition {
	last := len(r.Exprs) - 1
	switch {
	case last < 0 || n > last && !several(r.Exprs[last]):
		return definition{}
	case n >= last:
		return definition{file: f, expr: r.Exprs[last], result: n - last}
	}
	return definition{file: f, expr: r.Exprs[n]}
}

// The fields of a request that mean something to the paths of a script; the test of this package
// looks whether they are declared.
const (
	fieldURI      = "ruri"
	fieldRoutes   = "routes"
	fieldMethod   = "method"
	fieldInDialog = "in_dialog"
)
