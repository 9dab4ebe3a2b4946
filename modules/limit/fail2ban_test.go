package limit

import (
	"bytes"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The shipped filter finds every offence in a log, in text and JSON, and nothing that a stranger
// wrote into another line.
func TestFail2Ban(t *testing.T) {
	program, err := exec.LookPath("fail2ban-regex")
	if err != nil {
		t.Skip("fail2ban-regex is missing: install fail2ban (Debian) to run this test")
	}
	filter, err := filepath.Abs("../../contrib/fail2ban/filter.d/sipscript.conf")
	if err != nil {
		t.Fatal(err)
	}
	for name, handler := range map[string]func(b *bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			log := slog.New(handler(&b))
			l := New(Options{Log: log.With("module", "limit")})
			l.ban(netip.MustParseAddr("203.0.113.1"), WhyFlood, time.Minute, 1)
			l.ban(sourceOf(netip.MustParseAddr("2001:db8::1:2:3:4")), WhyScanner, time.Minute, 1)
			// As auth does
			log.Warn("auth: wrong password, or no such user", "source", netip.MustParseAddr("203.0.113.2"), "offence", "password", "user", "x\" source=198.51.100.1 offence=y", "suppressed", 0)
			// What is not an offence, or says so falsely
			log.Warn("auth: other", "user", "x", "source", "198.51.100.2:5060")
			log.Info("x level=WARN msg=\"a\" source=198.51.100.3 offence=flood", "source", netip.MustParseAddr("198.51.100.4"), "offence", "flood")
			log.Warn("x", "user", "level=WARN msg=\"a\" source=198.51.100.5 offence=flood \"level\":\"WARN\",\"msg\":\"a\",\"source\":\"198.51.100.5\",\"offence\":\"x\"")
			path := filepath.Join(t.TempDir(), "log")
			if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(program, "--out", "ip", path, filter).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if got := strings.Join(strings.Fields(string(out)), " "); got != "203.0.113.1 2001:db8:: 203.0.113.2" {
				t.Errorf("%s\n%s", got, b.String())
			}
		})
	}
}
