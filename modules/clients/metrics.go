package clients

// Figures of the pool.

import (
	"slices"

	"github.com/sipscript/sipscript/luabind"
)

// called is a server as figures name it. Several circuits may lead to one: with another password,
// or with other options.
type called struct{ kind, name string }

// Metrics are those of all servers in use. Their number changes with what scripts open.
func (p *Pool) Metrics() []luabind.Metric {
	var order []called
	of := map[called][]*gate{}
	for _, g := range p.gates() {
		name := called{g.kind, g.name}
		if of[name] == nil {
			order = append(order, name)
		}
		of[name] = append(of[name], g)
	}
	var list []luabind.Metric
	for _, name := range order {
		list = append(list, metricsOf(name, of[name])...)
	}
	return list
}

// metricsOf are a server's: it is up while all circuits are closed.
func metricsOf(name called, gates []*gate) []luabind.Metric {
	of := map[string]string{"kind": name.kind, "server": name.name}
	list := []luabind.Metric{
		{Name: "client_up", Help: "Whether a server is thought to be there.", Kind: luabind.Gauge, Labels: of, Value: func() float64 {
			if slices.ContainsFunc(gates, func(g *gate) bool { return g.away.Load() }) {
				return 0
			}
			return 1
		}},
		{Name: "client_away_seconds", Help: "For how long a server has been away, 0 while it is there.", Kind: luabind.Gauge, Labels: of, Value: func() (longest float64) {
			for _, g := range gates {
				longest = max(longest, g.sinceAway().Seconds())
			}
			return longest
		}},
		{Name: "client_seconds", Help: "How long calls of a server took.", Kind: luabind.Histogram, Labels: of, Buckets: func() ([]float64, []uint64, uint64, float64) {
			return histogramOf(gates)
		}},
	}
	for _, outcome := range []struct {
		name string
		n    func(*figures) uint64
	}{
		{"ok", func(f *figures) uint64 { return f.ok.Load() }},
		{"failed", func(f *figures) uint64 { return f.failed.Load() }},
		{"refused", func(f *figures) uint64 { return f.refused.Load() }},
		{"given_up", func(f *figures) uint64 { return f.given.Load() }},
	} {
		list = append(list, luabind.Metric{Name: "client_calls_total", Help: "Calls of a server: failed, not made because it is unavailable (refused), or abandoned by the caller.",
			Kind: luabind.Counter, Labels: map[string]string{"kind": name.kind, "server": name.name, "outcome": outcome.name}, Value: func() (sum float64) {
				for _, g := range gates {
					sum += float64(outcome.n(&g.figures))
				}
				return sum
			}})
	}
	return list
}

// histogramOf adds up how long calls took. All circuits have the same buckets.
func histogramOf(gates []*gate) (bounds []float64, counts []uint64, count uint64, sum float64) {
	for _, g := range gates {
		b, c, n, s := g.figures.histogram()
		if bounds == nil {
			bounds, counts = b, make([]uint64, len(c))
		}
		for i := range c {
			counts[i] += c[i]
		}
		count, sum = count+n, sum+s
	}
	return bounds, counts, count, sum
}
