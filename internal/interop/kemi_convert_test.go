package interop

// What `sipscript kemi convert` makes of a script, as a server.

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// converted starts a server with the translation of the script that a configuration names, which is
// checked, and returns its address.
func converted(t *testing.T, config string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), binary, "kemi", "convert", config).Output()
	if err != nil {
		t.Fatalf("convert: %v", err)
	}
	script := filepath.Join(filepath.Dir(config), "route.lua")
	if err := os.WriteFile(script, out, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), binary, "check", script).CombinedOutput(); err != nil {
		t.Errorf("check: %v\n%s", err, out)
	}
	p := spawn(t, "run", "-l", "udp:127.0.0.1:0", "-l", "udp:"+trunkAddress+":0", "-d", "example.com", "--lanes", "1", "--log-level", "error", script)
	p.ready()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the translation:\n%s", out)
		}
	})
	return p.addrs["udp"]
}

// convertedServer is a server with the translation of the stock script, which has at most a third
// of its lines of code.
func convertedServer(t *testing.T, config string) *wires {
	t.Helper()
	addr := converted(t, config)
	var lines [2]int
	for i, name := range []string{"kamailio-basic-kemi-lua.lua", "route.lua"} {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(config), name))
		if err != nil {
			t.Fatal(err)
		}
		lines[i] = codeLines(string(text))
	}
	if lines[1]*3 > lines[0] {
		t.Errorf("the translation has %d lines of code, the script %d", lines[1], lines[0])
	}
	t.Logf("%d lines of code, of %d", lines[1], lines[0])
	return newWires(t, addr)
}

// codeLines counts the lines of a Lua script that have code.
func codeLines(text string) (n int) {
	for {
		before, rest, found := strings.Cut(text, "--[[")
		if !found {
			break
		}
		_, after, _ := strings.Cut(rest, "]]")
		text = before + after
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			n++
		}
	}
	return n
}
