package check

import (
	"github.com/yuin/gopher-lua/ast"

	"github.com/sipscript/sipscript/luabind/syntax"
)

// The variables of a file, what is assigned to them, and its functions.

// resolver finds the variables of a file.
type resolver struct {
	*file
	fn     *function
	scopes []map[string]*variable
	called map[*ast.IdentExpr]bool
}

func resolve(f *file) {
	r := &resolver{file: f, called: map[*ast.IdentExpr]bool{}}
	f.main = &function{file: f, stmts: f.tree}
	f.program.functions = append(f.program.functions, f.main)
	r.fn = f.main
	r.block(f.tree)
}

func (r *resolver) push() { r.scopes = append(r.scopes, nil) }
func (r *resolver) pop()  { r.scopes = r.scopes[:len(r.scopes)-1] }

func (r *resolver) block(list []ast.Stmt) {
	r.push()
	for _, s := range list {
		r.stmt(s)
	}
	r.pop()
}

// declare makes a local.
func (r *resolver) declare(name string) *variable {
	v := &variable{name: name, owner: r.fn}
	top := len(r.scopes) - 1
	if r.scopes[top] == nil {
		r.scopes[top] = map[string]*variable{}
	}
	r.scopes[top][name] = v
	return v
}

// find is the variable that a name means here.
func (r *resolver) find(name string) *variable {
	for i := len(r.scopes) - 1; i >= 0; i-- {
		if v := r.scopes[i][name]; v != nil {
			return v
		}
	}
	v := r.globals[name]
	if v == nil {
		v = &variable{name: name, global: true}
		r.globals[name] = v
	}
	return v
}

func (r *resolver) stmt(s ast.Stmt) {
	switch s := s.(type) {
	case *ast.AssignStmt:
		r.exprs(s.Rhs)
		for i, target := range s.Lhs {
			r.assign(target, r.nth(s.Rhs, i))
		}
	case *ast.LocalAssignStmt:
		r.local(s)
	case *ast.FuncCallStmt:
		r.expr(s.Expr)
		if call, ok := s.Expr.(*ast.FuncCallExpr); ok { // its own call comes last
			if last := &r.program.calls[len(r.program.calls)-1]; last.call == call {
				last.alone = true
			}
		}
	case *ast.DoBlockStmt:
		r.block(s.Stmts)
	case *ast.WhileStmt:
		r.expr(s.Condition)
		r.block(s.Stmts)
	case *ast.RepeatStmt:
		r.push()
		for _, inner := range s.Stmts {
			r.stmt(inner)
		}
		r.expr(s.Condition) // it sees the locals of the block
		r.pop()
	case *ast.IfStmt:
		r.expr(s.Condition)
		r.block(s.Then)
		r.block(s.Else)
	case *ast.NumberForStmt:
		r.exprs([]ast.Expr{s.Init, s.Limit, s.Step})
		r.push()
		r.declare(s.Name).defs = []definition{{file: r.file, expr: s.Init}}
		r.block(s.Stmts)
		r.pop()
	case *ast.GenericForStmt:
		r.exprs(s.Exprs)
		r.push()
		for i, name := range s.Names {
			d := definition{file: r.file, result: i, each: true}
			if len(s.Exprs) == 1 {
				d.expr = s.Exprs[0]
			}
			r.declare(name).defs = []definition{d}
		}
		r.block(s.Stmts)
		r.pop()
	case *ast.FuncDefStmt:
		r.definition(s)
	case *ast.ReturnStmt:
		r.exprs(s.Exprs)
		r.fn.returns = append(r.fn.returns, s)
	}
}

// nth is what variable i of a list gets of a list of values.
func (r *resolver) nth(list []ast.Expr, i int) definition {
	switch last := len(list) - 1; {
	case last < 0 || i > last && !several(list[last]):
		return definition{file: r.file, expr: &ast.NilExpr{}}
	case i >= last:
		return definition{file: r.file, expr: list[last], result: i - last}
	}
	return definition{file: r.file, expr: list[i]}
}

// several reports whether an expression may give more than one value.
func several(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		return !e.AdjustRet
	case *ast.Comma3Expr:
		return !e.AdjustRet
	}
	return false
}

func (r *resolver) local(s *ast.LocalAssignStmt) {
	if f, ok := soleFunction(s); ok { // it may call itself
		v := r.declare(s.Names[0])
		v.declared = s
		v.defs = []definition{{file: r.file, expr: f}}
		r.function(f, s.Names[0], false).variable = v
		return
	}
	r.exprs(s.Exprs)
	for i, name := range s.Names {
		d := r.nth(s.Exprs, i)
		v := r.declare(name)
		v.defs, v.declared, v.index = []definition{d}, s, i
	}
}

