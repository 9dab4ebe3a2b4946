package check

import (
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/syntax"
	"github.com/yuin/gopher-lua/ast"
)

// Conditions: which states make them true, and which false.

// nameMethods gives bits to the methods that matter: those that the script names, and those that
// start dialogs or get no answer.
func (a *analysis) nameMethods() {
	a.methods = map[string]uint64{}
	for _, name := range []string{"INVITE", "SUBSCRIBE", "REFER", "NOTIFY", "ACK", "CANCEL"} {
		a.methods[name] = 1 << len(a.methods)
	}
	a.named = map[string]bool{}
	for _, f := range a.order {
		syntax.Walk(f.tree, func(e ast.Expr) {
			if s, ok := e.(*ast.StringExpr); ok && isMethod(s.Value) {
				a.named[s.Value] = true
				if a.methods[s.Value] == 0 && len(a.methods) < 60 {
					a.methods[s.Value] = 1 << len(a.methods)
				}
			}
		})
	}
	a.all = 1<<63 | 1<<len(a.methods) - 1
}

// isMethod reports whether a text could be a method's name.
func isMethod(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return len(s) >= 3 && len(s) <= 20
}

// cond evaluates a condition: the states in which it is true, and those in which it is false.
func (f *frame) cond(e ast.Expr, in states) (t, no states) {
	switch e := e.(type) {
	case *ast.TrueExpr, *ast.NumberExpr, *ast.StringExpr, *ast.TableExpr, *ast.FunctionExpr:
		return f.eval(e, in), nil
	case *ast.FalseExpr, *ast.NilExpr:
		return nil, in
	case *ast.UnaryNotOpExpr:
		t, no = f.cond(e.Expr, in)
		return no, t
	case *ast.LogicalOpExpr:
		t, no = f.cond(e.Lhs, in)
		if e.Operator == "and" {
			t2, no2 := f.cond(e.Rhs, t)
			return t2, append(states{}, no...).add(no2...)
		}
		t2, no2 := f.cond(e.Rhs, no)
		return append(states{}, t...).add(t2...), no2
	case *ast.IdentExpr:
		return f.variableCond(f.file.uses[e], in)
	case *ast.RelationalOpExpr:
		return f.relation(e, in)
	case *ast.AttrGetExpr:
		return f.fieldCond(e, in)
	case *ast.FuncCallExpr:
		return f.callCond(e, in)
	}
	return f.assumed(e, f.eval(e, in))
}

// variableCond splits by what is known about a variable.
func (f *frame) variableCond(v *variable, in states) (t, no states) {
	if x := f.file.variable(v); x.field != nil && x.field.Name == fieldInDialog {
		return f.inDialog(in)
	}
	bit := f.bits.variables[v]
	if bit == 0 {
		return in, in
	}
	for _, s := range in {
		if s.falsy&bit == 0 {
			t = append(t, s.with(bit, yes))
		}
		if s.truthy&bit == 0 {
			no = append(no, s.with(bit, falsity))
		}
	}
	return t, no
}

// falsity is no, where that is the name of something else.
const falsity = no

// assumed is the result of a condition that cannot be followed: the same condition may have changed
// when it occurs again, so a contradiction is only doubtful.
func (f *frame) assumed(e ast.Expr, in states) (t, n states) {
	text, positive := f.condition(e)
	bit := f.bits.conditions[text]
	if bit == 0 {
		return in, in
	}
	for _, s := range in {
		x, y := s.with(bit, yes), s.with(bit, no)
		if s.falsy&bit != 0 {
			x.flags |= doubtful
		}
		if s.truthy&bit != 0 {
			y.flags |= doubtful
		}
		t, n = append(t, x), append(n, y)
	}
	if !positive {
		return n, t
	}
	return t, n
}

