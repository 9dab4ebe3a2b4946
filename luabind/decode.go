package luabind

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	lua "github.com/yuin/gopher-lua"
)

// Options tables are decoded strictly. The struct's exported fields with a tag `lua:"name"` are the
// known keys, and the struct's previous contents are the defaults:
//
//	type options struct {
//		MaxContacts int           `lua:"max_contacts" doc:"contacts one address may have" min:"1"`
//		MinExpires  time.Duration `lua:"min_expires" doc:"seconds"`
//		Durability  string        `lua:"durability" oneof:"commit relaxed"`
//	}
//
// Field types: string, bool, integers, floats, time.Duration (a number of seconds), []string (a
// list or one string), map[string]string, map[string]FuncOrValue (the script's own names), any (a
// copy), *Func (a function), FuncOrValue (a function or a copy), Tree (a copy that may have
// functions inside), []engine.HeaderEdit ({Name = text | list | false}), a struct (a nested table
// of options), pointers to these (nil: not given), types that implement [Object] (such an object;
// nil: not given), and types that implement [OptionDecoder]. The keys of an embedded struct are on
// the same level as the others. `lua:"name,required"` must be given, `lua:"name,reloadable"` may
// change at a reload; default:"…" and doc:"…" are for documentation; min and max bound numbers and
// durations (in seconds); a duration is never negative.

// OptionDecoder is a type of an option that decodes itself. It is implemented by the pointer.
type OptionDecoder interface {
	// DecodeOption reads a copy of the value: string, float64, bool, []any, map[string]any. Its
	// error follows the option's name: "must be …".
	DecodeOption(value any) error
	// OptionType is the type in words, for documentation.
	OptionType() string
}

// NumbersDecoder is an OptionDecoder of tables of numbers by text, which reads most of them without
// the copy. Where it can't, it is set to its zero value, and DecodeOption says why.
type NumbersDecoder interface {
	OptionDecoder
	// DecodeNumber reads one entry; they come in no order. It reports whether it could.
	DecodeNumber(key string, n float64) bool
}

// decodeNumbers reads the table of a NumbersDecoder, and reports whether it could.
func decodeNumbers(into NumbersDecoder, value lua.LValue) bool {
	t, ok := value.(*lua.LTable)
	if !ok || t.Metatable != nil && t.Metatable != lua.LNil {
		return false
	}
	in := insideOf(t) // ForEach would take memory for each key
	if len(in.array)+len(in.dict) > 0 {
		return false
	}
	empty := true
	for key, v := range in.strdict {
		if isNil(v) { // it was taken away
			continue
		}
		empty = false
		if n, isNumber := v.(lua.LNumber); !isNumber || !into.DecodeNumber(key, float64(n)) {
			return false
		}
	}
	return !empty
}

// optionField is one key of an options struct.
type optionField struct {
	name     string
	index    []int
	required bool
	min, max string
	oneof    []string
	also     string // what else it may be, where the type of the field does not say it
	doc, def string

	reloadable bool
}

// optionFields reads the tags of a struct type.
func optionFields(t reflect.Type) []optionField {
	var list []optionField
	for i := range t.NumField() {
		f := t.Field(i)
		tag, ok := f.Tag.Lookup("lua")
		if !ok && f.Anonymous && f.Type.Kind() == reflect.Struct {
			for _, o := range optionFields(f.Type) {
				o.index = append([]int{i}, o.index...)
				list = append(list, o)
			}
		}
		if !ok {
			continue
		}
		parts := strings.Split(tag, ",")
		o := optionField{name: parts[0], index: []int{i}, required: slices.Contains(parts[1:], "required"),
			reloadable: slices.Contains(parts[1:], "reloadable"), doc: f.Tag.Get("doc"), def: f.Tag.Get("default")}
		o.min, o.max = f.Tag.Get("min"), f.Tag.Get("max")
		if s := f.Tag.Get("oneof"); s != "" {
			o.oneof, o.also = strings.Fields(s), f.Tag.Get("also")
		}
		list = append(list, o)
	}
	return list
}

// optionFields are those of a type, read once in each VM.
func (v *vm) optionFields(t reflect.Type) []optionField {
	list, ok := v.options[t]
	if !ok {
		list = optionFields(t)
		v.options[t] = list
	}
	return list
}

// decodeTable fills the struct that into points to.
func decodeTable(v *vm, t *lua.LTable, into any) error {
	s := reflect.ValueOf(into).Elem()
	return decodeStruct(v, t, s, "")
}

