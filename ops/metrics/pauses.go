package metrics

// How long Go's collector makes everybody wait.

import (
	"math"
	"runtime/metrics"

	"github.com/prometheus/client_golang/prometheus"
)

// gcPauses is the runtime's name for how long all goroutines were stopped for the collector; each
// of its cycles stops them twice.
const gcPauses = "/sched/pauses/total/gc:seconds"

// Pauses exports how long the collector's pauses were.
func Pauses() prometheus.Collector {
	pause := prometheus.NewDesc(prefix+"gc_pause_seconds", "How long the collector stopped everything. The sum is reckoned from the buckets.", nil, nil)
	return collect(func(emit func(prometheus.Metric)) {
		sample := []metrics.Sample{{Name: gcPauses}}
		metrics.Read(sample)
		if sample[0].Value.Kind() != metrics.KindFloat64Histogram {
			return // this Go has another name for it
		}
		count, sum, buckets := cumulative(sample[0].Value.Float64Histogram())
		emit(prometheus.MustNewConstHistogram(pause, count, sum, buckets))
	})
}

// Buckets below shortestPause are merged, and there is no bound above longestPause: the runtime has
// hundreds.
const (
	shortestPause = 1e-6
	longestPause  = 1.0
)

// cumulative turns the runtime's histogram into Prometheus' kind. Every other bound is left out:
// two stay for each doubling.
func cumulative(h *metrics.Float64Histogram) (count uint64, sum float64, buckets map[float64]uint64) {
	buckets = map[float64]uint64{}
	kept := 0.0
	for i, n := range h.Counts {
		low, high := h.Buckets[i], h.Buckets[i+1]
		count += n
		switch {
		case math.IsInf(low, 0):
			sum += float64(n) * max(high, 0)
		case math.IsInf(high, 0):
			sum += float64(n) * low
		default:
			sum += float64(n) * (low + high) / 2
		}
		if high >= shortestPause && high <= longestPause && high >= kept*1.4 {
			buckets[high], kept = count, high
		}
	}
	return count, sum, buckets
}
