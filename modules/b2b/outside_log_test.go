package b2b_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/b2b"
	"github.com/sipscript/sipscript/modules/host"
)

// Each act leaves a line, which says whose it was; who only asks leaves none. What was done is
// counted.
func TestOrdersAreNotedAndCounted(t *testing.T) {
	var log strings.Builder
	made, err := b2b.Plugin().New(&host.Environment{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	m := made.(*b2b.B2B)
	w := &world{World: luabindtest.New(t, "function route(req) local a = require('b2b').incoming(req) if a then a:handover('ivr') end end", luabindtest.Modules(m)), m: m}
	w.alice = w.Phone("alice", "10.0.1.1")
	x := w.serving(fields{"apps": []string{"ivr"}, "name": "desk"})
	o := w.calls()
	a := of(x.event("handed_over"))
	x.result("list", nil)
	x.result("reply", fields{"leg": a, "code": 180})
	x.refused("not-here", "play", fields{"leg": a})
	x.result("reject", fields{"leg": a, "code": 486})
	w.Answered(o, 486)
	x.event("b2b.ended")
	x.conn.Close()
	w.over()
	for _, want := range []string{
		`msg="a client controls calls" operator=tester source=10.0.9.9 client=desk resumed=false`,
		`msg="an operator gave an order to calls" operator=tester source=10.0.9.9 order=reply leg=` + a,
		`msg="an order to calls was refused" operator=tester source=10.0.9.9 order=play leg=` + a + ` refused=not-here`,
		`msg="an operator gave an order to calls" operator=tester source=10.0.9.9 order=reject leg=` + a,
		`msg="a session of call control is over" operator=tester client=desk`,
	} {
		if strings.Count(log.String(), want) != 1 {
			t.Errorf("there is not one line %s", want)
		}
	}
	if strings.Contains(log.String(), "order=list") || t.Failed() {
		t.Errorf("the log:\n%s", log.String())
	}
	figures := map[string]string{}
	for _, f := range m.Metrics() {
		if strings.HasPrefix(f.Name, "b2b_control_") {
			figures[f.Name] = fmt.Sprint(f.Value())
		}
	}
	for name, want := range map[string]string{"sessions": "0", "connected": "0", "legs": "0", "sessions_begun_total": "1", "resumed_total": "0", "slow_total": "0",
		"orders_total": "3", "refused_total": "1", "events_total": "2"} {
		t.Run(name, func(t *testing.T) {
			if got := figures["b2b_control_"+name]; got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}
