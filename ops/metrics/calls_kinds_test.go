package metrics_test

import (
	"math"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/ops/metrics"
)

// figures are the samples of a registry, by name and the values of their labels.
func figures(t *testing.T, r *prometheus.Registry) map[string]*dto.Metric {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*dto.Metric{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := f.GetName()
			for _, l := range m.Label {
				name += " " + l.GetValue()
			}
			all[name] = m
		}
	}
	return all
}

// Calls of each kind, on the wire, are in the figures: their outcomes by class and cause, and the
// times of those that have some.
func TestCallsOfEachKind(t *testing.T) {
	const delay, setup, talk = "sipscript_call_post_dial_delay_seconds", "sipscript_call_setup_seconds", "sipscript_call_duration_seconds"
	for _, row := range []struct {
		name, to string
		serve    func(w *luabindtest.World, bob *phone.Phone, out *phone.Outgoing)
		counted  []string           // that are 1
		times    map[string]float64 // of histograms with one sample
	}{
		{"answered, and hung up", "bob", func(w *luabindtest.World, bob *phone.Phone, out *phone.Outgoing) {
			in := w.Came(bob, "INVITE")
			w.Run(2 * time.Second)
			w.Reply(in, 180)
			w.Answered(out, 180)
			w.Run(3 * time.Second)
			w.Reply(in, 200)
			w.Answered(out, 200)
			w.Came(bob, "ACK")
			w.Run(7 * time.Second)
			bye := out.Dialog().Send(phone.Spec{Method: "BYE"})
			w.Reply(w.Came(bob, "BYE"), 200)
			w.Answered(bye, 200)
		}, []string{"sipscript_calls_total none 2xx", "sipscript_calls_ended_total caller"}, map[string]float64{delay: 2, setup: 5, talk: 7}},
		{"in progress", "bob", func(w *luabindtest.World, bob *phone.Phone, out *phone.Outgoing) {
			w.Reply(w.Came(bob, "INVITE"), 200)
			w.Answered(out, 200)
			w.Came(bob, "ACK")
		}, []string{"sipscript_calls_total none 2xx", "sipscript_calls_in_progress"}, map[string]float64{setup: 0}},
		{"busy", "bob", func(w *luabindtest.World, bob *phone.Phone, out *phone.Outgoing) {
			w.Reply(w.Came(bob, "INVITE"), 486)
			w.Answered(out, 486)
		}, []string{"sipscript_calls_total none 4xx"}, nil},
		{"declined after it rang", "bob", func(w *luabindtest.World, bob *phone.Phone, out *phone.Outgoing) {
			in := w.Came(bob, "INVITE")
			w.Run(time.Second)
			w.Reply(in, 180)
			w.Run(time.Second)
			w.Reply(in, 603)
			w.Answered(out, 603)
		}, []string{"sipscript_calls_total none 6xx"}, map[string]float64{delay: 1}},
		{"nobody there", "silent", func(w *luabindtest.World, _ *phone.Phone, _ *phone.Outgoing) { w.Run(time.Minute) },
			[]string{"sipscript_calls_total timeout 4xx"}, nil},
		{"unreachable", "closed", func(w *luabindtest.World, _ *phone.Phone, _ *phone.Outgoing) { w.Run(time.Second) },
			[]string{"sipscript_calls_total unreachable 5xx"}, nil},
		{"given up", "bob", func(w *luabindtest.World, bob *phone.Phone, out *phone.Outgoing) {
			in := w.Came(bob, "INVITE")
			w.Reply(in, 180)
			w.Answered(out, 180)
			if err := out.Cancel(nil); err != nil {
				w.T.Error(err)
			}
			w.Answered(out, 487)
		}, []string{"sipscript_calls_total none 4xx"}, map[string]float64{delay: 0}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var eng *engine.Engine
			calls := metrics.NewCalls(func() engine.Stats { return eng.Stats() })
			w := luabindtest.New(t, `function route(req)
				if req.in_dialog then return req:relay() end
				req:record_route()
				req:relay(({ bob = "sip:bob@10.0.0.3", silent = "sip:x@10.0.0.8", closed = "sip:x@10.0.0.9;transport=tcp" })[req.ruri.user])
			end`, luabindtest.Engine(func(c *engine.Config) { c.Reporter = calls }))
			eng = w.Engine
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
			row.serve(w, bob, alice.Invite("sip:"+row.to+"@example.com", phone.Spec{}))
			w.Run(time.Second)
			registry := prometheus.NewPedanticRegistry()
			registry.MustRegister(calls)
			got := figures(t, registry)
			want := map[string]float64{}
			for _, name := range row.counted {
				want[name] = 1
				if got[name] == nil {
					t.Errorf("there is no %s", name)
				}
			}
			for name, m := range got {
				if h := m.Histogram; h != nil {
					seconds, has := row.times[name]
					if n := h.GetSampleCount(); n == 1 != has || n > 1 || math.Abs(h.GetSampleSum()-seconds) > 0.2 {
						t.Errorf("%s has %d samples of %g s, want %g s", name, n, h.GetSampleSum(), seconds)
					}
				} else if v := m.GetCounter().GetValue() + m.GetGauge().GetValue(); v != want[name] {
					t.Errorf("%s is %g, want %g", name, v, want[name])
				}
			}
		})
	}
}
