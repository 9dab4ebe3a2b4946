package luabind

import (
	"context"
	"reflect"
	"time"

	"github.com/sipscript/sipscript/engine"
)

// Pure declares a plain Go function that does not wait. Parameters: string, bool, integers,
// float64, time.Duration (seconds), []string, any (a copy), *engine.Request, [Object] types, and
// last a pointer to an options struct (nil if the script gives none). Results: those types, and as
// the last one an error, which a script sees as nil, err. params name and describe the parameters,
// in order; missing ones are named after their type. A mistake in the declaration panics when it is
// made.
func Pure(name, doc string, fn any, params ...Param) Function {
	return typed(name, doc, fn, false, params)
}

// Waiting declares a plain Go function that may block; the lane is lent while it runs, off the
// token: it must not touch the request, and therefore takes none. Its first parameter is a
// context.Context that ends with the caller's CANCEL (the request being over), the generation, or
// the process.
func Waiting(name, doc string, fn any, params ...Param) Function {
	return typed(name, doc, fn, true, params)
}

func typed(name, doc string, fn any, waits bool, params []Param) Function {
	f := Function{Name: name, Doc: doc, Waits: waits}
	if call := commonShape(fn); call != nil && !waits {
		f.Call = call
	}
	t := reflect.TypeOf(fn)
	if t == nil || t.Kind() != reflect.Func || t.IsVariadic() {
		panic(typedError(name, "needs a function without variadic parameters, not %v", t))
	}
	first := 0
	if waits {
		if t.NumIn() == 0 || t.In(0) != reflect.TypeFor[context.Context]() {
			panic(typedError(name, "a waiting function's first parameter is a context.Context"))
		}
		first = 1
	}
	readers := make([]reader, 0, t.NumIn())
	for i := first; i < t.NumIn(); i++ {
		r, kind, ok := readerFor(t.In(i))
		if !ok || waits && kind == RequestType {
			panic(typedError(name, "a parameter can't be of type %v", t.In(i)))
		}
		readers = append(readers, r)
		p := Param{Name: kind.String(), Type: kind}
		if n := i - first; n < len(params) {
			p = params[n]
			p.Type = kind
		}
		if kind == Table {
			p.Optional = true
			p.Options = reflect.Zero(t.In(i).Elem()).Interface()
		}
		f.Params = append(f.Params, p)
	}
	fails := t.NumOut() > 0 && t.Out(t.NumOut()-1) == reflect.TypeFor[error]()
	for i := range t.NumOut() {
		if t.Out(i) != reflect.TypeFor[error]() {
			f.Results = append(f.Results, Result{Type: resultType(t.Out(i)), OrNil: fails})
		}
	}
	if f.Call == nil {
		f.Call = reflected(reflect.ValueOf(fn), readers, waits, fails)
	}
	return f
}

// reflected calls fn by reflection; the readers were prepared when it was declared.
func reflected(fn reflect.Value, readers []reader, waits, fails bool) func(*Call) int {
	return func(c *Call) int {
		in := make([]reflect.Value, 0, len(readers)+1)
		if waits {
			in = append(in, reflect.Value{})
		}
		for i, r := range readers {
			in = append(in, r(c, i+1))
		}
		var out []reflect.Value
		if waits {
			c.Await(func(ctx context.Context) {
				in[0] = reflect.ValueOf(ctx)
				out = fn.Call(in)
			})
		} else {
			out = fn.Call(in)
		}
		if fails {
			if err, _ := out[len(out)-1].Interface().(error); err != nil {
				return c.Fail(err)
			}
			out = out[:len(out)-1]
			if len(out) == 0 {
				return c.PushBool(true)
			}
		}
		for _, v := range out {
			pushReflected(c, v)
		}
		return len(out)
	}
}

type reader func(c *Call, n int) reflect.Value

func readerFor(t reflect.Type) (reader, Type, bool) {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return func(c *Call, n int) reflect.Value { return reflect.ValueOf(c.Seconds(n)) }, Seconds, true
	case t == reflect.TypeFor[*engine.Request]():
		return func(c *Call, n int) reflect.Value { return reflect.ValueOf(c.Request(n)) }, RequestType, true
	case t == reflect.TypeFor[[]string]():
		return func(c *Call, n int) reflect.Value { return reflect.ValueOf(c.Strings(n)) }, List, true
	case t == reflect.TypeFor[any]():
		return func(c *Call, n int) reflect.Value {
			v := reflect.New(t).Elem()
			if x := c.Value(n); x != nil {
				v.Set(reflect.ValueOf(x))
			}
			return v
		}, Any, true
	case t.Implements(reflect.TypeFor[Object]()):
		return objectReader(t), ObjectOf, true
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct && len(optionFields(t.Elem())) > 0:
		return func(c *Call, n int) reflect.Value {
			if c.IsNil(n) {
				return reflect.Zero(t)
			}
			p := reflect.New(t.Elem())
			c.Decode(n, p.Interface())
			return p
		}, Table, true
	}
	return kindReader(t)
}

