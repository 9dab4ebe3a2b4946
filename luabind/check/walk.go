package check

import "github.com/yuin/gopher-lua/ast"

// walk calls fn with each expression of a list of statements, those of functions within included.
func walk(list []ast.Stmt, fn func(ast.Expr)) {
	w := walker{fn: fn}
	w.stmts(list)
}

type walker struct {
	fn     func(ast.Expr)
	within func(enter bool) // called at the begin and the end of each function; may be nil
	each   func(ast.Stmt)   // called with each statement; may be nil
}

func (w walker) stmts(list []ast.Stmt) {
	for _, s := range list {
		w.stmt(s)
	}
}

func (w walker) exprs(list []ast.Expr) {
	for _, e := range list {
		w.expr(e)
	}
}

func (w walker) stmt(s ast.Stmt) {
	if w.each != nil {
		w.each(s)
	}
	switch s := s.(type) {
	case *ast.AssignStmt:
		w.exprs(s.Lhs)
		w.exprs(s.Rhs)
	case *ast.LocalAssignStmt:
		w.exprs(s.Exprs)
	case *ast.FuncCallStmt:
		w.expr(s.Expr)
	case *ast.DoBlockStmt:
		w.stmts(s.Stmts)
	case *ast.WhileStmt:
		w.expr(s.Condition)
		w.stmts(s.Stmts)
	case *ast.RepeatStmt:
		w.stmts(s.Stmts)
		w.expr(s.Condition)
	case *ast.IfStmt:
		w.expr(s.Condition)
		w.stmts(s.Then)
		w.stmts(s.Else)
	case *ast.NumberForStmt:
		w.exprs([]ast.Expr{s.Init, s.Limit, s.Step})
		w.stmts(s.Stmts)
	case *ast.GenericForStmt:
		w.exprs(s.Exprs)
		w.stmts(s.Stmts)
	case *ast.FuncDefStmt:
		w.expr(s.Name.Func)
		w.expr(s.Name.Receiver)
		w.expr(s.Func)
	case *ast.ReturnStmt:
		w.exprs(s.Exprs)
	}
}

func (w walker) expr(e ast.Expr) {
	if e == nil {
		return
	}
	w.fn(e)
	switch e := e.(type) {
	case *ast.TableExpr:
		for _, f := range e.Fields {
			w.expr(f.Key)
			w.expr(f.Value)
		}
	case *ast.FuncCallExpr:
		w.expr(e.Func)
		w.expr(e.Receiver)
		w.exprs(e.Args)
	case *ast.FunctionExpr:
		if w.within != nil {
			w.within(true)
			defer w.within(false)
		}
		w.stmts(e.Stmts)
	default:
		eachPart(e, w.expr)
	}
}

// own calls fn with the expressions of a function, without those of functions within.
func own(list []ast.Stmt, fn func(ast.Expr)) { ownParts(list, fn, func(ast.Stmt) {}) }

// ownStmts calls fn with the statements of a function, without those of functions within.
func ownStmts(list []ast.Stmt, fn func(ast.Stmt)) { ownParts(list, func(ast.Expr) {}, fn) }

func ownParts(list []ast.Stmt, expr func(ast.Expr), stmt func(ast.Stmt)) {
	depth := 0
	w := walker{
		fn: func(e ast.Expr) {
			if depth == 0 {
				expr(e)
			}
		},
		each: func(s ast.Stmt) {
			if depth == 0 {
				stmt(s)
			}
		},
		within: func(enter bool) {
			if enter {
				depth++
			} else {
				depth--
			}
		},
	}
	w.stmts(list)
}
