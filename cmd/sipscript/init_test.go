package main

// This file tests the files to begin with, as a newcomer gets them.

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "server")
	code, out := sipscript("init", dir)
	if code != 0 || !strings.Contains(out, "sipscript test") || !strings.Contains(out, "sipscript run --config config.yaml") {
		t.Fatalf("exit %d:\n%s", code, out)
	}
	if code, out := sipscript("test", dir); code != 0 || !strings.Contains(out, "5 passed, 0 failed") {
		t.Errorf("its spec: exit %d:\n%s", code, out)
	}
	t.Chdir(dir)
	s, err := parse(t, []string{"--config", "config.yaml"}, nil, "")
	if err != nil || s.script != "route.lua" || len(s.listen) != 2 || len(s.domains) != 1 || s.domains[0] != "example.com" {
		t.Errorf("its configuration: %+v %v", s, err)
	}
}

// What is there already is not touched, and nothing is written beside it.
func TestInitOverwritesNothing(t *testing.T) {
	for _, name := range []string{"config.yaml", "route.lua", "route_spec.lua"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte("mine"), 0o644); err != nil {
				t.Fatal(err)
			}
			code, out := sipscript("init", dir)
			if code != 1 || !strings.Contains(out, name+" already exists") {
				t.Errorf("exit %d:\n%s", code, out)
			}
			if text, _ := os.ReadFile(path); !bytes.Equal(text, []byte("mine")) {
				t.Errorf("it reads %q", text)
			}
			if entries, _ := os.ReadDir(dir); len(entries) != 1 {
				t.Errorf("%v", entries)
			}
		})
	}
	if code, out := sipscript("init", "a", "b"); code != 2 {
		t.Errorf("two directories: exit %d:\n%s", code, out)
	}
	if code, _ := sipscript("init", filepath.Join(os.DevNull, "x")); code != 1 {
		t.Errorf("no directory: exit %d", code)
	}
}
