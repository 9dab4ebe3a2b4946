package engine_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/sim"
)

// A router that panics is told of, though its program gave no log; the caller is answered.
func TestPanicsAreLoggedWithoutALog(t *testing.T) {
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	for name, route := range map[string]routerFunc{
		"in Route": func(*engine.Request) error { panic("my mistake") },
		"in a callback": func(r *engine.Request) error {
			_, err := r.Relay(to("sip:b@10.0.0.3:5060"), &engine.ForkOptions{OnBranch: func(*engine.Branch) error { panic("my mistake") }})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
			b := newBenchWith(t, 1, route, func(c *engine.Config, _ *sim.World) { c.Log = nil })
			alice := b.phone("10.0.0.2:5060")
			alice.call("c1", "sip:bob@example.com").send("OPTIONS")
			alice.expect("500")
			if text := log.String(); !strings.Contains(text, "my mistake") || !strings.Contains(text, "panic_test.go") {
				t.Errorf("logged:\n%s", text)
			}
			log.Reset()
		})
	}
}
