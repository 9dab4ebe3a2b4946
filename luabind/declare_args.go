package luabind

import (
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// The arguments of declared functions. Each raises an error if a script passes something else.

func argOf[T any](name, doc string, t Type, read func(c *Call, n int) T) Arg[T] {
	return ArgOf(read, Param{Name: name, Type: t, Doc: doc})
}

// TextArg is a string; a number is converted.
func TextArg(name, doc string) Arg[string] { return argOf(name, doc, String, (*Call).String) }

// Read reads the argument with a number, for one that may be something else, too.
func (a Arg[T]) Read(c *Call, n int) T { return a.read(c, n) }

// OneOfArg is one of some strings.
func OneOfArg(name, doc string, texts ...string) Arg[string] {
	a := argOf(name, doc, String, func(c *Call, n int) string { return c.oneOf(n, texts) })
	a.Params[0].OneOf = texts
	return a
}

// NumberArg is a number.
func NumberArg(name, doc string) Arg[float64] { return argOf(name, doc, Number, (*Call).Number) }

// IntArg is a whole number.
func IntArg(name, doc string) Arg[int] { return argOf(name, doc, Integer, (*Call).Int) }

// BoolArg is true or false.
func BoolArg(name, doc string) Arg[bool] { return argOf(name, doc, Boolean, (*Call).Bool) }

// SecondsArg is a number of seconds that is not negative.
func SecondsArg(name, doc string) Arg[time.Duration] {
	return argOf(name, doc, Seconds, (*Call).Seconds)
}

// URIArg is a uri, or the text of one; nil if it is optional and not given. It is valid until the
// function returns or waits.
func URIArg(name, doc string) Arg[*message.URI] { return argOf(name, doc, URIType, (*Call).URI) }

// URITextArg is the text of a uri, or of something meant to be one.
func URITextArg(name, doc string) Arg[string] { return argOf(name, doc, URIType, (*Call).URIText) }

// RequestArg is the request.
func RequestArg() Arg[*engine.Request] {
	return argOf("req", "the request", RequestType, (*Call).Request)
}

// RequestOrBranchArg is the request, or the branch of an on_branch: T is an interface that
// *engine.Request and *engine.Branch have.
func RequestOrBranchArg[T any]() Arg[T] {
	read := func(c *Call, n int) T {
		if c.Kind(n) == BranchType {
			return any(c.Branch(n)).(T)
		}
		return any(c.Request(n)).(T)
	}
	return ArgOf(read, Param{Name: "req", Type: RequestType, Or: []Type{BranchType}, Doc: "the request, or the branch of an on_branch"})
}

// ResponseArg is a response.
func ResponseArg(name, doc string) Arg[*engine.Response] {
	return argOf(name, doc, ResponseType, (*Call).Response)
}

// ValueArg is any value, copied into Go: see [Call.Value].
func ValueArg(name, doc string) Arg[any] { return argOf(name, doc, Any, (*Call).Value) }

// StringsArg is a list of strings, or one string.
func StringsArg(name, doc string) Arg[[]string] { return argOf(name, doc, List, (*Call).Strings) }

// FuncArg is a function of the script, which runs as a handler unless its parameter is described
// otherwise; signature is how documentation writes it.
func FuncArg(name, signature, doc string) Arg[*Func] {
	a := argOf(name, doc, FunctionType, (*Call).Func)
	a.Params[0].Callback, a.Params[0].Runs = signature, InHandler
	return a
}

// FuncOrValueArg is a function of the script, or a copy of anything else.
func FuncOrValueArg(name, doc string) Arg[FuncOrValue] {
	return argOf(name, doc, Any, func(c *Call, n int) FuncOrValue {
		if c.Kind(n) == FunctionType {
			return FuncOrValue{Func: c.Func(n)}
		}
		return FuncOrValue{Value: c.Value(n)}
	})
}

// OptionsArg is a table of options, decoded into a copy of defaults, which also applies if no table
// is given. See [Call.Decode].
func OptionsArg[T any](defaults T) Arg[T] {
	return ArgOf(func(c *Call, n int) T {
		if c.IsNil(n) {
			return defaults
		}
		return decoded(c, n, defaults)
	}, Param{Name: "options", Type: Table, Optional: true, Options: defaults})
}

// RequiredOptionsArg is OptionsArg for a table that is required.
func RequiredOptionsArg[T any](name string, defaults T) Arg[T] {
	return ArgOf(func(c *Call, n int) T {
		if c.Kind(n) != Table {
			c.want(n, "a table of options")
		}
		return decoded(c, n, defaults)
	}, Param{Name: name, Type: Table, Options: defaults})
}

func decoded[T any](c *Call, n int, defaults T) T {
	opts := new(T)
	*opts = defaults
	c.Decode(n, opts)
	return *opts
}

// ObjectArg is an object of a module.
func ObjectArg[T Object](name, doc string, t *ObjectType) Arg[T] {
	a := argOf(name, doc, ObjectOf, func(c *Call, n int) T { return c.Object(n, t).(T) })
	a.Params[0].Object = t
	return a
}

// Self is the object that a method was called on: the first argument of the Go function of each
// method.
func Self[T Object]() Arg[T] { return self[T]() }

// self is Self for the objects of this package too. bind has looked at argument 1.
func self[T any]() Arg[T] {
	return Arg[T]{width: 1, read: func(c *Call, _ int) T {
		if ud, ok := c.l.Get(1).(*lua.LUserData); ok {
			if o, ok := ud.Value.(T); ok {
				return o
			}
		}
		c.Raise("is a method: write object:%s(...), not object.%s(...)", c.fn.Name, c.fn.Name)
		panic("unreachable")
	}}
}

// luaArg is an argument as the interpreter has it.
func luaArg(p Param) Arg[lua.LValue] {
	return ArgOf(func(c *Call, n int) lua.LValue { return c.l.Get(n) }, p)
}

// functionArg is a function of this VM.
func functionArg(name, signature, doc string) Arg[*lua.LFunction] {
	a := argOf(name, doc, FunctionType, func(c *Call, n int) *lua.LFunction {
		f, ok := c.l.Get(n).(*lua.LFunction)
		if !ok {
			c.want(n, "a function")
		}
		return f
	})
	a.Params[0].Callback = signature
	return a
}

// handlerArg is functionArg for one that runs as a handler.
func handlerArg(name, signature, doc string) Arg[*lua.LFunction] {
	return functionArg(name, signature, doc).Described(func(p *Param) { p.Runs = InHandler })
}

// restArg are all arguments from here on: the function reads them from the number it gets.
func restArg(name, doc string) Arg[int] {
	return ArgOf(func(_ *Call, n int) int { return n }, Param{Name: name, Type: Any, Optional: true, Doc: doc, Rest: true})
}

// oneOf is argument n, one of some strings.
func (c *Call) oneOf(n int, texts []string) string {
	given, ok := c.l.Get(n).(lua.LString)
	for _, s := range texts {
		if ok && s == string(given) {
			return s
		}
	}
	c.want(n, "one of "+quotedList(texts))
	return ""
}
