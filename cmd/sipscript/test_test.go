package main

// This file runs specs by the command line.

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sipscript runs a command line and returns the exit code and what was printed.
func sipscript(args ...string) (int, string) {
	var out bytes.Buffer
	code := execute(append([]string{"sipscript"}, args...), environment{lookup: func(string) (string, bool) { return "", false }, stdout: &out, stderr: &out})
	return code, out.String()
}

func TestTest(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("x.lua", `local auth, registrar = require "auth", require "registrar"
		function route(req) sip.log.info("asked"); req:reply(200) end`)
	write("x_spec.lua", `local t = require "sip.test"
		t.it("is answered", function() t.ua("sip:a@example.com"):send{method = "OPTIONS"}:expect(200) end)
		t.it("is busy", function() t.ua("sip:a@example.com"):send{method = "OPTIONS"}:expect(486) end)`)
	nothing := t.TempDir()
	for _, c := range []struct {
		args     []string
		code     int
		contains []string
	}{
		{[]string{dir}, 1, []string{"ok    ", "x_spec.lua: is answered (0.002 s)", "FAIL  ", "x_spec.lua:3: call:expect: a: OPTIONS ", "1 passed, 1 failed (seed 1)"}},
		{[]string{"--run", "is answered", dir}, 0, []string{"1 passed, 0 failed"}},
		{[]string{"-v", "--run", "is answered", "--seed", "7", filepath.Join(dir, "x_spec.lua")}, 0, []string{"200 OK (OPTIONS 1)", "server: info: asked", "(seed 7)"}},
		{[]string{"--run", "no such", dir}, 1, []string{"tests matches --run"}},
		{[]string{"--run", "(", dir}, 2, []string{"--run"}},
		{[]string{"--seed", "x", dir}, 2, []string{"seed"}},
		{[]string{nothing}, 1, []string{"no *_spec.lua"}},
		{[]string{filepath.Join(dir, "nowhere")}, 1, []string{"nowhere"}},
	} {
		t.Run(fmt.Sprint(c.args), func(t *testing.T) {
			code, out := sipscript(append([]string{"test"}, c.args...)...)
			if code != c.code {
				t.Errorf("%q: exit %d, want %d:\n%s", c.args, code, c.code, out)
			}
			for _, want := range c.contains {
				if !strings.Contains(out, want) {
					t.Errorf("%q: no %q in\n%s", c.args, want, out)
				}
			}
		})
	}
}
