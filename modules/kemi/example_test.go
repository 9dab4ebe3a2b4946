package kemi_test

import (
	"fmt"

	"github.com/sipscript/sipscript/modules/kemi"
)

func Example() {
	for _, f := range kemi.Source("route.lua", "function ksr_request_route() KSR.msilo.m_store('') end", nil) {
		fmt.Println(f)
	}
	// Output: route.lua:1:40: KSR.msilo.m_store is not available here: use require("messages").store(req)
}
