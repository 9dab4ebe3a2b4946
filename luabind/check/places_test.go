package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/internal/syntax"
	tree "github.com/sipscript/sipscript/luabind/syntax"
	"github.com/yuin/gopher-lua/ast"
)

// Each name, text and operator is where its place says.
func TestPlacesAreThoseOfTheTokens(t *testing.T) {
	paths, _ := filepath.Glob("../../scripts/*.lua")
	if len(paths) < 10 {
		t.Fatalf("%d scripts", len(paths))
	}
	texts := map[string]string{"all kinds": `#!/usr/bin/env lua
local x, y = -1 ^ 2, not (x) and #y or "a\"b" .. [[
long]] local function f(a, b, ...) return ..., a end
goto over x.y["z"].f = function(self) end ::over::
function x.y.z:m(a) self.a = a; return self:n "t", f{1, k = 2, [3] = 4} end
for i = 1, 2, 3 do if i == 1 then break elseif i ~= 2 then x = i else y = i end end
for k, v in pairs(x) do repeat local z = k until z == v end while x do x = nil end
do x = true; y = false end -- x == y
x = y	+ 1; f((x)); ("s"):rep(2)
return f(x, (y))
`}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[path] = string(b)
	}
	for name, text := range texts {
		list, err := syntax.Parse(text, name)
		if err != nil {
			t.Fatal(err)
		}
		text = syntax.Clean(text)
		p, rows, n := placesOf(list, text), strings.Split(text, "\n"), 0
		begins := func(node any, words ...string) {
			at := p.of[node]
			n++
			for _, w := range words {
				if at.line > 0 && strings.HasPrefix(rows[at.line-1][at.column-1:], w) {
					return
				}
			}
			t.Errorf("%s:%d:%d: there is none of %q", name, at.line, at.column, words)
		}
		tree.Walk(list, func(e ast.Expr) {
			switch e := e.(type) {
			case *ast.IdentExpr:
				begins(e, e.Value)
			case *ast.StringExpr:
				begins(e, e.Value, `"`, "'", "[[")
			case *ast.NumberExpr:
				begins(e, e.Value)
			case *ast.RelationalOpExpr:
				begins(e, e.Operator)
			case *ast.LogicalOpExpr:
				begins(e, e.Operator)
			case *ast.ArithmeticOpExpr:
				begins(e, e.Operator)
			case *ast.StringConcatOpExpr:
				begins(e, "..")
			case *ast.UnaryNotOpExpr:
				begins(e, "not")
			case *ast.UnaryMinusOpExpr:
				begins(e, "-")
			case *ast.UnaryLenOpExpr:
				begins(e, "#")
			case *ast.TableExpr:
				begins(e, "{")
			case *ast.Comma3Expr:
				begins(e, "...")
			case *ast.FunctionExpr:
				begins(e, "function")
				at := p.ends[e]
				if !strings.HasPrefix(rows[at.line-1][at.column-1:], "end") {
					t.Errorf("%s:%d:%d: there is no end", name, at.line, at.column)
				}
			case *ast.FuncCallExpr:
				if e.Receiver != nil {
					begins(e, e.Method)
				}
			}
		})
		if n < 10 {
			t.Errorf("%s: %d nodes", name, n)
		}
	}
}

// The fields that mean something to the paths of a script are declared.
func TestFieldsOfThePathsAreDeclared(t *testing.T) {
	k := knowledgeOf(nil)
	if len(k.globals) != 0 {
		t.Error("something is known without a declaration")
	}
	declared := map[string]bool{}
	for _, f := range requestFields() {
		declared[f] = true
	}
	for _, name := range []string{fieldURI, fieldRoutes, fieldMethod, fieldInDialog, methodIs} {
		if !declared[name] {
			t.Errorf("a request has no %s", name)
		}
	}
}

// requestFields are the names of the fields and methods of a request.
func requestFields() (names []string) {
	o := luabind.RequestType.Object()
	for _, f := range o.Fields {
		names = append(names, f.Name)
	}
	for _, m := range o.Methods {
		names = append(names, m.Name)
	}
	return names
}
