package source

// Figures of lists.

import (
	"time"

	"github.com/sipscript/sipscript/luabind"
)

// Metrics of the list.
func (l *List[V]) Metrics() []luabind.Metric {
	of := map[string]string{"list": l.name}
	since := func(at int64) float64 {
		if at == 0 {
			return 0
		}
		return max(0, l.now().Sub(time.Unix(0, at)).Seconds())
	}
	return []luabind.Metric{
		{Name: "list_entries", Help: "Entries of a list.", Kind: luabind.Gauge, Labels: of, Value: func() float64 { return float64(l.entries.Load()) }},
		{Name: "list_age_seconds", Help: "Time since a list was read.", Kind: luabind.Gauge, Labels: of, Value: func() float64 { return since(l.loaded.Load()) }},
		{Name: "list_stale_seconds", Help: "For how long a list could not be read again, 0 while it can.", Kind: luabind.Gauge, Labels: of,
			Value: func() float64 { return since(l.stale.Load()) }},
		{Name: "list_failures_total", Help: "Readings of a list that failed.", Kind: luabind.Counter, Labels: of,
			Value: func() float64 { return float64(l.failures.Load()) }},
	}
}

// Stats is the state of a list.
type Stats struct {
	Entries  int       // in the list that is in force
	Loaded   time.Time // when it was read
	Stale    time.Time // since when it could not be read again; zero while it can
	Failures uint64    // reads since the start that failed and left the list as it was
}

// Stats reads the figures.
func (l *List[V]) Stats() Stats {
	s := Stats{Entries: int(l.entries.Load()), Loaded: time.Unix(0, l.loaded.Load()), Failures: l.failures.Load()}
	if at := l.stale.Load(); at != 0 {
		s.Stale = time.Unix(0, at)
	}
	return s
}
