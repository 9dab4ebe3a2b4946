package kemi_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
)

// What a function of KSR was last called for does not keep the script's generation: one that was
// replaced is closed when its last call is over.
func TestReplacedGenerationLeaves(t *testing.T) {
	f := run(t, "", routes, config("", ""))
	call := func() {
		t.Helper()
		out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
		f.Reply(f.Came(f.bob, "INVITE"), 200)
		f.Answered(out, 200)
		if !f.Sim.RunUntil(time.Minute, func() bool { return out.Dialog() != nil && out.Dialog().Confirmed() }) {
			t.Fatal("the call is not confirmed")
		}
		f.Answered(out.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		f.Run(time.Minute)
	}
	call()
	if err := f.Router.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	call()
	deadline := time.Now().Add(time.Minute)
	for len(f.Router.Generations()) > 1 {
		if time.Now().After(deadline) {
			t.Fatalf("the replaced generation stays: %+v", f.Router.Generations())
		}
		runtime.GC()
		f.Run(time.Second)
	}
}
