package scripts_test

// This file runs the specs of the ready scripts, as `sipscript test` does.

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/spec"
	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/scripts"
)

func TestSpecs(t *testing.T) {
	files, err := spec.Find(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range scripts.Names() {
		if want := strings.TrimSuffix(name, ".lua") + "_spec.lua"; !strings.Contains(strings.Join(files, " "), want) {
			t.Errorf("%s has no spec", name)
		}
	}
	o := spec.Options{Seed: 1, Modules: all.ForSpec}
	for _, file := range files {
		tests, err := spec.File(file, o, func(r spec.Result) {
			t.Run(r.File+": "+r.Name, func(t *testing.T) {
				if !r.Passed {
					t.Errorf("%s\n%s\n%s", r.Failure, r.Ladder, r.FullLog)
				}
			})
		})
		if err != nil || tests == 0 {
			t.Errorf("%s: %d tests, %v", file, tests, err)
		}
	}
}
