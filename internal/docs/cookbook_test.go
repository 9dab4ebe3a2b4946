package docs

// This file runs the recipes of docs/cookbook and the translated configurations, and checks them as
// `sipscript check` does.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/check"
	"github.com/sipscript/sipscript/luabind/spec"
	"github.com/sipscript/sipscript/modules/all"
)

// recipes are the scripts of the cookbook; each has a spec beside it and a section in README.md.
func recipes(t *testing.T) (paths []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "docs", "cookbook", "*.lua"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if !strings.HasSuffix(path, "_spec.lua") {
			paths = append(paths, path)
		}
	}
	return paths
}

func TestCookbookSpecsPass(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root, "docs", "cookbook", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range recipes(t) {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(string(page), "("+name+")") {
				t.Errorf("README.md does not link to it")
			}
			o := spec.Options{Seed: 1, Modules: all.ForSpec}
			tests, err := spec.File(strings.TrimSuffix(path, ".lua")+"_spec.lua", o, func(r spec.Result) {
				if !r.Passed {
					t.Errorf("%s: %s\n%s\n%s", r.Name, r.Failure, r.Ladder, r.Log)
				}
			})
			if err != nil || tests < 3 {
				t.Errorf("%d tests: %v", tests, err)
			}
		})
	}
}

func TestCookbookChecksClean(t *testing.T) {
	libraries, err := all.Libraries()
	if err != nil {
		t.Fatal(err)
	}
	checker := check.New(libraries)
	for _, path := range recipes(t) {
		for _, file := range []string{path, strings.TrimSuffix(path, ".lua") + "_spec.lua"} {
			found, err := checker.File(file)
			if err != nil {
				t.Error(err)
			}
			for _, f := range found {
				t.Errorf("%s", f)
			}
		}
	}
}

// lines counts what is neither empty nor a comment.
func lines(text, comment string) (n int) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, comment) {
			n++
		}
	}
	return n
}

// The pages for those who come from elsewhere show the script that is tested, and count right.
func TestTranslationsAreTheTestedScripts(t *testing.T) {
	for _, name := range []string{"kamailio", "opensips"} {
		t.Run(name, func(t *testing.T) {
			page, err := os.ReadFile(filepath.Join(root, "docs", "from-"+name+".md"))
			if err != nil {
				t.Fatal(err)
			}
			script, err := os.ReadFile(filepath.Join(root, "docs", "cookbook", "from_"+name+".lua"))
			if err != nil {
				t.Fatal(err)
			}
			shown, theirs := false, 0
			for _, s := range Snippets(string(page)) {
				shown = shown || s.Language == "lua" && s.Text == string(script)
				if s.Language == name {
					theirs = lines(s.Text, "#")
				}
			}
			if !shown {
				t.Errorf("from_%s.lua is not shown as it is", name)
			}
			ours := lines(string(script), "--")
			for _, want := range []string{fmt.Sprintf(", %d lines:", theirs), fmt.Sprintf("Here, %d lines,", ours)} {
				if !strings.Contains(string(page), want) {
					t.Errorf("the page does not say %q", want)
				}
			}
		})
	}
}
