package docs

// This file runs the specs in Markdown files: each against the last script before it.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/spec"
	"github.com/sipscript/sipscript/modules/all"
)

// isSpec tells a spec from a script.
func isSpec(text string) bool { return strings.Contains(text, `require "sip.test"`) }

// runSpec runs a spec against a script and returns what failed.
func runSpec(t *testing.T, script, text string) (tests int, failures []string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"x.lua": script, "x_spec.lua": text} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
	o := spec.Options{Seed: 1, Modules: all.ForSpec}
	tests, err := spec.File(filepath.Join(dir, "x_spec.lua"), o, func(r spec.Result) {
		if !r.Passed {
			failures = append(failures, r.Name+": "+r.Failure+"\n"+r.Ladder+r.Log)
		}
	})
	if err != nil {
		failures = append(failures, err.Error())
	}
	return tests, failures
}

func TestSpecSnippetsPass(t *testing.T) {
	found := 0
	for _, path := range readmes(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		script := ""
		for _, s := range Snippets(string(text)) {
			if s.Language != "lua" {
				continue
			}
			if !isSpec(s.Text) {
				script = s.Text
				continue
			}
			found++
			t.Run(fmt.Sprintf("%s:%d", strings.TrimPrefix(path, root+"/"), s.Line), func(t *testing.T) {
				if tests, failures := runSpec(t, script, s.Text); tests == 0 || len(failures) > 0 {
					t.Errorf("%d tests\n%s", tests, strings.Join(failures, "\n"))
				}
			})
		}
	}
	if found < 3 {
		t.Errorf("%d specs found: is docs/testing.md still there?", found)
	}
}

// A spec that fails is found: the test above could not fail otherwise.
func TestFailingSpecsAreFound(t *testing.T) {
	script := "function route(req) req:reply(200) end"
	for _, text := range []string{"syntax error", `require("sip.test").it("x", function() error("y") end)`} {
		if _, failures := runSpec(t, script, text); len(failures) == 0 {
			t.Errorf("this passes: %q", text)
		}
	}
}
