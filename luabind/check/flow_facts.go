package check

import (
	"fmt"
	"strings"

	"github.com/sipscript/sipscript/luabind"
	"github.com/yuin/gopher-lua/ast"
)

// What a function's conditions have to do with each other: variables that are assigned once and
// asked later, and conditions that occur more than once.

// factBits gives bits to what is worth remembering in a function.
type factBits struct {
	variables  map[*variable]uint64
	conditions map[string]uint64
}

// findBits finds them. Each splits the states of a path, so only what is tested twice, or tells the
// result of a call, is remembered.
func (f *frame) findBits() {
	if f.fn.bits == nil {
		f.fn.bits = f.newBits()
	}
	f.bits = f.fn.bits
}

func (f *frame) newBits() *factBits {
	b := &factBits{map[*variable]uint64{}, map[string]uint64{}}
	variables, conditions := map[*variable]int{}, map[string]int{}
	n := 0
	bit := func() uint64 {
		if n++; n > 16 {
			return 0
		}
		return 1 << n
	}
	atom := func(e ast.Expr) {
		if id, ok := e.(*ast.IdentExpr); ok {
			v := f.file.uses[id]
			if variables[v]++; v == nil || v.global || !f.steady(v) || b.variables[v] != 0 {
				return
			}
			if variables[v] > 1 || f.tells(v) {
				b.variables[v] = bit()
			}
			return
		}
		text, _ := f.condition(e)
		if conditions[text]++; text != "" && conditions[text] == 2 {
			b.conditions[text] = bit()
		}
	}
	ownStmts(f.fn.stmts, func(s ast.Stmt) {
		for _, c := range conditionsOf(s) {
			atoms(c, atom)
		}
	})
	return b
}

// conditionsOf are the expressions of a statement whose truth matters.
func conditionsOf(s ast.Stmt) []ast.Expr {
	switch s := s.(type) {
	case *ast.IfStmt:
		return []ast.Expr{s.Condition}
	case *ast.WhileStmt:
		return []ast.Expr{s.Condition}
	case *ast.RepeatStmt:
		return []ast.Expr{s.Condition}
	case *ast.ReturnStmt:
		return s.Exprs
	case *ast.LocalAssignStmt:
		return s.Exprs
	case *ast.AssignStmt:
		return s.Rhs
	}
	return nil
}

// atoms calls fn with what a condition is made of.
func atoms(e ast.Expr, fn func(ast.Expr)) {
	switch e := e.(type) {
	case *ast.UnaryNotOpExpr:
		atoms(e.Expr, fn)
	case *ast.LogicalOpExpr:
		atoms(e.Lhs, fn)
		atoms(e.Rhs, fn)
	case *ast.RelationalOpExpr:
		switch e.Rhs.(type) {
		case *ast.NilExpr, *ast.TrueExpr, *ast.FalseExpr:
			atoms(e.Lhs, fn)
			return
		}
		fn(e)
	default:
		fn(e)
	}
}

// steady reports whether only the function itself assigns a variable.
func (f *frame) steady(v *variable) bool {
	for _, a := range v.later {
		if a.in != f.fn {
			return false
		}
	}
	return v.owner == f.fn || len(v.later) == 0
}

// tells reports whether a variable holds the outcome of the request, or is a flag.
func (f *frame) tells(v *variable) bool {
	found := false
	for _, d := range v.defs {
		if d.expr == nil || d.file == nil {
			continue
		}
		atoms(d.expr, func(e ast.Expr) {
			switch e := e.(type) {
			case *ast.TrueExpr, *ast.FalseExpr:
				found = true
			case *ast.FuncCallExpr:
				c := d.file.callee(e)
				found = found || c.fn != nil || c.member != nil && c.member.fn != nil &&
					(c.member.fn.Decides || c.member.fn.Effects&luabind.DecidesOnFalse != 0)
			}
		})
	}
	return found
}

// condition is the text of a condition, the same for one and its opposite, and which of both it is;
// "" for one that is too long.
func (f *frame) condition(e ast.Expr) (text string, positive bool) {
	positive = true
	if r, ok := e.(*ast.RelationalOpExpr); ok {
		a, b := f.text(r.Lhs, 0), f.text(r.Rhs, 0)
		if a == "" || b == "" {
			return "", true
		}
		switch r.Operator {
		case "~=":
			return a + "==" + b, false
		case ">":
			return b + "<" + a, true
		case "<=":
			return b + "<" + a, false
		case ">=":
			return a + "<" + b, false
		}
		return a + r.Operator + b, true
	}
	return f.text(e, 0), true
}

// text is an expression as text; "" if it is not compared.
func (f *frame) text(e ast.Expr, depth int) string {
	if depth > 8 {
		return ""
	}
	switch e := e.(type) {
	case *ast.IdentExpr:
		return fmt.Sprintf("%s@%p", e.Value, f.file.uses[e])
	case *ast.StringExpr:
		return fmt.Sprintf("%q", e.Value)
	case *ast.NumberExpr:
		return e.Value
	case *ast.AttrGetExpr:
		a, b := f.text(e.Object, depth+1), f.text(e.Key, depth+1)
		if a != "" && b != "" {
			return a + "[" + b + "]"
		}
	case *ast.FuncCallExpr:
		parts := []string{e.Method}
		for _, part := range append([]ast.Expr{e.Func, e.Receiver}, e.Args...) {
			if part == nil {
				continue
			}
			t := f.text(part, depth+1)
			if t == "" {
				return ""
			}
			parts = append(parts, t)
		}
		return "(" + strings.Join(parts, ",") + ")"
	}
	return ""
}
