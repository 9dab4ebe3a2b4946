package syntax

// Walk calls fn with each expression of a list of statements, those of functions within included.
func Walk(list []Stmt, fn func(Expr)) {
	w := Walker{Expr: fn}
	w.Stmts(list)
}

// Walker visits statements and expressions, those of functions within included.
type Walker struct {
	Expr   func(Expr)       // called with each expression
	Within func(enter bool) // called at the begin and the end of each function; may be nil
	Each   func(Stmt)       // called with each statement; may be nil
}

// Stmts visits statements.
func (w Walker) Stmts(list []Stmt) {
	for _, s := range list {
		w.stmt(s)
	}
}

func (w Walker) exprs(list []Expr) {
	for _, e := range list {
		w.expr(e)
	}
}

func (w Walker) stmt(s Stmt) {
	if w.Each != nil {
		w.Each(s)
	}
	switch s := s.(type) {
	case *Assign:
		w.exprs(s.Lhs)
		w.exprs(s.Rhs)
	case *Local:
		w.exprs(s.Exprs)
	case *CallStmt:
		w.expr(s.Expr)
	case *Do:
		w.Stmts(s.Stmts)
	case *While:
		w.expr(s.Condition)
		w.Stmts(s.Stmts)
	case *Repeat:
		w.Stmts(s.Stmts)
		w.expr(s.Condition)
	case *If:
		w.expr(s.Condition)
		w.Stmts(s.Then)
		w.Stmts(s.Else)
	case *NumberFor:
		w.exprs([]Expr{s.Init, s.Limit, s.Step})
		w.Stmts(s.Stmts)
	case *GenericFor:
		w.exprs(s.Exprs)
		w.Stmts(s.Stmts)
	case *FuncDef:
		w.expr(s.Name.Func)
		w.expr(s.Name.Receiver)
		w.expr(s.Func)
	case *Return:
		w.exprs(s.Exprs)
	}
}

func (w Walker) expr(e Expr) {
	if e == nil {
		return
	}
	w.Expr(e)
	switch e := e.(type) {
	case *Table:
		for _, f := range e.Fields {
			w.expr(f.Key)
			w.expr(f.Value)
		}
	case *Call:
		w.expr(e.Func)
		w.expr(e.Receiver)
		w.exprs(e.Args)
	case *Function:
		if w.Within != nil {
			w.Within(true)
			defer w.Within(false)
		}
		w.Stmts(e.Stmts)
	default:
		EachPart(e, w.expr)
	}
}

// EachPart calls fn with the parts of an operator or an index.
func EachPart(e Expr, fn func(Expr)) {
	switch e := e.(type) {
	case *Get:
		fn(e.Object)
		fn(e.Key)
	case *Logical:
		fn(e.Lhs)
		fn(e.Rhs)
	case *Relational:
		fn(e.Lhs)
		fn(e.Rhs)
	case *Concat:
		fn(e.Lhs)
		fn(e.Rhs)
	case *Arithmetic:
		fn(e.Lhs)
		fn(e.Rhs)
	case *Minus:
		fn(e.Expr)
	case *Not:
		fn(e.Expr)
	case *Length:
		fn(e.Expr)
	}
}
