// Package metrics turns what engine, scripts and modules count into Prometheus' figures. Nothing is
// counted here: each scrape reads what the parts have counted by themselves, so that the path of a
// message knows nothing of exports.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

// prefix of all names.
const prefix = "sipscript_"

// collect makes an unchecked collector of a function that emits figures: what there is to emit
// (methods seen, modules loaded) is known at the scrape only.
type collect func(emit func(prometheus.Metric))

// Describe tells nothing, which makes the collector unchecked.
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
