package main

import (
	"testing"

	"github.com/sipscript/sipscript/internal/peer"
)

func TestScriptAsksTheModule(t *testing.T) {
	server := peer.RunExample(t, func(e peer.Example) error { return serve(e.Context, e.Out, "udp:127.0.0.1:0", "example.com") })
	alice, robot, bob := peer.New(t, "alice", "example.com", server), peer.New(t, "robot7", "example.com", server), peer.New(t, "bob", "example.com", server)
	bob.Register()

	if code := robot.Invite("sip:bob@example.com", nil).Final().StatusCode; code != 603 {
		t.Errorf("the robot was answered %d", code)
	}

	call := alice.Invite("sip:bob@example.com", nil)
	bob.Incoming().Reply(200, "OK")
	if code := call.Final().StatusCode; code != 200 {
		t.Fatalf("the call was answered %d", code)
	}
	call.Ack()
	bob.Ack()
	call.Bye()
	bob.Bye()
}