// fieldCond is a field of an object as a condition.
func (f *frame) fieldCond(e *ast.AttrGetExpr, in states) (t, no states) {
	in = f.eval(e, in)
	v := f.file.value(e)
	if v.field == nil {
		return f.assumed(e, in)
	}
	if v.field.Effects&luabind.Ends != 0 {
		return in.each(state.taint), in
	}
	if v.field.Name == fieldInDialog && f.isRequest(e.Object) {
		return f.inDialog(in)
	}
	return f.assumed(e, in)
}

func (f *frame) isRequest(e ast.Expr) bool { return f.file.value(e).typ == luabind.RequestType }

func (f *frame) inDialog(in states) (t, n states) {
	for _, s := range in {
		if s.dialog != no {
			x := s
			x.dialog = yes
			t = append(t, x)
		}
		if s.dialog != yes {
			x := s
			x.dialog = no
			n = append(n, x)
		}
	}
	return t, n
}

// relation is a comparison.
func (f *frame) relation(e *ast.RelationalOpExpr, in states) (t, no states) {
	in = f.evals([]ast.Expr{e.Lhs, e.Rhs}, in)
	if e.Operator != "==" && e.Operator != "~=" {
		return f.assumed(e, in)
	}
	a, b := e.Lhs, e.Rhs
	if isLiteral(a) {
		a, b = b, a
	}
	v := f.file.value(a)
	switch other := b.(type) {
	case *ast.StringExpr:
		if v.field != nil && v.field.Name == fieldMethod && v.typ == luabind.String && f.ofRequest(v.field) {
			t, no = f.isOneOf(in, f.methods[other.Value])
		} else {
			return f.assumed(e, in)
		}
	case *ast.NilExpr, *ast.FalseExpr:
		no, t = f.evaluatedCond(a, in)
	case *ast.TrueExpr:
		t, no = f.evaluatedCond(a, in)
	default:
		return f.assumed(e, in)
	}
	if e.Operator == "~=" {
		return no, t
	}
	return t, no
}

// evaluatedCond is cond for a variable or a field that was evaluated.
func (f *frame) evaluatedCond(e ast.Expr, in states) (t, no states) {
	switch e := e.(type) {
	case *ast.IdentExpr:
		return f.variableCond(f.file.uses[e], in)
	case *ast.AttrGetExpr:
		return f.fieldCond(e, in)
	}
	return in, in
}

// ofRequest reports whether a field is one of the request.
func (f *frame) ofRequest(field *luabind.Field) bool {
	o := f.file.known.objects[luabind.RequestType.Object()]
	return o != nil && o.members[field.Name] != nil && o.members[field.Name].field == field
}

// isOneOf splits by the method; bits is 0 for one that has none.
func (f *frame) isOneOf(in states, bits uint64) (t, no states) {
	if bits == 0 {
		return in, in
	}
	for _, s := range in {
		if s.methods&bits != 0 {
			x := s
			x.methods &= bits
			t = append(t, x)
		}
		if s.methods&^bits != 0 {
			x := s
			x.methods &^= bits
			no = append(no, x)
		}
	}
	return t, no
}

// methodIs is the method of the request that asks for its method.
const methodIs = "is"

// callCond is a call as a condition.
func (f *frame) callCond(call *ast.FuncCallExpr, in states) (t, n states) {
	m := f.file.callee(call).member
	if m != nil && m.method && m.fn != nil && m.fn.Name == methodIs && call.Receiver != nil && f.isRequest(call.Receiver) {
		in = f.evals(call.Args, in)
		bits := uint64(0)
		for _, arg := range call.Args {
			v := f.file.value(arg)
			if !v.literal || f.methods[v.text] == 0 {
				return in, in
			}
			bits |= f.methods[v.text]
		}
		return f.isOneOf(in, bits)
	}
	for _, x := range f.apply(call, in) {
		if x.gives == unknown {
			t1, n1 := f.assumed(call, states{x.state})
			t, n = t.add(t1...), n.add(n1...)
			continue
		}
		if x.gives != no {
			t = t.add(x.state)
		}
		if x.gives != yes {
			n = n.add(x.state)
		}
	}
	return t, n
}
