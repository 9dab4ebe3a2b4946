package metric

import (
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// Metric is one that a script declared. Its methods may be called from any goroutine.
type Metric struct {
	Spec
	set    *Set
	groups int // that have it; guarded by set.mu

	series atomic.Pointer[map[string]*Series] // by key; never changed, only replaced
	mu     sync.Mutex                         // held while it is replaced
	lost   atomic.Uint64
}

// Series is one metric with certain values of its labels.
type Series struct {
	Values []string // of the labels
	bits   atomic.Uint64
	counts []atomic.Uint64 // of a histogram: by bucket, the last above all bounds
}

func (s *Set) newMetric(spec Spec) *Metric {
	m := &Metric{Spec: spec, set: s}
	all := map[string]*Series{}
	if len(spec.Labels) == 0 { // it is there before it counts: a rate needs its first value
		all[""] = m.newSeries(nil)
		s.total.Add(1)
	}
	m.series.Store(&all)
	return m
}

func (m *Metric) newSeries(values []string) *Series {
	s := &Series{Values: values}
	if m.Kind == Histogram {
		s.counts = make([]atomic.Uint64, len(m.Buckets)+1)
	}
	return s
}

// separator stands between values in a key. It is not in them: they are UTF-8.
const separator = 0xff

// AppendValue appends a label's value to a key, as it will be exported.
func AppendValue(key []byte, value string) []byte {
	if !utf8.ValidString(value) {
		value = strings.ToValidUTF8(value, "\uFFFD")
	}
	if len(value) > MaxValue {
		value = value[:MaxValue]
		for !utf8.ValidString(value) {
			value = value[:len(value)-1]
		}
	}
	return append(append(key, value...), separator)
}

// Series is the one whose label values make the key (see [AppendValue]); nil where there are too
// many already, which is counted.
func (m *Metric) Series(key []byte) *Series {
	if s := (*m.series.Load())[string(key)]; s != nil {
		return s
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	old := *m.series.Load()
	if s := old[string(key)]; s != nil {
		return s
	}
	if len(old) >= MaxSeries || m.set.total.Load() >= MaxTotal {
		m.lost.Add(1)
		return nil
	}
	m.set.total.Add(1)
	text := string(key)
	s := m.newSeries(strings.Split(strings.TrimSuffix(text, "\xff"), "\xff"))
	next := maps.Clone(old)
	next[text] = s
	m.series.Store(&next)
	return s
}

// All are the series that there are, in no order.
func (m *Metric) All() []*Series { return slices.Collect(maps.Values(*m.series.Load())) }

// Add adds to a counter or a gauge.
func (s *Series) Add(by float64) {
	for {
		old := s.bits.Load()
		if s.bits.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+by)) {
			return
		}
	}
}

// Set sets a gauge.
func (s *Series) Set(to float64) { s.bits.Store(math.Float64bits(to)) }

// Observe counts a value in a histogram.
func (m *Metric) Observe(s *Series, value float64) {
	i, _ := slices.BinarySearch(m.Buckets, value) // a bound is in its bucket
	s.counts[i].Add(1)
	s.Add(value)
}

// Value is that of a counter or gauge; of a histogram the sum.
func (s *Series) Value() float64 { return math.Float64frombits(s.bits.Load()) }

// Counts are the cumulative counts of a histogram's buckets, and the count of all.
func (s *Series) Counts() (counts []uint64, all uint64) {
	for i := range s.counts {
		all += s.counts[i].Load()
		counts = append(counts, all)
	}
	return counts[:len(counts)-1], all
}
