package check_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/internal/docs"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/check"
	"github.com/sipscript/sipscript/modules/all"
)

const root = "../.."

// checker knows what the command knows, and the module that examples/embedlua adds.
func checker(t testing.TB) *check.Checker {
	t.Helper()
	libraries, err := all.Libraries()
	if err != nil {
		t.Fatal(err)
	}
	score := luabind.Function{Name: "score", Params: []luabind.Param{{Name: "user", Type: luabind.String}},
		Results: []luabind.Result{{Type: luabind.Number, OrNil: true}, {Name: "err", Type: luabind.String, OrNil: true}},
		Call:    func(*luabind.Call) int { return 0 }}
	return check.New(append(libraries, luabind.Library{Name: "spam", Functions: []luabind.Function{score}}))
}

// Nothing is said of the scripts and specs of the project.
func TestScriptsOfTheProjectAreClean(t *testing.T) {
	c, found := checker(t), 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch shown := strings.TrimPrefix(path, root+"/"); {
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != root || shown == "docs/stubs"): // no scripts
			return filepath.SkipDir
		case d.IsDir() && (shown == "bench/kamailio" || shown == "bench/lua"):
			// Scripts of another server, and pieces that are no scripts
			return filepath.SkipDir
		// Parts of ksr.lua, whose locals they have
		case shown == "modules/kemi/services.lua" || shown == "modules/kemi/events.lua":
		case strings.HasSuffix(path, ".lua"):
			found++
			t.Run(shown, func(t *testing.T) {
				list, err := c.File(path)
				if err != nil {
					t.Error(err)
				}
				for _, f := range list {
					t.Error(f)
				}
			})
		}
		return nil
	})
	if err != nil || found < 20 {
		t.Errorf("%d scripts: %v", found, err)
	}
}

// Nothing is said of the scripts and specs in the documents.
func TestScriptsInDocumentsAreClean(t *testing.T) {
	c, found := checker(t), 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root {
			return filepath.SkipDir
		}
		// The examples of the reference are lines, and the findings' examples are mistakes.
		if err != nil || !strings.HasSuffix(path, ".md") || d.Name() == "lua-reference.md" || d.Name() == "check.md" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, s := range docs.Snippets(string(text)) {
			complete := strings.Contains(s.Text, "function route(") || strings.Contains(s.Text, `require "sip.test"`)
			if s.Language != "lua" || !complete {
				continue
			}
			found++
			t.Run(strings.TrimPrefix(path, root+"/"), func(t *testing.T) {
				for _, f := range c.Source(path, s.Text, nil) {
					f.Line += s.Line - 1
					t.Error(f)
				}
			})
		}
		return nil
	})
	if err != nil || found < 10 {
		t.Errorf("%d scripts: %v", found, err)
	}
}

// No error is found in the examples of declared functions, at their place in a script. The objects
// that they begin with are globals there.
func TestExamplesAreClean(t *testing.T) {
	libraries, err := all.Libraries()
	if err != nil {
		t.Fatal(err)
	}
	c, modules := checker(t), ""
	for _, l := range libraries[len(luabind.Standard()):] {
		if l.Name != "sip.test" {
			modules += "local " + l.Name + " = require \"" + l.Name + "\"\n"
		}
	}
	try := func(name, example string, where luabind.Where, spec bool) {
		t.Run(name, func(t *testing.T) {
			text, prefix := modules, ""
			if spec {
				prefix = "local t = require \"sip.test\"\n"
			}
			switch {
			case where == luabind.AtLoad:
				text += prefix + example + "\nfunction route(req) req:reply(404) end"
			case spec:
				text += prefix + "t.it(\"x\", function()\n" + example + "\nend)"
			default:
				text += "function route(req)\n" + example + "\nend"
			}
			for _, f := range c.Source(name, text, nil) {
				if f.Severity == check.Error && f.Rule != "globals" && f.Rule != "place" {
					t.Error(f)
				}
			}
		})
	}
	for _, l := range libraries {
		spec := l.Name == "sip.test"
		for _, f := range l.Functions {
			try(l.Name+"."+f.Name, f.Example, f.Where, spec)
		}
		for _, o := range l.Types {
			for _, f := range o.Methods {
				try(o.Name+":"+f.Name, f.Example, f.Where, spec)
			}
		}
	}
}
