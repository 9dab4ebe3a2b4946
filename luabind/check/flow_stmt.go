package check

import (
	"slices"

	"github.com/sipscript/sipscript/luabind"
	"github.com/yuin/gopher-lua/ast"
)

// The statements of a path.

// block goes through statements and returns the states that come out at their end.
func (f *frame) block(list []ast.Stmt, in states) states {
	for _, s := range list {
		if len(in) == 0 {
			return nil
		}
		if f.steps -= len(in); f.steps < 0 {
			f.lost = true
			return in.each(state.taint)
		}
		in = f.stmt(s, in)
	}
	return in
}

func (f *frame) stmt(s ast.Stmt, in states) states {
	switch s := s.(type) {
	case *ast.LocalAssignStmt:
		vars := make([]*variable, 0, 1)
		for v := range f.bits.variables {
			if v.declared == s {
				vars = append(vars, v)
			}
		}
		return f.assigned(in, s.Exprs, func(i int) *variable {
			for _, v := range vars {
				if v.index == i {
					return v
				}
			}
			return nil
		}, len(s.Names))
	case *ast.AssignStmt:
		out := f.assigned(in, s.Rhs, func(i int) *variable { return f.file.uses[s.Lhs[i]] }, len(s.Lhs))
		return f.rewrites(s.Lhs, out)
	case *ast.FuncCallStmt:
		return f.eval(s.Expr, in)
	case *ast.DoBlockStmt:
		return f.block(s.Stmts, in)
	case *ast.IfStmt:
		return f.branch(s, in)
	case *ast.WhileStmt:
		return f.loop(in, s.Condition, s.Stmts, true)
	case *ast.RepeatStmt:
		return f.repeat(s, in)
	case *ast.NumberForStmt:
		in = f.evals([]ast.Expr{s.Init, s.Limit, s.Step}, in)
		return f.loop(in, nil, s.Stmts, true)
	case *ast.GenericForStmt:
		return f.loop(f.evals(s.Exprs, in), nil, s.Stmts, !f.hasEntries(s.Exprs))
	case *ast.ReturnStmt:
		f.returns(s, in)
		return nil
	case *ast.BreakStmt:
		if n := len(f.loops); n > 0 {
			f.loops[n-1] = f.loops[n-1].add(in...)
		}
		return nil
	}
	return in // the definition of a function, which does nothing yet
}

// assigned evaluates values and notes what is known of the variables that get them.
func (f *frame) assigned(in states, values []ast.Expr, target func(i int) *variable, n int) states {
	if len(values) == 0 {
		for i := range n {
			in = f.note(in, target(i), no)
		}
		return in
	}
	var out states
	if f.bits.variables[target(0)] != 0 {
		t, e := f.cond(values[0], in)
		out = out.add(f.note(t, target(0), yes)...).add(f.note(e, target(0), no)...)
	} else {
		out = f.eval(values[0], in)
	}
	out = f.evals(values[1:], out)
	for i := 1; i < n; i++ {
		out = f.note(out, target(i), unknown)
	}
	return out
}

// note notes what is known of a variable.
func (f *frame) note(in states, v *variable, t truth) states {
	bit := f.bits.variables[v]
	if bit == 0 {
		return in
	}
	return in.each(func(s state) state {
		s.truthy, s.falsy = s.truthy&^bit, s.falsy&^bit
		return s.with(bit, t)
	})
}

// with adds what is known of a bit.
func (s state) with(bit uint64, t truth) state {
	switch t {
	case yes:
		s.truthy |= bit
	case no:
		s.falsy |= bit
	}
	return s
}

// rewrites notes that the Request-URI is assigned.
func (f *frame) rewrites(targets []ast.Expr, in states) states {
	for _, target := range targets {
		get, ok := target.(*ast.AttrGetExpr)
		if !ok {
			continue
		}
		in = f.eval(get.Object, in)
		o := f.file.value(get.Object)
		key, named := get.Key.(*ast.StringExpr)
		if o.sender || o.typ == luabind.RequestType && named && key.Value == fieldURI {
			in = in.each(func(s state) state { s.flags |= rewritten; return s })
		}
	}
	return in
}

// returns ends paths.
func (f *frame) returns(s *ast.ReturnStmt, in states) {
	if len(s.Exprs) == 0 {
		for _, x := range in {
			f.leaves(x, no)
		}
		if f.top {
			f.ends(in, s)
		}
		return
	}
	var out states
	for _, one := range in {
		t, e := f.cond(s.Exprs[0], states{one})
		t, e = f.evals(s.Exprs[1:], t), f.evals(s.Exprs[1:], e)
		for _, x := range t {
			f.leaves(x, yes)
		}
		for _, x := range e {
			f.leaves(x, no)
		}
		out = out.add(t...).add(e...)
	}
	if f.top {
		f.ends(out, s)
	}
}

