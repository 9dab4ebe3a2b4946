package kemi_test

import (
	"fmt"

	"github.com/sipscript/sipscript/modules/kemi"
)

func Example() {
	for _, f := range kemi.Source("route.lua", "function ksr_request_route() KSR.async.get_data() end", nil) {
		fmt.Println(f)
	}
	// Output: route.lua:1:40: KSR.async.get_data is not available here: use sip.sleep and sip.spawn
}
