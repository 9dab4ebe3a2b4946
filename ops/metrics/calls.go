package metrics

// What became of calls: an engine.Reporter that counts.

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipscript/sipscript/engine"
)

// Calls counts what an engine reports of calls, and is the collector of the figures. It is an
// engine.Reporter.
type Calls struct {
	read func() engine.Stats // for those in progress

	settled [7][len(causes)]atomic.Uint64 // by class and cause
	ended   [len(endings)]atomic.Uint64
	// From the INVITE to the first 18x, and to the 2xx; from that to the end
	delay, setup, talk histogram
}

// causes are the values of the label cause: "none" where a user agent decided.
var causes = [...]string{"none", engine.CauseTimeout, engine.CauseUnreachable, engine.CauseCancelled, engine.CauseShutdown, engine.CauseFull, "media", "other"}

var endings = [...]string{engine.EndedByCaller, engine.EndedByCallee, engine.EndedByServer, engine.EndedByShutdown, engine.EndedUnknown}

// Bounds of the buckets, in seconds.
var (
	shortBounds = [...]float64{.05, .1, .2, .5, 1, 2, 3, 5, 10, 20, 30, 60, 180}
	talkBounds  = [...]float64{1, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400}
)

// NewCalls makes one; read takes the engine's snapshot.
func NewCalls(read func() engine.Stats) *Calls {
	return &Calls{read: read, delay: histogram{bounds: shortBounds}, setup: histogram{bounds: shortBounds}, talk: histogram{bounds: talkBounds}}
}

// Settled implements engine.Reporter.
func (c *Calls) Settled(r *engine.CallReport) {
	cause := 0
	if r.Cause != "" {
		cause = index(causes[:], r.Cause)
	}
	c.settled[min(max(r.Code/100, 0), len(c.settled)-1)][cause].Add(1)
	if r.Ringing > 0 {
		c.delay.add(r.Ringing)
	}
	if r.Answered > 0 && r.Code/100 == 2 {
		c.setup.add(r.Answered)
	}
}

// Ended implements engine.Reporter.
func (c *Calls) Ended(r *engine.CallReport) {
	c.ended[index(endings[:], r.EndedBy)].Add(1)
	c.talk.add(r.Lasted)
}

// index is that of a name in a list, the last for one that is not in it.
func index(list []string, name string) int {
	for i, one := range list {
		if one == name {
			return i
		}
	}
	return len(list) - 1
}

// Describe sends nothing, which makes the collector unchecked.
func (c *Calls) Describe(chan<- *prometheus.Desc) {}

// Collect emits the figures of this moment.
func (c *Calls) Collect(ch chan<- prometheus.Metric) {
	settled := counter("calls_total", "Calls whose INVITE is over, by class of the final response and by cause: none where a user agent decided.", "class", "cause")
	for class := range c.settled {
		for cause := range c.settled[class] {
			if n := c.settled[class][cause].Load(); n > 0 || fromZero(class, cause) {
				ch <- settled.of(float64(n), strconv.Itoa(class)+"xx", causes[cause])
			}
		}
	}
	ended := counter("calls_ended_total", "Answered calls that ended, by who ended them.", "by")
	for i := range c.ended {
		ch <- ended.of(float64(c.ended[i].Load()), endings[i])
	}
	ch <- gauge("calls_in_progress", "Calls that were answered and have not ended, on whose path the server is.").of(float64(c.read().Calls))
	ch <- c.delay.metric("call_post_dial_delay_seconds", "From the INVITE to the first response that says that it rings.")
	ch <- c.setup.metric("call_setup_seconds", "From the INVITE to the answer.")
	ch <- c.talk.metric("call_duration_seconds", "From the answer to the end, of calls on whose path the server is.")
}

// fromZero reports whether a figure is exported before it has counted anything: what a series
// begins with is no increase to Prometheus, and what is not there can't be compared. A server has
// no causes for what is not a failure.
func fromZero(class, cause int) bool { return class >= 4 || class >= 2 && cause == 0 }

// histogram counts durations. Buckets are not cumulative here.
type histogram struct {
	bounds  [13]float64
	buckets [14]atomic.Uint64
	sum     atomic.Int64 // nanoseconds
}

func (h *histogram) add(d time.Duration) {
	i, s := 0, d.Seconds()
	for i < len(h.bounds) && s > h.bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(int64(d))
}

func (h *histogram) metric(name, help string) prometheus.Metric {
	buckets, count := make(map[float64]uint64, len(h.bounds)), uint64(0)
	for i := range h.buckets {
		count += h.buckets[i].Load()
		if i < len(h.bounds) {
			buckets[h.bounds[i]] = count
		}
	}
	return prometheus.MustNewConstHistogram(prometheus.NewDesc(prefix+name, help, nil, nil), count, time.Duration(h.sum.Load()).Seconds(), buckets)
}
