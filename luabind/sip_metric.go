package luabind

import (
	"fmt"
	"math"
	"strconv"

	"github.com/sipscript/sipscript/luabind/metric"
	lua "github.com/yuin/gopher-lua"
)

// sip.metric: what scripts count, next to the server's own metrics.

// The objects of scripts. Each VM has its own; what they count into is the process's.
type (
	counter   struct{ *metric.Metric }
	gauge     struct{ *metric.Metric }
	histogram struct{ *metric.Metric }
)

func sipMetric() []Function {
	name := TextArg("name", "as it is exported: my_calls_total").Described(func(p *Param) { p.Check = metric.CheckName })
	help := TextArg("help", "a sentence: what it counts")
	labels := labelsArg.Optional()
	why := "all lanes must have it before they count"
	raises := fmt.Sprintf("for a name that the server or another metric has, and beyond %d metrics of %d labels", metric.MaxMetrics, metric.MaxLabels)
	return []Function{
		Try3(Function{Name: "metric.counter", Where: AtLoad, Why: why, Raises: raises,
			Doc:     "Declares a metric that only grows. /metrics has it, all lanes count into it, and a reload that declares it alike keeps its values.",
			Example: "local calls = sip.metric.counter(\"my_calls_total\", \"Calls by country.\", { \"country\" })"},
			name, help, labels, returnsLua(ObjectOf, "").of(counterType), func(c *Call, name, help string, labels []string) (lua.LValue, error) {
				m, err := c.declare(metric.Spec{Name: name, Help: help, Kind: metric.Counter, Labels: labels})
				return &lua.LUserData{Value: &counter{m}, Metatable: c.vm.kinds.counter}, err
			}),
		Try3(Function{Name: "metric.gauge", Where: AtLoad, Why: why, Raises: raises,
			Doc:     "Declares a metric that goes up and down. Otherwise as metric.counter.",
			Example: "local waiting = sip.metric.gauge(\"my_waiting_calls\", \"Calls that wait for an agent.\")"},
			name, help, labels, returnsLua(ObjectOf, "").of(gaugeType), func(c *Call, name, help string, labels []string) (lua.LValue, error) {
				m, err := c.declare(metric.Spec{Name: name, Help: help, Kind: metric.Gauge, Labels: labels})
				return &lua.LUserData{Value: &gauge{m}, Metatable: c.vm.kinds.gauge}, err
			}),
		Try4(Function{Name: "metric.histogram", Where: AtLoad, Why: why, Raises: raises,
			Doc:     "Declares a metric that counts observations by their size. Otherwise as metric.counter.",
			Example: "local score = sip.metric.histogram(\"my_score\", \"Scores of callers.\", nil, { 1, 5, 10, 50 })"},
			name, help, labels, bucketsArg.Default(nil, "from 0.005 to 60"), returnsLua(ObjectOf, "").of(histogramType), func(c *Call, name, help string, labels []string, buckets []float64) (lua.LValue, error) {
				m, err := c.declare(metric.Spec{Name: name, Help: help, Kind: metric.Histogram, Labels: labels, Buckets: buckets})
				return &lua.LUserData{Value: &histogram{m}, Metatable: c.vm.kinds.histogram}, err
			}),
	}
}

// declare is the metric of a declaration.
func (c *Call) declare(s metric.Spec) (*metric.Metric, error) { return c.vm.gen.metrics.Declare(s) }

// labelsArg is a list of names.
var labelsArg = ArgOf(func(c *Call, n int) []string {
	list, err := stringList(c.l.Get(n))
	if err != nil {
		c.want(n, "a list of names of labels")
	}
	return list
}, Param{Name: "labels", Type: List, Doc: "names"})

// bucketsArg is a list of numbers.
var bucketsArg = ArgOf(func(c *Call, n int) (list []float64) {
	t, ok := c.l.Get(n).(*lua.LTable)
	if !ok || t.Len() == 0 {
		c.want(n, "a list of numbers")
	}
	for i := 1; i <= t.Len(); i++ {
		x, ok := t.RawGetInt(i).(lua.LNumber)
		if !ok {
			c.Raise("bucket %d must be a number, not %s", i, describe(t.RawGetInt(i)))
		}
		list = append(list, float64(x))
	}
	return list
}, Param{Name: "buckets", Type: List, Doc: fmt.Sprintf("upper bounds in ascending order, at most %d", metric.MaxBuckets)})

// labelValues are the arguments from here on.
func labelValues() Arg[int] {
	return restArg("values", "of the labels, in their order; their text counts, nil is none")
}

// amountArg is a number that can be counted.
func amountArg(name, doc, least string) Arg[float64] {
	a := NumberArg(name, doc)
	a.Params[0].Min = least
	read := a.read
	a.read = func(c *Call, n int) float64 {
		x := read(c, n)
		if math.IsNaN(x) || math.IsInf(x, 0) || x < 0 && least == "0" {
			c.Raise("%s must be a number%s, not %v", name, map[bool]string{true: " that is not negative", false: ""}[least == "0"], x)
		}
		return x
	}
	return a
}

// series is the one that the arguments from first on name; nil where there are too many.
func (c *Call) series(m *metric.Metric, first int) *metric.Series {
	given := c.Len() - first + 1
	if given != len(m.Labels) {
		if len(m.Labels) == 0 {
			c.Raise("%s has no labels", m.Name)
		}
		c.Raise("%s has %d labels (%s), and %d values were given", m.Name, len(m.Labels), quotedList(m.Labels), max(given, 0))
	}
	key := c.vm.key[:0]
	for n := first; n < first+given; n++ {
		key = metric.AppendValue(key, c.labelValue(n))
	}
	c.vm.key = key
	return m.Series(key)
}

