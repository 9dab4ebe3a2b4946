package metric

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

func declare(t *testing.T, g *Group, s Spec) *Metric {
	t.Helper()
	if s.Help == "" {
		s.Help = "Help."
	}
	m, err := g.Declare(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func key(values ...string) (k []byte) {
	for _, v := range values {
		k = AppendValue(k, v)
	}
	return k
}

func TestDeclarationsThatAreRefused(t *testing.T) {
	many := strings.Split(strings.Repeat("l ", MaxLabels)+"l", " ")
	for i := range many {
		many[i] += fmt.Sprint(i)
	}
	for _, c := range []struct {
		name string
		spec Spec
		want string
	}{
		{"no name", Spec{}, "is not a name"},
		{"capitals", Spec{Name: "Calls"}, "is not a name"},
		{"a digit first", Spec{Name: "1calls"}, "is not a name"},
		{"a long name", Spec{Name: strings.Repeat("x", MaxName+1)}, "is not a name"},
		{"a name of the server", Spec{Name: "sipscript_requests_total"}, "begins with sipscript_"},
		{"a name of the Go runtime", Spec{Name: "go_goroutines"}, "begins with go_"},
		{"a name of the process", Spec{Name: "process_open_fds"}, "begins with process_"},
		{"a name of Prometheus", Spec{Name: "up"}, "of Prometheus itself"},
		{"no help", Spec{Name: "x", Help: ""}, "needs a help text"},
		{"a long help", Spec{Name: "x", Help: strings.Repeat("x", MaxHelp+1)}, "needs a help text"},
		{"a label that is not a name", Spec{Name: "x", Help: "x", Labels: []string{"a-b"}}, "not the name of a label"},
		{"a label of Prometheus", Spec{Name: "x", Help: "x", Labels: []string{"__name__"}}, "not the name of a label"},
		{"a label twice", Spec{Name: "x", Help: "x", Labels: []string{"a", "a"}}, "is there twice"},
		{"the label of buckets", Spec{Name: "x", Help: "x", Kind: Histogram, Labels: []string{"le"}}, "label of a histogram's buckets"},
		{"many labels", Spec{Name: "x", Help: "x", Labels: many}, "more than 8 labels"},
		{"buckets that fall", Spec{Name: "x", Help: "x", Kind: Histogram, Buckets: []float64{2, 1}}, "ascending order"},
		{"a bucket twice", Spec{Name: "x", Help: "x", Kind: Histogram, Buckets: []float64{1, 1}}, "ascending order"},
		{"many buckets", Spec{Name: "x", Help: "x", Kind: Histogram, Buckets: make([]float64, MaxBuckets+1)}, "more than 30 buckets"},
		{"the same name, another kind", Spec{Name: "calls_total", Help: "x", Kind: Gauge}, "a second time, and differently"},
		{"the same name, other labels", Spec{Name: "calls_total", Help: "x", Labels: []string{"a"}}, "a second time, and differently"},
		{"a name that a counter has in OpenMetrics", Spec{Name: "calls", Help: "x", Kind: Gauge}, `exported as calls, as the counter "calls_total" is`},
		{"a name that a histogram has", Spec{Name: "size_count", Help: "x", Kind: Gauge}, `exported as size_count, as the histogram "size" is`},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := (&Set{}).Group()
			declare(t, g, Spec{Name: "calls_total"})
			declare(t, g, Spec{Name: "size", Kind: Histogram})
			if _, err := g.Declare(c.spec); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	t.Run("many", func(t *testing.T) {
		g := (&Set{}).Group()
		for i := range MaxMetrics {
			declare(t, g, Spec{Name: fmt.Sprint("m", i)})
		}
		if _, err := g.Declare(Spec{Name: "m", Help: "x"}); err == nil {
			t.Error("one more was accepted")
		}
	})
}

// What is declared alike is the same metric, in one generation and in the next; what is not, is
// not. The end of the last generation that has one ends it.
func TestGenerations(t *testing.T) {
	s := &Set{}
	one := s.Group()
	calls := declare(t, one, Spec{Name: "calls_total", Labels: []string{"a"}})
	if calls != declare(t, one, Spec{Name: "calls_total", Labels: []string{"a"}, Help: "Other."}) {
		t.Error("a second declaration is another metric")
	}
	size := declare(t, one, Spec{Name: "size", Kind: Histogram, Buckets: []float64{1}})
	if len(s.Metrics()) != 0 {
		t.Error("a generation that is not in force is exported")
	}
	one.Enter()
	calls.Series(key("x")).Add(3)
	refused := s.Group()
	declare(t, refused, Spec{Name: "calls_total", Labels: []string{"a"}})
	declare(t, refused, Spec{Name: "gone"})
	refused.Leave()
	two := s.Group()
	again := declare(t, two, Spec{Name: "calls_total", Labels: []string{"a"}})
	other := declare(t, two, Spec{Name: "size", Kind: Histogram, Buckets: []float64{2}})
	two.Enter()
	if again != calls || other == size {
		t.Error("the next generation has another counter, or the same histogram")
	}
	if got := s.Metrics(); !slices.Equal(got, []*Metric{calls, other}) {
		t.Errorf("with two in force: %v", got)
	}
	one.Leave()
	if got := again.Series(key("x")).Value(); got != 3 {
		t.Errorf("the counter is %v after the reload", got)
	}
	two.Leave()
	if s.total.Load() != 0 || len(s.Metrics()) != 0 {
		t.Errorf("%d series of %v are left", s.total.Load(), s.Metrics())
	}
}

// A script beside the one that serves counts into the same metrics, and may not declare them
// differently.
func TestBeside(t *testing.T) {
	s := &Set{}
	one := s.Group()
	declare(t, one, Spec{Name: "calls_total"})
	one.Enter()
	two := s.Group()
	two.Beside = true
	declare(t, two, Spec{Name: "calls_total"})
	declare(t, two, Spec{Name: "other"})
	if _, err := two.Declare(Spec{Name: "calls", Kind: Gauge, Help: "x"}); err == nil {
		t.Error("a name of the script that serves was taken")
	}
	three := s.Group()
	three.Beside = true
	if _, err := three.Declare(Spec{Name: "calls_total", Labels: []string{"a"}, Help: "x"}); err == nil || !strings.Contains(err.Error(), "beside which") {
		t.Errorf("declared differently: %v", err)
	}
}

// However many values labels have, the series are bounded, and what is not counted is.
func TestSeriesAreBounded(t *testing.T) {
	s := &Set{}
	g := s.Group()
	m := declare(t, g, Spec{Name: "m", Labels: []string{"a"}})
	g.Enter()
	for i := range MaxSeries + 5 {
		m.Series(key(fmt.Sprint(i)))
	}
	if n := len(m.All()); n != MaxSeries || s.Lost() != 5 {
		t.Errorf("%d series, %d lost", n, s.Lost())
	}
	for i := range MaxTotal/MaxSeries - 1 {
		o := declare(t, g, Spec{Name: fmt.Sprint("o", i), Labels: []string{"a"}})
		for j := range MaxSeries {
			o.Series(key(fmt.Sprint(j)))
		}
	}
	last := declare(t, g, Spec{Name: "last", Labels: []string{"a"}})
	if last.Series(key("x")) != nil || s.Lost() != 6 {
		t.Errorf("one more than all was counted; %d lost", s.Lost())
	}
	g.Leave()
	if s.Lost() != 6 || s.total.Load() != 0 {
		t.Errorf("after the end %d lost, %d series", s.Lost(), s.total.Load())
	}
}

// Values of labels may be anything: what is exported is UTF-8, short, and there once.
func TestValuesOfLabels(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"text", "de", "de"},
		{"nothing", "", ""},
		{"not UTF-8", "a\xff\xfeb", "a\uFFFDb"},
		{"the separator", "\xff", "\uFFFD"},
		{"long", strings.Repeat("x", 200), strings.Repeat("x", MaxValue)},
		{"long, cut within a letter", strings.Repeat("x", MaxValue-1) + "ü", strings.Repeat("x", MaxValue-1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := (&Set{}).Group()
			m := declare(t, g, Spec{Name: "m", Labels: []string{"a", "b"}})
			m.Series(key(c.value, "y"))
			m.Series(key(c.want, "y"))
			if all := m.All(); len(all) != 1 || !slices.Equal(all[0].Values, []string{c.want, "y"}) {
				t.Errorf("%q became %d series, the first %q", c.value, len(all), all[0].Values)
			}
		})
	}
}

func TestHistogram(t *testing.T) {
	g := (&Set{}).Group()
	m := declare(t, g, Spec{Name: "m", Kind: Histogram, Buckets: []float64{1, 5}})
	s := m.Series(nil)
	for _, x := range []float64{-1, 1, 2, 5, 9} {
		m.Observe(s, x)
	}
	counts, all := s.Counts()
	if !slices.Equal(counts, []uint64{2, 4}) || all != 5 || s.Value() != 16 {
		t.Errorf("%v of %d, sum %v", counts, all, s.Value())
	}
}

// Lanes count at once, and nothing is lost.
func TestAtOnce(t *testing.T) {
	g := (&Set{}).Group()
	m := declare(t, g, Spec{Name: "m", Labels: []string{"a"}})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 1000 {
				m.Series(key(fmt.Sprint(i % 10))).Add(1)
			}
		})
	}
	wg.Wait()
	sum := 0.0
	for _, s := range m.All() {
		sum += s.Value()
	}
	if sum != 4000 {
		t.Errorf("%v of 4000", sum)
	}
}
