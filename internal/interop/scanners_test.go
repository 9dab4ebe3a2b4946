package interop

// Scanners as Debian has them: what they really send is recognised.

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/internal/child"
)

// TestScannersOfTheTools: each tool is banned by what it sends, at its first request, and a client
// that sends as many requests is not.
func TestScannersOfTheTools(t *testing.T) {
	s := start(t, script(t, `
require("limit").configure { flood = { requests = 100000, per = 1 } }
function route(req) req:reply(404) end`))
	_, port, err := net.SplitHostPort(s.addrs["udp"])
	if err != nil {
		t.Fatal(err)
	}
	words := filepath.Join(t.TempDir(), "words")
	if err := os.WriteFile(words, []byte("secret\n1234\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	x := newStranger(t, "127.0.0.1", s.addrs["udp"])
	for range 50 {
		x.until(true)
	}
	for _, row := range []struct{ name, args string }{
		{"svmap", "svmap -p PORT 127.0.0.1"},
		{"svmap, INVITE", "svmap -m INVITE -p PORT 127.0.0.1"},
		{"svmap, REGISTER", "svmap -m REGISTER -p PORT 127.0.0.1"},
		{"svwar", "svwar -e 100-101 -p PORT 127.0.0.1"},
		{"svcrack", "svcrack -u 100 -d WORDS -p PORT 127.0.0.1"},
		{"sipsak", "sipsak -vv -s sip:100@127.0.0.1:PORT"},
		{"sipsak, flood", "sipsak -F -s sip:127.0.0.1 -p 127.0.0.1:PORT"},
		{"sipsak, users", "sipsak -U -e 1 -a secret -C sip:a@127.0.0.1:9 -s sip:100@127.0.0.1:PORT"},
	} {
		t.Run(row.name, func(t *testing.T) {
			args := strings.Fields(strings.NewReplacer("PORT", port, "WORDS", words).Replace(row.args))
			if _, err := exec.LookPath(args[0]); err != nil {
				if os.Getenv("SIPSCRIPT_INTEROP") == "required" {
					t.Fatalf("%s is missing: install sipvicious and sipsak", args[0])
				}
				t.Skipf("%s is missing: install sipvicious and sipsak (Debian) to run this test", args[0])
			}
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Dir = t.TempDir()
			cmd.Env = append(os.Environ(), "HOME="+cmd.Dir)
			wait, err := child.Start(cmd)
			if err != nil {
				t.Fatal(err)
			}
			banned := func() bool {
				out, _ := command(t, "bans", "--admin", s.admin)
				return strings.Contains(out, "127.0.0.1  scanner")
			}
			eventually(t, row.name+" is banned", banned)
			_ = cmd.Process.Kill() // it waits for answers
			<-wait
			// What it sent last is still on its way to a server that drops it
			if x.heard(x.send(), 0) {
				t.Error("somebody at its address is heard")
			}
			if out, code := command(t, "bans", "remove", "127.0.0.1", "--admin", s.admin); code != 0 {
				t.Error(out)
			}
		})
	}
}
