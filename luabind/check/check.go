// Package check looks for mistakes in scripts without running them. It knows functions, fields,
// options and events from their declarations (luabind.Library); what it cannot decide it ignores.
//
// A script is read with the files that it requires. Then, in this order:
//
//   - places.go finds line and column of each node of the syntax tree;
//   - scope.go finds the variables, what is assigned to them, and the functions;
//   - value.go and infer.go determine what an expression is, if that is possible;
//   - runs.go determines which functions run while the file runs, and which in handlers;
//   - the rules of names.go, calls.go, args.go, options.go and others look at each node;
//   - flow.go and its like follow the paths of route to its decisions.
package check

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/internal/syntax"
	"github.com/yuin/gopher-lua/ast"
)

// Finding is a mistake, or something that looks like one.
type Finding struct {
	File     string `json:"file"`     // as it was given
	Line     int    `json:"line"`     // from 1
	Column   int    `json:"column"`   // in bytes, from 1
	Severity string `json:"severity"` // "error" or "warning"
	Rule     string `json:"rule"`     // a name of docs/check.md
	Message  string `json:"message"`  // one sentence
}

// The severities of findings.
const (
	Error   = "error"
	Warning = "warning"
)

// String is "file:line:column: message".
func (f Finding) String() string {
	mark := ""
	if f.Severity == Warning {
		mark = "warning: "
	}
	return fmt.Sprintf("%s:%d:%d: %s%s", f.File, f.Line, f.Column, mark, f.Message)
}

// WriteJSON writes findings as a list of objects.
func WriteJSON(w io.Writer, list []Finding) error {
	if list == nil {
		list = []Finding{}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(list)
}

// Checker checks scripts that may use the libraries it was made with.
type Checker struct{ known *knowledge }

// New makes a Checker.
func New(libraries []luabind.Library) *Checker { return &Checker{known: knowledgeOf(libraries)} }

// File checks a script, or a file that scripts require, with the files that it requires.
func (c *Checker) File(path string) ([]Finding, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	root, err := os.OpenRoot(dir) // what a script requires cannot be elsewhere
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return c.source(filepath.ToSlash(path), string(text), filepath.ToSlash(dir), root.FS()), nil
}

// Source checks a text; files has what it requires, and may be nil.
func (c *Checker) Source(name, text string, files fs.FS) []Finding {
	return c.source(name, text, "", files)
}

func (c *Checker) source(name, text, dir string, files fs.FS) []Finding {
	p := &program{known: c.known, dir: dir, source: files, files: map[string]*file{},
		globals: map[string]*variable{}, values: map[any]value{},
		tables: map[*ast.TableExpr]map[string][]definition{}, callbacks: map[*variable]*value{}, assigned: map[string]bool{}}
	main := p.read(name, text)
	if main.tree != nil {
		p.check(main)
	}
	p.compile()
	return p.sorted()
}

// program is a script and the files that it requires.
type program struct {
	known   *knowledge
	dir     string
	source  fs.FS
	files   map[string]*file // by the name required; nil if there is none
	order   []*file          // the script first
	globals map[string]*variable
	spec    bool // it requires sip.test

	values    map[any]value // what was found out about expressions and variables
	functions []*function   // of all files
	calls     []callSite
	stores    []store
	members   []memberDefinition
	tables    map[*ast.TableExpr]map[string][]definition // what their names hold
	callbacks map[*variable]*value                       // of the parameters of callbacks
	depth     int                                        // of the present inference

	assignments map[*function][]assignment // see assignedIn
	findings    []Finding
	sawG        bool
	assigned    map[string]bool // names that scripts gave to Lua's own tables: "string.trim"
}

// mostFindings bounds the findings of one script.
const mostFindings = 500

// report adds a finding at a node, or a place; rule is the name of its row in docs/check.md.
func (p *program) report(f *file, node any, severity, rule, format string, args ...any) {
	if len(p.findings) >= mostFindings {
		return
	}
	at := f.at(node)
	if at.line == 0 {
		at = place{1, 1}
	}
	if f.ignores(at.line, rule) {
		return
	}
	p.findings = append(p.findings, Finding{f.name, at.line, at.column, severity, rule, fmt.Sprintf(format, args...)})
}

// full reports whether no more findings are accepted: then messages need not be worked out.
func (p *program) full() bool { return len(p.findings) >= mostFindings }

// sorted are the findings in the order of files, lines and columns, each once.
func (p *program) sorted() []Finding {
	place := map[string]int{}
	for i, f := range p.order {
		place[f.name] = i
	}
	slices.SortStableFunc(p.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(place[a.File], place[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(p.findings)
}

// read parses a file. A file with a mistake in its syntax has no tree.
func (p *program) read(name, text string) *file {
	f := &file{program: p, name: name, text: text, lines: strings.Split(text, "\n"), uses: map[any]*variable{},
		functions: map[any]*function{}}
	p.order = append(p.order, f)
	tree, err := syntax.Parse(text, name)
	if err != nil {
		p.syntax(f, err)
		return f
	}
	f.tree = tree
	resolve(f)
	return f
}

// compile reports what only the compiler finds: too many locals, a break outside a loop. The trees
// cannot be used afterwards.
func (p *program) compile() {
	for _, f := range p.order {
		if f.tree == nil {
			continue
		}
		if _, err := syntax.CompileTree(f.tree, f.name); err != nil {
			p.syntax(f, err)
		}
	}
}

func (p *program) syntax(f *file, err error) {
	at, text := place{1, 1}, err.Error()
	var e *syntax.Error
	if errors.As(err, &e) {
		text = e.Text
		if e.Line > 0 {
			at = place{e.Line, max(e.Column, 1)}
		} else if strings.Contains(text, "end of the file") {
			at = place{len(f.lines), len(f.lines[len(f.lines)-1]) + 1}
		}
	}
	p.report(f, at, Error, "syntax", "%s", text)
}

// required is the file of a name, as a script requires it; nil if there is none.
func (p *program) required(name string) *file {
	if f, ok := p.files[name]; ok {
		return f
	}
	p.files[name] = nil
	if p.source == nil || len(p.order) > mostFiles {
		return nil
	}
	base := strings.ReplaceAll(name, ".", "/")
	for _, path := range []string{base + ".lua", base + "/init.lua"} {
		if !fs.ValidPath(path) || strings.Contains(path, "\\") {
			return nil
		}
		b, err := fs.ReadFile(p.source, path)
		if err != nil {
			continue
		}
		shown := path
		if p.dir != "" && p.dir != "." {
			shown = p.dir + "/" + path
		}
		p.files[name] = p.read(shown, string(b))
		return p.files[name]
	}
	return nil
}

// mostFiles bounds how many files one script is read with.
const mostFiles = 1000
