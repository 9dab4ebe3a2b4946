package metrics

// What the lanes count: work, queues, and how long work waited.

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipscript/sipscript/engine/lane"
)

// Lanes exports the figures of lanes, each under its number; background, which may be nil, under
// "background".
func Lanes(lanes []*lane.Lane, background *lane.Lane) prometheus.Collector {
	type named struct {
		*lane.Lane
		name string
	}
	var all []named
	for _, l := range lanes {
		all = append(all, named{l, strconv.Itoa(l.ID())})
	}
	if background != nil {
		all = append(all, named{background, "background"})
	}
	refused := counter("lane_refused_total", "Work refused: the queue was full.", "lane")
	panics := counter("lane_panics_total", "Work that panicked.", "lane")
	depth := gauge("lane_queue_depth", "Work waiting now.", "lane")
	delay := prometheus.NewDesc(prefix+"lane_queue_delay_seconds", "How long work waited for its lane; work done at once waited 0.", []string{"lane"}, nil)
	return collect(func(emit func(prometheus.Metric)) {
		for _, l := range all {
			s := l.Stats()
			emit(refused.of(float64(s.Refused.Load()), l.name))
			emit(panics.of(float64(s.Panics.Load()), l.name))
			emit(depth.of(float64(l.Depth()), l.name))
			count, sum, buckets := delays(s)
			emit(prometheus.MustNewConstHistogram(delay, count, sum, buckets, l.name))
		}
	})
}

// delays are the queueing delays as a cumulative histogram in seconds. Work that was done at once,
// which the lane's own buckets leave out, is in the first.
func delays(s *lane.Stats) (count uint64, sum float64, buckets map[float64]uint64) {
	var waited [lane.DelayBuckets]uint64
	var queued uint64
	for i := range waited {
		waited[i] = s.Delays[i].Load()
		queued += waited[i]
	}
	sum = float64(s.Waited.Load()) / 1e9
	// Read last: each piece of work counts as work before its delay does
	count = max(s.Works.Load(), queued)
	cumulative := count - queued
	buckets = make(map[float64]uint64, len(waited)-1)
	for i := range len(waited) - 1 { // the last has no upper bound
		cumulative += waited[i]
		buckets[float64(uint64(1)<<i)/1e6] = cumulative
	}
	return count, sum, buckets
}
