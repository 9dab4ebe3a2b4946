package source

// The fields of an entry: from their tags, and how they are set.

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/modules/internal/exact"
)

// entryType is what is known about a struct of entries.
type entryType struct {
	fields    []field
	byName    map[string]int // of fields
	bare, key int            // of fields, -1 for none
}

type field struct {
	name     string
	index    int
	required bool
	bounds   [2]bound // min and max
	oneof    []string
	set      func(to reflect.Value, value any) error // value is never nil
	kind     kind
}

// bound is a limit of a number; text is "" for none.
type bound struct {
	text  string
	value float64
}

// kind is how a field is set from a text, if there is a short way.
type kind uint8

const (
	byValue   kind = iota // there is none
	plainText             // any text will do
	parsed                // by UnmarshalText
	float
)

// typeOf reads the tags of T. It panics if a field cannot be read: a mistake in the module.
func typeOf(t reflect.Type) *entryType {
	e := &entryType{byName: map[string]int{}, bare: -1, key: -1}
	for i := range t.NumField() {
		f := t.Field(i)
		tag, ok := f.Tag.Lookup("lua")
		if !ok {
			continue
		}
		parts := strings.Split(tag, ",")
		name := parts[0]
		x := field{name: name, index: i, required: slices.Contains(parts[1:], "required"), bounds: [2]bound{boundOf(f.Tag.Get("min")), boundOf(f.Tag.Get("max"))}, set: setter(f.Type)}
		if s := f.Tag.Get("oneof"); s != "" {
			x.oneof = strings.Fields(s)
		}
		x.kind = kindOf(f.Type, x.oneof != nil)
		if x.set == nil {
			panic(fmt.Sprintf("source: field %s of %s has a type that can't be read", f.Name, t))
		}
		switch f.Tag.Get("source") {
		case "bare":
			e.bare = len(e.fields)
		case "key":
			e.key = len(e.fields)
		}
		e.byName[name] = len(e.fields)
		e.fields = append(e.fields, x)
	}
	return e
}

// boundOf reads a limit. One that is not a number is none.
func boundOf(text string) bound {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return bound{}
	}
	return bound{text, n}
}

func kindOf(t reflect.Type, limited bool) kind {
	switch {
	case unmarshals(t):
		return parsed
	case t == reflect.TypeFor[string]() && !limited:
		return plainText
	case t.Kind() == reflect.Float32, t.Kind() == reflect.Float64:
		return float
	}
	return byValue
}

// unmarshals reports whether values of a type read texts themselves.
func unmarshals(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) && t != reflect.TypeFor[time.Time]()
}

// names are those of all fields, in order.
func (e *entryType) names() []string {
	var list []string
	for i := range e.fields {
		list = append(list, e.fields[i].name)
	}
	slices.Sort(list)
	return list
}

func (e *entryType) unknown(name string) error {
	return fmt.Errorf("unknown %q; the names are %s", name, strings.Join(e.names(), ", "))
}

// put sets one field; nil and "" leave its default.
func (f *field) put(entry reflect.Value, value any) error {
	if value == nil || value == "" {
		return nil
	}
	v := entry.Field(f.index)
	if err := f.set(v, value); err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	return f.check(v)
}

func (f *field) check(v reflect.Value) error {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if f.oneof != nil && v.Kind() == reflect.String && !slices.Contains(f.oneof, v.String()) {
		return fmt.Errorf("%s: must be one of %s, not %.60q", f.name, strings.Join(f.oneof, ", "), v.String())
	}
	n, ok := numeric(v)
	if !ok {
		return nil
	}
	for i, b := range f.bounds {
		switch {
		case b.text == "":
		case i == 0 && n < b.value:
			return fmt.Errorf("%s: must be at least %s", f.name, b.text)
		case i == 1 && n > b.value:
			return fmt.Errorf("%s: must be at most %s", f.name, b.text)
		}
	}
	return nil
}

func numeric(v reflect.Value) (float64, bool) {
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		return time.Duration(v.Int()).Seconds(), true
	case v.CanInt():
		return float64(v.Int()), true
	case v.CanUint():
		return float64(v.Uint()), true
	case v.CanFloat():
		return v.Float(), true
	}
	return 0, false
}

// setter is how a field of a type is set; nil: it can't be.
func setter(t reflect.Type) func(reflect.Value, any) error {
	if unmarshals(t) {
		return setUnmarshaler
	}
	switch t {
	case reflect.TypeFor[time.Duration]():
		return setDuration
	case reflect.TypeFor[time.Time]():
		return setTime
	case reflect.TypeFor[[]string]():
		return setList
	case reflect.TypeFor[any]():
		return setAny
	case reflect.TypeFor[map[string]any]():
		return setMap
	}
	switch t.Kind() {
	case reflect.Pointer:
		inner := setter(t.Elem())
		if inner == nil {
			return nil
		}
		return func(to reflect.Value, value any) error {
			p := reflect.New(t.Elem())
			err := inner(p.Elem(), value)
			to.Set(p)
			return err
		}
	case reflect.String:
		return setString
	case reflect.Bool:
		return setBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return setWhole
	case reflect.Float32, reflect.Float64:
		return setFloat
	}
	return nil
}

