package rtpengine_test

import (
	"fmt"

	"github.com/sipscript/sipscript/modules/rtpengine/ng"
)

// A pool chooses the same daemon for a call in every process.
func Example() {
	pool := ng.NewPool(ng.Options{})
	defer pool.Close()
	pool.Set([]ng.Spec{{URI: "udp:192.0.2.1:2223", Weight: 1}, {URI: "udp:192.0.2.2:2223", Weight: 1}})
	for _, e := range pool.Choose("", "a84b4c76e66710@pc33.atlanta.example.com") {
		fmt.Println(e.URI)
	}
	// Output:
	// udp:192.0.2.1:2223
	// udp:192.0.2.2:2223
}
