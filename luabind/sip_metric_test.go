package luabind_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// exported is the value of a metric of a script, a histogram's with its buckets.
func exported(w *luabindtest.World, name, labels string) string {
	for _, m := range w.Router.Metrics() {
		if !m.Own || m.Name != name || labels != "" && fmt.Sprint(m.Labels) != "map["+labels+"]" {
			continue
		}
		if m.Kind == luabind.Histogram {
			bounds, counts, all, sum := m.Buckets()
			return fmt.Sprint(bounds, counts, all, sum)
		}
		return fmt.Sprint(m.Value())
	}
	return "none"
}

const counting = `
local calls = sip.metric.counter("my_calls_total", "Calls.", { "method", "known" })
local load = sip.metric.gauge("my_load", "Load.")
local size = sip.metric.histogram("my_size", "Sizes.", "method", { 1, 5 })
function route(req)
  calls:inc(req.method, req.user_agent ~= nil)
  calls:add(2, req.method, nil)
  load:set(7) load:add(-3) load:inc() load:dec() load:dec()
  size:observe(3, req.method)
  req:reply(200)
end`

// "sip.metric.counter|gauge|histogram(name, help [, labels])": all lanes count into one metric, and
// a reload keeps it.
func TestMetrics(t *testing.T) {
	w := luabindtest.New(t, counting, luabindtest.Lanes(3))
	for range 10 {
		w.Code("OPTIONS", "sip:b@example.com")
	}
	want := func(after string) {
		t.Helper()
		for _, c := range [][3]string{
			{"my_calls_total", "known:false method:OPTIONS", "10"}, {"my_calls_total", "known: method:OPTIONS", "20"},
			{"my_load", "", "3"}, {"my_size", "method:OPTIONS", "[1 5] [0 10] 10 30"},
		} {
			if got := exported(w, c[0], c[1]); got != c[2] {
				t.Errorf("%s: %s{%s} is %s, want %s", after, c[0], c[1], got, c[2])
			}
		}
	}
	want("at first")
	if err := w.Router.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	want("after a reload")
	if err := w.Router.ReloadAs(context.Background(), luabind.Options{Source: `error("x")`}); err == nil {
		t.Fatal("a bad script was accepted")
	}
	want("after a reload that was refused")
	other := strings.Replace(counting, `, { "method", "known" }`, ``, 1)
	if err := w.Router.ReloadAs(context.Background(), luabind.Options{Source: other}); err != nil {
		t.Fatal(err)
	}
	if got := exported(w, "my_calls_total", ""); got != "0" {
		t.Errorf("declared otherwise, the counter is %s", got)
	}
	if got := exported(w, "my_load", ""); got != "3" {
		t.Errorf("declared alike, the gauge is %s", got)
	}
}

func TestMetricMistakes(t *testing.T) {
	for source, want := range map[string]string{
		`sip.metric.counter("sipscript_calls_total", "x")`:                "begins with sipscript_, as metrics of the server do",
		`sip.metric.counter("my calls", "x")`:                             "is not a name of lower-case letters",
		`sip.metric.counter("calls")`:                                     "argument 2 must be a string",
		`sip.metric.counter("calls", "x", { 1, {} })`:                     "a list of names of labels",
		`sip.metric.histogram("calls", "x", nil, { 2, 1 })`:               "ascending order",
		`sip.metric.histogram("calls", "x", nil, {})`:                     "a list of numbers",
		`sip.metric.histogram("calls", "x", nil, { "a" })`:                "bucket 1 must be a number",
		`sip.metric.gauge("a", "x") sip.metric.counter("a", "x")`:         "a second time, and differently",
		`sip.metric.gauge("a_count", "x") sip.metric.histogram("a", "x")`: "exported as a_count",
	} {
		t.Run(source, func(t *testing.T) {
			_, err := luabindtest.Try(t, source+" function route() end")
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "route.lua:1") && !strings.Contains(err.Error(), ":1:") {
				t.Errorf("%s: %v, want %q", source, err, want)
			}
		})
	}
	w := luabindtest.New(t, `c, g, h = sip.metric.counter("c", "x", { "a" }), sip.metric.gauge("g", "x"), sip.metric.histogram("h", "x") function route() end`)
	evalFails(t, w, map[string]string{
		`sip.metric.counter("late", "x")`: "sip.metric.counter can only be called while the file runs: all lanes must have it",
		`c:inc()`:                         `c has 1 labels ("a"), and 0 values were given`,
		`c:inc("a", "b")`:                 "and 2 values were given",
		`c:add(-1, "a")`:                  "by must be a number that is not negative, not -1",
		`c:add(0/0, "a")`:                 "by must be a number that is not negative, not NaN",
		`c:inc({})`:                       "must be text, not a table",
		`g:set(1/0)`:                      "to must be a number, not +Inf",
		`g:inc("x")`:                      "g has no labels",
		`g:observe(1)`:                    "has no",
		`h:observe("x")`:                  "must be a number",
		`c.inc(g, "x")`:                   "is a method",
	})
	evals(t, w, map[string][]any{`return tostring(c)`: {"sip.metric: c"}})
}

// Counting allocates nothing, apart from what the interpreter does for the name of any method.
func TestMetricAllocations(t *testing.T) {
	declared := `local c, h = sip.metric.counter("c", "x", { "a", "b" }), sip.metric.histogram("h", "x") `
	measured := func(body string) (n float64) {
		onRequest(t, declared+"function route(req) "+body+" end", func(req *engine.Request, r *luabind.Router) {
			n = testing.AllocsPerRun(200, func() { _ = r.Route(req) })
		})
		return n
	}
	none, ten := measured(""), measured(strings.Repeat(`c:inc("INVITE", "de") h:observe(0.3) `, 5))
	if ten > none+10 {
		t.Errorf("ten counts allocate: %v times with them, %v without", ten, none)
	}
}

// BenchmarkMetric counts ten times in a metric with two labels, in one without, and in a histogram.
func BenchmarkMetric(b *testing.B) {
	for name, source := range map[string]string{
		"empty":      "function route(req) for i = 1, 10 do end end",
		"two labels": `local c = sip.metric.counter("c", "x", { "a", "b" }) function route(req) for i = 1, 10 do c:inc("INVITE", "de") end end`,
		"no label":   `local c = sip.metric.counter("c", "x") function route(req) for i = 1, 10 do c:inc() end end`,
		"histogram":  `local c = sip.metric.histogram("c", "x") function route(req) for i = 1, 10 do c:observe(0.3) end end`,
		"dictionary": `local c = sip.shared("c") function route(req) for i = 1, 10 do c:incr("x") end end`,
	} {
		b.Run(name, func(b *testing.B) {
			onRequest(b, source, func(req *engine.Request, r *luabind.Router) {
				b.ReportAllocs()
				for b.Loop() {
					if err := r.Route(req); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
