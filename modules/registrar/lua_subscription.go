package registrar

// This file is registrar.subscribe, and its options, for scripts. It only translates; README.md
// describes what scripts see.

import (
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/registrar/regevent"
)

// subscriptionSettings are the options of configure's subscriptions.
type subscriptionSettings struct {
	MaxExpires time.Duration `lua:"max_expires,reloadable" min:"1" max:"31536000" default:"3761" doc:"the longest duration of a subscription in seconds, and the default"`
	MinExpires time.Duration `lua:"min_expires,reloadable" min:"1" max:"31536000" default:"60" doc:"seconds; as for min_expires, an hour or more is never refused"`
	Interval   time.Duration `lua:"interval,reloadable" max:"3600" default:"5" doc:"minimum seconds between NOTIFYs of changes to one subscriber; 0 for no minimum"`
	Max        int           `lua:"max,reloadable" min:"1" max:"10000000" default:"100000" doc:"subscriptions in all"`
	MaxPerUser int           `lua:"max_per_user,reloadable" min:"1" max:"1000000" default:"100" doc:"subscriptions to one user's registrations"`
}

// subscriptionDefaults leaves expiration times at 0 if none are given: their defaults depend on
// each other.
func subscriptionDefaults(p regevent.Policy) subscriptionSettings {
	s := subscriptionSettings{MaxExpires: p.MaxExpires, MinExpires: p.MinExpires, Interval: p.Interval, Max: p.MaxSubscriptions, MaxPerUser: p.MaxPerUser}
	switch {
	case s.Interval == 0:
		s.Interval = regevent.DefaultInterval
	case s.Interval < 0:
		s.Interval = 0
	}
	return s
}

func (s *subscriptionSettings) policy() regevent.Policy {
	p := regevent.Policy{MaxExpires: s.MaxExpires, MinExpires: s.MinExpires, Interval: s.Interval, MaxSubscriptions: s.Max, MaxPerUser: s.MaxPerUser}
	if p.Interval == 0 {
		p.Interval = -1 // the zero value is the default
	}
	return p
}

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
