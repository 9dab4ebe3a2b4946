package engine_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/conformance.md says of each rule which tests hold it. They must be there.
func TestConformanceTableNamesTestsThatExist(t *testing.T) {
	text, err := os.ReadFile("../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := conformanceRows(string(text))
	if len(rows) < 50 {
		t.Errorf("only %d rows were found", len(rows))
	}
	known := map[string]map[string]bool{}
	later := 0
	for _, r := range rows {
		if reason, ok := strings.CutPrefix(r.held, "later:"); ok {
			if later++; strings.TrimSpace(reason) == "" {
				t.Errorf("line %d: later, and no reason", r.line)
			}
			continue
		}
		if strings.TrimSpace(r.held) == "" {
			t.Errorf("line %d names no test", r.line)
		}
		for _, group := range strings.Split(r.held, ";") {
			pkg, names, ok := strings.Cut(strings.TrimSpace(group), ": ")
			if !ok {
				t.Errorf("line %d: want “package: Test, Test”, not %q", r.line, group)
				continue
			}
			if known[pkg] == nil {
				known[pkg] = testsOf(t, filepath.Join("..", filepath.FromSlash(pkg)))
			}
			for _, name := range strings.Split(names, ", ") {
				if !known[pkg][name] {
					t.Errorf("line %d: there is no %s in %s", r.line, name, pkg)
				}
			}
		}
	}
	if later > 6 {
		t.Errorf("%d rows are for later: too many", later)
	}
}

type conformanceRow struct {
	line          int
	section, held string
}

// conformanceRows reads the rows of the tables: those whose first cell begins with a section, an
// RFC, or a module of calls.
func conformanceRows(text string) (rows []conformanceRow) {
	section := regexp.MustCompile(`^(\d+(\.\d+)*|RFC \d+|b2b|dialog|acc|topology|stir)\b`)
	for i, line := range strings.Split(text, "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if !strings.HasPrefix(line, "|") || !section.MatchString(cells[0]) {
			continue
		}
		r := conformanceRow{line: i + 1, section: cells[0]}
		if len(cells) == 3 {
			r.held = cells[2]
		}
		rows = append(rows, r)
	}
	return rows
}

// testsOf are the names of the tests in a directory.
func testsOf(t *testing.T, dir string) map[string]bool {
	names := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Errorf("no tests in %s: %v", dir, err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				names[fn.Name.Name] = true
			}
		}
	}
	return names
}
