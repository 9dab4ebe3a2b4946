package check

import (
	"github.com/yuin/gopher-lua/ast"

	"github.com/sipscript/sipscript/luabind/syntax"
)

// Use is a place where a text names a global, or what is in it: "KSR.tm.t_relay".
type Use struct {
	Name         string   // with the constant names that follow, dots between them
	Line, Column int      // from 1
	Called       bool     // it is what a call calls
	Assigned     bool     // it is what an assignment, or the definition of a function, sets
	Args         int      // how many arguments the call has
	Texts        []string // the arguments that are constant texts, "" for others
	Open         bool     // the last argument may be any number of values
}

// Uses are the places where a text names globals, in no order, for a module that runs scripts of
// another dialect. The findings are what keeps the text from being read.
func Uses(name, text string) ([]Use, []Finding) {
	p := &program{known: knowledgeOf(nil), files: map[string]*file{}, globals: map[string]*variable{}, values: map[any]value{},
		tables: map[*ast.TableExpr]map[string][]definition{}, callbacks: map[*variable]*value{}, assigned: map[string]bool{}}
	f := p.read(name, text)
	if f.tree == nil {
		return nil, p.sorted()
	}
	u := &users{file: f, seen: map[ast.Expr]bool{}, assigned: map[ast.Expr]bool{}, calls: map[ast.Expr]*ast.FuncCallExpr{}}
	w := syntax.Walker{Expr: u.expr, Each: u.stmt}
	w.Stmts(f.tree)
	p.compile()
	return u.list, p.sorted()
}

type users struct {
	*file
	list     []Use
	seen     map[ast.Expr]bool // parts of what was reported
	assigned map[ast.Expr]bool
	calls    map[ast.Expr]*ast.FuncCallExpr
}

func (u *users) stmt(s ast.Stmt) {
	switch s := s.(type) {
	case *ast.AssignStmt:
		for _, e := range s.Lhs {
			u.assigned[e] = true
		}
	case *ast.FuncDefStmt:
		if s.Name.Func != nil {
			u.assigned[s.Name.Func] = true
		}
	}
}

// expr is called with each expression, the outer ones first.
func (u *users) expr(e ast.Expr) {
	if c, ok := e.(*ast.FuncCallExpr); ok && c.Func != nil {
		u.calls[c.Func] = c
	}
	if u.seen[e] {
		return
	}
	name, ok := u.chain(e)
	if !ok {
		return
	}
	at := u.at(e)
	use := Use{Name: name, Line: at.line, Column: at.column, Assigned: u.assigned[e]}
	if c := u.calls[e]; c != nil {
		use.Called, use.Args = true, len(c.Args)
		for i, a := range c.Args {
			text := ""
			if s, ok := a.(*ast.StringExpr); ok {
				text = s.Value
			}
			use.Texts = append(use.Texts, text)
			use.Open = i == len(c.Args)-1 && several(a)
		}
	}
	u.list = append(u.list, use)
}

// chain is the name of a global, or of what constant names lead to in it.
func (u *users) chain(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.IdentExpr:
		v := u.uses[e]
		return e.Value, v != nil && v.global
	case *ast.AttrGetExpr:
		key, constant := e.Key.(*ast.StringExpr)
		if !constant {
			return "", false
		}
		name, ok := u.chain(e.Object)
		if ok {
			u.seen[e.Object] = true
		}
		return name + "." + key.Value, ok
	}
	return "", false
}
