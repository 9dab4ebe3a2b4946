package engine_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/sim"
)

// The log names a target that was not reached, and why: a trunk that refuses connections, a
// listener that is not there.
func TestUnreachedTargetsAreLogged(t *testing.T) {
	for _, c := range []struct {
		target engine.Target
		want   []string
	}{
		{engine.Target{URI: "sip:svc@10.0.0.9:5060;transport=tcp"}, []string{"branch failed", "sip:svc@10.0.0.9:5060"}},
		{engine.Target{URI: "sip:svc@10.0.0.3:5060", FromSocket: "udp:9.9.9.9:5060"}, []string{"branch failed", "9.9.9.9", "udp:10.0.0.1:5060, tcp:10.0.0.1:5060"}},
	} {
		t.Run(fmt.Sprint(c.want), func(t *testing.T) {
			var log strings.Builder
			b := newBenchWith(t, 1, func(r *engine.Request) error {
				_, err := r.Relay([]*engine.Target{&c.target}, nil)
				return err
			}, func(e *engine.Config, _ *sim.World) { e.Log = slog.New(slog.NewTextHandler(&log, nil)) })
			alice := b.phone("10.0.0.2:5060")
			alice.call("c1", "sip:bob@example.com").send("OPTIONS")
			alice.expect("500")
			alice.call("c2", "sip:bob@example.com").send("OPTIONS") // told once a minute
			alice.expect("500")
			if n := strings.Count(log.String(), "level=WARN msg=\"branch failed\""); n != 1 || !strings.Contains(log.String(), "source=10.0.0.2") {
				t.Errorf("told %d times:\n%s", n, log.String())
			}
			b.w.Run(2 * time.Minute)
			alice.call("c3", "sip:bob@example.com").send("OPTIONS")
			alice.expect("500")
			if n := strings.Count(log.String(), "level=WARN"); n != 2 || !strings.Contains(log.String(), "suppressed=1") {
				t.Errorf("told %d times in all:\n%s", n, log.String())
			}
			for _, want := range c.want {
				if !strings.Contains(log.String(), want) {
					t.Errorf("%s: no %q in\n%s", c.target.URI, want, log.String())
				}
			}
		})
	}
}

// A handler of failures that relays again to what fails at once is stopped, and the caller
// answered.
func TestRelayingForEverIsStopped(t *testing.T) {
	times := 0
	var again func(r *engine.Request) error
	again = func(r *engine.Request) error {
		times++
		_, err := r.Relay(to("sip:b@10.0.0.3:5061;transport=tls"), &engine.ForkOptions{OnFailure: func(*engine.Response) { // there is no such listener
			if err := again(r); err != nil && !strings.Contains(err.Error(), "on_failure") {
				t.Error(err)
			}
		}})
		return err
	}
	b := newBench(t, 1, again)
	c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
	c.send("INVITE")
	c.ack(c.ph.expect("500"))
	b.quiet()
	if times < 100 || times > 2000 {
		t.Errorf("relayed %d times", times)
	}
}
