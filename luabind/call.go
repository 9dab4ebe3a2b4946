package luabind

import (
	"math"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// Call is one call of a module's function from a script. It belongs to the goroutine that runs the
// function and ends with it.
//
// The argument accessors count from 1 and raise an error in the script if the argument has another
// type; nothing after such an accessor runs. The same applies to Raise and Misuse. Nothing that
// must be undone may be pending then, except with defer.
type Call struct {
	l    *lua.LState
	vm   *vm
	fn   *boundFunction
	uris *[2]parsedURI // of arguments given as strings; nil before the first
	used int           // how many of them are in use
	busy bool          // the function runs
}

// parsedURI is a uri and its text.
type parsedURI struct {
	uri  message.URI
	text []byte
}

// boundFunction is a Function under its full name.
type boundFunction struct {
	Function
	full   string // "registrar.lookup", "binding:remove"
	method bool   // argument 1 is the object
	spare  *Call  // of this VM
}

// Len is how many arguments the script gave.
func (c *Call) Len() int { return c.l.GetTop() }

// IsNil reports whether argument n is nil or missing.
func (c *Call) IsNil(n int) bool { return c.l.Get(n) == lua.LNil }

// Kind is the type of argument n: String, Number, Boolean, Table, FunctionType, RequestType,
// ResponseType, URIType (a uri object), BranchType, ObjectOf; Any for nil and the rest.
func (c *Call) Kind(n int) Type { return kindOf(c.l.Get(n)) }

func kindOf(v lua.LValue) Type {
	switch v := v.(type) {
	case lua.LString:
		return String
	case lua.LNumber:
		return Number
	case lua.LBool:
		return Boolean
	case *lua.LTable:
		return Table
	case *lua.LFunction:
		return FunctionType
	case *lua.LUserData:
		switch v.Value.(type) {
		case *reqObj:
			return RequestType
		case *resObj:
			return ResponseType
		case *uriObj:
			return URIType
		case *branchObj:
			return BranchType
		case Object:
			return ObjectOf
		}
	}
	return Any
}

// Describe describes argument n, for error messages: "the number 5", "a table".
func (c *Call) Describe(n int) string { return describe(c.l.Get(n)) }

// Request is argument n, a request whose handlers have not ended.
func (c *Call) Request(n int) *engine.Request {
	if ud, ok := c.l.Get(n).(*lua.LUserData); ok {
		if o, ok := ud.Value.(*reqObj); ok {
			o.check(c.l)
			return o.req
		}
	}
	c.want(n, "the request")
	return nil
}

// Branch is argument n, the branch of an on_branch that still runs.
func (c *Call) Branch(n int) *engine.Branch {
	if ud, ok := c.l.Get(n).(*lua.LUserData); ok {
		if o, ok := ud.Value.(*branchObj); ok {
			o.check(c.l)
			return o.b
		}
	}
	c.want(n, "a branch")
	return nil
}

// Response is argument n, a response of fork or of a callback.
func (c *Call) Response(n int) *engine.Response {
	if ud, ok := c.l.Get(n).(*lua.LUserData); ok {
		if o, ok := ud.Value.(*resObj); ok {
			o.check(c.l)
			return o.res
		}
	}
	c.want(n, "a response")
	return nil
}

// URI is argument n, a uri object or text that is a uri. It is valid until the function returns or
// waits, and may not be kept or changed.
func (c *Call) URI(n int) *message.URI {
	switch v := c.l.Get(n).(type) {
	case *lua.LUserData:
		if o, ok := v.Value.(*uriObj); ok {
			return o.parsed(c.l)
		}
	case lua.LString:
		into := &parsedURI{}
		if c.uris == nil {
			c.uris = new([2]parsedURI)
		}
		if c.used < len(c.uris) {
			into = &c.uris[c.used]
			c.used++
		}
		into.text = append(into.text[:0], v...)
		u, err := message.ParseURI(into.text)
		if err != nil {
			c.Raise("argument %d, %.80q, is not a uri: %v", c.position(n), string(v), err)
		}
		into.uri = u
		return &into.uri
	}
	c.want(n, "a uri")
	return nil
}

// URIText is the text of argument n, a uri object or text.
func (c *Call) URIText(n int) string {
	switch v := c.l.Get(n).(type) {
	case *lua.LUserData:
		if o, ok := v.Value.(*uriObj); ok {
			return string(o.bytes(c.l))
		}
	case lua.LString:
		return string(v)
	}
	c.want(n, "a uri")
	return ""
}

// String is argument n, a string or a number.
func (c *Call) String(n int) string {
	switch v := c.l.Get(n).(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return v.String()
	}
	c.want(n, "a string")
	return ""
}

// OptString is String, or def if the argument is nil or missing.
func (c *Call) OptString(n int, def string) string {
	if c.IsNil(n) {
		return def
	}
	return c.String(n)
}

// Number is argument n.
func (c *Call) Number(n int) float64 {
	v, ok := c.l.Get(n).(lua.LNumber)
	if !ok {
		c.want(n, "a number")
	}
	return float64(v)
}

// Int is argument n, a whole number.
func (c *Call) Int(n int) int {
	f := c.Number(n)
	if f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		c.want(n, "a whole number")
	}
	return int(f)
}