func kindReader(t reflect.Type) (reader, Type, bool) {
	switch t.Kind() {
	case reflect.String:
		return func(c *Call, n int) reflect.Value { return reflect.ValueOf(c.String(n)).Convert(t) }, String, true
	case reflect.Bool:
		return func(c *Call, n int) reflect.Value { return reflect.ValueOf(c.Bool(n)).Convert(t) }, Boolean, true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(c *Call, n int) reflect.Value {
			v := reflect.New(t).Elem()
			i := int64(c.Int(n))
			if v.OverflowInt(i) {
				c.want(n, "a smaller number")
			}
			v.SetInt(i)
			return v
		}, Integer, true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func(c *Call, n int) reflect.Value {
			v := reflect.New(t).Elem()
			i := c.Int(n)
			if i < 0 || v.OverflowUint(uint64(i)) {
				c.want(n, "a number in range, not negative")
			}
			v.SetUint(uint64(i))
			return v
		}, Integer, true
	case reflect.Float64, reflect.Float32:
		return func(c *Call, n int) reflect.Value { return reflect.ValueOf(c.Number(n)).Convert(t) }, Number, true
	}
	return nil, Any, false
}

func objectReader(t reflect.Type) reader {
	return func(c *Call, n int) reflect.Value {
		if o, ok := c.anyObject(n); ok && reflect.TypeOf(o).AssignableTo(t) {
			return reflect.ValueOf(o)
		}
		c.want(n, "an object made by "+c.fn.full)
		return reflect.Value{}
	}
}

func resultType(t reflect.Type) Type {
	if _, kind, ok := readerFor(t); ok {
		return kind
	}
	if t.Kind() == reflect.Slice {
		return List
	}
	return Any
}

// pushReflected pushes one result.
func pushReflected(c *Call, v reflect.Value) {
	if v.Kind() == reflect.Slice && v.Type().Elem().Implements(reflect.TypeFor[Object]()) {
		list := make([]Object, v.Len())
		for i := range list {
			list[i] = v.Index(i).Interface().(Object)
		}
		PushList(c, list)
		return
	}
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		c.PushSeconds(time.Duration(v.Int()))
	case v.CanInt():
		c.PushNumber(float64(v.Int()))
	case v.CanUint():
		c.PushNumber(float64(v.Uint()))
	case v.CanFloat():
		c.PushNumber(v.Float())
	case v.Kind() == reflect.String:
		c.PushString(v.String())
	case v.Kind() == reflect.Bool:
		c.PushBool(v.Bool())
	case v.Kind() == reflect.Pointer && v.IsNil(), v.Kind() == reflect.Interface && v.IsNil():
		c.PushNil()
	default:
		c.Push(v.Interface())
	}
}

// commonShape binds the shapes that most small functions have without reflection.
func commonShape(fn any) func(*Call) int {
	switch fn := fn.(type) {
	case func(string) string:
		return func(c *Call) int { return c.PushString(fn(c.String(1))) }
	case func(string) bool:
		return func(c *Call) int { return c.PushBool(fn(c.String(1))) }
	case func(string) (string, error):
		return func(c *Call) int {
			s, err := fn(c.String(1))
			if err != nil {
				return c.Fail(err)
			}
			return c.PushString(s)
		}
	case func(string, string) string:
		return func(c *Call) int { return c.PushString(fn(c.String(1), c.String(2))) }
	case func(string, string) bool:
		return func(c *Call) int { return c.PushBool(fn(c.String(1), c.String(2))) }
	case func(float64) float64:
		return func(c *Call) int { return c.PushNumber(fn(c.Number(1))) }
	case func() int:
		return func(c *Call) int { return c.PushNumber(float64(fn())) }
	case func(*engine.Request) bool:
		return func(c *Call) int { return c.PushBool(fn(c.Request(1))) }
	case func(*engine.Request) string:
		return func(c *Call) int { return c.PushString(fn(c.Request(1))) }
	}
	return nil
}
