package check

import (
	"slices"
	"strings"

	"github.com/sipscript/sipscript/luabind"
)

// What is known of names, made from the declarations.

// member is what a name of a library or of an object stands for: one of its fields is set.
type member struct {
	fn    *luabind.Function
	field *luabind.Field
	space *space

	full   string // "registrar.lookup", "req:relay"
	lib    *library
	method bool
}

// space is a table of functions: a module, or one of its parts ("sip.log").
type space struct {
	name     string
	standard bool // Lua's own, to which a file may add names
	members  map[string]*member
}

func (s *space) names() []string { return sortedNames(s.members) }

// library is one of those declared.
type library struct {
	name  string
	types map[string]*luabind.ObjectType
}

// named is an object by what examples call it.
func (l *library) named(name string) value {
	for _, t := range []luabind.Type{luabind.RequestType, luabind.ResponseType, luabind.BranchType} {
		if t.Object().Variable() == name {
			return value{typ: t, object: t.Object()}
		}
	}
	for _, t := range l.types {
		if t.Variable() == name && l.name != core {
			return value{typ: luabind.ObjectOf, object: t}
		}
	}
	return value{}
}

// core is the library that needs no require.
const core = "sip"

// object is what is known of a type.
type object struct {
	typ     *luabind.ObjectType
	members map[string]*member
}

type knowledge struct {
	globals map[string]*member // the base functions, Lua's own tables, and sip
	modules map[string]*space
	texts   *space // the methods of strings
	events  map[string]*luabind.Event
	objects map[*luabind.ObjectType]*object
}

func knowledgeOf(libraries []luabind.Library) *knowledge {
	k := &knowledge{globals: map[string]*member{}, modules: map[string]*space{}, events: map[string]*luabind.Event{},
		objects: map[*luabind.ObjectType]*object{}, texts: &space{}}
	for i := range libraries {
		k.add(&libraries[i])
	}
	return k
}

func (k *knowledge) add(l *luabind.Library) {
	lib := &library{name: l.Name, types: map[string]*luabind.ObjectType{}}
	standard := slices.Contains([]string{"", "coroutine", "math", "os", "string", "table"}, l.Name) && l.Types == nil
	s := &space{name: l.Name, standard: standard, members: map[string]*member{}}
	prefix := l.Name + "."
	if l.Name == "" {
		s.members, prefix = k.globals, ""
	}
	for i := range l.Functions {
		f := &l.Functions[i]
		s.put(f.Name, &member{fn: f, full: prefix + f.Name, lib: lib})
	}
	for i := range l.Fields {
		f := &l.Fields[i]
		s.put(f.Name, &member{field: f, full: prefix + f.Name, lib: lib})
	}
	for i := range l.Events {
		k.events[l.Events[i].Name] = &l.Events[i]
	}
	for _, t := range l.Types {
		lib.types[t.Name] = t
		k.addType(t, lib)
	}
	switch {
	case l.Name == "string":
		k.texts = s
		fallthrough
	case standard && l.Name != "":
		k.globals[l.Name] = &member{space: s, full: l.Name}
	case l.Name == core:
		k.globals[l.Name] = &member{space: s, full: l.Name}
		k.modules[l.Name] = s
	case l.Name != "":
		k.modules[l.Name] = s
	}
}

func (k *knowledge) addType(t *luabind.ObjectType, lib *library) {
	o := &object{typ: t, members: map[string]*member{}}
	for i := range t.Fields {
		o.members[t.Fields[i].Name] = &member{field: &t.Fields[i], full: t.Variable() + "." + t.Fields[i].Name, lib: lib}
	}
	for i := range t.Methods {
		m := &t.Methods[i]
		o.members[m.Name] = &member{fn: m, full: t.Variable() + ":" + m.Name, lib: lib, method: true}
	}
	k.objects[t] = o
}

// put enters a member under its name, whose dots make tables.
func (s *space) put(name string, m *member) {
	first, rest, nested := strings.Cut(name, ".")
	if !nested {
		s.members[name] = m
		return
	}
	inner := s.members[first]
	if inner == nil {
		full := s.name + "." + first
		inner = &member{space: &space{name: full, members: map[string]*member{}}, full: full}
		s.members[first] = inner
	}
	inner.space.put(rest, m)
}

// object is what is known of a type; nil where its fields are not all declared.
func (k *knowledge) object(t *luabind.ObjectType) *object {
	if t == nil || t.Dynamic() {
		return nil
	}
	return k.objects[t]
}

func (o *object) names() []string { return sortedNames(o.members) }

func sortedNames[T any](m map[string]T) []string {
	list := make([]string, 0, len(m))
	for name := range m {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// meant is "; did you mean 'x'?", or lists the known names if there are few.
func meant(name string, known []string) string {
	if best := closest(name, known); best != "" {
		return "; did you mean '" + best + "'?"
	}
	if len(known) > 0 && len(known) <= 24 {
		return "; it has " + strings.Join(known, ", ")
	}
	return ""
}

// closest is the name that was probably meant, or "" if none is close. Names with fewer than three
// letters are never matched.
func closest(name string, known []string) string {
	if len(name) < 3 {
		return ""
	}
	return luabind.Closest(name, known)
}

// article puts "a" or "an" before a name.
func article(name string) string {
	if name != "" && strings.ContainsRune("aeio", rune(name[0])) { // a uri
		return "an " + name
	}
	return "a " + name
}