// OptInt is Int, or def if the argument is nil or missing.
func (c *Call) OptInt(n int, def int) int {
	if c.IsNil(n) {
		return def
	}
	return c.Int(n)
}

// Bool is argument n, true or false.
func (c *Call) Bool(n int) bool {
	v, ok := c.l.Get(n).(lua.LBool)
	if !ok {
		c.want(n, "true or false")
	}
	return bool(v)
}

// OptBool is Bool, or def if the argument is nil or missing.
func (c *Call) OptBool(n int, def bool) bool {
	if c.IsNil(n) {
		return def
	}
	return c.Bool(n)
}

// Seconds is argument n, a number of seconds that is not negative.
func (c *Call) Seconds(n int) time.Duration {
	d, ok := seconds(c.l.Get(n))
	if !ok {
		c.want(n, "a number of seconds")
	}
	return d
}

// Value is argument n copied into Go: nil, string, float64, bool, []any, map[string]any. Functions,
// objects and cycles raise.
func (c *Call) Value(n int) any {
	v, err := toGo(c.l.Get(n))
	if err != nil {
		c.Raise("argument %d: %v", c.position(n), err)
	}
	return v
}

// Strings is argument n, a list of strings, or one string.
func (c *Call) Strings(n int) []string {
	list, err := stringList(c.l.Get(n))
	if err != nil {
		c.want(n, "a string or a list of strings")
	}
	return list
}

// Object is argument n, an object of type t.
func (c *Call) Object(n int, t *ObjectType) Object {
	if ud, ok := c.l.Get(n).(*lua.LUserData); ok {
		if o, ok := ud.Value.(Object); ok && o.ObjectType() == t {
			return o
		}
	}
	c.want(n, "a "+t.Name)
	return nil
}

// AnyObject is argument n if it is an object of a module, of whatever type.
func (c *Call) AnyObject(n int) (Object, bool) { return c.anyObject(n) }

// Self is the object that a method was called on.
func (c *Call) Self() Object {
	o, ok := c.anyObject(1)
	if !ok {
		c.Raise("is a method: write object:%s(...)", c.fn.Name)
	}
	return o
}

// Func is argument n, a function of the script. It may be called as long as its VM lives, with that
// VM's lane held.
func (c *Call) Func(n int) *Func {
	f, ok := c.l.Get(n).(*lua.LFunction)
	if !ok {
		c.want(n, "a function")
	}
	return &Func{vm: c.vm, f: f}
}

// Decode reads argument n, a table of options, into the struct that opts points to, strictly: see
// [Decode]. nil leaves opts as it is.
func (c *Call) Decode(n int, opts any) {
	if c.IsNil(n) {
		return
	}
	t, ok := c.l.Get(n).(*lua.LTable)
	if !ok {
		c.want(n, "a table of options")
	}
	if err := decodeTable(c.vm, t, opts); err != nil {
		c.Raise("%v", err)
	}
}

// Raise raises an error in the script, with the function's name before it.
func (c *Call) Raise(format string, args ...any) {
	raise(c.l, c.fn.full+": "+format, args...)
}

// Misuse raises an error that is a misuse (see [engine.MisuseError]) and otherwise does nothing.
func (c *Call) Misuse(err error) {
	if m, ok := asMisuse(err); ok {
		c.Raise("%s", m.Text)
	}
}

// RaiseIf raises err, if there is one: for functions that do not return nil, err.
func (c *Call) RaiseIf(err error) {
	if err != nil {
		c.Misuse(err)
		c.Raise("%v", err)
	}
}

// Fail is how a function reports a failure at run time: it pushes nil and the error's text and
// returns 2. A misuse is raised.
func (c *Call) Fail(err error) int {
	c.Misuse(err)
	c.l.Push(lua.LNil)
	c.l.Push(lua.LString(err.Error()))
	return 2
}
