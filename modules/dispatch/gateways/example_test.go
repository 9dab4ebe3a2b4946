package gateways_test

import (
	"fmt"

	"github.com/sipscript/sipscript/modules/dispatch/gateways"
)

// A set of three gateways, one of which is marked, chooses by a hash.
func ExampleSet_Choose() {
	set := gateways.New("farm", gateways.Options{})
	var list []gateways.Entry
	for _, hop := range []string{"sip:10.0.0.1", "sip:10.0.0.2", "sip:10.0.0.3"} {
		e := gateways.NewEntry()
		e.NextHop = hop
		list = append(list, e)
	}
	if _, err := gateways.CheckList(list); err != nil {
		fmt.Println(err)
		return
	}
	set.Swap(list)
	if err := set.Mark("sip:10.0.0.2", gateways.Draining, 0); err != nil {
		fmt.Println(err)
		return
	}
	targets, err := set.Choose(&gateways.Choice{By: gateways.ByHash, Key: "call-1"})
	fmt.Println(len(targets), err) // for engine.Request.Relay
	for _, g := range set.List() {
		fmt.Println(g.URI, g.State)
	}
	// Output:
	// 2 <nil>
	// sip:10.0.0.1 up
	// sip:10.0.0.2 draining
	// sip:10.0.0.3 up
}
