// Package syntax is the syntax tree of a script with what the tree lacks: its comments, its blank
// lines, and a way through it. It is for what checks scripts, and for modules that translate those
// of another dialect.
package syntax

import (
	"strings"

	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// The nodes of the tree.
type (
	Stmt           = ast.Stmt            // a statement
	Assign         = ast.AssignStmt      // a, b = c, d
	Local          = ast.LocalAssignStmt // local a, b = c, d
	CallStmt       = ast.FuncCallStmt    // f(x)
	Do             = ast.DoBlockStmt     // do … end
	While          = ast.WhileStmt       // while c do … end
	Repeat         = ast.RepeatStmt      // repeat … until c
	If             = ast.IfStmt          // if c then … else … end; elseif is an If in Else
	NumberFor      = ast.NumberForStmt   // for i = a, b, c do … end
	GenericFor     = ast.GenericForStmt  // for k, v in e do … end
	FuncDef        = ast.FuncDefStmt     // function a.b:c() … end
	Return         = ast.ReturnStmt      // return a, b
	Break          = ast.BreakStmt       // break
	Expr           = ast.Expr            // an expression
	True           = ast.TrueExpr        // true
	False          = ast.FalseExpr       // false
	Nil            = ast.NilExpr         // nil
	Number         = ast.NumberExpr      // 1, as it is written
	String         = ast.StringExpr      // "text", read
	Dots           = ast.Comma3Expr      // ...
	Ident          = ast.IdentExpr       // a
	Get            = ast.AttrGetExpr     // a.b, a[b]
	Table          = ast.TableExpr       // {…}
	Field          = ast.Field           // a = b in a table
	Call           = ast.FuncCallExpr    // f(x), a:m(x)
	Logical        = ast.LogicalOpExpr   // and, or
	Relational     = ast.RelationalOpExpr
	Concat         = ast.StringConcatOpExpr
	Arithmetic     = ast.ArithmeticOpExpr
	Minus          = ast.UnaryMinusOpExpr
	Not            = ast.UnaryNotOpExpr
	Length         = ast.UnaryLenOpExpr
	Function       = ast.FunctionExpr // function(…) … end
	ParameterNames = ast.ParList      // the parameters of a Function
)

// File is a script as it was read.
type File struct {
	Stmts    []Stmt    // of the file itself
	Comments []Comment // in their order
	lines    []string
}

// Comment is one comment.
type Comment struct {
	Line, End int    // its first and last line, from 1
	Text      string // as it was written, with its dashes
	Alone     bool   // nothing stands before it on its line
}

// Parse reads a script. Who gives it what others have written has had [check.Uses] look at it
// before: the parser recurses as deep as the text nests.
func Parse(name, text string) (*File, error) {
	stmts, err := parse.Parse(strings.NewReader(text), name)
	if err != nil {
		return nil, err
	}
	return &File{Stmts: stmts, Comments: comments(text), lines: strings.Split(text, "\n")}, nil
}

// Blank reports whether a line, from 1, has nothing on it.
func (f *File) Blank(line int) bool {
	return line >= 1 && line <= len(f.lines) && strings.TrimSpace(f.lines[line-1]) == ""
}

// Lines is how many lines the script has.
func (f *File) Lines() int { return len(f.lines) }

// Last is the last line that a statement stands on, as far as the tree knows.
func Last(s Stmt) int {
	last := max(s.Line(), s.LastLine())
	switch s := s.(type) {
	case *CallStmt:
		last = max(last, lastOf(s.Expr))
	case *Assign:
		last = max(last, lastOf(s.Rhs...))
	case *Local:
		last = max(last, lastOf(s.Exprs...))
	case *Return:
		last = max(last, lastOf(s.Exprs...))
	case *If:
		last = max(last, lastOf(s.Condition), lastIn(s.Then), lastIn(s.Else))
	case *FuncDef:
		last = max(last, s.Func.LastLine())
	}
	return last
}

// lastIn is the last line of a block's statements.
func lastIn(list []Stmt) int {
	last := 0
	for _, s := range list {
		last = max(last, Last(s))
	}
	return last
}

// lastOf is the last line of expressions.
func lastOf(list ...Expr) int {
	last := 0
	for _, e := range list {
		if e == nil {
			continue
		}
		last = max(last, e.Line(), e.LastLine())
		switch e := e.(type) {
		case *Call:
			last = max(last, lastOf(e.Args...), lastOf(e.Func, e.Receiver))
		case *Logical:
			last = max(last, lastOf(e.Lhs, e.Rhs))
		case *Relational:
			last = max(last, lastOf(e.Lhs, e.Rhs))
		case *Concat:
			last = max(last, lastOf(e.Lhs, e.Rhs))
		case *Arithmetic:
			last = max(last, lastOf(e.Lhs, e.Rhs))
		case *Not:
			last = max(last, lastOf(e.Expr))
		case *Function:
			last = max(last, e.LastLine())
		case *Table:
			for _, f := range e.Fields {
				last = max(last, lastOf(f.Key, f.Value))
			}
		}
	}
	return last
}
