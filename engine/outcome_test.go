package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
)

// OnResponse sees what a branch without an answer counts as, once, with the reason; what came from
// the wire has none.
func TestOnResponseSeesOutcomes(t *testing.T) {
	var b *bench
	for _, tt := range []struct {
		name    string
		targets []string
		opts    engine.ForkOptions
		answer  func(alice *call, bob *handset)
		want    string
	}{
		{"silence", []string{"sip:b@10.0.0.3:5060"}, engine.ForkOptions{}, nil, "408 timeout"},
		{"a timeout", []string{"sip:b@10.0.0.3:5060"}, engine.ForkOptions{Defaults: engine.Target{ReplyTimeout: time.Second}}, nil, "408 timeout"},
		{"a timeout after ringing", []string{"sip:b@10.0.0.3:5060"}, engine.ForkOptions{Defaults: engine.Target{Timeout: time.Second}},
			func(_ *call, bob *handset) { bob.reply(bob.expect("INVITE"), 180, "") }, "180 ; 408 timeout"},
		{"no connection", []string{"sip:b@10.0.0.99:5060;transport=tcp"}, engine.ForkOptions{}, nil, "503 unreachable"},
		{"one after the other", []string{"sip:b@10.0.0.99:5060;transport=tcp", "sip:b@10.0.0.3:5060"}, engine.ForkOptions{Order: engine.Serial},
			func(_ *call, bob *handset) { bob.reply(bob.expect("INVITE"), 486, "") }, "503 unreachable; 486 "},
		{"the caller cancels what has not begun", []string{"sip:b@10.0.0.3:5060"}, engine.ForkOptions{Defaults: engine.Target{Delay: time.Minute}},
			func(c *call, _ *handset) { b.w.Run(time.Second); c.send("CANCEL") }, "487 cancelled"},
		{"an answer", []string{"sip:b@10.0.0.3:5060"}, engine.ForkOptions{}, func(_ *call, bob *handset) { bob.reply(bob.expect("INVITE"), 486, "") }, "486 "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var seen []string
			b = newBench(t, 1, func(r *engine.Request) error {
				o := tt.opts
				o.OnResponse = func(res *engine.Response) {
					seen = append(seen, fmt.Sprintf("%d %s", res.Code(), res.Cause()))
					_ = r.Sleep(100 * time.Millisecond) // it may wait
				}
				_, err := r.Relay(to(tt.targets...), &o)
				return err
			})
			alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
			c := alice.call("c1", "sip:bob@example.com")
			c.send("INVITE")
			if tt.answer != nil {
				tt.answer(c, bob)
			}
			b.w.Run(4 * time.Minute)
			if got := strings.Join(seen, "; "); got != tt.want {
				t.Errorf("it saw %q, want %q", got, tt.want)
			}
			if n := b.eng.InProgress(); n != 0 {
				t.Errorf("%d requests left", n)
			}
		})
	}
}