// labelValue is the text of argument n.
func (c *Call) labelValue(n int) string {
	switch x := c.l.Get(n).(type) {
	case lua.LString:
		return string(x)
	case *lua.LNilType:
		return ""
	case lua.LBool:
		return strconv.FormatBool(bool(x))
	default:
		text, ok := textOf(x)
		if !ok {
			c.want(n, "text")
		}
		return text
	}
}

// add is a method that adds an amount, or a fixed one.
func (c *Call) add(m *metric.Metric, by float64, first int) {
	if s := c.series(m, first); s != nil {
		s.Add(by)
	}
}

var counterType = &ObjectType{
	Name: "counter", Doc: "A metric that only grows, the result of sip.metric.counter.",
	Example: "local calls = sip.metric.counter(\"my_calls_total\", \"Calls.\")\nlocal function count() calls:inc() end",
	Methods: []Function{
		Do2(Function{Name: "inc", Doc: "Adds 1.", Raises: tooFew, Example: `sip.metric.counter("my_calls_total", "Calls.", { "country" }):inc("de")`},
			self[*counter](), labelValues(), func(c *Call, m *counter, first int) { c.add(m.Metric, 1, first) }),
		Do3(Function{Name: "add", Doc: "Adds a number.", Raises: tooFew, Example: `sip.metric.counter("my_bytes_total", "Bytes of bodies."):add(312)`},
			self[*counter](), amountArg("by", "not negative", "0"), labelValues(), func(c *Call, m *counter, by float64, first int) { c.add(m.Metric, by, first) }),
	},
	kind: metricKind("counter"),
}

var gaugeType = &ObjectType{
	Name: "gauge", Doc: "A metric that goes up and down, the result of sip.metric.gauge.",
	Example: "local waiting = sip.metric.gauge(\"my_waiting_calls\", \"Calls that wait.\")\nlocal function enter() waiting:inc() end",
	Methods: []Function{
		Do3(Function{Name: "set", Doc: "Sets it.", Raises: tooFew, Example: `sip.metric.gauge("my_waiting_calls", "Calls that wait."):set(3)`},
			self[*gauge](), amountArg("to", "", ""), labelValues(), func(c *Call, m *gauge, to float64, first int) {
				if s := c.series(m.Metric, first); s != nil {
					s.Set(to)
				}
			}),
		Do3(Function{Name: "add", Doc: "Adds a number, which may be negative.", Raises: tooFew, Example: `sip.metric.gauge("my_waiting_calls", "Calls that wait."):add(-2)`},
			self[*gauge](), amountArg("by", "", ""), labelValues(), func(c *Call, m *gauge, by float64, first int) { c.add(m.Metric, by, first) }),
		Do2(Function{Name: "inc", Doc: "Adds 1.", Raises: tooFew, Example: `sip.metric.gauge("my_waiting_calls", "Calls that wait."):inc()`},
			self[*gauge](), labelValues(), func(c *Call, m *gauge, first int) { c.add(m.Metric, 1, first) }),
		Do2(Function{Name: "dec", Doc: "Subtracts 1.", Raises: tooFew, Example: `sip.metric.gauge("my_waiting_calls", "Calls that wait."):dec()`},
			self[*gauge](), labelValues(), func(c *Call, m *gauge, first int) { c.add(m.Metric, -1, first) }),
	},
	kind: metricKind("gauge"),
}

var histogramType = &ObjectType{
	Name: "histogram", Doc: "A metric that counts observations by their size, the result of sip.metric.histogram.",
	Example: "local score = sip.metric.histogram(\"my_score\", \"Scores of callers.\", nil, { 1, 5, 10 })\nlocal function rate(n) score:observe(n) end",
	Methods: []Function{
		Do3(Function{Name: "observe", Doc: "Counts a value.", Raises: tooFew, Example: `sip.metric.histogram("my_score", "Scores.", nil, { 1, 5, 10 }):observe(7)`},
			self[*histogram](), amountArg("value", "", ""), labelValues(), func(c *Call, m *histogram, value float64, first int) {
				if s := c.series(m.Metric, first); s != nil {
					m.Observe(s, value)
				}
			}),
	},
	kind: metricKind("histogram"),
}

var tooFew = fmt.Sprintf("if there are not as many values as labels; beyond %d series of one metric, or %d of all, nothing is counted", metric.MaxSeries, metric.MaxTotal)

func metricKind(name string) *kind {
	return &kind{variable: name, text: func(_ *lua.LState, self any) string {
		switch m := self.(type) {
		case *counter:
			return "sip.metric: " + m.Name
		case *gauge:
			return "sip.metric: " + m.Name
		case *histogram:
			return "sip.metric: " + m.Name
		}
		return "sip.metric"
	}}
}

// scriptMetrics are those that scripts defined, to be exported.
func (r *Router) scriptMetrics() []Metric {
	list := []Metric{{Name: "script_metric_lost_total", Help: "What scripts counted in vain: there were too many series (sip.metric).",
		Value: func() float64 { return float64(r.metrics.Lost()) }}}
	kinds := [...]MetricKind{Counter, Gauge, Histogram}
	for _, m := range r.metrics.Metrics() {
		for _, s := range m.All() {
			x := Metric{Name: m.Name, Own: true, Help: m.Help, Kind: kinds[m.Kind], Value: s.Value}
			if len(m.Labels) > 0 {
				x.Labels = make(map[string]string, len(m.Labels))
				for i, l := range m.Labels {
					x.Labels[l] = s.Values[i]
				}
			}
			if m.Kind == metric.Histogram {
				x.Buckets = func() ([]float64, []uint64, uint64, float64) {
					counts, all := s.Counts()
					return m.Buckets, counts, all, s.Value()
				}
			}
			list = append(list, x)
		}
	}
	return list
}