func decodeStruct(v *vm, t *lua.LTable, s reflect.Value, path string) error {
	fields := v.optionFields(s.Type())
	left, err := knownKeys(t, fields, path)
	if err != nil {
		return err
	}
	for i := range fields {
		f, value := &fields[i], lua.LValue(lua.LNil)
		if left > 0 {
			value = t.RawGetString(f.name)
		}
		if value == lua.LNil {
			if f.required {
				return fmt.Errorf("option %s%s is required", path, f.name)
			}
			continue
		}
		left--
		if err := decodeField(v, value, s.FieldByIndex(f.index), path+f.name); err != nil {
			return err
		}
		if err := f.check(s.FieldByIndex(f.index), path); err != nil {
			return err
		}
	}
	return nil
}

// knownKeys is how many keys t has, all of them those of fields, or an error for another one.
func knownKeys(t *lua.LTable, fields []optionField, path string) (n int, err error) {
	all := true
	t.ForEach(func(k, _ lua.LValue) {
		n++
		s, ok := k.(lua.LString)
		all = all && ok && slices.ContainsFunc(fields, func(f optionField) bool { return f.name == string(s) })
	})
	if all {
		return n, nil
	}
	names := make([]string, 0, len(fields))
	for _, f := range fields {
		names = append(names, f.name)
	}
	return 0, unknownKey(t, names, path)
}

// unknownKey is an error for the first key of t that is not among known.
func unknownKey(t *lua.LTable, known []string, path string) error {
	var bad []string
	t.ForEach(func(k, _ lua.LValue) {
		s, ok := k.(lua.LString)
		if ok {
			for _, name := range known {
				if name == string(s) {
					return
				}
			}
		}
		bad = append(bad, k.String())
	})
	if bad == nil {
		return nil
	}
	sort.Strings(bad)
	return unknownName(bad[0], path, known)
}

func unknownName(bad, path string, known []string) error {
	known = append([]string(nil), known...)
	sort.Strings(known)
	return fmt.Errorf("unknown option %q%s; the options are: %s", path+bad, suggest(bad, known), strings.Join(known, ", "))
}

func (f *optionField) check(v reflect.Value, path string) error {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if f.oneof != nil && v.Kind() == reflect.String {
		for _, s := range f.oneof {
			if v.String() == s {
				return nil
			}
		}
		return fmt.Errorf("option %s%s must be one of %s, not %q", path, f.name, strings.Join(f.oneof, ", "), v.String())
	}
	x, ok := numeric(v)
	if !ok {
		return nil
	}
	if lo, given := bound(f.min); given && x < lo {
		return fmt.Errorf("option %s%s must be at least %s", path, f.name, f.min)
	}
	if hi, given := bound(f.max); given && x > hi {
		return fmt.Errorf("option %s%s must be at most %s", path, f.name, f.max)
	}
	return nil
}

