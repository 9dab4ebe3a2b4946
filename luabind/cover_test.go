package luabind_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind"
)

// covered runs a file whose coverage is counted, with what it requires, and returns both.
func covered(t *testing.T, files map[string]string) (results string, files2 []luabind.FileCoverage) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var c luabind.Coverage
	r, err := luabind.NewRouter(luabind.Options{Script: filepath.Join(dir, "x.lua"), Library: true, Cover: &c})
	if err != nil {
		t.Fatal(err)
	}
	w := sim.New(1)
	l := lane.New(0, lane.Options{Clock: w, Meter: w})
	w.Drive(l)
	defer l.Stop()
	defer func() { _ = r.Stop(context.Background()) }()
	if err := r.StartLanes([]*lane.Lane{l}, lane.New(1, lane.Options{Clock: w, Meter: w}), w); err != nil {
		t.Fatal(err)
	}
	r.Eval(l, "return main()", func(list []any, err error) {
		if err != nil {
			t.Error(err)
		}
		results = fmt.Sprint(list...)
	})
	w.RunUntil(1, func() bool { return results != "" })
	return results, c.Files()
}

// text is a file's coverage: "2:1 3:0" lines and "2 if 1/0" decisions.
func text(f luabind.FileCoverage) string {
	var parts []string
	for _, l := range f.Lines {
		parts = append(parts, fmt.Sprintf("%d:%d", l.Line, l.Hits))
	}
	for _, d := range f.Decisions {
		parts = append(parts, fmt.Sprintf("%d %s %d/%d", d.Line, d.Kind, d.True, d.False))
	}
	return strings.Join(parts, ", ")
}

// The file runs twice, on the lane and in the background; main once.
func TestCoverageCounts(t *testing.T) {
	for _, c := range []struct{ name, script, results, want string }{
		{"statements", "function main()\n  local a = 1\n  a = a + 1\n  do\n    return a\n  end\nend", "2", "1:2, 2:1, 3:1, 4:1, 5:1"},
		{"if", "function main()\n  if 1 > 2 then\n    return 1\n  elseif 2 > 1 then\n    return 2\n  else\n    return 3\n  end\nend", "2",
			"1:2, 2:1, 3:0, 4:1, 5:1, 7:0, 2 if 0/1, 4 if 1/0"},
		{"while and break", "function main()\n  local n = 0\n  while n < 3 do\n    n = n + 1\n    if n == 2 then break end\n  end\n  return n\nend", "2",
			"1:2, 2:1, 3:1, 4:2, 5:2, 7:1, 3 while 2/0, 5 if 1/1"},
		{"repeat sees the locals of its block", "function main()\n  local n = 0\n  repeat\n    local m = n + 1\n    n = m\n  until m == 3\n  return n\nend", "3",
			"1:2, 2:1, 3:1, 4:3, 5:3, 7:1, 6 until 1/2"},
		{"and, or", "function main()\n  local a, b = nil, 2\n  return (a and b or b), a or b, not (a or b)\nend", "2 2 false",
			"1:2, 2:1, 3:1, 3 and 0/1, 3 or 0/0, 3 or 0/1, 3 or 0/1"},
		{"operands of a condition", "function main()\n  local a, b = 1\n  if a and (b or a) and\n    not b then return 5 end\nend", "5",
			"1:2, 2:1, 3:1, 4:1, 3 and 1/0, 3 or 0/1, 3 and 1/0, 4 if 1/0"},
		{"constants decide nothing", "function main()\n  while true do\n    return 1 and 2 or 3\n  end\nend", "2", "1:2, 2:1, 3:1"},
		{"a call's first value", "local function two() return 1, 2 end\nlocal function none() end\nfunction main(...)\n  return (two() and 3), none() or 4, (... or 5)\nend", "3 4 5",
			"1:2, 2:2, 3:2, 4:1, 4 and 1/0, 4 or 0/1, 4 or 0/1"},
		{"functions in tables, methods and arguments", "local t = { f = function(self, g)\n  return g()\nend }\nfunction t:m(x)\n  return x\nend\nfunction main()\n  return t:f(function()\n    return t:m(7)\n  end)\nend", "7",
			"1:2, 2:1, 4:2, 5:1, 7:2, 8:1, 9:1"},
		{"loops and goto", "function main()\n  local n = 0\n  for i = 1, 3 do\n    for _, x in ipairs({ 1, 2 }) do\n      if x == 2 then goto next end\n      n = n + 1\n      ::next::\n    end\n  end\n  return n\nend", "3",
			"1:2, 2:1, 3:1, 4:3, 5:6, 6:3, 10:1, 5 if 3/3"},
		{"a line of several statements", "function main()\n  local a = 1; local b = 2; if a == 2 then return 3 end\n  return b\nend", "2", "1:2, 2:1, 3:1, 2 if 0/1"},
		{"what an error cuts off", "local function bad()\n  error('x')\n  local a = 1\nend\nfunction main()\n  pcall(bad)\n  return 1\nend", "1", "1:2, 2:1, 3:0, 5:2, 6:1, 7:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			results, files := covered(t, map[string]string{"x.lua": c.script})
			if results != c.results || len(files) != 1 {
				t.Fatalf("returned %q of %d files, want %q of one", results, len(files), c.results)
			}
			if got := text(files[0]); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestCoverageOfRequiredFiles(t *testing.T) {
	_, files := covered(t, map[string]string{"x.lua": "local y = require 'y'\nfunction main() return y() end", "y.lua": "return function()\n  return 1\nend"})
	if len(files) != 2 || text(files[1]) != "1:2, 2:1" || filepath.Base(files[1].Name) != "y.lua" || !filepath.IsAbs(files[1].Path) {
		t.Errorf("%+v", files)
	}
}

// A long chain of operands and a long list of statements compile as they do without coverage.
func TestCoverageOfLongFiles(t *testing.T) {
	chain := "function main()\n  local x = 999\n  if x == 0" + strings.Repeat(" or x == 1", 190) + " then return 1 end\n  return 2\nend\n"
	results, _ := covered(t, map[string]string{"x.lua": chain + "local t = {}\n" + strings.Repeat("t[#t + 1] = 'x'\n", 3000)})
	if results != "2" {
		t.Errorf("returned %q", results)
	}
}
