package dispatch

// What a running server tells of gateways.

import (
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/dispatch/gateways"
)

// mostMetered is of how many gateways of a set each has metrics of its own.
const mostMetered = 500

// Metrics of all sets, and of their lists.
func (d *Dispatch) Metrics() []luabind.Metric {
	var out []luabind.Metric
	for _, s := range d.Sets() {
		out = append(out, ofSet(s)...)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.sets {
		if l := s.owner; l != nil && l.list != nil {
			out = append(out, l.list.Metrics()...)
		}
	}
	return out
}

// ofSet are the metrics of one set.
func ofSet(s *gateways.Set) (out []luabind.Metric) {
	st := s.Stats()
	add := func(kind luabind.MetricKind, name, help string, value float64, labels ...string) {
		of := map[string]string{"set": s.Name()}
		for i := 0; i < len(labels); i += 2 {
			of[labels[i]] = labels[i+1]
		}
		out = append(out, luabind.Metric{Name: name, Help: help, Kind: kind, Labels: of, Value: func() float64 { return value }})
	}
	for _, x := range []struct {
		state string
		n     int
	}{{"up", st.Up}, {"down", st.Down}, {"draining", st.Draining}, {"disabled", st.Disabled}} {
		add(luabind.Gauge, "dispatch_gateways", "Gateways of a set, by state.", float64(x.n), "state", x.state)
	}
	add(luabind.Gauge, "dispatch_calls", "Calls at the gateways of a set.", float64(st.Calls))
	add(luabind.Counter, "dispatch_none_up_total", "Choices that found no gateway up.", float64(st.None))
	add(luabind.Counter, "dispatch_changes_total", "How often a gateway went down or came back.", float64(st.Changes))
	add(luabind.Counter, "dispatch_probes_total", "Probes, by result.", float64(st.Probes-st.Missed), "result", "ok")
	add(luabind.Counter, "dispatch_probes_total", "Probes, by result.", float64(st.Missed), "result", "missed")
	list := s.List()
	for _, g := range list[:min(len(list), mostMetered)] {
		up := 0.
		if g.State == "up" {
			up = 1
		}
		add(luabind.Gauge, "dispatch_gateway_up", "Whether a gateway gets requests.", up, "gateway", g.URI)
		add(luabind.Gauge, "dispatch_gateway_calls", "Calls at a gateway.", float64(g.Calls), "gateway", g.URI)
		add(luabind.Counter, "dispatch_gateway_requests_total", "Requests to a gateway.", float64(g.Sent), "gateway", g.URI)
		add(luabind.Counter, "dispatch_gateway_failures_total", "Requests that a gateway failed.", float64(g.Failed), "gateway", g.URI)
		add(luabind.Counter, "dispatch_gateway_full_total", "Calls that a gateway had no room for.", float64(g.Full), "gateway", g.URI)
	}
	return out
}
