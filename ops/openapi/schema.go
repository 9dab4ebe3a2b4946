package openapi

// The schemas of Go types, as encoding/json writes them.

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode"
)

// schemas are those of a document.
type schemas struct {
	named object                  // by the names in the document
	types map[string]reflect.Type // which type has a name
}

var (
	timeType    = reflect.TypeFor[time.Time]()
	rawType     = reflect.TypeFor[json.RawMessage]()
	textMarshal = reflect.TypeFor[interface{ MarshalText() ([]byte, error) }]()
)

func (s *schemas) of(v any) object { return s.ofType(reflect.TypeOf(v)) }

func (s *schemas) ofType(t reflect.Type) object {
	if t.Kind() == reflect.Pointer {
		return s.ofType(t.Elem())
	}
	switch {
	case t == timeType:
		return object{"type": "string", "format": "date-time"}
	case t == rawType:
		return object{}
	case t.Implements(textMarshal):
		return object{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	case reflect.Slice, reflect.Array:
		return object{"type": "array", "items": s.ofType(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.ofType(t.Elem())}
	case reflect.Struct:
		return s.ofStruct(t)
	}
	return object{} // an interface: anything
}

// ofStruct refers to a struct by its name, or describes one without a name in place.
func (s *schemas) ofStruct(t reflect.Type) object {
	if t.Name() == "" {
		return s.describe(t)
	}
	name := s.nameOf(t)
	if s.types[name] == nil {
		s.types[name] = t
		s.named[name] = s.describe(t)
	}
	return object{"$ref": "#/components/schemas/" + name}
}

// nameOf is the type's name with that of its package: two may have an "answer".
func (s *schemas) nameOf(t reflect.Type) string {
	first := owner(t.PkgPath()) + title(t.Name())
	name := first
	for n := 2; s.types[name] != nil && s.types[name] != t; n++ {
		name = fmt.Sprint(first, n)
	}
	return name
}

// owner is what stands for a package in names: of a program nothing, as its path differs in its
// tests; for "registrar/plugin" what it serves.
func owner(path string) string {
	if path == "main" || strings.Contains(path, "/cmd/") {
		return ""
	}
	words := strings.Split(strings.TrimSuffix(path, "/plugin"), "/")
	return title(words[len(words)-1])
}

func title(word string) string {
	runes := []rune(word)
	runes[0] = unicode.ToUpper(runes[0])
	return string(runes)
}

func (s *schemas) describe(t reflect.Type) object {
	properties, required := object{}, []string{}
	s.fields(t, properties, &required)
	out := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func (s *schemas) fields(t reflect.Type, properties object, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case name == "-" && options == "":
			continue
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			s.fields(f.Type, properties, required)
			continue
		case !f.IsExported():
			continue
		case name == "":
			name = f.Name
		}
		schema := s.ofType(f.Type)
		if doc := f.Tag.Get("doc"); doc != "" {
			if schema["$ref"] != nil { // which in 3.1 may have neighbours
				schema = object{"$ref": schema["$ref"]}
			}
			schema["description"] = doc
		}
		properties[name] = schema
		if tagged && !strings.Contains(options, "omit") {
			*required = append(*required, name)
		}
	}
}
