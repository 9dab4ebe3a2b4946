package main

// This file checks scripts by the command line.

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/check"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"good.lua":    "local lib = require \"lib\"\nfunction route(req) lib.answer(req) end\n",
		"lib.lua":     "local M = {}\nfunction M.answer(req) req:reply(404) end\nreturn M\n",
		"bad.lua":     "function route(req)\n  req:repyl(200)\n  req:reply(404)\nend\n",
		"warns.lua":   "function route(req)\n  req:relay(\"sip:192.0.2.7\")\nend\n",
		"x_spec.lua":  "local t = require \"sip.test\"\nt.it(\"x\", function() t.equals(1, 1) end)\n",
		"badlib.lua":  "local lib = require \"broken\"\nfunction route(req) req:reply(404) end\n",
		"badlib2.lua": "local lib = require \"broken\"\nfunction route(req) req:reply(404) end\n",
		"broken.lua":  "return {\n",
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
	at := func(names ...string) []string {
		for i, n := range names {
			if strings.HasSuffix(n, ".lua") {
				names[i] = filepath.Join(dir, n)
			}
		}
		return names
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		out  string // "" for nothing; DIR is the directory
	}{
		{"a good script", at("good.lua"), 0, ""},
		{"an error", at("bad.lua"), 1, "DIR/bad.lua:2:7: a request has no method 'repyl'; did you mean 'reply'?\n"},
		{"a warning", at("warns.lua"), 0, "DIR/warns.lua:2:7: warning: INVITE or SUBSCRIBE can pass here without req:record_route(): " +
			"later requests of its dialog won't come through this server\n"},
		{"a warning is an error", at("--strict", "warns.lua"), 1, "DIR/warns.lua:2:7: warning: "},
		{"a spec", at("x_spec.lua"), 1, "DIR/x_spec.lua:2:24: sip.test has no function 'equals'; did you mean 'equal'?\n"},
		{"what two scripts require", at("badlib.lua", "badlib2.lua"), 1, "DIR/broken.lua:2:1: "},
		{"no file", nil, 2, "sipscript: check: name the files to look at"},
		{"a file that is not there", at("none.lua"), 1, "sipscript: check: open DIR/none.lua: no such file or directory\n"},
		{"an unknown flag", []string{"--fast"}, 2, "sipscript: check: there is no flag --fast"},
		{"JSON", at("--json", "good.lua"), 0, "[]\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out := sipscript(append([]string{"check"}, c.args...)...)
			want := strings.ReplaceAll(c.out, "DIR", filepath.ToSlash(dir))
			if code != c.code || !strings.HasPrefix(out, want) || want == "" && out != "" || strings.Count(out, "broken.lua:") > 1 {
				t.Errorf("exit %d, want %d; output %q, want %q", code, c.code, out, want)
			}
		})
	}
	code, out := sipscript(append([]string{"check"}, at("--json", "bad.lua", "warns.lua")...)...)
	var found []check.Finding
	if err := json.Unmarshal([]byte(out), &found); err != nil || code != 1 || len(found) != 2 {
		t.Fatalf("exit %d, %v: %s", code, err, out)
	}
	want := check.Finding{File: filepath.ToSlash(filepath.Join(dir, "bad.lua")), Line: 2, Column: 7, Severity: check.Error, Rule: "names",
		Message: "a request has no method 'repyl'; did you mean 'reply'?"}
	if found[0] != want || found[1].Severity != check.Warning {
		t.Errorf("%+v", found)
	}
}
