package metrics

// What scripts and modules count, under their own names (luabind.Metric).

import (
	"maps"
	"math"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipscript/sipscript/luabind"
)

// Metered exports the figures that read lists. The list may change with a reload.
func Metered(read func() []luabind.Metric) prometheus.Collector {
	return collect(func(emit func(prometheus.Metric)) {
		for _, m := range read() {
			if f := figure(m); f != nil {
				emit(f)
			}
		}
	})
}

// figure is nil for one that is unknown: a number in its place would be taken for true.
func figure(m luabind.Metric) prometheus.Metric {
	names := slices.Sorted(maps.Keys(m.Labels))
	values := make([]string, len(names))
	for i, n := range names {
		values[i] = m.Labels[n]
	}
	name := prefix + m.Name
	if m.Own {
		name = m.Name
	}
	desc := prometheus.NewDesc(name, m.Help, names, nil)
	if m.Kind == luabind.Histogram {
		bounds, counts, count, sum := m.Buckets()
		buckets := make(map[float64]uint64, len(bounds))
		for i := range min(len(bounds), len(counts)) {
			buckets[bounds[i]] = counts[i]
		}
		return orInvalid(prometheus.NewConstHistogram(desc, count, sum, buckets, values...))(desc)
	}
	kind := prometheus.CounterValue
	if m.Kind == luabind.Gauge {
		kind = prometheus.GaugeValue
	}
	value := m.Value()
	if math.IsNaN(value) {
		return nil
	}
	return orInvalid(prometheus.NewConstMetric(desc, kind, value, values...))(desc)
}

// orInvalid turns a figure that a module described badly into one that the scrape reports as an
// error, by name.
func orInvalid(m prometheus.Metric, err error) func(*prometheus.Desc) prometheus.Metric {
	return func(d *prometheus.Desc) prometheus.Metric {
		if err != nil {
			return prometheus.NewInvalidMetric(d, err)
		}
		return m
	}
}
