package interop

// The path of somebody who has just cloned the project: the README's first command, and a call.

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sipscript/sipscript/internal/docs"
	"github.com/sipscript/sipscript/internal/peer"
)

func TestNewcomersPath(t *testing.T) {
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, snippet := range docs.Snippets(string(text)) {
		if snippet.Language == "sh" {
			line, _, _ := strings.Cut(snippet.Text, "\n")
			words = strings.Fields(line)
			break
		}
	}
	if len(words) < 3 || words[0] != "go" {
		t.Fatalf("the README's first command is %q", words)
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = root
	// The command as it stands, except for the ports: 5060 may be taken where tests run.
	cmd.Env = append(withoutOurs(os.Environ()), "SIPSCRIPT_LISTEN=udp:127.0.0.1:0,tcp:127.0.0.1:0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s := launch(t, cmd)
	s.ready()

	// The listen address is a domain by itself.
	alice, bob := peer.New(t, "alice", s.addrs["udp"], s.via("udp")), peer.New(t, "bob", s.addrs["udp"], s.via("udp"))
	alice.Register()
	bob.Register()
	to := bob.AOR()
	answered(t, alice, bob, to.String())

	// As Ctrl-C does: to `go run` and to what it runs.
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	s.exit() // with go run's own code, which is 1 after an interrupt, whatever the program's was
	s.log.await(t, 0, "stopped")
}
