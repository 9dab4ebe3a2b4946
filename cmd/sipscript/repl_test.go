package main

// This file looks at sipscript repl, without a terminal.

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// session runs a prompt over a script and returns the exit code and what was printed.
func session(t *testing.T, script, input string, flags ...string) (int, string) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("x.lua", []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	code := execute(append(append([]string{"sipscript", "repl"}, flags...), "x.lua"), environment{lookup: func(string) (string, bool) { return "", false },
		stdin: strings.NewReader(input), stdout: &out, stderr: &out})
	return code, out.String()
}

// The transcript in docs/testing.md is what its lines give.
func TestReplTranscript(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "testing.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, script, _ := strings.Cut(string(text), "```lua\n")
	script, _, _ = strings.Cut(script, "```")
	_, want, found := strings.Cut(string(text), "    hotline.lua runs at ")
	want, _, _ = strings.Cut(want, "> :quit\n")
	if !found {
		t.Fatal("there is no transcript")
	}
	want = strings.ReplaceAll("x.lua runs at "+want+"> :quit\n", "\n    ", "\n")
	var input strings.Builder
	for line := range strings.Lines(want) {
		if rest, ok := strings.CutPrefix(line, "> "); ok {
			input.WriteString(rest)
		} else if rest, ok := strings.CutPrefix(line, "|"); ok {
			input.WriteString(strings.TrimPrefix(rest, " "))
		}
	}
	code, got := session(t, script, input.String())
	if got = strings.ReplaceAll(got, "x.lua:", "hotline.lua:"); code != 0 || got != want {
		t.Errorf("exit %d\ngot\n%s\nwant\n%s", code, got, want)
	}
}

const replScript = `local limit, helper = 7, {}
function helper.double(n) return 2 * n end
names = { alice = "sip:alice@10.0.0.7" }
function route(req)
  if helper.double(limit) > 100 then error("too much") end
  req:relay(names[req.ruri.user])
end`

const replInvite = "INVITE sip:alice@example.com SIP/2.0\n\n"

