package syntax

import (
	"fmt"
	"strings"

	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// Checks of a source before it is compiled. The interpreter's parser keeps open constructs on a
// stack without a bound, and its compiler recurses as deep as the source nests; a full Go stack
// ends the process, which nothing can catch.

const (
	// maxNested is how deep brackets, blocks and functions may be nested, as in Lua 5.1
	// (LUAI_MAXCCALLS).
	maxNested = 200
	// maxHanging is how deep the syntax tree may be: it bounds what is connected without brackets,
	// that is, chains of operators, calls, indexes and elseif.
	maxHanging = 1000
)

// deep is the error of a source that is nested too deep.
func deep(name string, line, most int) error {
	return &Error{Name: name, Line: line, Text: fmt.Sprintf("the syntax is nested more than %d deep", most)}
}

// checkTokens bounds what the parser keeps on its stack. What is not a token is left for the parser
// to report.
func checkTokens(text, name string) error {
	scanner, lexer := parse.NewScanner(strings.NewReader(text), name), &parse.Lexer{}
	open := make([]int, 1, maxNested+1) // for each level, the operators of its present expression
	for {
		tok, err := scanner.Scan(lexer)
		if err != nil || tok.Type == parse.EOF {
			return nil
		}
		lexer.PrevTokenType = tok.Type
		top := &open[len(open)-1]
		switch tok.Type {
		case ')', '}', ']', parse.TEnd, parse.TUntil, parse.TElse, parse.TElseIf:
			if len(open) > 1 {
				open = open[:len(open)-1]
			}
			if tok.Type != parse.TElse {
				continue
			}
		case '(', '{', '[', parse.TFunction, parse.TDo, parse.TThen, parse.TRepeat:
		case '=', ',', ';', parse.TLocal, parse.TReturn, parse.TIf, parse.TWhile, parse.TFor, parse.TIn:
			*top = 0
			continue
		case '+', '-', '*', '/', '%', '^', '#', '<', '>', parse.T2Comma, parse.TAnd, parse.TOr, parse.TNot,
			parse.TEqeq, parse.TNeq, parse.TLte, parse.TGte:
			if *top++; *top > maxHanging {
				return deep(name, tok.Pos.Line, maxHanging)
			}
			continue
		default:
			continue
		}
		if open = append(open, 0); len(open) > maxNested+1 {
			return deep(name, tok.Pos.Line, maxNested)
		}
	}
}

// nested is a part of a syntax tree and its depth.
type nested struct {
	node  any // ast.Stmt or ast.Expr
	depth int
}

// checkTree bounds how deep the compiler calls itself. It doesn't call itself.
func checkTree(chunk []ast.Stmt, name string) error {
	var rest []nested
	for _, s := range chunk {
		rest = append(rest, nested{s, 1})
	}
	for len(rest) > 0 {
		n := rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		if n.depth > maxHanging {
			return deep(name, n.node.(ast.PositionHolder).Line(), maxHanging)
		}
		parts(n.node, func(part any) { rest = append(rest, nested{part, n.depth + 1}) })
	}
	return nil
}

// parts calls f with the parts of a statement or an expression.
func parts(node any, f func(any)) {
	expr := func(e ast.Expr) {
		if e != nil {
			f(e)
		}
	}
	exprs := func(list []ast.Expr) {
		for _, e := range list {
			expr(e)
		}
	}
	stmts := func(list []ast.Stmt) {
		for _, s := range list {
			f(s)
		}
	}
	switch n := node.(type) {
	case *ast.AssignStmt:
		exprs(n.Lhs)
		exprs(n.Rhs)
	case *ast.LocalAssignStmt:
		exprs(n.Exprs)
	case *ast.FuncCallStmt:
		expr(n.Expr)
	case *ast.DoBlockStmt:
		stmts(n.Stmts)
	case *ast.WhileStmt:
		expr(n.Condition)
		stmts(n.Stmts)
	case *ast.RepeatStmt:
		expr(n.Condition)
		stmts(n.Stmts)
	case *ast.IfStmt:
		expr(n.Condition)
		stmts(n.Then)
		stmts(n.Else)
	case *ast.NumberForStmt:
		exprs([]ast.Expr{n.Init, n.Limit, n.Step})
		stmts(n.Stmts)
	case *ast.GenericForStmt:
		exprs(n.Exprs)
		stmts(n.Stmts)
	case *ast.FuncDefStmt:
		exprs([]ast.Expr{n.Name.Func, n.Name.Receiver})
		f(n.Func)
	case *ast.ReturnStmt:
		exprs(n.Exprs)
	default:
		partsOfExpr(node, expr, exprs, stmts)
	}
}

func partsOfExpr(node any, expr func(ast.Expr), exprs func([]ast.Expr), stmts func([]ast.Stmt)) {
	switch n := node.(type) {
	case *ast.AttrGetExpr:
		exprs([]ast.Expr{n.Object, n.Key})
	case *ast.TableExpr:
		for _, field := range n.Fields {
			exprs([]ast.Expr{field.Key, field.Value})
		}
	case *ast.FuncCallExpr:
		exprs([]ast.Expr{n.Func, n.Receiver})
		exprs(n.Args)
	case *ast.LogicalOpExpr:
		exprs([]ast.Expr{n.Lhs, n.Rhs})
	case *ast.RelationalOpExpr:
		exprs([]ast.Expr{n.Lhs, n.Rhs})
	case *ast.StringConcatOpExpr:
		exprs([]ast.Expr{n.Lhs, n.Rhs})
	case *ast.ArithmeticOpExpr:
		exprs([]ast.Expr{n.Lhs, n.Rhs})
	case *ast.UnaryMinusOpExpr:
		expr(n.Expr)
	case *ast.UnaryNotOpExpr:
		expr(n.Expr)
	case *ast.UnaryLenOpExpr:
		expr(n.Expr)
	case *ast.FunctionExpr:
		stmts(n.Stmts)
	}
}
