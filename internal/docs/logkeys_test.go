package docs

// This file keeps the keys of log lines spelled one way: one name for a notion, each in the table
// of docs/logging.md.

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// firstKey is at which argument the keys of each method of slog.Logger begin.
var firstKey = map[string]int{"Debug": 1, "Info": 1, "Warn": 1, "Error": 1, "Log": 3, "With": 0}

// use is a key where a program passes it to a logger.
type use struct{ key, where string }

// logKeys lists the keys in a Go file that are literals, also those in a list of arguments called
// args.
func logKeys(fset *token.FileSet, file *ast.File) (uses []use) {
	keys := func(args []ast.Expr) {
		for i := 0; i+1 < len(args); i += 2 {
			if lit, ok := args[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				key, _ := strconv.Unquote(lit.Value)
				uses = append(uses, use{key, fset.Position(lit.Pos()).String()})
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			switch f := n.Fun.(type) {
			case *ast.SelectorExpr:
				at, ok := firstKey[f.Sel.Name]
				if sure := (at == 1 || isLog(f.X)) && types.ExprString(f.X) != "http"; ok && sure && len(n.Args) > at {
					keys(n.Args[at:])
				}
			case *ast.Ident:
				if f.Name != "append" {
					break
				}
				if to, ok := n.Args[0].(*ast.Ident); ok && to.Name == "args" {
					keys(n.Args[1:])
				}
			}
		case *ast.AssignStmt:
			// args := []any{"key", value, …}
			if name, ok := n.Lhs[0].(*ast.Ident); ok && len(n.Rhs) == 1 && name.Name == "args" {
				list, ok := n.Rhs[0].(*ast.CompositeLit)
				if ok && types.ExprString(list.Type) == "[]any" {
					keys(list.Elts)
				}
			}
		}
		return true
	})
	return uses
}

// isLog reports whether an expression names a logger.
func isLog(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return strings.EqualFold(x.Name, "log")
	case *ast.SelectorExpr:
		return strings.EqualFold(x.Sel.Name, "log")
	case *ast.CallExpr:
		return isLog(x.Fun)
	}
	return false
}

// documentedKeys reads the table of docs/logging.md.
func documentedKeys(text string) (keys []string) {
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(text, -1) {
		keys = append(keys, m[1])
	}
	return keys
}

func TestLogKeysAreDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "logging.md"))
	if err != nil {
		t.Fatal(err)
	}
	known := documentedKeys(string(text))
	used := map[string]bool{}
	fset := token.NewFileSet()
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "bench" { // its args are those of commands
			return filepath.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			return err
		}
		for _, u := range logKeys(fset, file) {
			used[u.key] = true
			if !slices.Contains(known, u.key) {
				t.Errorf("%s: the key %q is not in docs/logging.md: use one that is, or add it", strings.TrimPrefix(u.where, root+"/"), u.key)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range known {
		if !used[key] {
			t.Errorf("docs/logging.md has the key %q, which nothing logs", key)
		}
		if !regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`).MatchString(key) {
			t.Errorf("%q is not in snake case", key)
		}
	}
}

// Keys are found in all the ways they are passed: the test above could not fail otherwise.
func TestLogKeysAreFound(t *testing.T) {
	source := `package x
func f() {
	log.Info("text", "one", 1)
	s.opts.Log.Log(ctx, level, "text", "two", 2, "three", 3)
	e.Log().With("four", 4).Warn("text", "five", 5)
	args := []any{"six", 6}
	args = append(args, "seven", 7)
	args = append(args)
	other.With("not a key", 8)
	t.Error("not a log")
}`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "x.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, u := range logKeys(fset, file) {
		found = append(found, u.key)
	}
	slices.Sort(found)
	if got := fmt.Sprint(found); got != "[five four one seven six three two]" {
		t.Errorf("found %s", got)
	}
}
