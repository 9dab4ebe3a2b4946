package describe

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/sipscript/sipscript/luabind"
)

// Stubs are definition files for the Lua language server, by file name: one for sip, one for each
// module, and the .luarc.json of a directory that contains them next to its scripts.
func Stubs(libraries []luabind.Library) map[string][]byte {
	files := map[string][]byte{}
	for i := range libraries {
		if l := &libraries[i]; !isStandard(l) {
			files[l.Name+".lua"] = stub(l, libraries)
		}
	}
	files[".luarc.json"] = Config(".")
	return files
}

// Config is a .luarc.json for scripts whose stubs are in a directory. Of the library package only
// require is there, and the stubs declare it. A local function's parameters have the types of what
// it is called with: helpers of route need no annotations.
func Config(dir string) []byte {
	return fmt.Appendf(nil, `{
  "runtime.version": "Lua 5.1",
  "runtime.builtin": { "io": "disable", "debug": "disable", "package": "disable", "bit": "disable", "ffi": "disable", "jit": "disable", "utf8": "disable" },
  "workspace.library": [%q],
  "type.inferParamType": true,
  "diagnostics.globals": ["route"],
  "diagnostics.disable": ["lowercase-global"]
}
`, dir)
}

// stubber writes one file.
type stubber struct {
	bytes.Buffer
	l       *luabind.Library
	all     []luabind.Library
	pending []optionClass
	named   map[string]bool
}

// optionClass is a class of options that has not been written yet.
type optionClass struct {
	name string
	list []luabind.Option
}

func stub(l *luabind.Library, libraries []luabind.Library) []byte {
	s := &stubber{l: l, all: libraries, named: map[string]bool{}}
	fmt.Fprintf(s, "---@meta %s\n-- Made by `sipscript stubs`. %s\n\n", l.Name, l.Doc)
	if l.Name == "sip" {
		s.aliases()
	}
	for _, t := range l.Types {
		s.class(t)
	}
	name := strings.ReplaceAll(l.Name, ".", "_")
	if l.Name == "sip" {
		s.WriteString("---@class sip\n")
		s.libraryFields("")
		s.WriteString("sip = {}\n\n")
	} else {
		fmt.Fprintf(s, "---@class %s\nlocal %s = {}\n\n", l.Name, name)
	}
	for _, inner := range s.tables() {
		fmt.Fprintf(s, "---@class %s.%s\n", l.Name, inner)
		s.libraryFields(inner + ".")
		fmt.Fprintf(s, "%s.%s = {}\n\n", name, inner)
	}
	for i := range l.Functions {
		f := &l.Functions[i]
		s.function(name+"."+f.Name, l.Name+"."+f.Name, f)
	}
	for len(s.pending) > 0 {
		c := s.pending[0]
		s.pending = s.pending[1:]
		s.optionClass(c)
	}
	fmt.Fprintf(s, "return %s\n", name)
	return trailing.ReplaceAll(s.Bytes(), nil)
}

// trailing are spaces where a text is empty.
var trailing = regexp.MustCompile(`(?m) +$`)

// tables are the tables within the library: "json" of "json.encode".
func (s *stubber) tables() []string {
	seen := map[string]bool{}
	for _, f := range s.l.Functions {
		if first, _, ok := strings.Cut(f.Name, "."); ok {
			seen[first] = true
		}
	}
	var list []string
	for name := range seen {
		list = append(list, name)
	}
	sort.Strings(list)
	return list
}

func (s *stubber) libraryFields(prefix string) {
	for i := range s.l.Fields {
		f := &s.l.Fields[i]
		name, ok := strings.CutPrefix(f.Name, prefix)
		if ok && !strings.Contains(name, ".") {
			fmt.Fprintf(s, "---@field %s %s %s\n", name, s.typeOf(f.Type, f.Or, f.Object, "", f.OrNil, false), line(f.Doc))
		}
	}
}

// aliases are types that the core has no object for, and require.
func (s *stubber) aliases() {
	s.WriteString(`---An object of a module that names a target, such as a binding.
---@class sip.targeter

---@alias sip.destination string|sip.uri|sip.address|sip.target|sip.targeter
---@alias sip.targets sip.destination|sip.destination[]

---Loads a module of the server, or the Lua file NAME.lua of the script's directory. Only while the
---file loads.
---@param name string
---@return any
function require(name) end

`)
}