func soleFunction(s *ast.LocalAssignStmt) (*ast.FunctionExpr, bool) {
	if len(s.Names) != 1 || len(s.Exprs) != 1 {
		return nil, false
	}
	f, ok := s.Exprs[0].(*ast.FunctionExpr)
	return f, ok
}

func (r *resolver) assign(target ast.Expr, d definition) {
	switch t := target.(type) {
	case *ast.IdentExpr:
		v := r.find(t.Value)
		r.uses[t] = v
		v.defs = append(v.defs, d)
		v.later = append(v.later, assignment{r.fn, t})
	case *ast.AttrGetExpr:
		r.expr(t.Object)
		r.expr(t.Key)
		if key, ok := t.Key.(*ast.StringExpr); ok {
			r.member(t.Object, key.Value, d)
		}
		r.stores = append(r.stores, store{r.fn, t, d})
	}
}

// member notes what a name of a table gets.
func (r *resolver) member(table ast.Expr, name string, d definition) {
	r.members = append(r.members, memberDefinition{r.file, table, name, d})
}

// definition is function a.b:c() … end.
func (r *resolver) definition(s *ast.FuncDefStmt) {
	if s.Name.Receiver != nil {
		r.expr(s.Name.Receiver)
		r.member(s.Name.Receiver, s.Name.Method, definition{file: r.file, expr: s.Func})
		r.function(s.Func, s.Name.Method, true)
		return
	}
	r.assign(s.Name.Func, definition{file: r.file, expr: s.Func})
	if id, ok := s.Name.Func.(*ast.IdentExpr); ok {
		r.function(s.Func, id.Value, false).variable = r.uses[id]
		return
	}
	r.function(s.Func, "", false)
}

func (r *resolver) function(node *ast.FunctionExpr, name string, method bool) *function {
	f := &function{file: r.file, node: node, stmts: node.Stmts, parent: r.fn, name: name, method: method}
	r.functions[node] = f
	r.program.functions = append(r.program.functions, f)
	r.fn = f
	r.push()
	if method {
		r.declare("self").defs = []definition{{file: r.file}}
	}
	for i, p := range node.ParList.Names {
		v := r.declare(p)
		v.param, v.index = true, i
		f.params = append(f.params, v)
	}
	r.block(node.Stmts)
	r.pop()
	r.fn = f.parent
	return f
}

func (r *resolver) exprs(list []ast.Expr) {
	for _, e := range list {
		r.expr(e)
	}
}

func (r *resolver) expr(e ast.Expr) {
	switch e := e.(type) {
	case nil:
	case *ast.IdentExpr:
		v := r.find(e.Value)
		r.uses[e] = v
		if !r.called[e] {
			v.reads++
		}
		if v.global && e.Value == "_G" {
			r.sawG = true
		}
	case *ast.FuncCallExpr:
		if id, ok := e.Func.(*ast.IdentExpr); ok {
			r.called[id] = true
		}
		r.expr(e.Func)
		r.expr(e.Receiver)
		r.exprs(e.Args)
		r.program.calls = append(r.program.calls, callSite{in: r.fn, call: e})
		r.requires(e)
	case *ast.FunctionExpr:
		r.function(e, "", false)
	case *ast.TableExpr:
		for _, f := range e.Fields {
			r.expr(f.Key)
			r.expr(f.Value)
			if key, ok := f.Key.(*ast.StringExpr); ok {
				if _, is := f.Value.(*ast.FunctionExpr); is {
					r.member(e, key.Value, definition{file: r.file, expr: f.Value})
				}
			}
		}
	default:
		syntax.EachPart(e, r.expr)
	}
}

// requires reads the file that a call requires, unless that is a module.
func (r *resolver) requires(call *ast.FuncCallExpr) {
	name, ok := requiredName(r.file, call)
	if !ok {
		return
	}
	if r.known.modules[name] == nil {
		r.program.required(name)
	} else if name == "sip.test" {
		r.program.spec = true
	}
}

// requiredName is the name that a call requires, where it is written there.
func requiredName(f *file, call *ast.FuncCallExpr) (string, bool) {
	id, ok := call.Func.(*ast.IdentExpr)
	if !ok || id.Value != "require" || len(call.Args) == 0 || f.uses[id] != nil && !f.uses[id].global {
		return "", false
	}
	s, ok := call.Args[0].(*ast.StringExpr)
	if !ok {
		return "", false
	}
	return s.Value, true
}