func wrong(value any, what string) error {
	return fmt.Errorf("must be %s, not %.60s", what, shown(value))
}

func shown(value any) string {
	switch v := value.(type) {
	case string:
		return strconv.Quote(v)
	case []any, map[string]any:
		return "a table"
	}
	return fmt.Sprint(value)
}

// textOf is a value as text: text, or a number.
func textOf(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case int64:
		return strconv.FormatInt(v, 10), true
	}
	return "", false
}

func setString(to reflect.Value, value any) error {
	text, ok := textOf(value)
	if !ok {
		return wrong(value, "text")
	}
	to.SetString(text)
	return nil
}

func setUnmarshaler(to reflect.Value, value any) error {
	text, ok := textOf(value)
	if !ok {
		return wrong(value, "text")
	}
	return to.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
}

func setBool(to reflect.Value, value any) error {
	switch v := value.(type) {
	case bool:
		to.SetBool(v)
		return nil
	case int64, float64: // MySQL's; and as it was kept
		if n, _ := numberOf(v); n == 0 || n == 1 {
			to.SetBool(n == 1)
			return nil
		}
	case string:
		switch strings.ToLower(v) {
		case "true", "yes", "1", "t":
			to.SetBool(true)
			return nil
		case "false", "no", "0", "f":
			to.SetBool(false)
			return nil
		}
	}
	return wrong(value, "true or false")
}

// numberOf is a value as a number.
func numberOf(value any) (float64, bool) {
	switch v := value.(type) {
	case float64:
		return v, !math.IsNaN(v)
	case float32:
		return float64(v), true
	case int64:
		return float64(v), true
	case string:
		return numberIn(v)
	}
	return 0, false
}

// numberIn is a text as a number.
func numberIn(text string) (float64, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
}

func setWhole(to reflect.Value, value any) error {
	n, ok := numberOf(value)
	if !ok || n != math.Trunc(n) || math.Abs(n) > 1<<53 || to.CanUint() && n < 0 {
		return wrong(value, "a whole number")
	}
	if to.CanInt() {
		if to.OverflowInt(int64(n)) {
			return wrong(value, "a smaller number")
		}
		to.SetInt(int64(n))
		return nil
	}
	if to.OverflowUint(uint64(n)) {
		return wrong(value, "a smaller number")
	}
	to.SetUint(uint64(n))
	return nil
}

func setFloat(to reflect.Value, value any) error {
	n, ok := numberOf(value)
	if !ok {
		return wrong(value, "a number")
	}
	to.SetFloat(n)
	return nil
}

func setDuration(to reflect.Value, value any) error {
	n, ok := numberOf(value)
	if !ok || n < 0 || n > math.MaxInt64/1e9 {
		return wrong(value, "a number of seconds, not negative")
	}
	to.SetInt(int64(n * float64(time.Second)))
	return nil
}

func setTime(to reflect.Value, value any) error {
	switch v := value.(type) {
	case time.Time:
		to.Set(reflect.ValueOf(v))
		return nil
	case string:
		for _, layout := range []string{time.RFC3339, time.DateTime, "2006-01-02T15:04:05", time.DateOnly} {
			if at, err := time.Parse(layout, v); err == nil {
				to.Set(reflect.ValueOf(at))
				return nil
			}
		}
	}
	if n, ok := numberOf(value); ok {
		to.Set(reflect.ValueOf(time.UnixMilli(int64(n * 1000)).UTC()))
		return nil
	}
	return wrong(value, "a time such as 2026-01-31 or 2026-01-31T12:00:00Z")
}

func setList(to reflect.Value, value any) error {
	var list []string
	switch v := value.(type) {
	case string:
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
	case []any:
		for _, item := range v {
			text, ok := textOf(item)
			if !ok {
				return wrong(item, "text")
			}
			list = append(list, text)
		}
	default:
		return wrong(value, "a list of texts")
	}
	to.Set(reflect.ValueOf(list))
	return nil
}

func setAny(to reflect.Value, value any) error {
	if n, ok := value.(int64); ok && !exact.Holds(n) { // as in JSON
		value = strconv.FormatInt(n, 10)
	}
	to.Set(reflect.ValueOf(value))
	return nil
}

func setMap(to reflect.Value, value any) error {
	switch v := value.(type) {
	case map[string]any:
		to.Set(reflect.ValueOf(v))
		return nil
	case string:
		object, err := exact.Unmarshal([]byte(v))
		m, ok := object.(map[string]any)
		if err == nil && !ok && object != nil {
			err = errors.New("it is another value")
		}
		if err != nil {
			return fmt.Errorf("must be an object of JSON: %w", err)
		}
		to.Set(reflect.ValueOf(m))
		return nil
	}
	return wrong(value, "a table with names")
}
