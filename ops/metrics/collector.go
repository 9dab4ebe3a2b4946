// Package metrics turns the counts of engine, scripts and modules into Prometheus metrics. Nothing
// is counted here: each scrape reads what the parts have counted themselves, so that the path of a
// message does not know about exports.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

// prefix of all names.
const prefix = "sipscript_"

// collect makes an unchecked collector from a function that emits metrics: what can be emitted
// (methods seen, modules loaded) is known only at the scrape.
type collect func(emit func(prometheus.Metric))

// Describe sends nothing, which makes the collector unchecked.
func (c collect) Describe(chan<- *prometheus.Desc) {}

// Collect emits the figures of this moment.
func (c collect) Collect(ch chan<- prometheus.Metric) { c(func(m prometheus.Metric) { ch <- m }) }

// family is one name with its label names.
type family struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func counter(name, help string, labels ...string) family {
	return family{prometheus.NewDesc(prefix+name, help, labels, nil), prometheus.CounterValue}
}

func gauge(name, help string, labels ...string) family {
	return family{prometheus.NewDesc(prefix+name, help, labels, nil), prometheus.GaugeValue}
}

func (f family) of(v float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(f.desc, f.kind, v, labels...)
}
