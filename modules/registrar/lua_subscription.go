package registrar

// This file is what operators see of subscriptions.

import (
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/registrar/regevent"
)

// subscriptionMetrics are the notifier's.
func (r *Registrar) subscriptionMetrics() []luabind.Metric {
	figure := func(name, help string, kind luabind.MetricKind, get func(regevent.Stats) float64) luabind.Metric {
		return luabind.Metric{Name: name, Help: help, Kind: kind, Value: func() float64 { return get(r.notifier.Stats()) }}
	}
	return []luabind.Metric{
		figure("registrar_subscriptions", "subscriptions to registrations now", luabind.Gauge, func(s regevent.Stats) float64 { return float64(s.Subscriptions) }),
		figure("registrar_notifies_total", "NOTIFY requests sent to subscribers", luabind.Counter, func(s regevent.Stats) float64 { return float64(s.Notified) }),
		figure("registrar_notifies_failed_total", "NOTIFY requests that were not answered 2xx", luabind.Counter, func(s regevent.Stats) float64 { return float64(s.Failed) }),
	}
}
