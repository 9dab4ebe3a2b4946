package kemi_test

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/ring"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

const answers = `
function ksr_request_route()
  %BEFORE
  KSR.sl.sl_send_reply(404, "Not Here")
  %AFTER
end`

func answering(before, after string) string {
	return strings.NewReplacer("%BEFORE", before, "%AFTER", after).Replace(answers)
}

// Questions to the message, flags, variables and KSR.x.exit cost hardly any allocation.
func TestKEMICallsAllocateLittle(t *testing.T) {
	each := func(text string) float64 {
		w := world(t, text)
		ask := func() {
			if res := w.Ask("OPTIONS", "sip:bob@example.com"); res == nil || res.Status() != 404 {
				t.Fatalf("%v", res)
			}
		}
		ask()
		return testing.AllocsPerRun(50, ask)
	}
	plain := each(answering("", ""))
	for _, c := range []struct {
		name, before, after string
		most                float64
	}{
		{"questions and flags", `for i = 1, 20 do
    KSR.is_INVITE() KSR.is_method_in("IS") KSR.is_myself_ruri() KSR.siputils.has_totag()
    KSR.setflag(1) KSR.isflagset(1) KSR.corex.has_ruri_user() KSR.isdsturiset()
  end`, "", 20*4 + 4},
		{"variables", `for i = 1, 20 do KSR.pv.get("$rU") KSR.kx.get_ruri() end`, "", 20*7 + 4},
		{"exit", "", "KSR.x.exit()", 4},
		{"limits and routes", `for i = 1, 20 do
    KSR.is_myself_srcip() KSR.pike.pike_check_req() KSR.tm.t_is_set("branch_route") KSR.tm.t_is_set("onreply_route")
  end`, "", 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			if n := each(answering(c.before, c.after)) - plain; n > c.most {
				t.Errorf("%.0f allocations more than %.0f, at most %.0f are meant", n, plain, c.most)
			} else {
				t.Logf("%.0f allocations more than %.0f", n, plain)
			}
		})
	}
}

// What is kept of a call has the line of the script that decided, and not what it asked the message
// before, nor lines of ours.
func TestKEMIObserved(t *testing.T) {
	r := ring.New(ring.Options{Size: ring.MinSize})
	w := world(t, answering(`if KSR.is_INVITE() or KSR.pv.get("$rU") == "x" then return end`, ""), luabindtest.Engine(func(e *engine.Config) { e.Observe = r.Observe }))
	w.Ask("OPTIONS", "sip:bob@example.com")
	calls, err := r.Calls(ring.Filter{}, 1)
	if err != nil || len(calls) != 1 {
		t.Fatalf("%d calls, %v", len(calls), err)
	}
	_, records, err := r.Call(calls[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range records {
		if x.Kind == ring.Decision || x.Kind == ring.Step {
			got = append(got, x.Place+" "+x.Function+" "+x.Answer)
		}
	}
	if text := strings.Join(got, "\n"); text != "k.lua:4 reply 404 Not Here" {
		t.Errorf("got\n%s", text)
	}
}
