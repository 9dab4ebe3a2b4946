package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
)

// newIdle is an engine that was not started.
func newIdle(t *testing.T) *engine.Engine {
	t.Helper()
	w := sim.New(1)
	eng, err := engine.New(engine.Config{Clock: w, Meter: w, Network: w.Network("udp:" + proxyAddr), Lanes: 1, Router: relayTo(nil, nil)})
	if err != nil {
		t.Fatal(err)
	}
	return eng
}

// An engine starts once and ends once; what comes twice, or too late, is an error.
func TestEngineLivesOnce(t *testing.T) {
	over := done(t)
	for _, c := range []struct {
		name  string
		first func(*engine.Engine) error
		then  func(*engine.Engine) error
		want  error
	}{
		{"Start twice", (*engine.Engine).Start, (*engine.Engine).Start, engine.ErrStarted},
		{"Run after Start", (*engine.Engine).Start, func(e *engine.Engine) error { return e.Run(over) }, engine.ErrStarted},
		{"Start after Shutdown", func(e *engine.Engine) error { return e.Shutdown(over) }, (*engine.Engine).Start, engine.ErrStopped},
		{"Run after Shutdown", func(e *engine.Engine) error { return e.Shutdown(over) }, func(e *engine.Engine) error { return e.Run(over) }, engine.ErrStopped},
		{"Shutdown twice", func(e *engine.Engine) error { return e.Shutdown(over) }, func(e *engine.Engine) error { return e.Shutdown(over) }, engine.ErrStopped},
		{"Run twice", func(e *engine.Engine) error { return e.Run(over) }, func(e *engine.Engine) error { return e.Run(over) }, engine.ErrStopped},
		{"Shutdown without Start", func(*engine.Engine) error { return nil }, func(e *engine.Engine) error { return e.Shutdown(over) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			eng := newIdle(t)
			t.Cleanup(func() { _ = eng.Shutdown(over) })
			if err := c.first(eng); err != nil {
				t.Fatal(err)
			}
			if err := c.then(eng); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// watched is a context that tells when somebody waits for its end.
type watched struct {
	context.Context
	asked chan struct{}
}

func (w *watched) Done() <-chan struct{} {
	close(w.asked)
	return nil
}

// Run ends with a Shutdown from elsewhere.
func TestRunEndsWithAShutdown(t *testing.T) {
	eng := newIdle(t)
	ran, waits := make(chan error), &watched{context.Background(), make(chan struct{})}
	go func() { ran <- eng.Run(waits) }()
	<-waits.asked
	if err := eng.Shutdown(done(t)); err != nil {
		t.Error(err)
	}
	if err := <-ran; err != nil {
		t.Error(err)
	}
}

// Limits are in one place.
func TestTransportLimitsAreRefused(t *testing.T) {
	w := sim.New(1)
	_, err := engine.New(engine.Config{Clock: w, Meter: w, Network: w.Network("udp:" + proxyAddr), Router: relayTo(nil, nil),
		Transport: transport.Options{Limits: message.Limits{Headers: 9}}})
	if err == nil || !strings.Contains(err.Error(), "Config.Limits") {
		t.Errorf("%v", err)
	}
}

// Without a logger of its own an engine says what it has to say to the program's.
func TestLogIsTheProgramsByDefault(t *testing.T) {
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	var log strings.Builder
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	b := newBenchWith(t, 1, func(*engine.Request) error { return errors.New("no route today") }, func(c *engine.Config, _ *sim.World) { c.Log = nil })
	alice := b.phone("10.0.0.2:5060")
	alice.call("c1", "sip:bob@example.com").send("OPTIONS")
	alice.expect("500")
	if !strings.Contains(log.String(), "no route today") {
		t.Errorf("logged:\n%s", log.String())
	}
}
