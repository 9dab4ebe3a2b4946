package openapi

// The document that describes operations.

import (
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Info is what a document says of the API as a whole.
type Info struct {
	Title       string // what it is the API of
	Version     string // of the API
	Description string // more of it, may be ""
}

// object is a JSON object; encoding/json writes its keys in order.
type object = map[string]any

var inPath = regexp.MustCompile(`\{(\w+)(\.\.\.)?\}`)

// Document is the OpenAPI 3.1 document of the operations, as JSON text.
func Document(info Info, list []Operation) ([]byte, error) {
	s := schemas{named: object{}, types: map[string]reflect.Type{}}
	paths := object{}
	for i := range list {
		o := &list[i]
		path := strings.ReplaceAll(o.Path, "...}", "}")
		item, _ := paths[path].(object)
		if item == nil {
			item = object{}
			paths[path] = item
		}
		item[strings.ToLower(o.Method)] = s.operation(o)
	}
	s.named["Error"] = object{"type": "object", "required": []string{"error"}, "additionalProperties": false,
		"properties": object{"error": object{"type": "string", "description": "What was wrong, in words."}}}
	document := object{
		"openapi": "3.1.0",
		"info":    object{"title": info.Title, "version": info.Version, "description": info.Description, "license": object{"name": "See LICENSE"}},
		"servers": []object{{"url": "http://127.0.0.1:8060", "description": "What --admin says."}},
		"paths":   paths,
		"components": object{"schemas": s.named,
			"securitySchemes": object{"bearer": object{"type": "http", "scheme": "bearer", "description": "A token of --admin-tokens."}}},
		// From loopback none is needed
		"security": []object{{"bearer": []string{}}, {}},
	}
	text, err := json.MarshalIndent(document, "", "  ")
	return append(text, '\n'), err
}

func (s *schemas) operation(o *Operation) object {
	role := "read"
	if o.Acts() {
		role = "act"
	}
	out := object{"operationId": operationID(o), "summary": o.Summary, "tags": []string{tag(o.Path)}, "x-role": role}
	var params []object
	for _, m := range inPath.FindAllStringSubmatch(o.Path, -1) {
		params = append(params, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	for _, p := range o.Query {
		params = append(params, p.describe())
	}
	if params != nil {
		out["parameters"] = params
	}
	if o.Body != nil {
		out["requestBody"] = object{"required": true, "content": jsonOf(s.of(o.Body))}
	}
	answer := object{"type": "object"}
	if o.Answer != nil {
		answer = s.of(o.Answer)
	}
	failed := jsonOf(object{"$ref": "#/components/schemas/Error"})
	kind := o.Type
	if kind == "" {
		kind = "application/json"
	}
	responses := object{"200": object{"description": "Done.", "content": object{kind: object{"schema": answer}}}, "default": object{"description": "It was refused.", "content": failed}}
	for _, code := range o.Fails {
		responses[strconv.Itoa(code)] = object{"description": http.StatusText(code) + ".", "content": failed}
	}
	out["responses"] = responses
	return out
}

func (p *Param) describe() object {
	kind := p.Type
	if kind == "" {
		kind = "string"
	}
	schema := object{"type": kind}
	if len(p.Enum) > 0 {
		schema["enum"] = p.Enum
	}
	return object{"name": p.Name, "in": "query", "required": p.Required, "description": p.Doc, "schema": schema}
}

func jsonOf(schema object) object { return object{"application/json": object{"schema": schema}} }

// tag groups the operations of a module.
func tag(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/api/v1/"), "/")
	return strings.TrimPrefix(first, "/")
}

// operationID is a name that no other operation has: "post_acl_block".
func operationID(o *Operation) string {
	path := inPath.ReplaceAllString(strings.TrimPrefix(o.Path, "/api/v1"), "by_$1")
	words := strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '-' || r == '.' })
	return strings.Join(slices.Insert(words, 0, strings.ToLower(o.Method)), "_")
}