func bound(text string) (x float64, given bool) {
	if text == "" {
		return 0, false
	}
	_, err := fmt.Sscan(text, &x)
	return x, err == nil
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

func decodeField(v *vm, value lua.LValue, field reflect.Value, name string) error {
	wrong := func(what string) error {
		return fmt.Errorf("option %s must be %s, not %s", name, what, describe(value))
	}
	switch into := field.Addr().Interface().(type) {
	case OptionDecoder:
		if n, ok := into.(NumbersDecoder); ok {
			if decodeNumbers(n, value) {
				return nil
			}
			field.SetZero()
		}
		x, err := toGo(value)
		if err == nil {
			err = into.DecodeOption(x)
		}
		if err != nil {
			return fmt.Errorf("option %s %w", name, err)
		}
		return nil
	case *time.Duration:
		d, ok := seconds(value)
		if !ok {
			return wrong("a number of seconds, not negative")
		}
		*into = d
		return nil
	case *[]string:
		list, err := stringList(value)
		if err != nil {
			return wrong("a list of strings")
		}
		*into = list
		return nil
	case **Func:
		f, ok := value.(*lua.LFunction)
		if !ok {
			return wrong("a function")
		}
		*into = &Func{vm: v, f: f}
		return nil
	case *FuncOrValue:
		return into.decode(v, value, name)
	case *Tree:
		return into.decode(v, value, name)
	case branchDecoder:
		return into.decodeBranch(v, value, name)
	case *[]engine.HeaderEdit:
		edits, err := headerEdits(value)
		if err != nil {
			return fmt.Errorf("option %s: %w", name, err)
		}
		*into = edits
		return nil
	case *[]*engine.Target:
		list, err := v.targets(value)
		if err != nil {
			return fmt.Errorf("option %s: %w", name, err)
		}
		*into = list
		return nil
	case *JSON:
		b, err := appendJSON(nil, value, 0)
		if err != nil {
			return fmt.Errorf("option %s: %w", name, err)
		}
		*into = b
		return nil
	case *any:
		x, err := toGo(value)
		if err != nil {
			return fmt.Errorf("option %s: %w", name, err)
		}
		*into = x
		return nil
	case *map[string]string:
		return decodeMap(value, into, wrong)
	case *map[string]FuncOrValue:
		return decodeNamed(v, value, into, name, wrong)
	}
	if field.Type().Implements(reflect.TypeFor[Object]()) {
		ud, ok := value.(*lua.LUserData)
		if !ok || reflect.TypeOf(ud.Value) != field.Type() {
			return wrong("a " + objectName(field.Type()))
		}
		field.Set(reflect.ValueOf(ud.Value))
		return nil
	}
	return decodeKind(v, value, field, name, wrong)
}

// objectName is the name of a type of objects; its nil has to know it.
func objectName(t reflect.Type) string {
	return reflect.Zero(t).Interface().(Object).ObjectType().Name
}

func decodeMap(value lua.LValue, into *map[string]string, wrong func(string) error) error {
	t, ok := value.(*lua.LTable)
	m := map[string]string{}
	if ok {
		t.ForEach(func(k, x lua.LValue) {
			key, isText := k.(lua.LString)
			text, good := textOf(x)
			ok = ok && isText && good
			m[string(key)] = text
		})
	}
	if !ok {
		return wrong("a table of strings")
	}
	*into = m
	return nil
}

// decodeNamed decodes a table whose keys are the script's own names.
func decodeNamed(v *vm, value lua.LValue, into *map[string]FuncOrValue, name string, wrong func(string) error) error {
	t, ok := value.(*lua.LTable)
	m := map[string]FuncOrValue{}
	var err error
	if ok {
		t.ForEach(func(k, x lua.LValue) {
			key, isText := k.(lua.LString)
			if ok = ok && isText; !ok || err != nil {
				return
			}
			var one FuncOrValue
			err = one.decode(v, x, name+"."+string(key))
			m[string(key)] = one
		})
	}
	if !ok {
		return wrong("a table with names")
	}
	*into = m
	return err
}

// decodeKind decodes a value according to its kind.
func decodeKind(v *vm, value lua.LValue, field reflect.Value, name string, wrong func(string) error) error {
	switch kind := field.Kind(); {
	case kind == reflect.Pointer:
		p := reflect.New(field.Type().Elem())
		if err := decodeField(v, value, p.Elem(), name); err != nil {
			return err
		}
		field.Set(p)
	case kind == reflect.String:
		s, ok := textOf(value)
		if !ok {
			return wrong("a string")
		}
		field.SetString(s)
	case kind == reflect.Bool:
		b, ok := value.(lua.LBool)
		if !ok {
			return wrong("true or false")
		}
		field.SetBool(bool(b))
	case field.CanInt() || field.CanUint():
		f, ok := value.(lua.LNumber)
		if !ok || float64(f) != math.Trunc(float64(f)) || math.Abs(float64(f)) > 1<<53 || field.CanUint() && f < 0 {
			return wrong("a whole number")
		}
		if field.CanInt() && field.OverflowInt(int64(f)) || field.CanUint() && field.OverflowUint(uint64(f)) {
			return wrong("a smaller number")
		}
		if field.CanInt() {
			field.SetInt(int64(f))
		} else {
			field.SetUint(uint64(f))
		}
	case field.CanFloat():
		f, ok := value.(lua.LNumber)
		if !ok || math.IsNaN(float64(f)) { // which no min or max would refuse
			return wrong("a number")
		}
		field.SetFloat(float64(f))
	case kind == reflect.Struct:
		t, ok := value.(*lua.LTable)
		if !ok {
			return wrong("a table")
		}
		return decodeStruct(v, t, field, name+".")
	default:
		panic(fmt.Sprintf("option %s: a field of type %s can't be decoded", name, field.Type()))
	}
	return nil
}
