package metrics

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sipscript/sipscript/engine"
)

func TestCalls(t *testing.T) {
	c := NewCalls(func() engine.Stats { return engine.Stats{Calls: 3} })
	c.Settled(&engine.CallReport{Code: 200, Ringing: 150 * time.Millisecond, Answered: 4 * time.Second, Open: true})
	c.Settled(&engine.CallReport{Code: 486})
	c.Settled(&engine.CallReport{Code: 408, Cause: engine.CauseTimeout, Ringing: 90 * time.Second})
	c.Settled(&engine.CallReport{Code: 503, Cause: "of a module"})
	c.Ended(&engine.CallReport{EndedBy: engine.EndedByCallee, Lasted: 70 * time.Second})
	c.Ended(&engine.CallReport{EndedBy: engine.EndedByServer, Lasted: time.Second})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	// All failures, and whatever a user agent may decide, are there before they happen
	settled := `sipscript_calls_total{cause="none",class="2xx"} 1
sipscript_calls_total{cause="none",class="3xx"} 0
`
	counted := map[string]bool{"none 4": true, "timeout 4": true, "other 5": true}
	for class := 4; class <= 6; class++ {
		for _, cause := range []string{"none", "timeout", "unreachable", "cancelled", "shutdown", "full", "media", "other"} {
			n := 0
			if counted[fmt.Sprint(cause, " ", class)] {
				n = 1
			}
			settled += fmt.Sprintf("sipscript_calls_total{cause=%q,class=\"%dxx\"} %d\n", cause, class, n)
		}
	}
	for name, want := range map[string]string{
		"sipscript_calls_total": settled,
		"sipscript_calls_ended_total": `sipscript_calls_ended_total{by="callee"} 1
sipscript_calls_ended_total{by="caller"} 0
sipscript_calls_ended_total{by="server"} 1
sipscript_calls_ended_total{by="shutdown"} 0
sipscript_calls_ended_total{by="unknown"} 0
`,
		"sipscript_calls_in_progress": "sipscript_calls_in_progress 3\n",
	} {
		t.Run(name, func(t *testing.T) {
			kind := "counter"
			help := "Calls whose INVITE is over, by class of the final response and by cause: none where a user agent decided."
			switch {
			case strings.HasSuffix(name, "ended_total"):
				help = "Answered calls that ended, by who ended them."
			case !strings.HasSuffix(name, "total"):
				kind, help = "gauge", "Calls that were answered and have not ended, on whose path the server is."
			}
			text := "# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n" + want
			if err := testutil.GatherAndCompare(registry, strings.NewReader(text), name); err != nil {
				t.Error(err)
			}
		})
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "sipscript_call_post_dial_delay_seconds" {
			continue
		}
		h := f.Metric[0].GetHistogram()
		if h.GetSampleCount() != 2 || h.GetSampleSum() != 90.15 || h.Bucket[1].GetCumulativeCount() != 0 || h.Bucket[2].GetCumulativeCount() != 1 || h.Bucket[12].GetCumulativeCount() != 2 {
			t.Errorf("%v", h)
		}
	}
}
