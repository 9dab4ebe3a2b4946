package interop

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/internal/child"
	"github.com/sipscript/sipscript/internal/peer"
)

// TestRestartKeepsCallsOfConnections: the process is killed in the middle of a call with a phone
// that is reached on its connection alone. The phone comes back on another connection and
// registers, and the call goes on there, though its Record-Route names the connection that is gone.
func TestRestartKeepsCallsOfConnections(t *testing.T) {
	dir := t.TempDir()
	port := child.FreePort(t)
	args := []string{"run", "-d", "example.com", "--data", dir, "-l", fmt.Sprintf("udp:127.0.0.1:%d", port), "-l", fmt.Sprintf("tcp:127.0.0.1:%d", port)}
	s := spawn(t, args...)
	s.ready()
	alice, bob := peer.New(t, "alice", "example.com", s.via("udp")), newClient(t, "tcp", s.addrs["tcp"])
	if m := bob.register("bob"); m.Status() != 200 {
		t.Fatalf("%s", m.AppendTo(nil))
	}
	call := alice.Invite("sip:bob@example.com", nil)
	invite := bob.expect("INVITE")
	bob.send(message.AppendResponse(nil, invite, 200, "", "bob", []byte("Contact: <sip:bob@10.1.2.3:5060;transport=tcp>\r\n"), nil))
	if code := call.Final().StatusCode; code != 200 {
		t.Fatal(code)
	}
	call.Ack()
	bob.expect("ACK")
	s.signal(syscall.SIGKILL)
	s.exit()

	again := spawn(t, args...)
	again.ready()
	back := newClient(t, "tcp", again.addrs["tcp"])
	back.cseq = bob.cseq
	if m := back.register("bob"); m.Status() != 200 {
		t.Fatalf("%s", m.AppendTo(nil))
	}
	bye := make(chan struct{})
	go func() { // ends when the call does
		call.Bye()
		close(bye)
	}()
	back.reply(back.expect("BYE"), 200)
	<-bye
}
