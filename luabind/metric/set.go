package metric

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Set has the metrics of a process. Its methods may be called from any goroutine.
type Set struct {
	total atomic.Int64 // series
	lost  atomic.Uint64

	mu     sync.Mutex
	groups []*Group // in force, the oldest first
}

// Group has those that one generation of a script declares. Until it is in force it belongs to one
// goroutine.
type Group struct {
	set     *Set
	metrics []*Metric
	names   map[string]*Metric // under which they are exported
	// Beside: it does not replace the group in force, so it may declare nothing differently.
	Beside bool
}

// Group makes one.
func (s *Set) Group() *Group { return &Group{set: s, names: map[string]*Metric{}} }

// Declare is the metric of a declaration: the same one for the same declaration, in this group and
// in those in force.
func (g *Group) Declare(spec Spec) (*Metric, error) {
	if err := spec.complete(); err != nil {
		return nil, err
	}
	for _, name := range spec.exported() {
		m := g.names[name]
		switch {
		case m == nil:
		case m.same(&spec):
			return m, nil
		case m.Name == spec.Name:
			return nil, fmt.Errorf("%q is declared a second time, and differently", spec.Name)
		default:
			return nil, fmt.Errorf("%q would be exported as %s, as the %s %q is: choose another name", spec.Name, name, m.Kind, m.Name)
		}
	}
	if len(g.metrics) == MaxMetrics {
		return nil, fmt.Errorf("more than %d metrics", MaxMetrics)
	}
	m, err := g.set.find(&spec, g.Beside)
	if err != nil {
		return nil, err
	}
	g.metrics = append(g.metrics, m)
	for _, name := range spec.exported() {
		g.names[name] = m
	}
	return m, nil
}

// find is the metric in force with the same declaration, or a new one.
func (s *Set) find(spec *Spec, beside bool) (*Metric, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range slices.Backward(s.groups) {
		for _, m := range g.metrics {
			if m.same(spec) {
				m.groups++
				return m, nil
			}
		}
		if beside {
			for _, name := range spec.exported() {
				if m := g.names[name]; m != nil {
					return nil, fmt.Errorf("%q differs from the %s %q of the script that serves, beside which this one is to run: choose another name", spec.Name, m.Kind, m.Name)
				}
			}
		}
	}
	m := s.newMetric(*spec)
	m.groups = 1
	return m, nil
}

// Enter puts the group in force: what it has is exported.
func (g *Group) Enter() {
	g.set.mu.Lock()
	defer g.set.mu.Unlock()
	g.set.groups = append(g.set.groups, g)
}

// Leave ends it. What no other group has is forgotten.
func (g *Group) Leave() {
	s := g.set
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups = slices.DeleteFunc(s.groups, func(o *Group) bool { return o == g })
	for _, m := range g.metrics {
		if m.groups--; m.groups == 0 {
			s.total.Add(-int64(len(*m.series.Load())))
			s.lost.Add(m.lost.Swap(0))
		}
	}
	g.metrics = nil
}

// Metrics are those to export, by name. Of two with the same name the newer one is.
func (s *Set) Metrics() []*Metric {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*Metric
	taken := map[string]*Metric{}
	for _, g := range slices.Backward(s.groups) {
		for _, m := range g.metrics {
			if !slices.ContainsFunc(m.exported(), func(name string) bool { return taken[name] != nil }) {
				list = append(list, m)
			}
		}
		for name, m := range g.names {
			if taken[name] == nil {
				taken[name] = m
			}
		}
	}
	slices.SortFunc(list, func(a, b *Metric) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Lost is how often something was not counted because there were too many series.
func (s *Set) Lost() uint64 {
	n := s.lost.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[*Metric]bool{}
	for _, g := range s.groups {
		for _, m := range g.metrics {
			if !seen[m] {
				seen[m] = true
				n += m.lost.Load()
			}
		}
	}
	return n
}
