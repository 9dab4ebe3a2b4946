package luabind

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// The libraries of scripts, for what reads declarations: check, the reference, the stubs.

// Declared are all libraries a script can use: Lua's own, sip, and the modules in their order. The
// modules are opened briefly, without an engine, and closed again.
func Declared(modules ...Opener) ([]Library, error) {
	list := append(Standard(), Core())
	for _, o := range modules {
		l, err := declaredBy(o)
		if err != nil {
			return nil, fmt.Errorf("module %s: %w", o.Name(), err)
		}
		list = append(list, l)
	}
	return list, nil
}

func declaredBy(o Opener) (l Library, err error) {
	r, err := NewRouter(Options{Name: "declarations", Library: true})
	if err != nil {
		return l, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	g := &generation{router: r, byName: map[string]*openModule{}, metrics: r.metrics.Group()}
	m, err := o.Open(&Host{router: r, gen: g, module: o.Name(), log: r.opts.Log, ctx: ctx})
	if m != nil {
		defer m.Close()
	}
	if err != nil {
		return l, err
	}
	l = Library{Name: o.Name(), Functions: m.Functions()}
	if d, ok := o.(Described); ok {
		l.Doc = d.Doc()
	}
	if s, ok := m.(EventSource); ok {
		l.Events = s.Events()
	}
	l.Types = typesOf(l.Functions, l.Events)
	return l, nil
}

// Described is an Opener that describes itself in a sentence.
type Described interface {
	Doc() string
}

// typesOf are the types that functions and events name, and those that these name, the core's
// aside.
func typesOf(functions []Function, events []Event) []*ObjectType {
	var list []*ObjectType
	var add func(t *ObjectType)
	core := Core().Types
	addAll := func(fs []Function) {
		for _, f := range fs {
			for _, p := range f.Params {
				add(p.Object)
			}
			for _, r := range f.Results {
				add(r.Object)
			}
		}
	}
	add = func(t *ObjectType) {
		if t == nil || slices.Contains(list, t) || slices.Contains(core, t) {
			return
		}
		list = append(list, t)
		for _, f := range t.Fields {
			add(f.Object)
		}
		addAll(t.Methods)
	}
	addAll(functions)
	for _, e := range events {
		for _, p := range e.Params {
			add(p.Object)
		}
	}
	return list
}

// Standard are the parts of Lua 5.1's library that scripts have: the base functions under the name
// "", and the tables string, table, math, os and coroutine. Their functions read their arguments as
// Lua 5.1 does, converting between numbers and strings, so a declaration only describes them.
func Standard() []Library {
	return []Library{
		standard("", "The base functions.",
			"assert(value [, message])", "error(message [, level])", "getmetatable(value)", "ipairs(list)", "next(table [, key])", "pairs(table)",
			"pcall(fn, ...)", "print(...)", "rawequal(a, b)", "rawget(table, key)", "rawset(table, key, value)", "require(name)", "select(n, ...)",
			"setmetatable(table, metatable)", "tonumber(value [, base])", "tostring(value)", "type(value)", "unpack(list [, i [, j]])",
			"xpcall(fn, handler)").with(
			Field{Name: "_G", Type: Table}, Field{Name: "_VERSION", Type: String}, Field{Name: "_GOPHER_LUA_VERSION", Type: String}),
		standard("coroutine", "Coroutines. They can't be left from within pcall, or a callback of sort or gsub; what waits may be called in them.",
			"create(fn)", "resume(co, ...)", "running()", "status(co)", "wrap(fn)", "yield(...)"),
		standard("math", "Mathematics.",
			"abs(x)", "acos(x)", "asin(x)", "atan(x)", "atan2(y, x)", "ceil(x)", "cos(x)", "cosh(x)", "deg(x)", "exp(x)", "floor(x)", "fmod(x, y)",
			"frexp(x)", "ldexp(m, e)", "log(x)", "log10(x)", "max(x, ...)", "min(x, ...)", "mod(x, y)", "modf(x)", "pow(x, y)", "rad(x)",
			"random([m [, n]])", "randomseed(x)", "sin(x)", "sinh(x)", "sqrt(x)", "tan(x)", "tanh(x)").with(
			Field{Name: "huge", Type: Number}, Field{Name: "pi", Type: Number}),
		standard("os", "The time of day, and time used.",
			"clock()", "date([format [, time]])", "difftime(t2 [, t1])", "time([table])"),
		standard("string", "Text. A string has these as methods: s:upper().",
			"byte(s [, i [, j]])", "char(...)", "find(s, pattern [, init [, plain]])", "format(format, ...)", "gmatch(s, pattern)",
			"gsub(s, pattern, replacement [, n])", "len(s)", "lower(s)", "match(s, pattern [, init])", "rep(s, n)", "reverse(s)", "sub(s, i [, j])", "upper(s)"),
		standard("table", "Lists and tables.",
			"concat(list [, separator [, i [, j]]])", "getn(list)", "insert(list, position_or_value [, value])", "maxn(table)", "remove(list [, position])",
			"sort(list [, less])", "unpack(list [, i [, j]])"),
	}
}

// standard makes a library of signatures as manuals write them.
func standard(name, doc string, signatures ...string) Library {
	l := Library{Name: name, Doc: doc}
	for _, s := range signatures {
		l.Functions = append(l.Functions, signature(s))
	}
	return l
}

func (l Library) with(fields ...Field) Library { l.Fields = fields; return l }

// signature reads "find(s, pattern [, init [, plain]])".
func signature(text string) Function {
	name, rest, _ := strings.Cut(text, "(")
	f := Function{Name: name}
	optional := false
	for part := range strings.SplitSeq(strings.TrimSuffix(rest, ")"), ",") {
		for word := range strings.FieldsSeq(strings.NewReplacer("[", " [ ", "]", " ").Replace(part)) {
			if word == "[" {
				optional = true
				continue
			}
			p := Param{Name: word, Type: Any, Optional: optional || word == "...", Rest: word == "..."}
			if word == "format" && name == "format" {
				p.Type, p.Format = String, true
			}
			f.Params = append(f.Params, p)
		}
		if strings.HasSuffix(strings.TrimSpace(part), "[") {
			optional = true
		}
	}
	return f
}
