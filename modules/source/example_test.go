package source_test

import (
	"context"
	"fmt"

	"github.com/sipscript/sipscript/modules/source"
)

// A module says what an entry is, and what lookups need of all of them.
func Example() {
	type gateway struct {
		NextHop string `lua:"next_hop,required" source:"bare" doc:"where it is reached"`
		Weight  int    `lua:"weight" min:"1" max:"1000" doc:"its share"`
	}
	spec := source.Spec{Entries: []any{"sip:192.0.2.1", map[string]any{"next_hop": "sip:192.0.2.2", "weight": 3.0}}}
	list, err := source.Open(context.Background(), spec, source.Options[gateway, []gateway]{Name: "example.gateways", Default: gateway{Weight: 1},
		Build: func(entries []gateway) ([]gateway, error) { return entries, nil }})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer list.Close()
	for _, g := range list.Get() {
		fmt.Println(g.NextHop, g.Weight)
	}
	// Output:
	// sip:192.0.2.1 1
	// sip:192.0.2.2 3
}
