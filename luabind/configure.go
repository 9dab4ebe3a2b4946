package luabind

import (
	"fmt"
	"reflect"
)

// Configure declares a module's configure{} function: the file may call it once, with a table that is decoded strictly into a copy of defaults (see
// the package's notes on options), which is given to apply. Every lane runs the file, so apply is called for the first of them only, and another that
// decodes something else raises. apply's error is raised. T must hold no *Func: a module that is configured with functions declares its own Function
// and keeps them for each [Call.VM].
func Configure[T any](doc string, defaults T, apply func(T) error) Function {
	var first T
	var applied bool
	seen := map[any]bool{}
	return Function{
		Name: "configure", Doc: doc, Where: AtLoad,
		Params: []Param{{Name: "options", Type: Table, Options: defaults}},
		Call: func(c *Call) int {
			opts := defaults
			if c.IsNil(1) {
				c.want(1, "a table of options")
			}
			c.Decode(1, &opts)
			if seen[c.VM()] {
				c.Raise("has already been called")
			}
			seen[c.VM()] = true
			if applied {
				if !reflect.DeepEqual(first, opts) {
					c.Raise("the options differ between lanes; make them the same each time the file runs (%+v, %+v)", first, opts)
				}
				return 0
			}
			if err := apply(opts); err != nil {
				c.Raise("%v", err)
			}
			first, applied = opts, true
			return 0
		},
	}
}

// typedError names a mistake in a declaration.
func typedError(name, format string, args ...any) string {
	return fmt.Sprintf("luabind: function %q: %s", name, fmt.Sprintf(format, args...))
}
