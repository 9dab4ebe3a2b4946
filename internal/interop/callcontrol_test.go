package interop

// The example client of call control in JavaScript, in Node.

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/emiago/sipgo/sip"

	"github.com/sipscript/sipscript/internal/child"
	"github.com/sipscript/sipscript/internal/peer"
)

// A call through the program, and one that nobody answers.
func TestCallControlFromNode(t *testing.T) {
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(npmModules, "ws"))
	}
	switch {
	case err == nil:
	case os.Getenv("SIPSCRIPT_INTEROP") == "required":
		t.Fatalf("ws is required (SIPSCRIPT_INTEROP=required), run make browsers: %v", err)
	default:
		t.Skipf("no ws: make browsers installs it: %v", err)
	}
	modules, err := filepath.Abs(npmModules)
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "route.lua")
	if err := os.WriteFile(script, []byte("local b2b = require \"b2b\"\nfunction route(req)\n  local a = b2b.incoming(req)\n"+
		"  if a and a:handover(\"desk\") == \"nobody\" then a:reject(480) end\nend\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, "--no-watch", script)
	phones := peer.Server{Transport: "udp", Addr: s.addrs["udp"]}
	alice, bob := peer.New(t, "alice", "example.com", phones), peer.New(t, "bob", "example.com", phones)
	contact := bob.Contact()
	said := newLines()
	cmd := exec.Command(node, filepath.Join("..", "..", "examples", "callcontrol", "client.js"), "ws://"+s.admin, "desk", contact.String())
	cmd.Env = append(withoutOurs(os.Environ()), "NODE_PATH="+modules)
	cmd.Stdout, cmd.Stderr = said, said
	wait, err := child.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { // ends with the process
		defer close(ended)
		<-wait
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("the program:\n%s", said.text())
		}
	})
	until := func(from int, line string) {
		t.Helper()
		if _, ok := said.awaitOr(ended, from, line); !ok {
			t.Fatalf("the program does not say %q", line)
		}
	}
	until(0, "ready")
	const description = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
	for _, code := range []int{486, 200} {
		from := said.count()
		call := alice.Invite("sip:someone@example.com", func(r *sip.Request) {
			r.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
			r.SetBody([]byte(description))
		})
		in := bob.Incoming()
		if code == 200 {
			in.Answer([]byte(description))
		} else {
			in.Reply(code, "Busy Here")
		}
		if got := int(call.Final().StatusCode); got != code {
			t.Fatalf("the call was answered %d", got)
		}
		until(from, "done")
		if code == 200 {
			call.Ack()
			bob.Ack()
			call.Bye()
			bob.Bye()
			until(from, "ended bye")
		}
	}
}
