package luabind

// Functions are declared once, with descriptors of their arguments and results:
//
//	luabind.Try2(luabind.Function{Name: "remove", Where: luabind.InHandler, Waits: true,
//		Doc:     "Removes the bindings of an address, or those that equal contact.",
//		Example: `registrar.remove(req.to.uri)`},
//		luabind.URIArg("aor", "any spelling of the address-of-record"),
//		luabind.URIArg("contact", "the one to remove").Optional(),
//		luabind.ReturnsInt("how many were removed"),
//		m.remove)
//
// where m.remove is func(c *luabind.Call, aor, contact *message.URI) (int, error). The descriptors
// read and check the arguments, push the results, and tell check, the stubs and the reference about
// the function. The number counts the arguments of the Go function after its *Call; a method of an
// object has [Self] as its first.
//
//	Do    returns nothing
//	Func  returns a value
//	Try   returns a value or an error
//	Act   returns an error or nothing
//
// An error becomes nil, err in the script, unless it is a misuse ([engine.MisuseError]) or the
// function belongs to the file ([AtLoad]): then it is raised. An Act that fails in another way
// returns nil, err; otherwise true.

// Arg describes and reads one argument, or a few that belong together.
type Arg[T any] struct {
	Params []Param // what documentation and check know of it, one for each argument read
	width  int     // how many arguments it reads
	read   func(c *Call, n int) T
}

// ArgOf makes an argument of a module's own: read gets it, as argument n of c, and raises errors
// with c's methods. If there are several params they are read from n on.
func ArgOf[T any](read func(c *Call, n int) T, params ...Param) Arg[T] {
	return Arg[T]{Params: params, width: len(params), read: read}
}

// Optional makes nil, or nothing, the zero value.
func (a Arg[T]) Optional() Arg[T] {
	var zero T
	return a.optional(zero)
}

// Default makes nil, or nothing, def; text is how documentation says so.
func (a Arg[T]) Default(def T, text string) Arg[T] {
	a = a.optional(def)
	a.Params[0].Default = text
	return a
}

func (a Arg[T]) optional(def T) Arg[T] {
	a.Params = append([]Param(nil), a.Params...)
	a.Params[0].Optional = true
	read := a.read
	a.read = func(c *Call, n int) T {
		if c.IsNil(n) {
			return def
		}
		return read(c, n)
	}
	return a
}

// Described changes the documentation of the argument's first parameter.
func (a Arg[T]) Described(change func(*Param)) Arg[T] {
	a.Params = append([]Param(nil), a.Params...)
	change(&a.Params[0])
	return a
}

// arguments are the widths of the arguments before each.
func declared(f *Function, lists ...[]Param) {
	for _, l := range lists {
		f.Params = append(f.Params, l...)
	}
}

// Do0 declares a function without arguments and results.
func Do0(f Function, do func(*Call)) Function {
	f.Call = func(c *Call) int { do(c); return 0 }
	return f
}

// Do1 declares a function of one argument that returns nothing.
func Do1[A any](f Function, a Arg[A], do func(*Call, A)) Function {
	declared(&f, a.Params)
	f.Call = func(c *Call) int { do(c, a.read(c, 1)); return 0 }
	return f
}

// Do2 is Do1 for two arguments.
func Do2[A, B any](f Function, a Arg[A], b Arg[B], do func(*Call, A, B)) Function {
	declared(&f, a.Params, b.Params)
	nb := 1 + a.width
	f.Call = func(c *Call) int { do(c, a.read(c, 1), b.read(c, nb)); return 0 }
	return f
}

// Do3 is Do1 for three arguments.
func Do3[A, B, C any](f Function, a Arg[A], b Arg[B], d Arg[C], do func(*Call, A, B, C)) Function {
	declared(&f, a.Params, b.Params, d.Params)
	nb := 1 + a.width
	nd := nb + b.width
	f.Call = func(c *Call) int { do(c, a.read(c, 1), b.read(c, nb), d.read(c, nd)); return 0 }
	return f
}

