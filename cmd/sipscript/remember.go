package main

// What the server remembers of calls, and who may ask for it.

import (
	"errors"
	"math"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/ring"
	"github.com/sipscript/sipscript/ops/hep"
	"github.com/sipscript/sipscript/ops/otel"
	"github.com/sipscript/sipscript/ops/trace"
)

// defaultRing is the size of --ring.
const defaultRing = "32MiB"

// memory is what a server remembers of calls; without --ring its ring is nil.
type memory struct {
	ring *ring.Ring
	hep  *hep.Exporter  // nil without --hep
	otel *otel.Exporter // nil without --otlp
	// Whose keys reveal hidden Call-IDs; nil until it is there
	engine atomic.Pointer[engine.Engine]
}

// smallRing is what is remembered for those who export it, if nobody else is to ask for it.
const smallRing = 1 << 20

// remember makes the ring, and starts whoever exports what is in it.
func (s *server) remember() (err error) {
	size := s.set.ring
	if size == 0 && (s.set.hep != "" || s.set.otlp != "") {
		size = smallRing
	}
	if size == 0 {
		return nil
	}
	s.memory.ring = ring.New(ring.Options{Size: size, Lanes: s.set.lanes, Reveal: func(id []byte) ([]byte, bool) {
		if e := s.memory.engine.Load(); e != nil {
			return e.Revealed(id)
		}
		return nil, false
	}})
	if s.set.hep != "" {
		if s.memory.hep, err = hep.New(hep.Options{Ring: s.memory.ring, To: s.set.hep, ID: s.set.hepID, TLS: s.set.trusting, Log: s.log}); err != nil {
			return err
		}
	}
	if s.set.otlp != "" {
		s.memory.otel, err = otel.New(otel.Options{Ring: s.memory.ring, URL: s.set.otlp})
	}
	return err
}

// close sends what is left to send.
func (m *memory) close() error {
	var errs []error
	if m.otel != nil {
		errs = append(errs, m.otel.Close())
	}
	if m.hep != nil {
		errs = append(errs, m.hep.Close())
	}
	return errors.Join(errs...)
}

// figures are those of what is remembered and exported.
func (m *memory) figures() []prometheus.Collector {
	counter := func(name, help string, read func() uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(read()) })
	}
	var list []prometheus.Collector
	if m.hep != nil {
		up := func() float64 {
			if m.hep.Up() {
				return 1
			}
			return 0
		}
		list = append(list,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sipscript_hep_up", Help: "1 while the HEP server takes what is sent, 0 while it is away."}, up),
			counter("sipscript_hep_sent_total", "Messages and steps sent to the HEP server.", m.hep.Sent),
			counter("sipscript_hep_dropped_total", "Messages and steps that were not sent to the HEP server: there were too many, or it took none.", m.hep.Dropped))
	}
	if m.otel != nil {
		list = append(list,
			counter("sipscript_otel_sent_total", "Spans that the OpenTelemetry collector took.", m.otel.Sent),
			counter("sipscript_otel_dropped_total", "Spans that were lost: the collector did not take them, or there were too many.", m.otel.Dropped))
	}
	return list
}

// tracing is the API that answers what is asked about calls.
func (s *server) tracing() *trace.API {
	return &trace.API{Ring: s.memory.ring, About: func() ([]string, string) {
		e := s.memory.engine.Load()
		if e == nil {
			return nil, s.set.script
		}
		return e.Domains().List(), s.set.script
	}}
}

// readRing reads --ring.
func (s *settings) readRing(c *cli.Context) error {
	text := c.String("ring")
	if text == "0" {
		return nil
	}
	size, ok := readSize(text)
	if !ok || size < 1<<20 {
		return usagef("--ring %s: expected a size of at least 1MiB, with its unit, such as 32MiB, or 0 to remember nothing", text)
	}
	s.ring = size
	return nil
}

// readOTLP reads --otlp.
func (s *settings) readOTLP(c *cli.Context) error {
	if s.otlp = c.String("otlp"); s.otlp == "" {
		return nil
	}
	if err := otel.CheckURL(s.otlp); err != nil {
		return usagef("--otlp: %v", err)
	}
	return nil
}

// readHEP reads --hep and --hep-id.
func (s *settings) readHEP(c *cli.Context) error {
	text, id := c.String("hep"), c.Uint64("hep-id")
	if id > math.MaxUint32 {
		return usagef("--hep-id %d: expected a number up to %d", id, uint32(math.MaxUint32))
	}
	s.hepID = uint32(id)
	if text == "" {
		return nil
	}
	if err := hep.CheckTo(text); err != nil {
		return usagef("--hep %s: %v", text, err)
	}
	s.hep = text
	return nil
}
