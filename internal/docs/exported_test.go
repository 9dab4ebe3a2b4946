package docs

import (
	"go/ast"
	"go/doc"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Whoever imports a package finds each exported name of it explained: types, functions, methods,
// variables, and the fields of structs.
func TestExportedNamesAreDocumented(t *testing.T) {
	for _, dir := range publicPackages(t) {
		t.Run(dir, func(t *testing.T) {
			p, fset, err := parsePackage(root, dir)
			if err != nil {
				t.Fatal(err)
			}
			x := exported{t, fset, dir}
			if p.Doc == "" {
				t.Errorf("%s: the package has no documentation", dir)
			}
			x.values(p.Consts)
			x.values(p.Vars)
			x.funcs(p.Funcs)
			for _, typ := range p.Types {
				x.typ(typ)
			}
		})
	}
}

// publicPackages are the directories of those that other programs import.
func publicPackages(t *testing.T) (dirs []string) {
	t.Helper()
	seen := map[string]bool{}
	for _, top := range []string{"engine", "luabind", "modules", "ops"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d os.DirEntry, err error) error {
			dir := filepath.Dir(path)
			if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") && !seen[dir] && !strings.Contains(path, "testdata") {
				seen[dir] = true
				rel, err := filepath.Rel(root, dir)
				dirs = append(dirs, rel)
				return err
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(dirs) < 10 {
		t.Fatalf("only %d packages: %v", len(dirs), dirs)
	}
	return dirs
}

// exported tells of names without documentation.
type exported struct {
	t    *testing.T
	fset *token.FileSet
	dir  string
}

func (x exported) missing(n ast.Node, name string) {
	x.t.Errorf("%s: %s has no documentation", x.fset.Position(n.Pos()), name)
}

func (x exported) values(list []*doc.Value) {
	for _, v := range list {
		for _, s := range v.Decl.Specs {
			s := s.(*ast.ValueSpec)
			for _, n := range s.Names {
				if n.IsExported() && v.Doc == "" && s.Doc.Text() == "" && s.Comment.Text() == "" {
					x.missing(n, n.Name)
				}
			}
		}
	}
}

func (x exported) funcs(list []*doc.Func) {
	for _, f := range list {
		if f.Doc == "" {
			x.missing(f.Decl, f.Name)
		}
	}
}

func (x exported) typ(typ *doc.Type) {
	if typ.Doc == "" {
		x.missing(typ.Decl, typ.Name)
	}
	// Its constants it explains itself: of most of them the name says all.
	x.values(typ.Vars)
	x.funcs(typ.Funcs)
	if !strings.Contains(x.dir, "internal/") {
		x.fields(typ)
	}
	for _, m := range typ.Methods {
		if m.Doc == "" && !implements[m.Name] {
			x.missing(m.Decl, typ.Name+"."+m.Name)
		}
	}
}

// fields are those of a struct. One comment speaks for all names of a line; the text of an option,
// or a sentence about the field in that of the type, will do.
func (x exported) fields(typ *doc.Type) {
	s, ok := typ.Decl.Specs[0].(*ast.TypeSpec).Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range s.Fields.List {
		if len(f.Names) == 0 || !f.Names[0].IsExported() || f.Doc.Text() != "" || f.Comment.Text() != "" {
			continue
		}
		name := f.Names[0].Name
		said := regexp.MustCompile(`\b`+name+`\b`).MatchString(typ.Doc) || f.Tag != nil && strings.Contains(f.Tag.Value, `doc:"`)
		if !said {
			x.missing(f, typ.Name+"."+name)
		}
	}
}

// implements are methods that everybody knows, by the interface they are of.
var implements = map[string]bool{"Error": true, "String": true, "Unwrap": true, "Len": true, "Less": true, "Swap": true}

// withoutAPI are modules for scripts alone: their package docs say what Go programs use instead.
var withoutAPI = []string{"b2b", "dns", "http", "jwt", "redis", "sql", "topology"}

// notModules are packages beside them: the list of all, their frame, and names they share.
var notModules = []string{"all", "host", "internal", "trust"}

// Whoever looks at a package finds an example that runs.
func TestPackagesHaveExamples(t *testing.T) {
	dirs := []string{"engine", "luabind", "ops/admin", "ops/metrics", "ops/watch"}
	modules, err := os.ReadDir(filepath.Join(root, "modules"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range modules {
		if !slices.Contains(withoutAPI, m.Name()) && !slices.Contains(notModules, m.Name()) {
			dirs = append(dirs, "modules/"+m.Name())
		}
	}
	for _, dir := range dirs {
		t.Run(dir, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range files {
				text, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(text), "\nfunc Example") && strings.Contains(string(text), "// Output:") {
					return
				}
			}
			t.Error("no example with an output")
		})
	}
}
