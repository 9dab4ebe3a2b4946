package acc

// This file is the module as the command sees it, and what a running server reports about it.

import (
	"net/http"
	"path/filepath"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/acc/sink"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/internal/spool"
	"github.com/sipscript/sipscript/ops/openapi"
)

// Plugin is the module "acc".
func Plugin() host.Plugin {
	return host.Plugin{Name: "acc", Schema: sink.Schema,
		New: func(e *host.Environment) (luabind.Opener, error) {
			// Without clients it is a check or a reference, not a server
			return New(Options{Log: e.Log, Clients: e.Clients, Data: e.Data, Dialogs: host.Find[*dialog.Dialogs](e), Quiet: e.Clients == nil, Record: e.Record}), nil
		},
		Commands: []host.Command{command()}}
}

// Storage is where records wait.
func (a *Accounts) Storage() string {
	if a.o.Data == "" {
		return "" // a script that records calls is warned of it
	}
	return "records of calls that wait for their destination are kept in " + filepath.Join(a.o.Data, "acc")
}

// destinationAnswer is a destination as the API has it.
type destinationAnswer struct {
	Name    string  `json:"name"`
	Up      bool    `json:"up"`
	Why     string  `json:"why,omitempty"`
	Written uint64  `json:"written"`
	Waiting uint64  `json:"waiting"`
	Oldest  float64 `json:"oldest_seconds"`
	Failed  uint64  `json:"failed_attempts"`
	Refused uint64  `json:"refused"`
}

// destinationsAnswer is the whole of it.
type destinationsAnswer struct {
	Destinations []destinationAnswer `json:"destinations"`
	Calls        int                 `json:"calls"`
	Spool        map[string]any      `json:"spool"`
}

// api is what a running server tells of where its records go.
func (a *Accounts) api() []openapi.Operation {
	return []openapi.Operation{{Method: "GET", Path: "/destinations", Summary: "list where records of calls go, and how that fares", Answer: destinationsAnswer{}, Serve: func(w http.ResponseWriter, _ *http.Request) {
		list := []destinationAnswer{}
		for _, f := range a.Destinations() {
			list = append(list, destinationAnswer{f.Name, f.Away == "", f.Away, f.Written, f.Waiting, f.Oldest.Seconds(), f.Failed, f.Dead})
		}
		s := a.spoolStats()
		spooled := map[string]any{"bytes": s.Bytes, "memory_bytes": s.Memory, "lost": s.Lost + a.count.lost.Load(), "damaged": s.Damaged}
		if s.Failing != nil {
			spooled["why"] = s.Failing.Error()
		}
		host.Answer(w, http.StatusOK, destinationsAnswer{list, a.calls.size(), spooled})
	}}}
}

// Destinations are the figures of those in force.
func (a *Accounts) Destinations() (list []sink.Figures) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.workers {
		list = append(list, w.Figures())
	}
	return list
}

func (a *Accounts) spoolStats() (st spool.Stats) {
	if s := a.queue.Load(); s != nil {
		st = s.Stats()
	}
	return st
}

// Metrics of records.
func (a *Accounts) Metrics() []luabind.Metric {
	counter := func(name, help string, get func() float64) luabind.Metric {
		return luabind.Metric{Name: name, Help: help, Kind: luabind.Counter, Value: get}
	}
	list := []luabind.Metric{
		{Name: "acc_calls", Help: "Calls in progress that have a record.", Kind: luabind.Gauge, Value: func() float64 { return float64(a.calls.size()) }},
		counter("acc_calls_total", "Calls that got a record.", func() float64 { return float64(a.count.calls.Load()) }),
		counter("acc_events_total", "Events that were recorded.", func() float64 { return float64(a.count.events.Load()) }),
		counter("acc_lost_total", "Records that were lost: the disk takes nothing and memory is full.", func() float64 { return float64(a.spoolStats().Lost + a.count.lost.Load()) }),
		counter("acc_damaged_total", "Places in files of the spool that could not be read.", func() float64 { return float64(a.spoolStats().Damaged) }),
		{Name: "acc_spool_bytes", Help: "Bytes of the spool on disk.", Kind: luabind.Gauge, Value: func() float64 { return float64(a.spoolStats().Bytes) }},
		{Name: "acc_spool_memory_bytes", Help: "Bytes that wait to be written to the spool.", Kind: luabind.Gauge, Value: func() float64 { return float64(a.spoolStats().Memory) }},
	}
	for _, f := range a.Destinations() {
		labels := map[string]string{"destination": f.Name}
		one := func(name, help string, kind luabind.MetricKind, v float64) {
			list = append(list, luabind.Metric{Name: name, Help: help, Kind: kind, Labels: labels, Value: func() float64 { return v }})
		}
		up := 1.0
		if f.Away != "" {
			up = 0
		}
		one("acc_up", "1 while the destination takes records.", luabind.Gauge, up)
		one("acc_written_total", "Records that the destination has.", luabind.Counter, float64(f.Written))
		one("acc_waiting", "Records that the destination does not have yet.", luabind.Gauge, float64(f.Waiting))
		one("acc_oldest_seconds", "For how long the first of them has waited.", luabind.Gauge, f.Oldest.Seconds())
		one("acc_failed_total", "Attempts that failed.", luabind.Counter, float64(f.Failed))
		one("acc_refused_total", "Records that the destination refused, and that were set aside.", luabind.Counter, float64(f.Dead))
	}
	return list
}
