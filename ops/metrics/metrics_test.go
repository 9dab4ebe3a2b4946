package metrics

import (
	"maps"
	"math"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/luabind"
)

// text is what a scrape of the collector gives.
func text(t *testing.T, c prometheus.Collector) string {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(c)
	names, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, f := range names {
		out.WriteString(f.String())
		out.WriteString("\n")
	}
	if problems, err := testutil.GatherAndLint(r); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	return out.String()
}

func contains(t *testing.T, got string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(strings.ReplaceAll(got, "  ", " "), p) {
			t.Errorf("no %q in:\n%s", p, got)
		}
	}
}

func TestEngineFigures(t *testing.T) {
	got := text(t, Engine(func() engine.Stats {
		return engine.Stats{Requests: map[string]uint64{"INVITE": 3}, Answers: map[int]uint64{200: 4}, ServerTransactions: 5, ClientTransactions: 6, Responses: [7]uint64{4: 7},
			Transport: map[string]transport.Stats{"udp": {MessagesIn: 8, Open: 9}, "tcp": {MessagesIn: 10}}}
	}))
	contains(t, got, `"sipscript_requests_total"`, `value:"INVITE"`, "value:3", `value:"200"`, `value:"4xx"`, "value:4", "value:5", "value:6", "value:7", "value:8", "value:9", "value:10", `value:"tcp"`)
}

// Delays below a microsecond are in the first bucket with the work done at once; the last bucket
// has no bound.
func TestLaneDelays(t *testing.T) {
	var s lane.Stats
	s.Works.Store(10)
	s.Delays[0].Store(1)
	s.Delays[1].Store(2)
	s.Delays[lane.DelayBuckets-1].Store(3)
	s.Waited.Store(int64(2 * time.Second))
	count, sum, buckets := delays(&s)
	if count != 10 || sum != 2 || buckets[1e-6] != 5 || buckets[2e-6] != 7 || buckets[float64(1<<(lane.DelayBuckets-2))/1e6] != 7 || len(buckets) != lane.DelayBuckets-1 {
		t.Errorf("count %d sum %g buckets %v", count, sum, buckets)
	}
}

func TestGCPauses(t *testing.T) {
	runtime.GC()
	got := text(t, Pauses())
	contains(t, got, `"sipscript_gc_pause_seconds"`, "type:HISTOGRAM", "cumulative_count:")
	inf := math.Inf(1)
	count, sum, buckets := cumulative(&metrics.Float64Histogram{Counts: []uint64{1, 2, 3, 4, 5, 6}, Buckets: []float64{math.Inf(-1), 0, 1e-6, 1.25e-6, 2e-6, 2, inf}})
	// 1.25e-6 is too close to the one before, 2 too long for a bound
	want := map[float64]uint64{1e-6: 3, 2e-6: 10}
	if count != 21 || !maps.Equal(buckets, want) || math.Abs(sum-17) > 0.1 {
		t.Errorf("count %d sum %g buckets %v", count, sum, buckets)
	}
}

func TestModuleFigures(t *testing.T) {
	got := text(t, Metered(func() []luabind.Metric {
		return []luabind.Metric{
			{Name: "my_calls_total", Own: true, Help: "Calls.", Value: func() float64 { return 13 }},
			{Name: "script_things_total", Help: "Things.", Labels: map[string]string{"event": "route"}, Value: func() float64 { return 11 }},
			{Name: "registrar_bindings", Help: "Bindings.", Kind: luabind.Gauge, Value: func() float64 { return 12 }},
			{Name: "script_unknown", Help: "Unknown.", Kind: luabind.Gauge, Value: math.NaN},
			{Name: "script_seconds", Help: "Time.", Kind: luabind.Histogram, Buckets: func() ([]float64, []uint64, uint64, float64) { return []float64{1, 2}, []uint64{3, 4}, 5, 6 }},
		}
	}))
	contains(t, got, `"sipscript_script_things_total"`, `value:"route"`, "value:11", `name:"my_calls_total"`, "value:13", "type:GAUGE", "value:12", "sample_count:5", "cumulative_count:4")
	if strings.Contains(got, "script_unknown") {
		t.Errorf("what is unknown has a number:\n%s", got)
	}
}

// A module that describes a figure badly spoils that figure, with an error that names it, and
// panics nowhere.
func TestBadFigureIsAnError(t *testing.T) {
	r := prometheus.NewRegistry()
	r.MustRegister(Metered(func() []luabind.Metric {
		return []luabind.Metric{{Name: "bad\xff", Help: "x", Value: func() float64 { return 1 }}}
	}))
	if _, err := r.Gather(); err == nil || !strings.Contains(err.Error(), "bad") {
		t.Errorf("error %v", err)
	}
}
