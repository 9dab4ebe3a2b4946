package syntax

import (
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// The interpreter's compiler looks each constant up among those of its function, one by one: a
// table of 100,000 entries took 12 s. Long tables and long runs of statements are therefore split
// into functions of their own, which are called in place and see the same locals.

// pieceSize is the number of fields or statements in a piece; anything shorter than two pieces is
// left as it is.
const pieceSize = 256

// tableName is the local of a table in the making. No script can write it.
const tableName = "(table)"

// split splits what is long in a list of statements, which is at most maxHanging deep.
func split(list []ast.Stmt) []ast.Stmt {
	for _, s := range list {
		splitNode(s)
	}
	if len(list) < 2*pieceSize {
		return list
	}
	var out []ast.Stmt
	for len(list) > 0 {
		n := 0
		for n < min(len(list), pieceSize) && movable(list[n]) {
			n++
		}
		if n < pieceSize/4 { // not worth a call
			n = max(n, 1)
			out = append(out, list[:n]...)
		} else {
			out = append(out, at(&ast.FuncCallStmt{Expr: called(list[:n], list[0], list[n-1])}, list[0], list[n-1]))
		}
		list = list[n:]
	}
	return out
}

// splitNode splits what is long within a statement or an expression.
func splitNode(node any) {
	switch n := node.(type) {
	case *ast.DoBlockStmt:
		n.Stmts = split(n.Stmts)
	case *ast.WhileStmt:
		n.Condition, n.Stmts = splitExpr(n.Condition), split(n.Stmts)
	case *ast.RepeatStmt:
		splitNode(n.Condition) // it sees the locals of the block, which stays whole
		for _, s := range n.Stmts {
			splitNode(s)
		}
	case *ast.IfStmt:
		n.Condition, n.Then, n.Else = splitExpr(n.Condition), split(n.Then), split(n.Else)
	case *ast.NumberForStmt:
		n.Stmts = split(n.Stmts)
	case *ast.GenericForStmt:
		splitAll(n.Exprs)
		n.Stmts = split(n.Stmts)
	case *ast.AssignStmt:
		splitAll(n.Lhs)
		splitAll(n.Rhs)
	case *ast.LocalAssignStmt:
		splitAll(n.Exprs)
	case *ast.FuncCallStmt:
		splitNode(n.Expr)
	case *ast.FuncDefStmt:
		splitNode(n.Func)
	case *ast.ReturnStmt:
		splitAll(n.Exprs)
	case *ast.FunctionExpr:
		n.Stmts = split(n.Stmts)
	case *ast.AttrGetExpr:
		n.Object, n.Key = splitExpr(n.Object), splitExpr(n.Key)
	case *ast.FuncCallExpr:
		n.Func, n.Receiver = splitExpr(n.Func), splitExpr(n.Receiver)
		splitAll(n.Args)
	case *ast.TableExpr:
		for _, f := range n.Fields {
			f.Key, f.Value = splitExpr(f.Key), splitExpr(f.Value)
		}
	case *ast.LogicalOpExpr:
		n.Lhs, n.Rhs = splitExpr(n.Lhs), splitExpr(n.Rhs)
	}
}

func splitAll(list []ast.Expr) {
	for i, e := range list {
		list[i] = splitExpr(e)
	}
}

// splitExpr is e, or the call that makes its table.
func splitExpr(e ast.Expr) ast.Expr {
	if e == nil {
		return nil
	}
	splitNode(e)
	t, ok := e.(*ast.TableExpr)
	if !ok || len(t.Fields) < 2*pieceSize && !mixed(t) {
		return e
	}
	last := t.Fields[len(t.Fields)-1]
	// Which may give several values
	if call, ok := last.Value.(*ast.FuncCallExpr); ok && !call.AdjustRet && last.Key == nil {
		return e
	}
	for _, f := range t.Fields {
		if !movable(f.Key) || !movable(f.Value) {
			return e
		}
	}
	body := []ast.Stmt{at(&ast.LocalAssignStmt{Names: []string{tableName}, Exprs: []ast.Expr{at(&ast.TableExpr{}, t, t)}}, t, t)}
	next := 1
	for from := 0; from < len(t.Fields); from += pieceSize {
		fields := t.Fields[from:min(from+pieceSize, len(t.Fields))]
		list := make([]ast.Stmt, len(fields))
		for i, f := range fields {
			key := f.Key
			if key == nil {
				key = at(&ast.NumberExpr{Value: strconv.Itoa(next)}, f.Value, f.Value)
				next++
			}
			place := at(&ast.AttrGetExpr{Object: at(&ast.IdentExpr{Value: tableName}, f.Value, f.Value), Key: key}, f.Value, f.Value)
			list[i] = at(&ast.AssignStmt{Lhs: []ast.Expr{place}, Rhs: []ast.Expr{f.Value}}, f.Value, f.Value)
		}
		body = append(body, at(&ast.FuncCallStmt{Expr: called(list, fields[0].Value, fields[len(fields)-1].Value)}, fields[0].Value, t))
	}
	body = append(body, at(&ast.ReturnStmt{Exprs: []ast.Expr{at(&ast.IdentExpr{Value: tableName}, t, t)}}, t, t))
	return called(body, t, t)
}

// flushed is how many values of a list the compiler gathers before it stores them.
const flushed = 50

// mixed reports whether a table has so many values with keys among those of its list that the
// compiler (gopher-lua 1.1.2) stores some of the former in place of the latter.
func mixed(t *ast.TableExpr) bool {
	keys := 0
	for _, f := range t.Fields {
		if f.Key != nil {
			keys++
		}
	}
	return keys > 0 && len(t.Fields)-keys >= flushed
}

// called is the call of a function made from the statements.
func called(list []ast.Stmt, first, last ast.PositionHolder) ast.Expr {
	f := at(&ast.FunctionExpr{ParList: &ast.ParList{}, Stmts: list}, first, last)
	return at(&ast.FuncCallExpr{Func: f, AdjustRet: true}, first, last)
}

// at gives a made part of the tree the lines of what it replaces.
func at[T ast.PositionHolder](node T, first, last ast.PositionHolder) T {
	node.SetLine(first.Line())
	node.SetLastLine(max(last.LastLine(), last.Line()))
	return node
}

// movable reports whether a statement or an expression does the same in a function of its own as in
// place.
func movable(node any) bool {
	switch node.(type) {
	case nil, *ast.FunctionExpr: // which has its own inside
		return true
	case *ast.LocalAssignStmt, *ast.ReturnStmt, *ast.BreakStmt, *ast.GotoStmt, *ast.LabelStmt, *ast.Comma3Expr:
		return false
	}
	ok := true
	parts(node, func(part any) {
		if ok {
			_, local := part.(*ast.LocalAssignStmt) // of a block within
			if local {
				parts(part, func(e any) { ok = ok && movable(e) })
			} else {
				ok = movable(part)
			}
		}
	})
	return ok
}
