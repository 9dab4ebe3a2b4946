package engine_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
)

// Whatever keeps a branch from being sent is in the log, with the target and the caller: as a
// warning, except for a client whose connection is gone, which happens every day.
func TestEachCauseOfAnUnsentBranchIsLogged(t *testing.T) {
	for _, row := range []struct {
		name   string
		target engine.Target
		level  string
		why    string
	}{
		{"unresolvable", engine.Target{URI: "sip:b@nowhere.example.net"}, "WARN", "nowhere.example.net"},
		{"refused", engine.Target{URI: "sip:b@10.0.0.9:5060;transport=tcp"}, "WARN", "refused"},
		{"no listener for the protocol", engine.Target{URI: "sip:b@10.0.0.3:5061;transport=tls"}, "WARN", "no listener"},
		{"no listener for the family", engine.Target{URI: "sip:b@[2001:db8::3]:5060"}, "WARN", "no listener"},
		{"no such listener", engine.Target{URI: "sip:b@10.0.0.3", FromSocket: "udp:10.9.9.9:5060"}, "WARN", "10.9.9.9"},
		{"no such protocol", engine.Target{URI: "sip:b@10.0.0.3;transport=sctp"}, "WARN", "sctp"},
		{"flow gone", engine.Target{URI: "sip:b@192.0.2.9;transport=tcp", Flow: transport.FlowID(999), FlowOnly: true}, "INFO", "connection is closed"},
		{"a WebSocket that is gone", engine.Target{URI: "sip:b@192.0.2.9;transport=ws", Flow: transport.FlowID(999), Received: "ws:10.0.0.3:1024"}, "INFO", "connection is closed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var log strings.Builder
			b := newBenchWith(t, 1, func(r *engine.Request) error {
				_, err := r.Relay([]*engine.Target{&row.target}, nil)
				return err
			}, func(c *engine.Config, w *sim.World) {
				c.Network = w.Network("udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "ws:10.0.0.1:80")
				c.Log = slog.New(slog.NewTextHandler(&log, nil))
			})
			alice := b.phone("10.0.0.2:5060")
			alice.call("c1", "sip:bob@example.com").send("OPTIONS")
			alice.expect("")
			for _, want := range []string{"level=" + row.level, `msg="branch failed"`, "call_id=c1", "source=10.0.0.2", "target=", row.target.URI, row.why} {
				if !strings.Contains(log.String(), want) {
					t.Errorf("no %q in %q", want, log.String())
				}
			}
		})
	}
}

// One caller, such as the border of another network, meets several causes: none hides another, and
// each is told once a minute.
func TestCausesOfUnsentBranchesAreToldApart(t *testing.T) {
	var log strings.Builder
	b := newBenchWith(t, 1, func(r *engine.Request) error {
		_, err := r.Relay(to("sip:b@10.0.0.9;transport=tcp", "sip:c@10.0.0.8;transport=tcp", "sip:b@nowhere.example.net", "sip:b@10.0.0.3:5061;transport=tls", "sip:b@10.0.0.3;transport=sctp"),
			&engine.ForkOptions{Order: engine.Serial})
		return err
	}, func(c *engine.Config, _ *sim.World) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	alice := b.phone("10.0.0.2:5060")
	for _, id := range []string{"c1", "c2"} {
		alice.call(id, "sip:bob@example.com").send("OPTIONS")
		alice.expect("500")
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 4 {
		t.Errorf("%d warnings, want 4:\n%s", n, log.String())
	}
	for _, want := range []string{"refused", "nowhere.example.net", "over tls", "sctp"} {
		if strings.Count(log.String(), want) == 0 {
			t.Errorf("%s is hidden:\n%s", want, log.String())
		}
	}
}

// A large request goes by TCP first (RFC 3261 §18.1.1). A peer that refuses that gets it by UDP,
// and nobody is warned, unless no datagram holds it.
func TestLargeRequestsForAPeerWithoutTCP(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name         string
		bytes, want  int
		warned       int
		level, error string
	}{
		{"one that a datagram holds", 5000, 486, 0, "", ""},
		{"too large", 66_000, 500, 1, "level=WARN", "message too long"},
	} {
		t.Run(row.name, func(t *testing.T) {
			caller, bob := newLine(t, "127.0.0.1"), newLine(t, "127.0.0.1")
			if row.want == 486 {
				go bob.answers(486)
			}
			target := engine.Target{URI: "sip:b@" + bob.LocalAddr().String(), Headers: []engine.HeaderEdit{{Name: "X-Large", Values: []string{strings.Repeat("x", row.bytes)}}}}
			var log logged
			eng := onSockets(t, time.Second, engine.Config{Listen: []string{"udp:127.0.0.1:0", "tcp:127.0.0.1:0"}, Lanes: 1, MaxDelay: -1, Log: slog.New(slog.NewTextHandler(&log, nil)),
				Router: routerFunc(func(r *engine.Request) error {
					_, err := r.Relay([]*engine.Target{&target}, nil)
					return err
				})})
			if m := caller.ask(t, eng, "INVITE", "c1"); m.Status() != row.want {
				t.Errorf("%s", m.AppendTo(nil))
			}
			if n := strings.Count(log.text(), "level=WARN"); n != row.warned {
				t.Errorf("%d warnings, want %d: %s", n, row.warned, log.text())
			}
			for _, want := range []string{row.level, row.error} {
				if !strings.Contains(log.text(), want) {
					t.Errorf("no %q in %q", want, log.text())
				}
			}
		})
	}
}
