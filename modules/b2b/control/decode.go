package control

// Options of orders: JSON is read by the same tags, and as strictly, as tables of scripts.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/internal/exact"
)

// member is one key of an options struct.
type member struct {
	name     string
	index    []int
	tag      reflect.StructTag
	required bool
}

func members(t reflect.Type) (list []member) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, ok := f.Tag.Lookup("lua")
		if !ok && f.Anonymous && f.Type.Kind() == reflect.Struct {
			for _, m := range members(f.Type) {
				m.index = append([]int{i}, m.index...)
				list = append(list, m)
			}
		}
		if ok {
			name, rest, _ := strings.Cut(tag, ",")
			list = append(list, member{name, []int{i}, f.Tag, strings.Contains(rest, "required")})
		}
	}
	return list
}

// decode fills the struct that into points to from the members of an object.
func decode(object map[string]json.RawMessage, into any) error {
	return decodeStruct(object, reflect.ValueOf(into).Elem(), "")
}

func decodeStruct(object map[string]json.RawMessage, s reflect.Value, path string) error {
	list := members(s.Type())
	for key := range object {
		if !slices.ContainsFunc(list, func(m member) bool { return m.name == key }) {
			names := make([]string, len(list))
			for i, m := range list {
				names[i] = m.name
			}
			return fmt.Errorf("unknown option %.60q; the options are: %s", path+key, strings.Join(names, ", "))
		}
	}
	for _, m := range list {
		text, given := object[m.name]
		if !given || string(text) == "null" {
			if m.required {
				return fmt.Errorf("option %s%s is required", path, m.name)
			}
			continue
		}
		field := s.FieldByIndex(m.index)
		if err := decodeField(text, field, path+m.name); err != nil {
			return err
		}
		if err := m.check(field, path); err != nil {
			return err
		}
	}
	return nil
}

// check returns what is wrong with a value, by the tags oneof, min and max.
func (m *member) check(v reflect.Value, path string) error {
	if words := m.tag.Get("oneof"); words != "" && v.Kind() == reflect.String && !slices.Contains(strings.Fields(words), v.String()) {
		return fmt.Errorf("option %s%s must be one of %s", path, m.name, words)
	}
	x := 0.0
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		x = time.Duration(v.Int()).Seconds()
	case v.CanInt():
		x = float64(v.Int())
	default:
		return nil
	}
	if lo, err := strconv.ParseFloat(m.tag.Get("min"), 64); err == nil && x < lo {
		return fmt.Errorf("option %s%s must be at least %s", path, m.name, m.tag.Get("min"))
	}
	if hi, err := strconv.ParseFloat(m.tag.Get("max"), 64); err == nil && x > hi {
		return fmt.Errorf("option %s%s must be at most %s", path, m.name, m.tag.Get("max"))
	}
	return nil
}

func decodeField(text json.RawMessage, field reflect.Value, name string) error {
	wrong := func(what string) error { return fmt.Errorf("option %s must be %s", name, what) }
	switch into := field.Addr().Interface().(type) {
	case json.Unmarshaler:
		if err := into.UnmarshalJSON(text); err != nil {
			return fmt.Errorf("option %s: %w", name, err)
		}
		return nil
	case *time.Duration:
		var seconds float64
		if json.Unmarshal(text, &seconds) != nil || seconds < 0 || seconds > 1e9 {
			return wrong("a number of seconds, not negative")
		}
		*into = time.Duration(seconds * float64(time.Second))
		return nil
	case *[]string:
		list, ok := texts(text)
		if !ok {
			return wrong("a list of strings")
		}
		*into = list
		return nil
	case *[]engine.HeaderEdit:
		edits, err := headers(text)
		if err != nil {
			return fmt.Errorf("option %s: %w", name, err)
		}
		*into = edits
		return nil
	case *any:
		value, err := exact.Unmarshal(text)
		if err != nil {
			return wrong("JSON")
		}
		*into = value
		return nil
	}
	return decodeKind(text, field, name, wrong)
}

func decodeKind(text json.RawMessage, field reflect.Value, name string, wrong func(string) error) error {
	switch kind := field.Kind(); {
	case kind == reflect.Pointer && field.Type().Elem().Kind() == reflect.Struct:
		object, ok := readObject(text)
		if !ok {
			return wrong("an object, with no key twice")
		}
		p := reflect.New(field.Type().Elem())
		if err := decodeStruct(object, p.Elem(), name+"."); err != nil {
			return err
		}
		field.Set(p)
	case kind == reflect.String:
		if json.Unmarshal(text, field.Addr().Interface()) != nil {
			return wrong("a string")
		}
	case kind == reflect.Bool:
		if json.Unmarshal(text, field.Addr().Interface()) != nil {
			return wrong("true or false")
		}
	case kind == reflect.Int:
		var x float64
		if json.Unmarshal(text, &x) != nil || x != math.Trunc(x) || math.Abs(x) > 1e15 {
			return wrong("a whole number")
		}
		field.SetInt(int64(x))
	default:
		return fmt.Errorf("option %s cannot be given in an order", name)
	}
	return nil
}

// texts is a list of strings, or one.
func texts(text json.RawMessage) ([]string, bool) {
	var list []string
	if json.Unmarshal(text, &list) == nil {
		return list, true
	}
	var one string
	if json.Unmarshal(text, &one) != nil {
		return nil, false
	}
	return []string{one}, true
}

// headers is {"Name": text or list}, in the order of the names: what a table of a script is.
func headers(text json.RawMessage) ([]engine.HeaderEdit, error) {
	object, ok := readObject(text)
	if !ok {
		return nil, fmt.Errorf("must be an object of headers, with no name twice")
	}
	edits := make([]engine.HeaderEdit, 0, len(object))
	for name, value := range object {
		values, ok := texts(value)
		if !ok {
			return nil, fmt.Errorf("header %.60q must be a string or a list of strings", name)
		}
		edits = append(edits, engine.HeaderEdit{Name: name, Values: values})
	}
	slices.SortFunc(edits, func(a, b engine.HeaderEdit) int { return strings.Compare(a.Name, b.Name) })
	return edits, nil
}

// readObject reads one JSON object, in which no key is there twice: of two values one would be
// checked and the other used.
func readObject(text []byte) (map[string]json.RawMessage, bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	object := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		key, ok := t.(string)
		if _, twice := object[key]; err != nil || !ok || twice {
			return nil, false
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, false
		}
		object[key] = value
	}
	if _, err := d.Token(); err != nil || d.InputOffset() < int64(len(bytes.TrimRight(text, " \t\r\n"))) {
		return nil, false
	}
	return object, true
}
