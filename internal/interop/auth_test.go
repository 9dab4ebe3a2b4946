package interop

// Passwords, from the command that stores them to phones that know them.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/internal/pgtest"
)

// addUser runs `sipscript user add`.
func addUser(t *testing.T, store, user, password string) {
	t.Helper()
	cmd := exec.Command(commands, "user", "add", "--store", store, "--realm", "example.com", "--password-stdin", user)
	cmd.Env = withoutOurs(os.Environ())
	cmd.Stdin = strings.NewReader(password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("user add: %v\n%s", err, out)
	}
}

// Users that the command put in a file or a database register by sipp, whose digest client is its
// own.
func TestPasswords(t *testing.T) {
	for _, kind := range []string{"file", "sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			store := kind + ":" + filepath.Join(t.TempDir(), "users")
			if kind == "postgres" {
				store = pgtest.Start(t).URL
				if out, code := command(t, "user", "migrate", "--store", store); code != 0 || !strings.Contains(out, "up to date") {
					t.Fatalf("user migrate: %d\n%s", code, out)
				}
			}
			var fields []string
			for i, line := range users(10, "127.0.0.1:9", "udp") {
				user, _, _ := strings.Cut(line, ";")
				addUser(t, store, user, fmt.Sprint("secret", i))
				fields = append(fields, fmt.Sprintf("%s;[authentication username=%s password=secret%d]", line, user, i))
			}
			s := start(t, script(t, fmt.Sprintf(`
local registrar = require "registrar"
local auth = require "auth"
auth.configure { realm = "example.com", algorithms = { "MD5" }, users = %q }
function route(req)
  if auth.require(req) then registrar.save(req) end
end`, store)))
			startSipp(t, sippOptions{scenario: "authorized", transport: "udp", server: s.addrs["udp"], calls: 500, rate: 500, fields: fields}).wait()
			_, figures := s.http("GET", "/metrics")
			for _, want := range []string{`sipscript_auth_checks_total{outcome="ok"} 500`, `sipscript_auth_challenges_total 500`, `sipscript_auth_checks_total{outcome="failed"} 0`} {
				if !strings.Contains(figures, want+"\n") {
					t.Errorf("no %q in the figures", want)
				}
			}
			if log := s.log.text(); strings.Contains(log, "secret0") {
				t.Errorf("a password was logged:\n%s", log)
			}
		})
	}
}
