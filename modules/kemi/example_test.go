package kemi_test

import (
	"fmt"

	"github.com/sipscript/sipscript/modules/kemi"
)

func Example() {
	for _, f := range kemi.Source("route.lua", "function ksr_request_route() KSR.dialog.dlg_manage() end", nil) {
		fmt.Println(f)
	}
	// Output: route.lua:1:41: KSR.dialog.dlg_manage is not available here: use dialog.track(req)
}