// branch goes through if … then … else … end. A state that can go both ways is guarded on either.
func (f *frame) branch(s *ast.IfStmt, in states) (out states) {
	var t, e states
	for _, one := range in {
		t1, e1 := f.cond(s.Condition, states{one})
		if isLiteral(s.Condition) { // what somebody switched off
			t1, e1 = t1.add(e1...), e1.add(t1...)
		}
		if len(t1) > 0 && len(e1) > 0 && one.decided == decided { // before the condition, not in it
			t1, e1 = f.guarded(t1), f.guarded(e1)
		}
		t, e = t.add(t1...), e.add(e1...)
	}
	f.depth++
	t, e = f.block(s.Then, t), f.block(s.Else, e)
	f.depth--
	both := f.anyGuarded(t) && f.anyGuarded(e)
	return out.add(f.unguarded(t, both)...).add(f.unguarded(e, both)...)
}

func isLiteral(e ast.Expr) bool {
	switch e.(type) {
	case *ast.TrueExpr, *ast.FalseExpr, *ast.NilExpr, *ast.NumberExpr, *ast.StringExpr:
		return true
	}
	return false
}

// guarded marks decided states as being in a branch that may exclude the decision.
func (f *frame) guarded(in states) states {
	return in.each(func(s state) state {
		switch {
		case s.decided != decided:
		case f.depth < mostGuards:
			s.guards |= 1 << f.depth
		default:
			s.decided, s.guards = perhaps, 0
		}
		return s
	})
}

// mostGuards is how deep branches are told apart.
const mostGuards = 63

func (f *frame) anyGuarded(in states) bool {
	return slices.ContainsFunc(in, func(s state) bool { return s.guards&(1<<f.depth) != 0 })
}

// unguarded takes the mark away after the branch. Where only one side came out of it, that side
// may exclude the decision, and it stays unknown.
func (f *frame) unguarded(in states, both bool) states {
	return in.each(func(s state) state {
		if s.guards&(1<<f.depth) == 0 {
			return s
		}
		if s.guards &^= 1 << f.depth; !both && s.decided == decided {
			s.decided, s.guards = perhaps, 0
		}
		return s
	})
}

// loop goes through a loop: a body none, one or more times. What was decided in it is not certain
// in its next round.
func (f *frame) loop(in states, cond ast.Expr, body []ast.Stmt, zero bool) states {
	f.loops = append(f.loops, nil)
	var out, seen states
	for round := 0; len(in) > 0 && round < 5; round++ {
		var fresh states
		for _, s := range in {
			if n := len(seen); len(appendNew(seen, s)) > n {
				seen, fresh = appendNew(seen, s), append(fresh, s)
			}
		}
		t, e := fresh, fresh
		if cond != nil {
			t, e = f.cond(cond, fresh)
		}
		if cond != nil && (zero || round > 0) || cond == nil && zero && round == 0 {
			out = out.add(e...)
		}
		t = f.guarded(t)
		f.depth++
		in = f.block(body, t)
		f.depth--
		in = f.unguarded(in, true)
		if cond == nil {
			out = out.add(in...)
		}
		in = in.each(func(s state) state {
			if s.decided == decided {
				s.decided, s.guards = perhaps, 0
			}
			return s
		})
	}
	broke := f.loops[len(f.loops)-1]
	f.loops = f.loops[:len(f.loops)-1]
	for _, s := range broke {
		if s.guards >= 1<<f.depth { // decided before the loop, or before the branch that breaks
			s.decided, s.guards = perhaps, 0
		}
		out = out.add(s)
	}
	return out
}

// hasEntries reports whether a loop iterates over a list of the script that has entries.
func (f *frame) hasEntries(exprs []ast.Expr) bool {
	call, ok := exprs[0].(*ast.FuncCallExpr)
	if !ok || len(call.Args) != 1 {
		return false
	}
	m, list := f.file.value(call.Func).member, f.file.value(call.Args[0]).table
	return m != nil && m.full == "ipairs" && list != nil && len(list.Fields) > 0 && list.Fields[0].Key == nil
}

// repeat goes through repeat … until.
func (f *frame) repeat(s *ast.RepeatStmt, in states) states {
	body := append(append([]ast.Stmt{}, s.Stmts...), &ast.IfStmt{Condition: s.Condition, Then: []ast.Stmt{&ast.BreakStmt{}}})
	return f.loop(in, &ast.TrueExpr{}, body, false)
}
