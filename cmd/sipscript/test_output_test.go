package main

// This file looks at what sipscript test writes: coverage, JUnit's XML, JSON; and at --watch.

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// covered is a script of two files and two specs.
func covered(t *testing.T) (dir string, write func(name, text string)) {
	t.Helper()
	dir = t.TempDir()
	write = func(name, text string) {
		t.Helper()
		// By renaming, as editors do: nobody reads a file that is half written
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	write("x.lua", "local codes = require 'codes'\nfunction route(req)\n  if req.ruri.user == 'busy' then\n    return req:reply(486)\n  end\n  req:reply(codes.of(req))\nend\n")
	write("codes.lua", "return {\n  of = function(req)\n    return req.method == 'OPTIONS' and 200 or 405\n  end,\n  never = function()\n    return 1\n  end,\n}\n")
	write("x_spec.lua", `local t = require "sip.test"
		t.it("is answered", function() t.ua("sip:a@example.com"):send{method = "OPTIONS"}:expect(200) end)`)
	write("y_spec.lua", `local t = require "sip.test"
		t.server{script = "x.lua"}
		t.it("is <busy> & failing", function() t.ua("sip:a@example.com"):send{method = "OPTIONS", uri = "sip:busy@example.com"}:expect(200) end)`)
	return dir, write
}

func TestTestCoverage(t *testing.T) {
	dir, _ := covered(t)
	strip := func(out string) string { return strings.ReplaceAll(out, dir+string(filepath.Separator), "") }
	table := filepath.Join(dir, "cover.txt")
	lcov := filepath.Join(dir, "cover.info")
	_, out := sipscript("test", "--cover", "--lcov", lcov, dir)
	want := `lines              decisions          file
2/3        66.7 %  1/2        50.0 %  codes.lua
                                        not run: 6
                                        never false: 3 and
5/5       100.0 %  2/2       100.0 %  x.lua
7/8        87.5 %  3/4        75.0 %  total
1 passed, 1 failed (seed 1)
`
	if !strings.HasSuffix(strip(out), want) {
		t.Errorf("got\n%s\nwant at the end\n%s", strip(out), want)
	}
	_, out = sipscript("test", "--cover="+table, dir)
	if b, err := os.ReadFile(table); err != nil || strip(string(b)) != strings.TrimSuffix(want, "1 passed, 1 failed (seed 1)\n") || strings.Contains(out, "decisions") {
		t.Errorf("%v\n%s\n%s", err, b, out)
	}
	b, err := os.ReadFile(lcov)
	if err != nil {
		t.Fatal(err)
	}
	if want := `TN:
SF:codes.lua
BRDA:3,0,0,1
BRDA:3,0,1,0
BRF:2
BRH:1
DA:1,4
DA:3,1
DA:6,0
LF:3
LH:2
end_of_record
`; !strings.HasPrefix(strip(string(b)), want) {
		t.Errorf("got\n%s\nwant at first\n%s", strip(string(b)), want)
	}
	if _, out := sipscript("test", dir); strings.Contains(out, "decisions") {
		t.Errorf("coverage that nobody asked for:\n%s", out)
	}
}

func TestTestForPrograms(t *testing.T) {
	dir, write := covered(t)
	write("z_spec.lua", "error(']]> \\001')")
	junit := filepath.Join(dir, "junit.xml")
	code, out := sipscript("test", "--json", "--cover", "--junit", junit, dir)
	var run struct {
		Passed, Failed, Seed int
		Tests                []struct {
			File, Name, Failure, Ladder string
			Passed                      bool
			Seconds                     float64
		}
		Coverage []struct {
			File        string
			LinePercent float64 `json:"line_percent"`
		}
	}
	if err := json.Unmarshal([]byte(out), &run); err != nil || code != 1 || strings.Count(out, "\n") != 1 {
		t.Fatalf("exit %d, %v\n%s", code, err, out)
	}
	if run.Passed != 1 || run.Failed != 2 || run.Seed != 1 || len(run.Tests) != 3 || len(run.Coverage) != 2 || run.Coverage[1].LinePercent != 100 {
		t.Errorf("%+v", run)
	}
	if x := run.Tests[1]; !strings.Contains(x.Failure, "was answered 486") || !strings.Contains(x.Ladder, "486 Busy Here (OPTIONS 1)") || x.Passed {
		t.Errorf("%+v", x)
	}
	b, err := os.ReadFile(junit)
	if err != nil {
		t.Fatal(err)
	}
	var suites struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Suites   []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Name    string `xml:"name,attr"`
				Time    string `xml:"time,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
					Text    string `xml:",chardata"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(b, &suites); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	if suites.Tests != 3 || suites.Failures != 2 || len(suites.Suites) != 3 {
		t.Errorf("%s", b)
	}
	if c := suites.Suites[2].Cases[0]; c.Name != "(the file)" || c.Failure == nil || !strings.Contains(c.Failure.Text, "]]> \ufffd") {
		t.Errorf("%s", b)
	}
	if c := suites.Suites[1].Cases[0]; c.Name != "is <busy> & failing" || c.Time != "0.002" || c.Failure == nil || !strings.Contains(c.Failure.Message, "was answered 486") ||
		!strings.Contains(c.Failure.Text, "|-- OPTIONS 1 --") {
		t.Errorf("%s", b)
	}
}

// output is what a command prints while it runs.
type output struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{}
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.more <- struct{}{}:
	default:
	}
	return o.text.Write(b)
}

// take waits until the output has a line, and takes everything up to it.
func (o *output) take(t *testing.T, line string) string {
	t.Helper()
	for {
		o.mu.Lock()
		all := o.text.String()
		before, after, found := strings.Cut(all, line)
		if found {
			o.text.Reset()
			o.text.WriteString(after)
		}
		o.mu.Unlock()
		if found {
			return before + line
		}
		select {
		case <-o.more:
		case <-time.After(time.Minute):
			t.Fatalf("no %q in\n%s", line, all)
		}
	}
}

func TestTestWatch(t *testing.T) {
	dir, write := covered(t)
	out := &output{more: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		env := environment{lookup: func(string) (string, bool) { return "", false }, stdout: out, stderr: out}
		done <- newApp(env).RunContext(ctx, []string{"sipscript", "test", "--watch", dir})
	}()
	out.take(t, "watching; Ctrl-C ends it")
	expect := func(what string, wants ...string) {
		t.Helper()
		got := out.take(t, "(seed 1)\n")
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", what, want, got)
			}
		}
	}
	write("codes.lua", "return { of = function() return 404 end }")
	expect("a required file", "changed: ", "codes.lua", "x_spec.lua: is answered", "y_spec.lua: is <busy>", "0 passed, 2 failed")
	write("y_spec.lua", `local t = require "sip.test"
		t.server{script = "x.lua"}
		t.it("is busy", function() t.ua("sip:a@example.com"):send{method = "OPTIONS", uri = "sip:busy@example.com"}:expect(486) end)`)
	expect("one spec", "y_spec.lua: is busy", "1 passed, 0 failed")
	write("codes.lua", "return {")
	expect("a file that does not compile", "codes.lua: syntax error at the end", "0 passed, 2 failed")
	write("codes.lua", "return { of = function() return 200 end }")
	expect("it is repaired", "2 passed, 0 failed")
	write("z_spec.lua", `local t = require "sip.test"
		t.server{script = "x.lua"}
		t.it("is new", function() end)`)
	expect("a new spec", "z_spec.lua: is new", "1 passed, 0 failed")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
