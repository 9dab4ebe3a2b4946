package clients

// Figures of the pool.

import "github.com/sipscript/sipscript/luabind"

// Metrics are those of all servers in use. Their number changes with what scripts open.
func (p *Pool) Metrics() []luabind.Metric {
	var list []luabind.Metric
	for _, g := range p.gates() {
		of := map[string]string{"kind": g.kind, "server": g.name}
		list = append(list,
			luabind.Metric{Name: "client_up", Help: "Whether a server is thought to be there.", Kind: luabind.Gauge, Labels: of, Value: func() float64 {
				if g.away.Load() {
					return 0
				}
				return 1
			}},
			luabind.Metric{Name: "client_away_seconds", Help: "For how long a server has been away, 0 while it is there.", Kind: luabind.Gauge, Labels: of,
				Value: func() float64 { return g.sinceAway().Seconds() }},
			luabind.Metric{Name: "client_seconds", Help: "How long calls of a server took.", Kind: luabind.Histogram, Labels: of, Buckets: g.figures.histogram},
		)
		f := &g.figures
		for outcome, n := range map[string]func() uint64{"ok": f.ok.Load, "failed": f.failed.Load, "refused": f.refused.Load, "given_up": f.given.Load} {
			list = append(list, luabind.Metric{Name: "client_calls_total", Help: "Calls of a server: failed, not made because it is unavailable (refused), or abandoned by the caller.",
				Kind: luabind.Counter, Labels: map[string]string{"kind": g.kind, "server": g.name, "outcome": outcome}, Value: func() float64 { return float64(n()) }})
		}
	}
	return list
}
