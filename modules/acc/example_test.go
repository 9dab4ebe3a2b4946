package acc_test

import (
	"fmt"
	"log/slog"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/acc"
)

// Records of the calls of a router written in Go, as lines of JSON.
func Example() {
	records := acc.New(acc.Options{Log: slog.New(slog.DiscardHandler)}) // Data: where records wait
	defer records.Close()
	p := acc.DefaultPolicy()
	p.To = []string{"json:cdr.jsonl"}
	if err := records.Use(p, nil); err != nil {
		fmt.Println(err)
	}
	route := func(r *engine.Request) error {
		if r.InDialog() {
			_, err := r.Relay(nil, nil)
			return err
		}
		if err := records.Record(r, map[string]any{"customer": "7"}); err != nil {
			return err
		}
		_, err := r.Relay([]*engine.Target{{URI: "sip:bob@192.0.2.7"}}, nil)
		return err
	}
	_ = route // engine.Config{Parts: []engine.Part{records}, Router: …}
	fmt.Println(records.Destinations()[0].Name)
	// Output: json:cdr.jsonl
}
