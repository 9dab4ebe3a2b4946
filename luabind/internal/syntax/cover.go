package syntax

import (
	"strconv"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

// Coverage. Calls of a counting function are put into the tree before it is compiled: one before
// each statement, and one around each condition that decides where a script goes on. The function
// is a constant of the compiled code, so that scripts find neither a new global nor a new upvalue.
// What is compiled without it is not changed at all.

// Kind says what a Point counts.
type Kind uint8

// Kinds of points. All but Statement are decisions: they have two outcomes.
const (
	Statement Kind = iota
	If
	While
	Until
	And
	Or
)

// String is the word of the language.
func (k Kind) String() string {
	return [...]string{"statement", "if", "while", "until", "and", "or"}[k]
}

// Point is a place that is counted.
type Point struct {
	Line int
	Kind Kind
}

// marker is the constant that the counting function takes the place of.
const marker = "\x00sipscript: count\x00"

// CompileCovered is Compile with calls of a function that Plant supplies: with the number of a
// statement, or with that of a decision and its value, which it returns. Numbers are the indices of
// the points.
func CompileCovered(text, name string) (*lua.FunctionProto, []Point, error) {
	chunk, err := Parse(text, name)
	if err != nil {
		return nil, nil, err
	}
	c := &coverer{}
	chunk = c.block(chunk)
	proto, err := CompileTree(chunk, name)
	return proto, c.points, err
}

// Plant puts the counting function into compiled code, once.
func Plant(p *lua.FunctionProto, count *lua.LFunction) {
	for i, k := range p.Constants {
		if k == lua.LString(marker) {
			p.Constants[i] = count
		}
	}
	for _, f := range p.FunctionPrototypes {
		Plant(f, count)
	}
}

type coverer struct{ points []Point }

// call is a call of the counting function for a new point.
func (c *coverer) call(k Kind, node ast.PositionHolder, value ...ast.Expr) *ast.FuncCallExpr {
	c.points = append(c.points, Point{node.Line(), k})
	number := at(&ast.NumberExpr{Value: strconv.Itoa(len(c.points) - 1)}, node, node)
	f := at(&ast.StringExpr{Value: marker}, node, node)
	return at(&ast.FuncCallExpr{Func: f, Args: append([]ast.Expr{number}, value...), AdjustRet: true}, node, node)
}

// block is a list of statements with a count before the first one of each line.
func (c *coverer) block(list []ast.Stmt) []ast.Stmt {
	out := make([]ast.Stmt, 0, 2*len(list))
	line := 0
	for _, s := range list {
		if _, label := s.(*ast.LabelStmt); !label && s.Line() != line {
			line = s.Line()
			out = append(out, at(&ast.FuncCallStmt{Expr: c.call(Statement, s)}, s, s))
		}
		c.stmt(s)
		out = append(out, s)
	}
	return out
}

func (c *coverer) stmt(s ast.Stmt) {
	switch n := s.(type) {
	case *ast.AssignStmt:
		c.exprs(n.Lhs)
		c.exprs(n.Rhs)
	case *ast.LocalAssignStmt:
		c.exprs(n.Exprs)
	case *ast.FuncCallStmt:
		n.Expr = c.expr(n.Expr)
	case *ast.DoBlockStmt:
		n.Stmts = c.block(n.Stmts)
	case *ast.WhileStmt:
		n.Condition, n.Stmts = c.decision(While, n.Condition), c.block(n.Stmts)
	case *ast.RepeatStmt:
		n.Stmts = c.block(n.Stmts)
		n.Condition = c.decision(Until, n.Condition)
	case *ast.IfStmt:
		n.Condition = c.decision(If, n.Condition)
		n.Then, n.Else = c.block(n.Then), c.block(n.Else)
	case *ast.NumberForStmt:
		n.Init, n.Limit, n.Step = c.expr(n.Init), c.expr(n.Limit), c.expr(n.Step)
		n.Stmts = c.block(n.Stmts)
	case *ast.GenericForStmt:
		c.exprs(n.Exprs)
		n.Stmts = c.block(n.Stmts)
	case *ast.FuncDefStmt:
		n.Func.Stmts = c.block(n.Func.Stmts)
	case *ast.ReturnStmt:
		c.exprs(n.Exprs)
	}
}

func (c *coverer) exprs(list []ast.Expr) {
	for i, e := range list {
		list[i] = c.expr(e)
	}
}

// expr counts the decisions within an expression.
func (c *coverer) expr(e ast.Expr) ast.Expr {
	switch n := e.(type) {
	case *ast.LogicalOpExpr:
		n.Lhs, n.Rhs = c.decision(kindOf(n), n.Lhs), c.expr(n.Rhs)
	case *ast.AttrGetExpr:
		n.Object, n.Key = c.expr(n.Object), c.expr(n.Key)
	case *ast.TableExpr:
		for _, f := range n.Fields {
			f.Key, f.Value = c.expr(f.Key), c.expr(f.Value)
		}
	case *ast.FuncCallExpr:
		n.Func, n.Receiver = c.expr(n.Func), c.expr(n.Receiver)
		c.exprs(n.Args)
	case *ast.RelationalOpExpr:
		n.Lhs, n.Rhs = c.expr(n.Lhs), c.expr(n.Rhs)
	case *ast.StringConcatOpExpr:
		n.Lhs, n.Rhs = c.expr(n.Lhs), c.expr(n.Rhs)
	case *ast.ArithmeticOpExpr:
		n.Lhs, n.Rhs = c.expr(n.Lhs), c.expr(n.Rhs)
	case *ast.UnaryMinusOpExpr:
		n.Expr = c.expr(n.Expr)
	case *ast.UnaryNotOpExpr:
		n.Expr = c.expr(n.Expr)
	case *ast.UnaryLenOpExpr:
		n.Expr = c.expr(n.Expr)
	case *ast.FunctionExpr:
		n.Stmts = c.block(n.Stmts)
	}
	return e
}

// decision counts the outcomes of a condition. Those of an and or an or are those of its operands:
// "a or b" decides by a, and where a is false by b.
func (c *coverer) decision(k Kind, e ast.Expr) ast.Expr {
	switch n := e.(type) {
	case *ast.TrueExpr, *ast.FalseExpr, *ast.NilExpr, *ast.NumberExpr, *ast.StringExpr, *ast.FunctionExpr, *ast.TableExpr:
		return c.expr(e) // has one outcome
	case *ast.LogicalOpExpr:
		n.Lhs, n.Rhs = c.decision(kindOf(n), n.Lhs), c.decision(k, n.Rhs)
		return e
	}
	return c.call(k, e, c.expr(e))
}

func kindOf(n *ast.LogicalOpExpr) Kind {
	if n.Operator == "and" {
		return And
	}
	return Or
}
