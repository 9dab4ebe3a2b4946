package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/spec"
	"github.com/sipscript/sipscript/modules/all"
)

// The scripts of the guide do what it says: each whose first line names it ("-- trunks.lua: …") has
// a spec in testdata, and passes it.
func TestGuideScripts(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "scripting.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir, found := t.TempDir(), 0
	for _, s := range Snippets(string(text)) {
		name, _, named := strings.Cut(strings.TrimPrefix(s.Text, "-- "), ".lua: ")
		if s.Language != "lua" || !named {
			continue
		}
		found++
		calls, err := os.ReadFile(filepath.Join("testdata", name+"_spec.lua"))
		if err != nil {
			t.Fatal(err)
		}
		for file, content := range map[string][]byte{name + ".lua": []byte(s.Text), name + "_spec.lua": calls} {
			t.Run(file, func(t *testing.T) {
				if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
					t.Fatal(err)
				}
			})
		}
		options := spec.Options{Seed: 1, Modules: all.ForSpec}
		tests, err := spec.File(filepath.Join(dir, name+"_spec.lua"), options, func(r spec.Result) {
			if !r.Passed {
				t.Errorf("%s: %s\n%s\n%s", r.Name, r.Failure, r.Ladder, r.Log)
			}
		})
		if err != nil || tests == 0 {
			t.Errorf("%s: %d tests: %v", name, tests, err)
		}
	}
	if found != 5 {
		t.Errorf("%d scripts found in the guide", found)
	}
}
