package docs

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/scripts"
)

const root = "../.."

// readmes are the Markdown files of the project.
func readmes(t *testing.T) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." && path != root {
			return filepath.SkipDir
		}
		if err == nil && strings.HasSuffix(path, ".md") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(paths, filepath.Join(root, "README.md")) {
		t.Fatalf("no README.md among %q", paths)
	}
	return paths
}

// besideKEMI is next to scripts that load one written for Kamailio.
var besideKEMI = fstest.MapFS{"kamailio.lua": {Data: []byte("function ksr_request_route() KSR.sl.send_reply(480, \"\") end")}}

// load runs a script's file in an engine, on all its lanes, as a start would.
func load(name, text string) error {
	modules, err := all.Offline()
	if err != nil {
		return err
	}
	router, err := luabind.NewRouter(luabind.Options{Source: text, Name: name, Modules: modules, Files: besideKEMI})
	if err != nil {
		return err
	}
	e, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Domains: []string{"example.com"}, Router: router, Lanes: 2})
	if err != nil {
		return err
	}
	if err := e.Start(); err != nil {
		return err
	}
	return e.Shutdown(context.Background())
}

// Lua in a README loads: it is complete, and uses no name that does not exist at load time.
func TestLuaSnippetsLoad(t *testing.T) {
	found := 0
	for _, path := range readmes(t) {
		if strings.HasSuffix(path, "lua-reference.md") { // TestExamplesRun
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range Snippets(string(text)) {
			if s.Language != "lua" || isSpec(s.Text) {
				continue
			}
			found++
			where := fmt.Sprintf("%s:%d", strings.TrimPrefix(path, root+"/"), s.Line)
			t.Run(where, func(t *testing.T) {
				t.Chdir(t.TempDir()) // some open a database beside them
				if err := load(where, s.Text); err != nil {
					t.Error(err)
				}
			})
		}
	}
	if found < 2 {
		t.Errorf("%d Lua snippets found: is the README still there?", found)
	}
}

func TestScriptsLoad(t *testing.T) {
	for _, name := range scripts.Names() {
		text, err := scripts.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := load(name, string(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "bench", "route.lua"))
	if err != nil {
		t.Fatal(err)
	}
	if err := load("bench/route.lua", string(text)); err != nil {
		t.Error(err)
	}
}

// A wrong snippet is found: the test above could not fail otherwise.
func TestWrongSnippetsAreFound(t *testing.T) {
	for _, text := range []string{"function route(req", "local x = require 'no_such_module'\nfunction route(req) end", "nothing.field = 1\nfunction route(req) end"} {
		if load("wrong.lua", text) == nil {
			t.Errorf("this loads: %q", text)
		}
	}
}

// The flags that command lines of the README use are flags of the command, and make targets exist.
func TestCommandsExist(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	help, err := exec.Command("go", "run", "github.com/sipscript/sipscript/cmd/sipscript", "run", "--help").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, help)
	}
	flags := map[string]bool{}
	for _, w := range strings.FieldsFunc(string(help), func(r rune) bool { return unicode.IsSpace(r) || r == ',' }) {
		flags[w] = true
	}
	seen := 0
	for _, s := range Snippets(string(text)) {
		if s.Language != "sh" {
			continue
		}
		for line := range strings.Lines(s.Text) {
			words := strings.Fields(line)
			switch {
			case words[0] == "make":
				seen++
				if !strings.Contains(string(makefile), "\n"+words[1]+":") {
					t.Errorf("no target %q in the Makefile", words[1])
				}
			case strings.Contains(line, "sipscript run"):
				seen++
				for _, w := range words {
					if strings.HasPrefix(w, "-") && !flags[w] {
						t.Errorf("%q: no flag %q", strings.TrimSpace(line), w)
					}
				}
			}
		}
	}
	if seen < 3 {
		t.Errorf("%d commands found in the README", seen)
	}
}