// className is that of a type: types of the core are found from all files.
func (s *stubber) className(t *luabind.ObjectType) string {
	for _, own := range s.l.Types {
		if own == t {
			return s.l.Name + "." + strings.ReplaceAll(t.Name, " ", "_")
		}
	}
	return "sip." + strings.ReplaceAll(t.Name, " ", "_")
}

// typeOf is a type as the language server writes it. An argument takes more than a result is.
func (s *stubber) typeOf(t luabind.Type, or []luabind.Type, object *luabind.ObjectType, named string, orNil, argument bool) string {
	if t == luabind.TargetType && slices.Contains(or, luabind.List) {
		or = slices.DeleteFunc(slices.Clone(or), func(t luabind.Type) bool { return t == luabind.List })
		return s.typeOf(t, or, nil, "", orNil, argument) + "|sip.targets"
	}
	parts := []string{}
	for _, t := range append([]luabind.Type{t}, or...) {
		parts = append(parts, s.oneType(t, object, named, argument))
		object, named = nil, ""
	}
	if orNil {
		parts = append(parts, "nil")
	}
	return strings.Join(parts, "|")
}

func (s *stubber) oneType(t luabind.Type, object *luabind.ObjectType, named string, argument bool) string {
	switch t {
	case luabind.Seconds:
		return "number"
	case luabind.Table:
		if object != nil {
			return s.className(object)
		}
	case luabind.List:
		if object != nil {
			return s.className(object) + "[]"
		}
		return "any[]"
	case luabind.RequestType:
		return "sip.request"
	case luabind.ResponseType:
		return "sip.response"
	case luabind.BranchType:
		return "sip.branch"
	case luabind.URIType:
		if argument {
			return "sip.uri|string"
		}
		return "sip.uri"
	case luabind.TargetType:
		return "sip.destination"
	case luabind.ObjectOf:
		switch {
		case object != nil:
			return s.className(object)
		case named != "":
			return s.l.Name + "." + named
		}
		return "any"
	}
	return t.String()
}

func (s *stubber) class(t *luabind.ObjectType) {
	name := s.className(t)
	if keys := t.Keys(); len(keys) > 0 {
		s.optionClass(optionClass{name, keys})
		return
	}
	base := ""
	if t.IsTarget() {
		base = " : sip.targeter"
	}
	fmt.Fprintf(s, "---%s\n---@class %s%s\n", line(t.Doc), name, base)
	for i := range t.Fields {
		f := &t.Fields[i]
		types := s.typeOf(f.Type, f.Or, f.Object, "", f.OrNil, false)
		if f.Type == luabind.TargetType { // it is what the script passed, with all that is in it
			types = "any"
		}
		fmt.Fprintf(s, "---@field %s %s %s\n", f.Name, types, line(f.Doc))
	}
	if t.Dynamic() {
		s.WriteString("---@field [string] string|boolean|number|nil\n")
	}
	local := strings.NewReplacer(".", "_", " ", "_").Replace(name)
	fmt.Fprintf(s, "local %s = {}\n\n", local)
	for i := range t.Methods {
		m := &t.Methods[i]
		s.function(local+":"+m.Name, name+"."+m.Name, m)
	}
}

