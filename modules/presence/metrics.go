package presence

// This file is the figures.

import "github.com/sipscript/sipscript/luabind"

// Metrics are the figures of the server.
func (p *Presence) Metrics() []luabind.Metric {
	figure := func(name, help string, kind luabind.MetricKind, get func() float64) luabind.Metric {
		return luabind.Metric{Name: name, Help: help, Kind: kind, Value: get}
	}
	return append([]luabind.Metric{
		figure("presence_subscriptions", "subscriptions now", luabind.Gauge, func() float64 { return float64(p.core.Stats().Subscriptions) }),
		figure("presence_publications", "publications now, scripts' included", luabind.Gauge, func() float64 { return float64(p.store.Len()) }),
		figure("presence_publishes_total", "PUBLISH requests that were accepted", luabind.Counter, func() float64 { return float64(p.figures.published.Load()) }),
		figure("presence_publishes_refused_total", "PUBLISH requests that were refused", luabind.Counter, func() float64 { return float64(p.figures.refused.Load()) }),
		figure("presence_notifies_total", "NOTIFY requests sent to watchers", luabind.Counter, func() float64 { return float64(p.core.Stats().Notified) }),
		figure("presence_notifies_failed_total", "NOTIFY requests that were not answered 2xx", luabind.Counter, func() float64 { return float64(p.core.Stats().Failed) }),
	}, p.shared.metrics()...)
}
