package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ask sends a request over UDP, and returns the first line of the answer.
func ask(t *testing.T, s *server, method, id string) string {
	t.Helper()
	c, err := net.Dial("udp", s.engine.Locals()[0].Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	text := fmt.Sprintf("%s sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s;rport\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=%s\r\nTo: <sip:b@example.com>\r\n"+
		"Call-ID: %s\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n", method, c.LocalAddr(), id, id, id, method)
	buffer := make([]byte, 4096)
	for range 60 { // a datagram may be lost
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		if n, err := c.Read(buffer); err == nil {
			line, _, _ := strings.Cut(string(buffer[:n]), "\r\n")
			return line
		}
	}
	t.Fatal("no answer")
	return ""
}

// run runs a command that asks a server.
func commanded(s *server, line string) (code int, out string) {
	var b bytes.Buffer
	env := environment{lookup: only("SIPSCRIPT_ADMIN", s.admin.Addr().String()), stdout: &b, stderr: &b}
	code = execute(append([]string{"sipscript"}, strings.Fields(line)...), env)
	return code, b.String()
}

func TestCanaryCommands(t *testing.T) {
	script := filepath.Join(t.TempDir(), "route.lua")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const answers = `function route(req) if req.method == "INFO" then error("oops") end req:reply(200, %q) end`
	write(fmt.Sprintf(answers, "one"))
	s, log := served(t, "--no-watch", script)
	for _, row := range []struct {
		name   string
		script string // written before; "" leaves it
		ask    string // a request before the command
		line   string
		code   int
		want   string
	}{
		{"none", "", "", "canary", 0, "no canary runs"},
		{"nothing to end", "", "", "canary rollback", 1, "no canary runs"},
		{"a share that is none", "", "", "reload --canary 5", 2, "--canary 5: expected a share such as 5%"},
		{"a share of nothing", "", "", "reload --canary 0%", 2, "expected a share such as 5%"},
		{"a source that is none", "", "", "reload --canary-source here", 2, "is not an address or a network"},
		{"after without a canary", "", "", "reload --after 1m", 2, "go with --canary"},
		{"a script that is refused", "function", "", "reload --canary 5%", 1, "syntax error"},
		{"it says why", "", "", "generations", 0, "the last reload was refused"},
		{"a share", fmt.Sprintf(answers, "two"), "", "reload --canary 100% --after 1h", 0, "is on trial; it takes over after 1h0m0s"},
		{"it runs", "", "MESSAGE two", "canary", 0, "running, takes over in "},
		{"it is a generation", "", "", "generations", 0, "canary"},
		{"as JSON", "", "", "canary --json", 0, `"state": "running"`},
		{"ended", "", "", "canary rollback", 0, ""},
		{"it is told", "", "MESSAGE one", "canary", 0, "rolled back: an operator ended it"},
		{"for a source", "", "", "reload --canary-source 127.0.0.0/8", 0, "is on trial"},
		{"an error ends it", "", "INFO", "canary show", 0, "rolled back: script error in route: " + script + ":1: oops"},
		{"the page and the log know", "", "MESSAGE one", "generations", 0, "the canary was rolled back: script error"},
		{"by hand", "", "", "reload --canary 1%", 0, "is on trial"},
		{"promoted", "", "", "canary promote", 0, ""},
		{"it serves", "", "MESSAGE two", "canary", 0, "promoted: an operator promoted it"},
		{"and the refusal is forgotten", "", "", "status", 0, `"generation": 5`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.script != "" {
				write(row.script)
			}
			if method, want, _ := strings.Cut(row.ask, " "); method != "" {
				if got := ask(t, s, method, strings.ReplaceAll(row.name, " ", "")); want != "" && got != "SIP/2.0 200 "+want {
					t.Errorf("%s is answered %s", row.ask, got)
				}
			}
			code, out := 0, ""
			for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
				// The end of a canary may take a moment.
				if code, out = commanded(s, row.line); row.code == 0 && (row.line == "canary show" || row.line == "generations") && !strings.Contains(out, row.want) && time.Now().Before(end) {
					continue
				}
				break
			}
			if code != row.code || !strings.Contains(out, row.want) {
				t.Errorf("%d %s", code, out)
			}
		})
	}
	if text := log.String(); !strings.Contains(text, "the canary was rolled back") || !strings.Contains(text, "a canary serves a part of the new requests") {
		t.Error(text)
	}
}

// A canary that an operator ended, or a reload that was accepted, was not refused.
func TestCanaryEndedByHand(t *testing.T) {
	script := filepath.Join(t.TempDir(), "route.lua")
	if err := os.WriteFile(script, []byte(`function route(req) req:reply(200) end`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := served(t, "--no-watch", script)
	for _, end := range []string{"canary rollback", "reload"} {
		t.Run(end, func(t *testing.T) {
			for _, line := range []string{"reload --canary 1%", end} {
				if code, out := commanded(s, line); code != 0 {
					t.Fatalf("%s: %d %s", line, code, out)
				}
			}
			if code, out := commanded(s, "generations"); code != 0 || strings.Contains(out, "refused") {
				t.Errorf("%d %s", code, out)
			}
		})
	}
}

// --wait waits for what becomes of it.
func TestCanaryWait(t *testing.T) {
	script := filepath.Join(t.TempDir(), "route.lua")
	if err := os.WriteFile(script, []byte(`function route(req) if req.method == "INFO" then error("oops") end req:reply(200) end`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := served(t, "--no-watch", script)
	for _, row := range []struct {
		method, after string
		code          int
		want          string
	}{{"MESSAGE", "1ms", 0, "promoted: its time was over"}, {"INFO", "1h", 1, "rolled back: script error"}} {
		t.Run(row.method, func(t *testing.T) {
			asked := make(chan struct{})
			go func() {
				defer close(asked)
				for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
					if i, ok := s.router.Trial(); ok && i.State == "running" {
						ask(t, s, row.method, "wait"+row.method)
						return
					}
				}
			}()
			code, out := commanded(s, "reload --wait --canary 100% --after "+row.after)
			<-asked
			if code != row.code || !strings.Contains(out, row.want) {
				t.Errorf("%d %s", code, out)
			}
		})
	}
}

// With --watch a change serves at once: there is nothing to try.
func TestCanaryNeedsNoWatch(t *testing.T) {
	script := filepath.Join(t.TempDir(), "route.lua")
	if err := os.WriteFile(script, []byte("function route() end"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := served(t, script)
	if code, out := commanded(s, "reload --canary 5%"); code != 1 || !strings.Contains(out, "or start the server with --no-watch") {
		t.Errorf("%d %s", code, out)
	}
}

// Networks of IPv4 that are written as IPv6 are those of IPv4: a canary would get nothing else.
func TestCanarySourcesAsIPv6(t *testing.T) {
	b := canaryBody{Sources: []string{"::ffff:192.0.2.9", "::ffff:198.51.100.9/120", "192.0.2.9/24", "2001:db8::1/32"}}
	x, err := b.trial()
	if got := fmt.Sprint(x.Sources); err != nil || got != "[192.0.2.9/32 198.51.100.0/24 192.0.2.0/24 2001:db8::/32]" {
		t.Errorf("%s %v", got, err)
	}
}
