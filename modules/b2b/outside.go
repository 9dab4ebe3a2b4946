package b2b

// Call control from outside: what the module has to do with package control.

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/b2b/control"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/openapi"
)

// Control is where programs elsewhere control the module's calls.
func (m *B2B) Control() *control.Hub { return m.control }

// newControl makes it.
func (m *B2B) newControl() *control.Hub {
	h := control.New(control.Options{
		Agent:  m.agent,
		ID:     func(l *dialog.Leg) string { return m.of(l).id },
		LaneOf: m.laneOf,
		At: func(here *lane.Lane, id string, f func(at *lane.Lane)) {
			if v, ok := m.names.Load(id); ok {
				if x, ok := v.(*leg); ok { // it has moved
					x.on(here, f)
					return
				}
			}
			f(here)
		},
		Find: func(home *lane.Lane, id string) *dialog.Leg {
			if x := m.known[home.ID()][id]; x != nil {
				return x.l
			}
			return nil
		},
		Owned: func(l *dialog.Leg) bool { return m.of(l).ownerOf != nil },
		Log:   m.log,
	})
	h.Handle(m.orders()...)
	return h
}

// API is where clients connect.
func (m *B2B) API() []openapi.Operation {
	return []openapi.Operation{{Method: http.MethodGet, Path: "/control",
		Summary: "control calls over a WebSocket of the subprotocol " + control.Protocol + ": see docs/control.md", Fails: []int{http.StatusForbidden, http.StatusUpgradeRequired}, Type: "application/json",
		Serve: func(w http.ResponseWriter, r *http.Request) {
			if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
				w.Header().Set("Upgrade", "websocket")
				host.Refuse(w, http.StatusUpgradeRequired, errors.New("expected a WebSocket of the subprotocol "+control.Protocol))
				return
			}
			who := openapi.AskerOf(r.Context())
			m.control.Serve(r.Context(), w, r, control.Asker{Name: who.Name, Source: r.RemoteAddr, Acts: who.Acts, OnReread: who.OnReread})
		}}}
}

// Drain tells clients that the server has begun to end, and nobody else of a call that is over.
func (m *B2B) Drain(context.Context) error {
	m.kept.leave()
	m.control.Shutdown()
	return nil
}

// Close ends the connections of clients, and lets go of files.
func (m *B2B) Close() error {
	m.control.Close()
	return m.kept.close()
}

// controlMetrics are the figures of clients.
func (m *B2B) controlMetrics() []luabind.Metric {
	one := func(name, help string, kind luabind.MetricKind, of func(f control.Figures) uint64) luabind.Metric {
		return luabind.Metric{Name: name, Help: help, Kind: kind, Value: func() float64 { return float64(of(m.control.Figures())) }}
	}
	return []luabind.Metric{
		one("b2b_control_sessions", "Sessions of call control, with those whose connection was lost.", luabind.Gauge, func(f control.Figures) uint64 { return uint64(f.Sessions) }),
		one("b2b_control_connected", "Sessions of call control with a connection.", luabind.Gauge, func(f control.Figures) uint64 { return uint64(f.Connected) }),
		one("b2b_control_legs", "Legs whose master is a session of call control.", luabind.Gauge, func(f control.Figures) uint64 { return uint64(f.Legs) }),
		one("b2b_control_sessions_begun_total", "Sessions of call control that were begun.", luabind.Counter, func(f control.Figures) uint64 { return f.Begun }),
		one("b2b_control_resumed_total", "Sessions of call control that were resumed.", luabind.Counter, func(f control.Figures) uint64 { return f.Resumed }),
		one("b2b_control_slow_total", "Clients of call control that were dropped because they did not read.", luabind.Counter, func(f control.Figures) uint64 { return f.Slow }),
		one("b2b_control_orders_total", "Orders of call control that were carried out.", luabind.Counter, func(f control.Figures) uint64 { return f.Orders }),
		one("b2b_control_refused_total", "Orders of call control that were refused.", luabind.Counter, func(f control.Figures) uint64 { return f.Refused }),
		one("b2b_control_events_total", "Events that clients of call control were told.", luabind.Counter, func(f control.Figures) uint64 { return f.Events }),
	}
}

// handing are the options of handover.
type handing struct {
	Deadline time.Duration `lua:"deadline" min:"0" max:"3600" default:"5" doc:"seconds that the leg may be without a master: at first, and when the connection of its master was lost"`
	OnLost   string        `lua:"on_lost" oneof:"hang_up return" default:"hang_up" doc:"what happens then: the leg is ended, or the script's again"`
}

var handoverMethod = luabind.Parked3(luabind.Function{Name: "handover", Where: luabind.InHandler,
	Doc: "Hands the leg over to a program elsewhere that serves an app over the admin port (docs/control.md), and waits until it is the handler's again, or has ended. " +
		"Of several programs that serve the app each has its turn. nil, err if the leg is in a bridge, or being dialled.",
	Example: takeCall + "local why = a:handover(\"ivr\", { deadline = 10, on_lost = \"return\" })\nif why == \"nobody\" or why == \"lost\" then a:reject(480) end"},
	luabind.Self[*leg](), luabind.TextArg("app", "what the program says it serves"), luabind.OptionsArg(handing{Deadline: 5 * time.Second, OnLost: "hang_up"}),
	luabind.ReturnsText("\"given back\" by its master; \"ended\"; \"nobody\" took it in time; \"lost\": its master was gone for too long; \"taken\": it was parked, and another handler has it"), handover)

func handover(c *luabind.Call, x *leg, app string, o handing) luabind.Parked[string] {
	if app == "" {
		c.Raise("expected the name of an app")
	}
	m, own, here := x.m, x.m.owner(c), c.Lane()
	return wait(x, c, func(done func(string, error)) {
		switch {
		case x.l.State() == dialog.Ended:
			done(control.WhyEnded, nil)
			return
		case x.l.Peer() != nil || x.l.State() == dialog.Calling || m.control.Holds(x.l):
			done("", dialog.ErrBusy)
			return
		}
		x.disown()
		m.control.HandOver(x.l, control.Handover{App: app, Deadline: o.Deadline, OnLost: control.OnLost(o.OnLost)}, func(why string) {
			if why != control.WhyTaken {
				own.take(x)
			}
			x.back(here, func() { done(why, nil) })
		})
	})
}
