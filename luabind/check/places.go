package check

import (
	"strings"

	"github.com/sipscript/sipscript/luabind/internal/syntax"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// Where things stand. The syntax tree has lines only, so its nodes are gone through in the order of
// the text, beside the tokens, which have columns: each node is at the token that makes it.

// place is a position in a file; column counts bytes, from 1.
type place struct{ line, column int }

// places are those of the nodes of one file.
type places struct {
	of    map[any]place   // ast.Expr and ast.Stmt
	names map[any][]place // of those that a statement or a function declares
	ends  map[any]place   // of the "end" of functions
	first place           // of the first token
	last  place           // of the last token
}

// placer goes through the tokens.
type placer struct {
	*places
	scanner *parse.Scanner
	lexer   *parse.Lexer
	next    ast.Token
	over    bool
}

// placesOf finds the places of a tree, which was made of text.
func placesOf(chunk []ast.Stmt, text string) *places {
	p := &placer{
		places:  &places{of: map[any]place{}, names: map[any][]place{}, ends: map[any]place{}},
		scanner: parse.NewScanner(strings.NewReader(syntax.Clean(text)), ""), lexer: &parse.Lexer{},
	}
	p.advance()
	p.first = p.here()
	p.stmts(chunk)
	for !p.over {
		p.advance()
	}
	return p.places
}

func (p *placer) here() place { return place{p.next.Pos.Line, p.next.Pos.Column} }

func (p *placer) advance() {
	if p.over {
		return
	}
	if p.next.Pos.Line > 0 {
		p.last = p.here()
	}
	tok, err := p.scanner.Scan(p.lexer)
	p.over = err != nil || tok.Type == parse.EOF
	if !p.over {
		p.lexer.PrevTokenType, p.next = tok.Type, tok
	}
}

// take goes to the next token of one of the types, and past it.
func (p *placer) take(types ...int) (at place, kind int) {
	for !p.over {
		for _, t := range types {
			if p.next.Type == t {
				at = p.here()
				p.advance()
				return at, t
			}
		}
		p.advance()
	}
	return p.last, 0
}

// takeName goes to the next name, or text, that reads s.
func (p *placer) takeName(s string) place {
	for !p.over {
		if (p.next.Type == parse.TIdent || p.next.Type == parse.TString) && p.next.Str == s {
			at := p.here()
			p.advance()
			return at
		}
		p.advance()
	}
	return p.last
}

func (p *placer) stmts(list []ast.Stmt) {
	for _, s := range list {
		p.stmt(s)
	}
}

func (p *placer) stmt(s ast.Stmt) {
	switch s := s.(type) {
	case *ast.AssignStmt:
		p.exprs(s.Lhs)
		p.of[s], _ = p.take('=')
		p.exprs(s.Rhs)
	case *ast.LocalAssignStmt:
		p.local(s)
	case *ast.FuncCallStmt:
		p.expr(s.Expr)
		p.of[s] = p.of[s.Expr]
	case *ast.DoBlockStmt:
		p.of[s], _ = p.take(parse.TDo)
		p.stmts(s.Stmts)
		p.take(parse.TEnd)
	case *ast.WhileStmt:
		p.of[s], _ = p.take(parse.TWhile)
		p.expr(s.Condition)
		p.stmts(s.Stmts)
		p.take(parse.TEnd)
	case *ast.RepeatStmt:
		p.of[s], _ = p.take(parse.TRepeat)
		p.stmts(s.Stmts)
		p.take(parse.TUntil)
		p.expr(s.Condition)
	case *ast.IfStmt:
		p.of[s], _ = p.take(parse.TIf)
		p.branches(s)
	case *ast.ReturnStmt:
		p.of[s], _ = p.take(parse.TReturn)
		p.exprs(s.Exprs)
	case *ast.FuncDefStmt:
		p.definition(s)
	default:
		p.loopOrJump(s)
	}
}

func (p *placer) loopOrJump(s ast.Stmt) {
	switch s := s.(type) {
	case *ast.NumberForStmt:
		p.of[s], _ = p.take(parse.TFor)
		p.names[s] = []place{p.takeName(s.Name)}
		p.exprs([]ast.Expr{s.Init, s.Limit, s.Step})
		p.stmts(s.Stmts)
		p.take(parse.TEnd)
	case *ast.GenericForStmt:
		p.of[s], _ = p.take(parse.TFor)
		p.names[s] = p.takeNames(s.Names)
		p.exprs(s.Exprs)
		p.stmts(s.Stmts)
		p.take(parse.TEnd)
	case *ast.BreakStmt:
		p.of[s], _ = p.take(parse.TBreak)
	case *ast.LabelStmt:
		p.of[s] = p.takeName(s.Name)
	case *ast.GotoStmt:
		p.of[s] = p.takeName(s.Label)
	}
}

func (p *placer) takeNames(names []string) []place {
	list := make([]place, len(names))
	for i, n := range names {
		list[i] = p.takeName(n)
	}
	return list
}

// branches are what follows an "if" or "elseif".
func (p *placer) branches(s *ast.IfStmt) {
	for {
		p.expr(s.Condition)
		p.stmts(s.Then)
		at, kind := p.take(parse.TElseIf, parse.TElse, parse.TEnd)
		if kind == parse.TElse {
			p.stmts(s.Else)
			p.take(parse.TEnd)
		}
		if kind != parse.TElseIf || len(s.Else) != 1 {
			return
		}
		next, ok := s.Else[0].(*ast.IfStmt)
		if !ok {
			return
		}
		s = next
		p.of[s] = at
	}
}

func (p *placer) local(s *ast.LocalAssignStmt) {
	p.of[s], _ = p.take(parse.TLocal)
	if p.next.Type == parse.TFunction && !p.over && len(s.Exprs) == 1 {
		at, _ := p.take(parse.TFunction)
		p.names[s] = p.takeNames(s.Names)
		if f, ok := s.Exprs[0].(*ast.FunctionExpr); ok {
			p.of[f] = at
			p.body(f)
		}
		return
	}
	p.names[s] = p.takeNames(s.Names)
	p.exprs(s.Exprs)
}

// definition is function a.b:c() … end.
func (p *placer) definition(s *ast.FuncDefStmt) {
	at, _ := p.take(parse.TFunction)
	p.of[s], p.of[s.Func] = at, at
	p.expr(s.Name.Func)
	p.expr(s.Name.Receiver)
	if s.Name.Receiver != nil {
		p.names[s] = []place{p.takeName(s.Name.Method)}
	}
	p.body(s.Func)
}

func (p *placer) body(f *ast.FunctionExpr) {
	p.names[f] = p.takeNames(f.ParList.Names)
	if f.ParList.HasVargs {
		p.take(parse.T3Comma)
	}
	p.stmts(f.Stmts)
	p.ends[f], _ = p.take(parse.TEnd)
}

func (p *placer) exprs(list []ast.Expr) {
	for _, e := range list {
		p.expr(e)
	}
}

func (p *placer) expr(e ast.Expr) {
	switch e := e.(type) {
	case nil:
	case *ast.TrueExpr:
		p.of[e], _ = p.take(parse.TTrue)
	case *ast.FalseExpr:
		p.of[e], _ = p.take(parse.TFalse)
	case *ast.NilExpr:
		p.of[e], _ = p.take(parse.TNil)
	case *ast.NumberExpr:
		p.of[e], _ = p.take(parse.TNumber)
	case *ast.StringExpr:
		p.of[e] = p.takeName(e.Value)
	case *ast.Comma3Expr:
		p.of[e], _ = p.take(parse.T3Comma)
	case *ast.IdentExpr:
		p.of[e] = p.takeName(e.Value)
	case *ast.AttrGetExpr:
		p.expr(e.Object)
		p.expr(e.Key)
		p.of[e] = p.of[e.Key]
	case *ast.TableExpr:
		p.of[e], _ = p.take('{')
		for _, f := range e.Fields {
			p.expr(f.Key)
			p.expr(f.Value)
		}
		p.take('}')
	case *ast.FuncCallExpr:
		p.expr(e.Func)
		p.of[e] = p.of[e.Func]
		if e.Receiver != nil {
			p.expr(e.Receiver)
			p.of[e] = p.takeName(e.Method)
		}
		p.exprs(e.Args)
	case *ast.FunctionExpr:
		p.of[e], _ = p.take(parse.TFunction)
		p.body(e)
	default:
		p.operator(e)
	}
}

func (p *placer) operator(e ast.Expr) {
	binary := func(lhs, rhs ast.Expr, op string) {
		p.expr(lhs)
		p.of[e], _ = p.take(operators[op])
		p.expr(rhs)
	}
	switch n := e.(type) {
	case *ast.LogicalOpExpr:
		binary(n.Lhs, n.Rhs, n.Operator)
	case *ast.RelationalOpExpr:
		binary(n.Lhs, n.Rhs, n.Operator)
	case *ast.StringConcatOpExpr:
		binary(n.Lhs, n.Rhs, "..")
	case *ast.ArithmeticOpExpr:
		binary(n.Lhs, n.Rhs, n.Operator)
	case *ast.UnaryMinusOpExpr:
		p.of[e], _ = p.take('-')
		p.expr(n.Expr)
	case *ast.UnaryNotOpExpr:
		p.of[e], _ = p.take(parse.TNot)
		p.expr(n.Expr)
	case *ast.UnaryLenOpExpr:
		p.of[e], _ = p.take('#')
		p.expr(n.Expr)
	}
}

// operators are the tokens of those with two sides.
var operators = map[string]int{
	"or": parse.TOr, "and": parse.TAnd, ">": '>', "<": '<', ">=": parse.TGte, "<=": parse.TLte,
	"==": parse.TEqeq, "~=": parse.TNeq, "..": parse.T2Comma,
	"+": '+', "-": '-', "*": '*', "/": '/', "%": '%', "^": '^',
}
