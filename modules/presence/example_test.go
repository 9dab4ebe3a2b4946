package presence_test

import (
	"fmt"

	"github.com/sipscript/sipscript/modules/presence"
)

// A policy is checked before it counts.
func ExamplePresence_SetPolicy() {
	server, err := presence.New(presence.Options{})
	if err != nil {
		panic(err)
	}
	policy := presence.DefaultPolicy()
	policy.Packages = []string{"presence", "dialogue"}
	fmt.Println(server.SetPolicy(policy))
	// Output: packages: there is no "dialogue"; did you mean "dialog"?
}