func TestRepl(t *testing.T) {
	for _, c := range []struct {
		name, input string
		wants       []string
	}{
		{"values", "nil, true, 1.5, 'a\"b', {}, { 1, { 2 }, x = 1, ['y z'] = {} }", []string{"nil\ntrue\n1.5\n\"a\\\"b\"\n{}\n{ 1, { 2 }, x = 1, [\"y z\"] = {} }\n"}},
		{"a table that is long", "t = {} for i = 1, 300 do t[i] = 'number ' .. i end\nt", []string{"{\n  \"number 1\",\n", "  \"number 100\",\n  … 200 more\n}"}},
		{"a table that holds itself", "t = { 1 } t.t = t\nt", []string{"{ 1, t = {…} }"}},
		{"names of the script, its locals too", "limit, helper.double(4), names.alice", []string{"7\n8\n\"sip:alice@10.0.0.7\"\n"}},
		{"a local of the script is assigned", "limit = 60\n" + replInvite + ":send", []string{"x.lua:5: too much", "500 Server Internal Error (INVITE 1)", "error  x.lua:5"}},
		{"a global of the script is assigned", "names = { alice = 'sip:a@10.0.0.9' }\n" + replInvite + ":send", []string{"10.0.0.9:5060", "relay  x.lua:6"}},
		{"names of one's own", "a = 3\nlocal b = a + 1\nlocal function f(n) return n * b end\nf(10)\nlocal c\nc", []string{"\n40\n", "> c\nnil\n"}},
		{"modules", "registrar, jwt.sign", []string{"registrar: add_path, ", "\nfunction\n"}},
		{"a function", "route", []string{"function x.lua:4\n"}},
		{"several lines", "for i = 1, 2 do\n  x = i\nend\nx", []string{"| end\n> x\n2\n"}},
		{"lines that end empty", "f(\n\n1 + 1", []string{"syntax error", "\n2\n"}},
		{"an uri", "sip.uri('sip:bob@example.com;transport=tcp')", []string{"sip:bob@example.com;transport=tcp\n"}},
		{"a request and its fields", replInvite + "req", []string{"req = INVITE sip:alice@example.com repl-1\n", "  from = <sip:you@example.com>;tag=1\n", "  source = { ", `ip = "10.0.1.1"`}},
		{"a whole message", "INVITE sip:alice@example.com SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5080;branch=z9hG4bKa\nCall-ID: own\nContent-Type: text/plain\nContent-Length: 12\n\nline 1\nline 2\nreq.body, req.call_id\n:again\n:send\n:show",
			[]string{`"line 1\r\nline 2\r\n"`, `"own"`, "Content-Length: 16", "z9hG4bKa-2", "10.0.0.1:5060 to 10.0.0.7:5060:\nINVITE sip:alice@10.0.0.7 SIP/2.0\n"}},
		{"edits, and what is sent", replInvite + "req:set_header('X-A', 'b')\n:send\n:show", []string{"|-- INVITE 1 ---", "relay  x.lua:6", "X-A: b\n"}},
		{"a decision that is typed", replInvite + "req:reply(404)\nreq", []string{"true\n", "<-- 404 Not Found (INVITE 1) --|  reply  console:1", "> req\nnil\n"}},
		{"a second request ends the first one", replInvite + replInvite, []string{"INVITE sip:alice@example.com repl-2", "relay  x.lua:6"}},
		{"what waits", "sip.sleep(5)\nsip.after(2, function() sip.log.warn('late') end)\n:advance 3", []string{"server: warn: late"}},
		{"errors", "error('x')\nnonsense.y\nlocal = 3\n(nil)()\nerror({})\nregistrar.lookup()\nsetmetatable(nil)\n1 + 1",
			[]string{"console:1: x\n", "there is no global 'nonsense'", "console:1:", "\n2\n"}},
		{"an endless loop", "while true do end\n1 + 1", []string{"budget 100ms", "\n2\n"}},
		{"memory", "t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end\n1 + 1", []string{"not enough memory", "\n2\n"}},
		{"no memory is kept", "t = nil u = ('x'):rep(1e6)\n#u", []string{"\n1000000\n"}},
		{"what is not a request", "SIP/2.0 200 OK\n\nINVITE x SIP/2.0\n\n1 + 1", []string{"this is a response", "\n2\n"}},
		{"commands", ":help\n:nonsense\n:advance x\n:send\n:again\n:quit\n1 + 1", []string{":reload", "there is no command :nonsense", ":advance takes a number", "no request in hand", "nothing has been pasted"}},
		{"the end of the input within a request", "INVITE sip:alice@example.com SIP/2.0\nSubject: x", []string{"req = INVITE"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out := session(t, replScript, c.input+"\n", "--script-budget", "100ms", "--script-memory", "8MiB")
			if code != 0 {
				t.Errorf("exit %d", code)
			}
			for _, want := range c.wants {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
			if strings.Contains(c.input, ":quit") && strings.Contains(out, "\n2\n") {
				t.Errorf("it goes on after :quit:\n%s", out)
			}
		})
	}
}

func TestReplReload(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(text string) {
		if err := os.WriteFile("x.lua", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("function route(req) req:reply(404) end answer = 1")
	in, out := &script{lines: []func() string{
		func() string { return "answer" },
		func() string { write("function route(req) req:reply(403) end answer = 2"); return ":reload" },
		func() string { return "answer" },
		func() string { return "OPTIONS sip:x SIP/2.0\n\n:send" },
		func() string { write("function"); return ":reload" },
		func() string { return "answer" },
	}}, &bytes.Buffer{}
	code := execute([]string{"sipscript", "repl", "x.lua"}, environment{lookup: func(string) (string, bool) { return "", false }, stdin: in, stdout: out, stderr: out})
	for _, want := range []string{"> answer\n1\n", "reloaded\n> answer\n2\n", "403 Forbidden", "x.lua: syntax error", "\n2\n"} {
		if code != 0 || !strings.Contains(out.String(), want) {
			t.Errorf("exit %d, no %q in\n%s", code, want, out)
		}
	}
}

// script is an input whose lines are made as they are read.
type script struct {
	lines []func() string
	rest  []byte
}

func (s *script) Read(b []byte) (int, error) {
	if len(s.rest) == 0 {
		if len(s.lines) == 0 {
			return 0, io.EOF
		}
		s.rest = []byte(s.lines[0]() + "\n")
		s.lines = s.lines[1:]
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func TestReplRefusesWhatCannotBe(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"a.lua", "b.lua"}, exitUsage, "one script at a time"},
		{[]string{"nowhere.lua"}, exitFailed, "nowhere.lua"},
		{[]string{"--set", "x"}, exitUsage, "KEY=VALUE"},
		{[]string{"--script-memory", "much"}, exitUsage, "64MiB"},
		{[]string{"--script-budget", "0s"}, exitUsage, "more than 0"},
	} {
		t.Run(c.want, func(t *testing.T) {
			if code, out := sipscript(append([]string{"repl"}, c.args...)...); code != c.code || !strings.Contains(out, c.want) {
				t.Errorf("exit %d: %s", code, out)
			}
		})
	}
	var out bytes.Buffer
	env := environment{lookup: func(string) (string, bool) { return "", false }, stdin: strings.NewReader("sip.args.x"), stdout: &out, stderr: &out}
	if code := execute([]string{"sipscript", "repl", "--set", "x=5"}, env); code != 0 || !strings.Contains(out.String(), "default.lua runs at") || !strings.Contains(out.String(), "\"5\"") {
		t.Errorf("exit %d: %s", code, out.String())
	}
}

func TestReplCompletion(t *testing.T) {
	names := completions()
	for _, c := range []struct{ line, want string }{
		{"registrar.loo", "registrar.lookup"},
		{"x = req:rel", "x = req:relay"},
		{"req.max", "req.max_forwards"},
		{":rel", ":reload"},
		{"string.re", "string.re"},
		{"sip.log.w", "sip.log.warn"},
		{"", ""},
		{"nonsense", "nonsense"},
	} {
		t.Run(c.line, func(t *testing.T) {
			got, pos, ok := complete(names, c.line, len(c.line))
			if !ok {
				got, pos = c.line, len(c.line)
			}
			if got != c.want || pos != len(c.want) {
				t.Errorf("%q becomes %q, want %q", c.line, got, c.want)
			}
		})
	}
}
