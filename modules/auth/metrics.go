package auth

// What a running server tells of authentication.

import (
	"maps"
	"slices"

	"github.com/sipscript/sipscript/luabind"
)

// Metrics of the list.
func (f *File) Metrics() []luabind.Metric { return f.list.Metrics() }

// metrics are those of the stores that are open. A reload may bring another file while the one
// before is in use: each has figures of its own.
func (s *sources) metrics() []luabind.Metric {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []luabind.Metric
	for _, name := range slices.Sorted(maps.Keys(s.open)) {
		m, ok := s.open[name].users.(luabind.Metered)
		if !ok {
			continue
		}
		for _, x := range m.Metrics() {
			if x.Labels["list"] != "" {
				x.Labels = map[string]string{"list": "auth." + name}
			}
			list = append(list, x)
		}
	}
	return list
}

// Metrics of authentication.
func (a *Auth) Metrics() []luabind.Metric {
	f := &a.figures
	counter := func(name, help string, labels map[string]string, get func() uint64) luabind.Metric {
		return luabind.Metric{Name: name, Help: help, Kind: luabind.Counter, Labels: labels, Value: func() float64 { return float64(get()) }}
	}
	const checks, helpChecks = "auth_checks_total", "Checks of credentials, by outcome."
	list := []luabind.Metric{
		counter("auth_challenges_total", "Challenges sent (401, 407).", nil, f.challenges.Load),
		counter("auth_bans_total", "Bans for too many wrong passwords.", nil, f.bans.Load),
		counter(checks, helpChecks, map[string]string{"outcome": "ok"}, f.accepted.Load),
		counter(checks, helpChecks, map[string]string{"outcome": string(Identity)}, f.identity.Load),
	}
	for i, r := range countedReasons {
		list = append(list, counter(checks, helpChecks, map[string]string{"outcome": string(r)}, f.reasons[i].Load))
	}
	list = append(list, a.sources.metrics()...)
	const cache, helpCache = "auth_cache_total", "Look-ups of users that are cached, by result."
	return append(list,
		counter(cache, helpCache, map[string]string{"result": "hit"}, f.hits.Load),
		counter(cache, helpCache, map[string]string{"result": "miss"}, f.misses.Load),
		counter(cache, helpCache, map[string]string{"result": "outdated"}, f.outdated.Load),
		luabind.Metric{Name: "auth_nonces", Help: "Nonces in use that are remembered.", Kind: luabind.Gauge, Value: func() float64 {
			if l := a.live.Load(); l != nil {
				return float64(l.replays.table.Len())
			}
			return 0
		}},
	)
}
