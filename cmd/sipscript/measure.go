package main

// What the server reports about itself: the figures of /metrics and the answer of /status.

import (
	"errors"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sipscript/sipscript/ops/metrics"
)

// measure registers all metrics.
func (s *server) measure() error {
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "sipscript_build_info", Help: "Always 1; the labels give the versions.",
		ConstLabels: prometheus.Labels{"version": version(), "go": runtime.Version()}})
	build.Set(1)
	var errs []error
	for _, c := range append(s.memory.figures(), []prometheus.Collector{
		build,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		metrics.Engine(s.engine.Stats),
		metrics.Lanes(s.engine.Lanes(), s.engine.Background()),
		metrics.Pauses(),
		s.callFigures,
		listenerFigure{s.engine},
		metrics.Metered(s.router.Metrics),
		metrics.Metered(s.clients.Metrics),
	}...) {
		errs = append(errs, s.figures.Register(c))
	}
	return errors.Join(errs...)
}

type statusAnswer struct {
	Version   string           `json:"version"`
	State     string           `json:"state"`
	Started   time.Time        `json:"started"`
	Uptime    float64          `json:"uptime_seconds"`
	Storage   string           `json:"storage"`
	Lanes     int              `json:"lanes"`
	Domains   []string         `json:"domains"`
	Listeners []statusListener `json:"listeners"`
	Script    *statusScript    `json:"script,omitempty"`
}

type statusListener struct {
	Transport string `json:"transport"`
	Address   string `json:"address"`
}

type statusScript struct {
	Name       string    `json:"name"`
	Files      []string  `json:"files"`
	Generation uint64    `json:"generation"`
	Loaded     time.Time `json:"loaded"`
	Refused    string    `json:"refused,omitempty"` // why the last reload was refused
}

// status answers /status. What start sets is read only once the server serves.
func (s *server) status() any {
	now := time.Now()
	a := statusAnswer{Version: version(), State: "starting", Started: s.begun, Uptime: now.Sub(s.begun).Seconds(), Storage: s.set.storageName(), Lanes: s.set.lanes,
		Domains: []string{}, Listeners: []statusListener{}}
	switch s.state.Load() {
	case starting:
		return a
	case serving:
		a.State = "serving"
	case draining:
		a.State = "draining"
	}
	if s.engine == nil || s.router == nil { // told to stop during the start
		return a
	}
	a.Domains = append(a.Domains, s.engine.Domains().List()...)
	for _, l := range s.engine.Locals() {
		a.Listeners = append(a.Listeners, statusListener{l.Kind.String(), l.Addr.String()})
	}
	loaded, refused := s.reloads.last()
	a.Script = &statusScript{Name: s.set.script, Files: s.router.Files(), Generation: s.router.Stats().Generation, Loaded: loaded, Refused: refused}
	if s.set.script == "" {
		a.Script.Name, a.Script.Files = "the embedded default", []string{}
	}
	return a
}
