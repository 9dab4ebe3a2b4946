// Package metric keeps the metrics that scripts define (sip.metric). They belong to the process:
// all lanes count into the same, and a reload that declares one as before goes on with its values.
// Everything is bounded: names, labels, values of labels, and series.
package metric

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Kind is the type of a metric.
type Kind uint8

const (
	Counter   Kind = iota // only grows
	Gauge                 // goes up and down
	Histogram             // counts observations by their size
)

// String is the kind as Prometheus names it.
func (k Kind) String() string { return [...]string{"counter", "gauge", "histogram"}[k] }

// The bounds of what a script may define.
const (
	MaxMetrics = 100   // of one script
	MaxSeries  = 1000  // of one metric
	MaxTotal   = 10000 // series of all
	MaxLabels  = 8
	MaxBuckets = 30
	MaxName    = 100 // bytes of a name
	MaxHelp    = 500 // bytes of a help text
	MaxValue   = 128 // bytes of a label's value; the rest is cut off
)

// DefaultBuckets are those of a histogram that names none: seconds from a few milliseconds on.
var defaultBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

// Spec is the declaration of a metric.
type Spec struct {
	Name    string    // as it is exported
	Help    string    // what it counts
	Kind    Kind      // see there
	Labels  []string  // their names
	Buckets []float64 // upper bounds of a Histogram, ascending; nil for the default
}

// builtIn are beginnings of names that the server itself, or Prometheus, uses.
var builtIn = []string{"sipscript_", "go_", "process_", "promhttp_", "scrape_"}

// CheckName says what is wrong with the name of a metric.
func CheckName(name string) error {
	if !isName(name) || len(name) > MaxName {
		return fmt.Errorf("%.40q is not a name of lower-case letters, digits and _, of at most %d bytes", name, MaxName)
	}
	for _, p := range builtIn {
		if strings.HasPrefix(name, p) {
			return fmt.Errorf("%q begins with %s, as metrics of the server do: choose another name", name, p)
		}
	}
	if name == "up" {
		return errors.New(`"up" is a metric of Prometheus itself: choose another name`)
	}
	return nil
}

func isName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c == '_', c >= '0' && c <= '9' && i > 0:
		default:
			return false
		}
	}
	return s != ""
}

// complete checks a declaration and fills in defaults.
func (s *Spec) complete() error {
	if err := CheckName(s.Name); err != nil {
		return err
	}
	if s.Help == "" || len(s.Help) > MaxHelp {
		return fmt.Errorf("%q needs a help text of at most %d bytes: say what it counts", s.Name, MaxHelp)
	}
	s.Help = strings.ToValidUTF8(s.Help, "\uFFFD")
	if len(s.Labels) > MaxLabels {
		return fmt.Errorf("%q has more than %d labels", s.Name, MaxLabels)
	}
	for i, l := range s.Labels {
		switch {
		case !isName(l) || len(l) > MaxName || strings.HasPrefix(l, "__"):
			return fmt.Errorf("%.40q is not the name of a label: lower-case letters, digits and _ make one", l)
		case l == "le" && s.Kind == Histogram:
			return errors.New(`"le" is the label of a histogram's buckets: choose another name`)
		case slices.Contains(s.Labels[:i], l):
			return fmt.Errorf("the label %q is there twice", l)
		}
	}
	return s.completeBuckets()
}

func (s *Spec) completeBuckets() error {
	if s.Kind != Histogram {
		return nil
	}
	if len(s.Buckets) == 0 {
		s.Buckets = defaultBuckets
	}
	if len(s.Buckets) > MaxBuckets {
		return fmt.Errorf("%q has more than %d buckets", s.Name, MaxBuckets)
	}
	for i, b := range s.Buckets {
		if math.IsNaN(b) || math.IsInf(b, 0) || i > 0 && b <= s.Buckets[i-1] {
			return fmt.Errorf("the buckets of %q must be numbers in ascending order", s.Name)
		}
	}
	return nil
}

// exported are the names under which a metric appears, in the formats of Prometheus and
// OpenMetrics.
func (s *Spec) exported() []string {
	switch s.Kind {
	case Counter:
		base := strings.TrimSuffix(s.Name, "_total")
		return []string{base, base + "_total", base + "_created"}
	case Histogram:
		return []string{s.Name, s.Name + "_bucket", s.Name + "_sum", s.Name + "_count", s.Name + "_created"}
	}
	return []string{s.Name}
}

// same reports whether two declarations count the same: the help may differ.
func (s *Spec) same(o *Spec) bool {
	return s.Name == o.Name && s.Kind == o.Kind && slices.Equal(s.Labels, o.Labels) && slices.Equal(s.Buckets, o.Buckets)
}
