package main

// This file tests the definition files for editors.

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStubs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "scripts")
	if code, out := sipscript("stubs", dir); code != 0 || !strings.Contains(out, filepath.Join(dir, "stubs", "registrar.lua")) {
		t.Fatalf("exit %d:\n%s", code, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "stubs", "registrar.lua"))
	if err != nil || !strings.Contains(string(text), "function registrar.lookup(uri) end") || !strings.HasPrefix(string(text), "---@meta registrar\n") {
		t.Errorf("%v\n%s", err, text)
	}
	config, err := os.ReadFile(filepath.Join(dir, ".luarc.json"))
	var c struct {
		Library []string `json:"workspace.library"`
	}
	if err != nil || json.Unmarshal(config, &c) != nil || len(c.Library) != 1 || c.Library[0] != "stubs" {
		t.Errorf("%v\n%s", err, config)
	}
	// A second time the definitions are replaced, and what the user may have changed is not.
	mine := []byte(`{ "mine": true }`)
	for _, path := range []string{filepath.Join(dir, ".luarc.json"), filepath.Join(dir, "stubs", "sip.lua")} {
		if err := os.WriteFile(path, mine, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if code, out := sipscript("stubs", dir); code != 0 || !strings.Contains(out, "was left alone") {
		t.Errorf("exit %d:\n%s", code, out)
	}
	if text, _ := os.ReadFile(filepath.Join(dir, ".luarc.json")); string(text) != string(mine) {
		t.Errorf("the user's .luarc.json was replaced by\n%s", text)
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "stubs", "sip.lua")); string(text) == string(mine) {
		t.Error("stale definitions were left")
	}
	if code, out := sipscript("stubs", "a", "b"); code != 2 {
		t.Errorf("two directories: exit %d:\n%s", code, out)
	}
}
