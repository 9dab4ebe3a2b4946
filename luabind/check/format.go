package check

import (
	"strings"

	"github.com/sipscript/sipscript/luabind"
	"github.com/yuin/gopher-lua/ast"
)

// Arguments whose text means something: formats and the names of events.

func fileOf(name string) string { return strings.ReplaceAll(name, ".", "/") }

// event checks the name of an event.
func (f *file) event(call *ast.FuncCallExpr, m *member) {
	for _, g := range f.given(call, m) {
		v := f.value(g.arg)
		if !g.param.Event || v.typ != luabind.String || !v.literal || f.known.events[v.text] != nil || f.full() {
			continue
		}
		f.report(f, g.arg, Error, "events", "there is no event %q%s", v.text, meant(v.text, sortedNames(f.known.events)))
	}
}

// format checks that a format has its values.
func (f *file) format(call *ast.FuncCallExpr, m *member) {
	args, params := arguments(call, m), m.fn.Params
	if call.Receiver != nil && !m.method { // ("%s"):format(x)
		args = append([]ast.Expr{call.Receiver}, args...)
	}
	for i, p := range params {
		if !p.Format || i >= len(args) {
			continue
		}
		rest := args[i+1:]
		v := f.value(args[i])
		if !v.literal || v.typ != luabind.String || len(rest) == 0 && p.Type == luabind.Any ||
			len(rest) > 0 && several(rest[len(rest)-1]) {
			continue
		}
		verbs, ok := verbsOf(v.text)
		switch {
		case !ok:
			f.report(f, args[i], Error, "format", "the format ends within a '%%': write %%%% for the sign itself")
		case verbs > len(rest):
			f.report(f, args[i], Error, "format", "the format asks for %s and gets %d", plural(verbs, "value"), len(rest))
		}
	}
}

// verbsOf counts the values that a format needs; false if it ends within a verb.
func verbsOf(text string) (n int, ok bool) {
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			continue
		}
		if i++; i < len(text) && text[i] == '%' {
			continue
		}
		for i < len(text) && strings.IndexByte("-+ #0123456789.", text[i]) >= 0 {
			i++
		}
		if i >= len(text) {
			return n, false
		}
		n++
	}
	return n, true
}
