package engine_test

import (
	"testing"

	"github.com/sipscript/sipscript/bench/loop"
	"github.com/sipscript/sipscript/engine"
)

// BenchmarkLanes is requests answered by the router, on one lane and one processor and on two, in
// turn: ns/op is of both together, and "ratio" is what two do more than one. "own" has each reader
// bring the calls of one lane, "any" those of all, as sockets do.
func BenchmarkLanes(b *testing.B) {
	for name, own := range map[string]bool{"own": true, "any": false} {
		b.Run(name, func(b *testing.B) {
			const rounds = 51
			c, err := loop.Compare(own, func() (engine.Router, error) {
				return routerFunc(func(r *engine.Request) error { _, err := r.Reply(200, "", nil); return err }), nil
			}, rounds, b.N/rounds+1)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(c.One.Nanoseconds()), "one-ns")
			b.ReportMetric(float64(c.Two.Nanoseconds()), "two-ns")
			b.ReportMetric(c.Ratio, "ratio")
		})
	}
}
