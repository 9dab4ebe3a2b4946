package registrar

// This file counts what the registrar does.

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/registrar/regevent"
)

// countTime bounds the look at how many bindings there are.
const countTime = time.Second

// figures are counted since the start.
type figures struct {
	accepted, refused, failed          atomic.Uint64
	bound, refreshed, expired, removed atomic.Uint64
	// Of stores other than Memory, which counts its own
	lookups atomic.Uint64
}

// Stats are figures since the start, except for Bindings, which is the current number (-1: the
// store cannot tell).
type Stats struct {
	Bindings                           int
	Accepted                           uint64 // REGISTERs answered 200
	Refused                            uint64 // and 4xx
	Failed                             uint64 // and 5xx, with the lookups that failed
	Bound, Refreshed, Expired, Removed uint64 // bindings
	Lookups                            uint64 // since the start, GRUUs and lists included
	Missed                             uint64 // lookups that found none; counted by Memory only
}

func (f *figures) saved(no *refusal) {
	switch {
	case no == nil:
		f.accepted.Add(1)
	case no.code < 500:
		f.refused.Add(1)
	default:
		f.failed.Add(1)
	}
}

func (f *figures) change(k Kind) {
	switch k {
	case Bound:
		f.bound.Add(1)
	case Refreshed:
		f.refreshed.Add(1)
	case Expired:
		f.expired.Add(1)
	case Removed:
		f.removed.Add(1)
	}
}

// Stats reads the figures. They are read one after another: a sum over them may be off by what
// happens in between.
func (r *Registrar) Stats(ctx context.Context) Stats {
	f := &r.figures
	s := Stats{Accepted: f.accepted.Load(), Refused: f.refused.Load(), Failed: f.failed.Load(), Bound: f.bound.Load(),
		Refreshed: f.refreshed.Load(), Expired: f.expired.Load(), Removed: f.removed.Load(), Lookups: r.lookups()}
	if r.memory != nil {
		_, s.Missed = r.memory.lookedUp()
	}
	var err error
	if s.Bindings, err = r.store.Count(ctx); err != nil {
		s.Bindings = -1
	}
	return s
}

func (r *Registrar) lookups() uint64 {
	if r.memory == nil {
		return r.figures.lookups.Load()
	}
	n, _ := r.memory.lookedUp()
	return n
}

func (m *Memory) lookedUp() (lookups, missed uint64) {
	for i := range m.shards {
		lookups += m.shards[i].lookups.Load()
		missed += m.shards[i].missed.Load()
	}
	return lookups, missed
}

// Metrics of the registrar.
func (r *Registrar) Metrics() []luabind.Metric {
	return append(r.bindingMetrics(), r.subscriptionMetrics()...)
}

func (r *Registrar) bindingMetrics() []luabind.Metric {
	f := &r.figures
	counter := func(name, help, label, value string, get func() uint64) luabind.Metric {
		m := luabind.Metric{Name: name, Help: help, Kind: luabind.Counter, Value: func() float64 { return float64(get()) }}
		if label != "" {
			m.Labels = map[string]string{label: value}
		}
		return m
	}
	const registers, helpRegisters = "registrar_registers_total", "REGISTER requests processed, by outcome"
	const changes, helpChanges = "registrar_changes_total", "changes of bindings"
	return []luabind.Metric{
		{Name: "registrar_bindings", Help: "current bindings; none while the store is unavailable", Kind: luabind.Gauge, Value: func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), countTime)
			defer cancel()
			n, err := r.store.Count(ctx)
			if err != nil {
				return math.NaN()
			}
			return float64(n)
		}},
		counter(registers, helpRegisters, "outcome", "accepted", f.accepted.Load),
		counter(registers, helpRegisters, "outcome", "refused", f.refused.Load),
		counter(registers, helpRegisters, "outcome", "failed", f.failed.Load),
		counter(changes, helpChanges, "change", "bound", f.bound.Load),
		counter(changes, helpChanges, "change", "refreshed", f.refreshed.Load),
		counter(changes, helpChanges, "change", "expired", f.expired.Load),
		counter(changes, helpChanges, "change", "removed", f.removed.Load),
		counter("registrar_lookups_total", "lookups", "", "", r.lookups),
	}
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
