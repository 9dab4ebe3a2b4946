package check

import (
	"github.com/yuin/gopher-lua/ast"

	"github.com/sipscript/sipscript/luabind/syntax"
)

// own calls fn with the expressions of a function, without those of functions within.
func own(list []ast.Stmt, fn func(ast.Expr)) { ownParts(list, fn, func(ast.Stmt) {}) }

// ownStmts calls fn with the statements of a function, without those of functions within.
func ownStmts(list []ast.Stmt, fn func(ast.Stmt)) { ownParts(list, func(ast.Expr) {}, fn) }

func ownParts(list []ast.Stmt, expr func(ast.Expr), stmt func(ast.Stmt)) {
	depth := 0
	w := syntax.Walker{
		Expr: func(e ast.Expr) {
			if depth == 0 {
				expr(e)
			}
		},
		Each: func(s ast.Stmt) {
			if depth == 0 {
				stmt(s)
			}
		},
		Within: func(enter bool) {
			if enter {
				depth++
			} else {
				depth--
			}
		},
	}
	w.Stmts(list)
}