// Do4 is Do1 for four arguments.
func Do4[A, B, C, D any](f Function, a Arg[A], b Arg[B], d Arg[C], e Arg[D], do func(*Call, A, B, C, D)) Function {
	declared(&f, a.Params, b.Params, d.Params, e.Params)
	nb := 1 + a.width
	nd := nb + b.width
	ne := nd + d.width
	f.Call = func(c *Call) int { do(c, a.read(c, 1), b.read(c, nb), d.read(c, nd), e.read(c, ne)); return 0 }
	return f
}

// Func0 declares a function without arguments that returns r.
func Func0[R any](f Function, r Returns[R], fn func(*Call) R) Function {
	f.Results = r.Results
	f.Call = func(c *Call) int { return r.push(c, fn(c)) }
	return f
}

// Func1 declares a function of one argument that returns r.
func Func1[A, R any](f Function, a Arg[A], r Returns[R], fn func(*Call, A) R) Function {
	declared(&f, a.Params)
	f.Results = r.Results
	f.Call = func(c *Call) int { return r.push(c, fn(c, a.read(c, 1))) }
	return f
}

// Func2 is Func1 for two arguments.
func Func2[A, B, R any](f Function, a Arg[A], b Arg[B], r Returns[R], fn func(*Call, A, B) R) Function {
	declared(&f, a.Params, b.Params)
	f.Results = r.Results
	nb := 1 + a.width
	f.Call = func(c *Call) int { return r.push(c, fn(c, a.read(c, 1), b.read(c, nb))) }
	return f
}

// Func3 is Func1 for three arguments.
func Func3[A, B, C, R any](f Function, a Arg[A], b Arg[B], d Arg[C], r Returns[R], fn func(*Call, A, B, C) R) Function {
	declared(&f, a.Params, b.Params, d.Params)
	f.Results = r.Results
	nb := 1 + a.width
	nd := nb + b.width
	f.Call = func(c *Call) int { return r.push(c, fn(c, a.read(c, 1), b.read(c, nb), d.read(c, nd))) }
	return f
}

// Func4 is Func1 for four arguments.
func Func4[A, B, C, D, R any](f Function, a Arg[A], b Arg[B], d Arg[C], e Arg[D], r Returns[R],
	fn func(*Call, A, B, C, D) R) Function {
	declared(&f, a.Params, b.Params, d.Params, e.Params)
	f.Results = r.Results
	nb := 1 + a.width
	nd := nb + b.width
	ne := nd + d.width
	f.Call = func(c *Call) int {
		return r.push(c, fn(c, a.read(c, 1), b.read(c, nb), d.read(c, nd), e.read(c, ne)))
	}
	return f
}

// Try0 declares a function without arguments that returns r or fails.
func Try0[R any](f Function, r Returns[R], fn func(*Call) (R, error)) Function {
	f.Results = r.failing(&f)
	f.Call = func(c *Call) int {
		out, err := fn(c)
		return r.outcome(c, out, err)
	}
	return f
}

// Try1 declares a function of one argument that returns r or fails.
func Try1[A, R any](f Function, a Arg[A], r Returns[R], fn func(*Call, A) (R, error)) Function {
	declared(&f, a.Params)
	f.Results = r.failing(&f)
	f.Call = func(c *Call) int {
		out, err := fn(c, a.read(c, 1))
		return r.outcome(c, out, err)
	}
	return f
}

// Try2 is Try1 for two arguments.
func Try2[A, B, R any](f Function, a Arg[A], b Arg[B], r Returns[R], fn func(*Call, A, B) (R, error)) Function {
	declared(&f, a.Params, b.Params)
	f.Results = r.failing(&f)
	nb := 1 + a.width
	f.Call = func(c *Call) int {
		out, err := fn(c, a.read(c, 1), b.read(c, nb))
		return r.outcome(c, out, err)
	}
	return f
}

