package luabind

import (
	"errors"
	"fmt"
)

// Configure declares a module's configure{} function: the file may call it once, with a table that
// is decoded strictly into a copy of defaults (see the package's notes on options) and passed to
// apply. Every lane runs the file, so apply is called only for the first of them, and another that
// decodes something else raises an error. apply's error is raised. T must not contain a *Func: a
// module that is configured with functions declares its own Function and keeps them for each
// [Call.VM].
func Configure[T any](f Function, defaults T, apply func(T) error) Function {
	var said Agreed[T]
	f.Name, f.Where = "configure", AtLoad
	if f.Doc == "" {
		f.Doc = "Sets options, once, while the file loads."
	}
	return Do1(f, RequiredOptionsArg("options", defaults), func(c *Call, opts T) {
		first, err := said.Say(c.VM(), opts)
		switch {
		case errors.Is(err, ErrDiffers):
			before, _ := said.Value()
			c.Raise("what it is given %v (%+v, %+v)", err, before, opts)
		case err != nil:
			c.Raise("%v", err)
		case !first:
			return
		}
		if err := apply(opts); err != nil {
			c.Raise("%v", err)
		}
	})
}

// typedError names a mistake in a declaration.
func typedError(name, format string, args ...any) string {
	return fmt.Sprintf("luabind: function %q: %s", name, fmt.Sprintf(format, args...))
}