// function writes one: name is as Lua declares it, "sip_request:relay"; its options are named after
// full, "sip.request.relay".
func (s *stubber) function(name, full string, f *luabind.Function) {
	for text := range strings.SplitSeq(wrap(sentence(f.Doc)+" "+notes(f), ""), "\n") {
		fmt.Fprintf(s, "---%s\n", text)
	}
	if f.Example != "" {
		s.WriteString("---```lua\n")
		for text := range strings.SplitSeq(strings.TrimSpace(f.Example), "\n") {
			fmt.Fprintf(s, "---%s\n", text)
		}
		s.WriteString("---```\n")
	}
	var names []string
	for i := range f.Params {
		p := &f.Params[i]
		if p.Rest {
			fmt.Fprintf(s, "---@param ... %s %s\n", s.paramType(full, p), line(p.Doc))
			names = append(names, "...")
			continue
		}
		types := s.paramType(full, p)
		if len(p.Sure) > 0 {
			types = s.unsure(p)
		}
		fmt.Fprintf(s, "---@param %s %s %s\n", paramName(p), types, line(paramNote(p)))
		names = append(names, p.Name)
	}
	s.overloads(name, full, f)
	for i := range f.Results {
		r := &f.Results[i]
		if r.Name == "..." {
			fmt.Fprintf(s, "---@return any ... %s\n", line(r.Doc))
			continue
		}
		fmt.Fprintf(s, "---@return %s %s %s\n", s.typeOf(r.Type, r.Or, r.Object, r.Named, r.OrNil, false), resultName(r, i), line(r.Doc))
	}
	fmt.Fprintf(s, "function %s(%s) end\n\n", name, strings.Join(names, ", "))
}

func paramName(p *luabind.Param) string {
	if p.Optional {
		return p.Name + "?"
	}
	return p.Name
}

// unsure are the types of an argument with which the function may fail. The others have an
// overload: where both match, the language server takes the results of both.
func (s *stubber) unsure(p *luabind.Param) string {
	var list []string
	for _, t := range append([]luabind.Type{p.Type}, p.Or...) {
		if !slices.Contains(p.Sure, t) {
			list = append(list, s.oneType(t, nil, "", false))
		}
	}
	return strings.Join(list, "|")
}

// overloads are the other ways to call a function: without an optional parameter before others,
// with an argument that cannot be wrong, and, of sip.on, with each event.
func (s *stubber) overloads(name, full string, f *luabind.Function) {
	for i := range f.Params {
		p := &f.Params[i]
		switch {
		case p.LeftOut:
			s.overload(name, s.paramList(full, slices.Delete(slices.Clone(f.Params), i, i+1)), f.Results)
		case len(p.Sure) > 0:
			list, result := s.paramList(full, f.Params), f.Results[0]
			list[i] = p.Name + ": " + s.typeOf(p.Sure[0], p.Sure[1:], p.Object, "", false, false)
			result.OrNil = false
			s.overload(name, list, []luabind.Result{result})
		case p.Event && i+1 < len(f.Params):
			for j := range s.all {
				for k := range s.all[j].Events {
					s.onEvent(full, &s.all[j], &s.all[j].Events[k], f.Params[i+2:])
				}
			}
		}
	}
}

func (s *stubber) paramList(function string, params []luabind.Param) []string {
	list := make([]string, len(params))
	for i := range params {
		list[i] = paramName(&params[i]) + ": " + s.paramType(function, &params[i])
	}
	return list
}

func (s *stubber) overload(name string, params []string, results []luabind.Result) {
	if object, _, isMethod := strings.Cut(name, ":"); isMethod {
		params = append([]string{"self: " + strings.ReplaceAll(object, "_", ".")}, params...)
	}
	var out []string
	for i := range results {
		r := &results[i]
		out = append(out, s.typeOf(r.Type, r.Or, r.Object, r.Named, r.OrNil, false))
	}
	text := "fun(" + strings.Join(params, ", ") + ")"
	if len(out) > 0 {
		text += ": " + strings.Join(out, ", ")
	}
	fmt.Fprintf(s, "---@overload %s\n", text)
}

// onEvent is sip.on with one event, whose arguments are known. more are the parameters after the
// function.
func (s *stubber) onEvent(function string, l *luabind.Library, e *luabind.Event, more []luabind.Param) {
	of := stubber{l: l}
	var list []string
	for i := range e.Params {
		p := &e.Params[i]
		list = append(list, paramName(p)+": "+of.typeOf(p.Type, p.Or, p.Object, "", false, false))
	}
	params := append([]string{fmt.Sprintf("event: %q", e.Name), "fn: fun(" + strings.Join(list, ", ") + ")"}, s.paramList(function, more)...)
	s.overload("", params, nil)
}

func resultName(r *luabind.Result, i int) string {
	switch {
	case r.Name != "":
		return r.Name
	case i == 0:
		return "result"
	}
	return fmt.Sprintf("result%d", i+1)
}
