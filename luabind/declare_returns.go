package luabind

import (
	"reflect"
	"strconv"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// Returns describes and pushes what a declared function returns.
type Returns[R any] struct {
	Results []Result // what documentation and check know of it
	push    func(c *Call, r R) int
	// fail reports an error in another way than nil, err.
	fail func(c *Call, r R, err error) int
}

// ReturnsOf makes results of a module's own: push pushes them and returns their number.
func ReturnsOf[R any](push func(c *Call, r R) int, results ...Result) Returns[R] {
	return Returns[R]{Results: results, push: push}
}

func returns[R any](t Type, doc string, push func(c *Call, r R) int) Returns[R] {
	return ReturnsOf(push, Result{Type: t, Doc: doc})
}

// failing are the results with those of a failure.
func (r Returns[R]) failing(f *Function) []Result {
	if f.Where == AtLoad || len(r.Results) == 0 || r.fail != nil {
		return r.Results
	}
	list := append([]Result(nil), r.Results...)
	list[0].OrNil = true
	if len(list) == 1 {
		list = append(list, failure)
	}
	return list
}

// outcome pushes out, or the failure of the function.
func (r *Returns[R]) outcome(c *Call, out R, err error) int {
	switch {
	case err == nil:
		return r.push(c, out)
	case c.fn.Where == AtLoad:
		c.Misuse(err)
		c.Raise("%v", err)
	case r.fail != nil:
		c.Misuse(err)
		return r.fail(c, out, err)
	}
	return c.Fail(err)
}

// WithReason makes an error the second result next to the value, instead of nil, err: false, "why".
func (r Returns[R]) WithReason(doc string) Returns[R] {
	r.Results = append(r.Results[:len(r.Results):len(r.Results)], Result{Name: "why", Type: String, OrNil: true, Doc: doc})
	push := r.push
	r.fail = func(c *Call, out R, err error) int { return push(c, out) + c.PushString(err.Error()) }
	return r
}

// OrFalse makes the zero value false: a function that finds something or says no.
func OrFalse[R comparable](r Returns[R]) Returns[R] { return instead(r, False, lua.LFalse) }

// OrNil makes the zero value nil.
func OrNil[R comparable](r Returns[R]) Returns[R] { return instead(r, Nil, lua.LNil) }

// ListOrNil makes a nil list nil, and not an empty one.
func ListOrNil[T any](r Returns[[]T]) Returns[[]T] {
	push := r.push
	r = r.orNil()
	r.push = func(c *Call, list []T) int {
		if list == nil {
			return c.PushNil()
		}
		return push(c, list)
	}
	return r
}

func instead[R comparable](r Returns[R], t Type, value lua.LValue) Returns[R] {
	r.Results = append([]Result(nil), r.Results...)
	if t == Nil {
		r.Results[0].OrNil = true
	} else {
		r.Results[0].Or = append(r.Results[0].Or, t)
	}
	push := r.push
	r.push = func(c *Call, out R) int {
		var zero R
		if out == zero {
			c.l.Push(value)
			return 1
		}
		return push(c, out)
	}
	return r
}

// ReturnsBool returns a boolean.
func ReturnsBool(doc string) Returns[bool] { return returns(Boolean, doc, (*Call).PushBool) }

// ReturnsText returns a string.
func ReturnsText(doc string) Returns[string] { return returns(String, doc, (*Call).PushString) }

// ReturnsNumber returns a number.
func ReturnsNumber(doc string) Returns[float64] { return returns(Number, doc, (*Call).PushNumber) }

// ReturnsInt returns a whole number.
func ReturnsInt(doc string) Returns[int] {
	return returns(Integer, doc, func(c *Call, n int) int { return c.PushNumber(float64(n)) })
}

// ReturnsSeconds returns a duration as a number of seconds.
func ReturnsSeconds(doc string) Returns[time.Duration] {
	return returns(Seconds, doc, (*Call).PushSeconds)
}

// ReturnsURI returns a uri that the script may change, made from text: see [Call.PushURI].
func ReturnsURI(doc string) Returns[string] { return returns(URIType, doc, (*Call).PushURI) }

// ReturnsStrings returns a list of strings.
func ReturnsStrings(doc string) Returns[[]string] { return returns(List, doc, (*Call).PushStrings) }

// ReturnsValue returns what [Call.Push] takes.
func ReturnsValue(t Type, doc string) Returns[any] { return returns(t, doc, (*Call).Push) }

// ReturnsObject returns an object of a module, nil for a nil one.
func ReturnsObject[T Object](t *ObjectType, doc string) Returns[T] {
	r := returns(ObjectOf, doc, func(c *Call, o T) int {
		if v := reflect.ValueOf(o); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
			return c.PushNil()
		}
		return c.PushObject(o)
	})
	r.Results[0].Object = t
	return r
}

// ReturnsList returns a plain list of objects of a module.
func ReturnsList[T Object](t *ObjectType, doc string) Returns[[]T] {
	r := returns(List, doc, PushList[T])
	r.Results[0].Object = t
	return r
}

// ReturnsNamed is ReturnsObject for a type that cannot be given here, because it refers to this
// one.
func ReturnsNamed[T Object](name, doc string) Returns[T] {
	r := ReturnsObject[T](nil, doc)
	r.Results[0].Named = name
	return r
}

// returnsLua returns a value as the interpreter has it.
func returnsLua(t Type, doc string) Returns[lua.LValue] {
	return returns(t, doc, func(c *Call, v lua.LValue) int { c.l.Push(v); return 1 })
}

// returnsSome returns as many results as the function says that it pushed.
func returnsSome(results ...Result) Returns[int] {
	return ReturnsOf(func(_ *Call, n int) int { return n }, results...)
}

// quotedList is `"a", "b" or "c"`.
func quotedList(texts []string) string {
	var b strings.Builder
	for i, s := range texts {
		switch {
		case i > 0 && i == len(texts)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(s))
	}
	return b.String()
}

// variant says that the result is another object if an option of the call is true.
func (r Returns[R]) variant(option string, o *ObjectType) Returns[R] {
	r.Results = append([]Result(nil), r.Results...)
	r.Results[0].Variant = &Variant{Option: option, Object: o}
	return r
}

// orNil says that the result may be nil.
func (r Returns[R]) orNil() Returns[R] {
	r.Results = append([]Result(nil), r.Results...)
	r.Results[0].OrNil = true
	return r
}

// of gives the type of a list's elements, or of an object.
func (r Returns[R]) of(t *ObjectType) Returns[R] {
	r.Results = append([]Result(nil), r.Results...)
	r.Results[0].Object = t
	return r
}
