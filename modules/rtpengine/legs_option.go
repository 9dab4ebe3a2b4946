package rtpengine

// The option media of legs: "pass", "rtpengine", or what the leg's party is shown.

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// LegOption is the value of that option.
type LegOption struct {
	On       bool // not "pass"
	LegMedia      // what a table said
}

var errLegOption = errors.New(`must be "pass", "rtpengine" or a table of options`)

// DecodeOption reads a text or a table.
func (o *LegOption) DecodeOption(value any) error {
	switch v := value.(type) {
	case string:
		o.On = v == "rtpengine"
		if !o.On && v != "pass" {
			return errLegOption
		}
		return nil
	case []any:
		if len(v) == 0 {
			o.On = true
			return nil
		}
	case map[string]any:
		o.On = true
		return fill(v, reflect.ValueOf(&o.LegMedia).Elem(), "")
	}
	return errLegOption
}

// UnmarshalJSON reads the same.
func (o *LegOption) UnmarshalJSON(text []byte) error {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return err
	}
	return o.DecodeOption(value)
}

// OptionType is the type in words.
func (*LegOption) OptionType() string { return "text or table" }

// fill sets the options that a struct has from a table, which may have no others.
func fill(t map[string]any, s reflect.Value, path string) error {
	known := map[string]bool{}
	if err := fillFields(t, s, path, known); err != nil {
		return err
	}
	for key := range t {
		if !known[key] {
			return fmt.Errorf("has an unknown option %q", path+key)
		}
	}
	return nil
}

func fillFields(t map[string]any, s reflect.Value, path string, known map[string]bool) error {
	for i := range s.NumField() {
		f, field := s.Type().Field(i), s.Field(i)
		name := f.Tag.Get("lua")
		if f.Anonymous && name == "" {
			if err := fillFields(t, field, path, known); err != nil {
				return err
			}
			continue
		}
		known[name] = true
		value, given := t[name]
		if !given {
			continue
		}
		if err := fillField(value, field, path+name, f.Tag.Get("oneof")); err != nil {
			return err
		}
	}
	return nil
}

func fillField(value any, field reflect.Value, name, oneof string) error {
	switch into := field.Addr().Interface().(type) {
	case *string:
		text, ok := value.(string)
		if !ok || oneof != "" && !slices.Contains(strings.Fields(oneof), text) {
			return fmt.Errorf("has %s = %v, which must be %s", name, value, wordsOf(oneof))
		}
		*into = text
	case *bool:
		on, ok := value.(bool)
		if !ok {
			return fmt.Errorf("has %s = %v, which must be true or false", name, value)
		}
		*into = on
	case *[]string:
		list, ok := value.([]any)
		if text, one := value.(string); one {
			list, ok = []any{text}, true
		}
		for _, x := range list {
			text, isText := x.(string)
			ok = ok && isText
			*into = append(*into, text)
		}
		if !ok {
			return fmt.Errorf("has %s = %v, which must be a list of strings", name, value)
		}
	default:
		t, ok := value.(map[string]any)
		if !ok {
			return fmt.Errorf("has %s = %v, which must be a table", name, value)
		}
		return fill(t, field, name+".")
	}
	return nil
}

func wordsOf(oneof string) string {
	if oneof == "" {
		return "a string"
	}
	return "one of " + strings.Join(strings.Fields(oneof), ", ")
}
