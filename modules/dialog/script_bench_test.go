package dialog_test

import (
	"context"
	"log/slog"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/sipscript/sipscript/bench/loop"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/registrar"
)

// scripted makes calls through an engine with one of the scripts of the comparison.
func scripted(tb testing.TB, script string) *loop.Calls {
	store := registrar.NewMemory()
	b := registrar.NewBinding(&registrar.Record{Contact: "sip:bob@" + loop.Contact, CallID: "x", CSeq: 1, Q: 1, Expires: time.Unix(1<<32, 0)})
	if err := store.Update(context.Background(), "sip:bob@example.com", registrar.Relaxed, func([]*registrar.Binding) ([]*registrar.Binding, error) {
		return []*registrar.Binding{b}, nil
	}); err != nil {
		tb.Fatal(err)
	}
	bindings, err := registrar.New(registrar.Options{Store: store})
	if err != nil {
		tb.Fatal(err)
	}
	d := must(dialog.New(dialog.Options{Log: slog.New(slog.DiscardHandler)}))
	router, err := luabind.NewRouter(luabind.Options{Script: script, Modules: []luabind.Opener{bindings, d}})
	if err != nil {
		tb.Fatal(err)
	}
	c, err := loop.NewCalls(router)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// BenchmarkScripted is the call of bench/route.lua beside that of bench/dialog.lua, which tracks it
// and counts it by two keys, by turns, without sockets. Rounds are short, and the least of them
// counts: what other programs take of the processor makes none of them shorter.
func BenchmarkScripted(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(200))
	heap := make([]byte, 32<<20) // what a server has beside it
	defer runtime.KeepAlive(heap)
	loops := []*loop.Calls{scripted(b, "../../bench/route.lua"), scripted(b, "../../bench/dialog.lua")}
	run := func(c *loop.Calls, n int) time.Duration {
		c.Spent = 0
		for range n {
			if err := c.Call("bob"); err != nil {
				b.Fatal(err)
			}
			c.Pass(time.Millisecond)
		}
		return c.Spent / time.Duration(n)
	}
	for _, c := range loops {
		run(c, 2000)
	}
	var took [2][]float64
	for b.Loop() {
		for i, c := range loops {
			took[i] = append(took[i], float64(run(c, 50).Nanoseconds()))
		}
	}
	plain, tracked := slices.Min(took[0]), slices.Min(took[1])
	b.ReportMetric(plain, "plain-ns/call")
	b.ReportMetric(tracked, "tracked-ns/call")
	b.ReportMetric(tracked-plain, "added-ns/call")
}
