package metrics_test

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/ops/metrics"
)

// refuse is a router that serves nobody.
type refuse struct{}

func (refuse) Route(req *engine.Request) error {
	_, err := req.Reply(403, "", nil)
	return err
}

// A program registers the engine's figures where it keeps its own.
func ExampleEngine() {
	eng, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Router: refuse{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer eng.Shutdown(context.Background())
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.Engine(eng.Stats), metrics.Lanes(eng.Lanes(), eng.Background()), metrics.Pauses())

	families, err := registry.Gather()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range families {
		if f.GetName() == "sipscript_requests_in_progress" {
			fmt.Println(f.GetName(), f.Metric[0].Gauge.GetValue())
		}
	}
	// Output: sipscript_requests_in_progress 0
}
