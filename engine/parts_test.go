package engine_test

// This file tests what lives on an engine beside its router.

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/sim"
)

// part notes what it is told.
type part struct {
	name   string
	notes  *[]string
	refuse error // of Attach
	eng    *engine.Engine
}

func (p *part) note(what string) { *p.notes = append(*p.notes, p.name+" "+what) }

func (p *part) Attach(e *engine.Engine) error {
	p.note("attach")
	p.eng = e
	return p.refuse
}

func (p *part) Intercept(req *engine.Request) (bool, error) {
	p.note("sees " + string(req.Message().MethodText()))
	return false, nil
}

func (p *part) Drain(context.Context) error {
	if p.eng.Draining() {
		p.note("drain")
	}
	return errors.New("told in the log")
}

func (p *part) Detach(_ context.Context, e *engine.Engine) error {
	if e == p.eng && e.Background().Return(lane.Func(func(*lane.Lane) {})) {
		p.note("detach")
	}
	return nil
}

// partsRouter is a router with parts of its own.
type partsRouter struct {
	routerFunc
	parts  []engine.Part
	notes  *[]string
	refuse error // of Start
}

func (r *partsRouter) Parts() []engine.Part { return r.parts }

func (r *partsRouter) Start(*engine.Engine) error {
	*r.notes = append(*r.notes, "router start")
	return r.refuse
}

func (r *partsRouter) Stop(context.Context) error {
	*r.notes = append(*r.notes, "router stop")
	return nil
}

func TestLifeOfParts(t *testing.T) {
	var notes []string
	a, b := &part{name: "a", notes: &notes}, &part{name: "b", notes: &notes}
	r := &partsRouter{notes: &notes, parts: []engine.Part{b, a}, routerFunc: func(r *engine.Request) error {
		notes = append(notes, "router routes")
		_, err := r.Reply(200, "", nil)
		return err
	}}
	w := newBenchWith(t, 1, nil, func(c *engine.Config, _ *sim.World) {
		c.Router, c.Parts, c.Interceptors = r, []engine.Part{a}, []engine.Interceptor{a}
	})
	alice := w.phone("10.0.0.2:5060")
	alice.call("m1", "sip:bob@example.com").send("MESSAGE")
	alice.expect("200")
	w.eng.AwaitCalls(t.Context())
	if err := w.eng.Shutdown(done(t)); err != nil {
		t.Error(err)
	}
	want := "a attach, b attach, router start, a sees MESSAGE, b sees MESSAGE, router routes, a drain, b drain, " +
		"router stop, b detach, a detach"
	if got := strings.Join(notes, ", "); got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
}

// Who was attached is detached where the start fails after it; a drain without time is none.
func TestPartsOfAFailedStart(t *testing.T) {
	for name, row := range map[string]struct {
		attach, start error
		want          []string
	}{
		"a part":     {attach: errors.New("no port"), want: []string{"a attach", "b attach", "router stop", "a detach"}},
		"the router": {start: errors.New("no script"), want: []string{"a attach", "b attach", "router start", "router stop", "b detach", "a detach"}},
	} {
		t.Run(name, func(t *testing.T) {
			var notes []string
			w := sim.New(1)
			_, err := engine.New(engine.Config{Clock: w, Meter: w, Network: w.Network("udp:" + proxyAddr),
				Parts:  []engine.Part{&part{name: "a", notes: &notes}, &part{name: "b", notes: &notes, refuse: row.attach}},
				Router: &partsRouter{notes: &notes, refuse: row.start}})
			if !errors.Is(err, row.attach) && !errors.Is(err, row.start) || !slices.Equal(notes, row.want) {
				t.Errorf("%v: %q, want %q", err, notes, row.want)
			}
		})
	}
}