// Try3 is Try1 for three arguments.
func Try3[A, B, C, R any](f Function, a Arg[A], b Arg[B], d Arg[C], r Returns[R],
	fn func(*Call, A, B, C) (R, error)) Function {
	declared(&f, a.Params, b.Params, d.Params)
	f.Results = r.failing(&f)
	nb := 1 + a.width
	nd := nb + b.width
	f.Call = func(c *Call) int {
		out, err := fn(c, a.read(c, 1), b.read(c, nb), d.read(c, nd))
		return r.outcome(c, out, err)
	}
	return f
}

// Try4 is Try1 for four arguments.
func Try4[A, B, C, D, R any](f Function, a Arg[A], b Arg[B], d Arg[C], e Arg[D], r Returns[R],
	fn func(*Call, A, B, C, D) (R, error)) Function {
	declared(&f, a.Params, b.Params, d.Params, e.Params)
	f.Results = r.failing(&f)
	nb := 1 + a.width
	nd := nb + b.width
	ne := nd + d.width
	f.Call = func(c *Call) int {
		out, err := fn(c, a.read(c, 1), b.read(c, nb), d.read(c, nd), e.read(c, ne))
		return r.outcome(c, out, err)
	}
	return f
}

// Try5 is Try1 for five arguments.
func Try5[A, B, C, D, E, R any](f Function, a Arg[A], b Arg[B], d Arg[C], e Arg[D], g Arg[E], r Returns[R],
	fn func(*Call, A, B, C, D, E) (R, error)) Function {
	declared(&f, a.Params, b.Params, d.Params, e.Params, g.Params)
	f.Results = r.failing(&f)
	nb := 1 + a.width
	nd := nb + b.width
	ne := nd + d.width
	ng := ne + e.width
	f.Call = func(c *Call) int {
		out, err := fn(c, a.read(c, 1), b.read(c, nb), d.read(c, nd), e.read(c, ne), g.read(c, ng))
		return r.outcome(c, out, err)
	}
	return f
}

// Act1 declares a function of one argument that does something or fails.
func Act1[A any](f Function, a Arg[A], act func(*Call, A) error) Function {
	declared(&f, a.Params)
	f.Results = acted(&f)
	f.Call = func(c *Call) int { return c.acted(act(c, a.read(c, 1))) }
	return f
}

// Act2 is Act1 for two arguments.
func Act2[A, B any](f Function, a Arg[A], b Arg[B], act func(*Call, A, B) error) Function {
	declared(&f, a.Params, b.Params)
	f.Results = acted(&f)
	nb := 1 + a.width
	f.Call = func(c *Call) int { return c.acted(act(c, a.read(c, 1), b.read(c, nb))) }
	return f
}

// Act3 is Act1 for three arguments.
func Act3[A, B, C any](f Function, a Arg[A], b Arg[B], d Arg[C], act func(*Call, A, B, C) error) Function {
	declared(&f, a.Params, b.Params, d.Params)
	f.Results = acted(&f)
	nb := 1 + a.width
	nd := nb + b.width
	f.Call = func(c *Call) int { return c.acted(act(c, a.read(c, 1), b.read(c, nb), d.read(c, nd))) }
	return f
}

// acted are the results of an Act: none if it raises its errors.
func acted(f *Function) []Result {
	if f.Where == AtLoad {
		return nil
	}
	return []Result{{Type: Boolean, OrNil: true, Doc: "true"}, failure}
}

// failure is the second result of a function that can fail.
var failure = Result{Name: "err", Type: String, OrNil: true, Doc: "why it failed"}

func (c *Call) acted(err error) int {
	switch {
	case c.fn.Where == AtLoad:
		c.RaiseIf(err)
		return 0
	case err != nil:
		return c.Fail(err)
	}
	return c.PushBool(true)
}
