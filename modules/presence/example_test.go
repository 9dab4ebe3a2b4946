package presence_test

import (
	"fmt"

	"github.com/sipscript/sipscript/modules/presence"
)

// A policy is checked before it counts.
func ExamplePresence_SetPolicy() {
	server := presence.New(presence.Options{})
	policy := presence.DefaultPolicy()
	policy.Packages = []string{"presence", "dialogue"}
	fmt.Println(server.SetPolicy(policy))
	// Output: packages: there is no "dialogue"; did you mean "dialog"?
}
