package main

import (
	"testing"

	"github.com/sipscript/sipscript/internal/peer"
)

func TestCallThroughGoRouting(t *testing.T) {
	t.Parallel() // their servers drain
	server := peer.RunExample(t, func(e peer.Example) error { return serve(e.Context, e.Out, "udp:127.0.0.1:0", "example.com") })
	alice, bob := peer.New(t, "alice", "example.com", server), peer.New(t, "bob", "example.com", server)
	bob.Register()

	call := alice.Invite("sip:bob@example.com", nil)
	in := bob.Incoming()
	in.Reply(180, "Ringing")
	call.Provisional(180)
	in.Reply(200, "OK")
	if code := call.Final().StatusCode; code != 200 {
		t.Fatalf("the call was answered %d", code)
	}
	call.Ack()
	bob.Ack()
	call.Bye()
	bob.Bye()

	for to, code := range map[string]int{"sip:nobody@example.com": 480, "sip:bob@elsewhere.example": 404} {
		t.Run(to, func(t *testing.T) {
			if got := alice.Invite(to, nil).Final().StatusCode; got != code {
				t.Errorf("%s: %d, want %d", to, got, code)
			}
		})
	}
}
