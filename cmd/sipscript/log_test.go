package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// jsonLines requires that all lines are JSON, but those that programs wait for.
func jsonLines(t *testing.T, text string, want ...string) {
	t.Helper()
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if !json.Valid([]byte(line)) && line != "ready" && !strings.HasPrefix(line, "listening ") {
			t.Errorf("this is not JSON: %s", line)
		}
	}
	for _, part := range want {
		if !strings.Contains(text, part) {
			t.Errorf("nothing tells %q:\n%s", part, text)
		}
	}
}

// With --log-format json all that a server says is JSON, whatever the level of its log.
func TestStartIsJSON(t *testing.T) {
	for name, row := range map[string]struct {
		args []string
		want []string
	}{
		"with state":    {[]string{"--data", t.TempDir(), "--admin", "127.0.0.1:0", "--log-level", "error"}, []string{`"msg":"state is kept in`, `"msg":"admin http://`, `"msg":"stopped"`, "\nready\n", "listening udp 127.0.0.1:"}},
		"without state": {nil, []string{`"msg":"no --secret`, "\nready\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := parse(t, append([]string{"-l", "udp:127.0.0.1:0", "--drain", "0s", "--log-format", "json"}, row.args...), nil, "")
			if err != nil {
				t.Fatal(err)
			}
			out := &lockedBuffer{}
			s := newServer(set, out)
			defer s.close()
			if err := s.start(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.announce(t.Context())
			s.drain()
			jsonLines(t, out.String(), row.want...)
		})
	}
}

// So are the error of a start that fails, and what is wrong with variables.
func TestFailureIsJSON(t *testing.T) {
	out := &lockedBuffer{}
	env := environment{lookup: only("", ""), environ: func() []string { return []string{"SIPSCRIPT_LISEN=x"} }, stdout: out, stderr: out}
	if code := execute([]string{"sipscript", "run", "-l", "udp:127.0.0.1:0", "--log-format", "json", "/does/not/exist.lua"}, env); code != exitFailed {
		t.Errorf("exit %d", code)
	}
	jsonLines(t, out.String(), `"level":"ERROR"`, "exist.lua", "did you mean SIPSCRIPT_LISTEN")
}
