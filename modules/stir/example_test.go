package stir_test

import (
	"fmt"

	"github.com/sipscript/sipscript/modules/stir"
)

// The module as a Go program gives it to luabind.NewRouter.
func Example() {
	s := stir.New(stir.Options{})
	defer s.Close()
	fmt.Println(s.Name(), s.Doc())
	// Output: stir Signs callers' numbers, and verifies them (STIR/SHAKEN).
}
