package luabind

// What documentation knows of options.

import (
	"reflect"
	"time"

	"github.com/sipscript/sipscript/engine"
)

// Option is one key of an options struct, for documentation.
type Option struct {
	Name     string // the key in the table
	Kind     Type   // the type of its value
	Type     string // in words, if Kind does not say it: "list | function(res)"
	Doc      string // a few words: meaning, unit, default if Default does not say it
	Default  string // in Lua or in words; "" for none
	Required bool   // decoding fails without it
	// Reloadable: the option of a configure may change when the script is reloaded.
	Reloadable bool
	OneOf      []string // the texts it may be; nil for any
	Also       string   // what it may be beside OneOf, in words of a stub: "false"; "" for nothing
	Min, Max   string   // inclusive bounds of a number, as decimal text; "" for none
	Options    []Option // of a Table whose keys are known
	// Destination: a table with this key is a target, not options.
	Destination bool
	// Runs is where a function runs.
	Runs Where
}

// OptionsOf lists the keys of an options struct (a value of it or a pointer to one).
func OptionsOf(opts any) []Option {
	if list, ok := opts.([]Option); ok {
		return list
	}
	t := reflect.TypeOf(opts)
	if t == nil {
		return nil
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var list []Option
	for _, f := range optionFields(t) {
		o := Option{Name: f.name, Doc: f.doc, Default: f.def, Required: f.required, Reloadable: f.reloadable, OneOf: f.oneof,
			Also: f.also, Min: f.min, Max: f.max}
		o.Kind, o.Type, o.Options = optionKind(t.FieldByIndex(f.index).Type)
		if o.Also != "" {
			o.Type = ""
		}
		list = append(list, o)
	}
	return list
}

// optionKind is the type of an option for documentation.
func optionKind(t reflect.Type) (kind Type, words string, options []Option) {
	if t.Implements(reflect.TypeFor[Object]()) {
		return Any, objectName(t), nil
	}
	if t.Kind() == reflect.Pointer && t != reflect.TypeFor[*Func]() {
		t = t.Elem()
	}
	if d, ok := reflect.New(t).Interface().(OptionDecoder); ok {
		return Any, d.OptionType(), nil
	}
	if b, ok := reflect.New(t).Interface().(branchDecoder); ok {
		return Any, "table | function(branch)", OptionsOf(b.branchOptions())
	}
	switch t {
	case reflect.TypeFor[time.Duration]():
		return Seconds, "", nil
	case reflect.TypeFor[*Func]():
		return FunctionType, "", nil
	case reflect.TypeFor[FuncOrValue](), reflect.TypeFor[Tree]():
		return Any, "function or value", nil
	case reflect.TypeFor[[]engine.HeaderEdit]():
		return Table, "{Name = text | list}", nil
	case reflect.TypeFor[[]*engine.Target]():
		return TargetType, "", nil
	case reflect.TypeFor[[]string]():
		return List, "list of strings", nil
	case reflect.TypeFor[JSON]():
		return Any, "", nil
	}
	switch t.Kind() {
	case reflect.String:
		return String, "", nil
	case reflect.Bool:
		return Boolean, "", nil
	case reflect.Float32, reflect.Float64:
		return Number, "", nil
	case reflect.Struct:
		return Table, "", OptionsOf(reflect.Zero(t).Interface())
	case reflect.Map:
		return Table, "", nil
	case reflect.Slice:
		return List, "", nil
	case reflect.Interface:
		return Any, "", nil
	}
	return Integer, "", nil
}
