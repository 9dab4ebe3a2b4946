package peer

import (
	"fmt"
	"testing"
)

// Two peers, with no server between them: what fails here is the peer's fault, not the engine's.
func TestPeersCallEachOther(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			bob := New(t, "bob", "example.com", Server{Transport: transport})
			alice := New(t, "alice", "example.com", Server{Transport: transport, Addr: fmt.Sprintf("127.0.0.1:%d", bob.port)})

			call := alice.Invite("sip:bob@example.com", nil)
			in := bob.Incoming()
			in.Reply(180, "Ringing")
			call.Provisional(180)
			in.Reply(200, "OK")
			if code := call.Final().StatusCode; code != 200 {
				t.Fatalf("answer %d", code)
			}
			call.Ack()
			bob.Ack()
			call.Bye()
			bob.Bye()

			call = alice.Invite("sip:bob@example.com", nil)
			in = bob.Incoming()
			in.Reply(180, "Ringing")
			call.Provisional(180)
			call.Cancel()
			in.AwaitCancel()
			if code := call.Final().StatusCode; code != 487 {
				t.Errorf("a cancelled call ends with %d", code)
			}
		})
	}
}
