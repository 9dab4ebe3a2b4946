package engine_test

import (
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
)

// A request that was given up at its timeout is sent no more: one of our own, and one that was
// relayed.
func TestNothingIsSentAfterTheTimeout(t *testing.T) {
	const timeout = 2 * time.Second
	b := newBench(t, 1, relayTo(to("sip:b@10.0.0.3:5060"), &engine.ForkOptions{Defaults: engine.Target{Timeout: timeout}}))
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	for name, begin := range map[string]func(){
		"own": func() {
			err := b.eng.SendAsync(&engine.SendSpec{Method: "OPTIONS", URI: "sip:b@10.0.0.3:5060", Timeout: timeout}, func(_ *engine.Response, err error) {
				if err == nil {
					t.Error("an answer that nobody gave")
				}
			})
			if err != nil {
				t.Error(err)
			}
		},
		"relayed": func() { alice.call("m1", "sip:bob@example.com").send("MESSAGE") },
	} {
		t.Run(name, func(t *testing.T) {
			bob.got = nil
			began := b.w.Elapsed()
			b.w.Do(begin)
			b.w.Run(40 * time.Second)
			if n := len(bob.got); n != 3 { // at 0, 0.5 and 1.5 s
				t.Errorf("sent %d times, want 3", n)
			}
			if last := bob.got[len(bob.got)-1].at - began; last > timeout {
				t.Errorf("sent again after %s", last)
			}
		})
	}
}
