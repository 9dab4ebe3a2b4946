package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// testFiles reads each file of tests.
func testFiles(t *testing.T, f func(path string, fset *token.FileSet, file *ast.File)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, 0)
		if err == nil {
			f(path, fset, file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A table of tests names its rows (t.Run), so that one can be run alone and a failure says which.
func TestTablesNameTheirRows(t *testing.T) {
	testFiles(t, func(_ string, fset *token.FileSet, f *ast.File) {
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil && isTest(fn.Type) {
				for _, at := range namelessTables(fn.Body) {
					t.Errorf("%s: the rows of this table have no names: use t.Run", fset.Position(at))
				}
			}
		}
	})
}

// Tests have one phone: what it lacks is added to it, so that the next test has that too. One on
// real sockets is luabindtest.Socket, one that isn't ours is in internal/peer.
func TestOnePhone(t *testing.T) {
	homes := []string{"engine/sim", "luabind/luabindtest", "internal/peer"}
	testFiles(t, func(path string, fset *token.FileSet, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			at, err := filepath.Rel(root, path)
			if s, ok := n.(*ast.TypeSpec); ok && err == nil && strings.EqualFold(s.Name.Name, "phone") &&
				!slices.ContainsFunc(homes, func(home string) bool { return strings.HasPrefix(filepath.ToSlash(at), home+"/") }) {
				t.Errorf("%s: a phone of its own: use sim.Phone, or add to it what it lacks", fset.Position(s.Pos()))
			}
			return true
		})
	})
}

// isTest: its one parameter is t *testing.T.
func isTest(f *ast.FuncType) bool {
	if len(f.Params.List) != 1 || len(f.Params.List[0].Names) != 1 || f.Params.List[0].Names[0].Name != "t" {
		return false
	}
	p, ok := f.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	s, ok := p.X.(*ast.SelectorExpr)
	return ok && s.Sel.Name == "T"
}

// namelessTables are loops over a table written in place that fail the test without a t.Run around
// them, or in them.
func namelessTables(body ast.Node) (found []token.Pos) {
	ast.Inspect(body, func(n ast.Node) bool {
		if calls(n, "Run") {
			return false // a row
		}
		if r, ok := n.(*ast.RangeStmt); ok && isTable(r.X) && contains(r.Body, "Error", "Errorf", "Fatal", "Fatalf") && !contains(r.Body, "Run") {
			found = append(found, r.Pos())
		}
		return true
	})
	return found
}

func isTable(x ast.Expr) bool {
	l, ok := x.(*ast.CompositeLit)
	if !ok || len(l.Elts) < 2 {
		return false
	}
	switch typ := l.Type.(type) {
	case *ast.MapType:
		return true
	case *ast.ArrayType:
		_, ok := typ.Elt.(*ast.StructType)
		return ok
	}
	return false
}

func contains(n ast.Node, names ...string) (found bool) {
	ast.Inspect(n, func(m ast.Node) bool {
		for _, name := range names {
			found = found || calls(m, name)
		}
		return !found
	})
	return found
}

// calls tells whether a node is a call of t's method.
func calls(n ast.Node, method string) bool {
	c, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	s, ok := c.Fun.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != method {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == "t"
}
