package check

import (
	"strconv"

	"github.com/sipscript/sipscript/luabind"
	"github.com/yuin/gopher-lua/ast"
)

// Tables of options and targets, where they are written in the script.

// optionList is a table and the keys that it may have.
type optionList struct {
	file   *file
	table  *ast.TableExpr
	known  []luabind.Option
	what   string           // "option", "key of a target"
	direct bool             // it is written in the call, so that it is all there is
	path   string           // of a table within: "subscriptions."
	others []luabind.Option // of a target: those of the options, for a hint
}

// each calls fn with each key that is written, its option (nil for an unknown one) and its value.
// Values without a key have the key nil.
func (l *optionList) each(fn func(o *luabind.Option, key, value ast.Expr)) {
	for _, field := range l.table.Fields {
		name, ok := field.Key.(*ast.StringExpr)
		if field.Key != nil && !ok {
			continue // a key that is computed
		}
		var found *luabind.Option
		for i := range l.known {
			if ok && l.known[i].Name == name.Value {
				found = &l.known[i]
			}
		}
		fn(found, field.Key, field.Value)
	}
}

func (l *optionList) names() []string {
	list := make([]string, len(l.known))
	for i, o := range l.known {
		list[i] = o.Name
	}
	return list
}

// namesDestination reports whether a table is a target or a list of them, and not options.
func namesDestination(t *ast.TableExpr, keys []luabind.Option) bool {
	for _, field := range t.Fields {
		name, ok := field.Key.(*ast.StringExpr)
		if !ok { // an entry of a list, or a key that is computed
			return true
		}
		for i := range keys {
			if keys[i].Destination && keys[i].Name == name.Value {
				return true
			}
		}
	}
	return false
}

// optionsIn are the tables of options, and of targets, that an argument is.
func (f *file) optionsIn(g given) (all []*optionList) {
	if g.param.Options == nil {
		return nil
	}
	_, direct := g.arg.(*ast.TableExpr)
	l := &optionList{known: luabind.OptionsOf(g.param.Options), what: "option", direct: direct}
	switch g.param.Type {
	case luabind.TargetType:
	case luabind.List: // of tables with these keys
		l.what = "key"
		v := f.value(g.arg)
		if v.table == nil {
			return nil
		}
		for _, field := range v.table.Fields {
			if field.Key == nil {
				all = append(all, v.file.tablesIn(field.Value, l, false)...)
			}
		}
		return all
	default:
		return f.tablesIn(g.arg, l, false)
	}
	l.what = "key of a target"
	if g.next != nil {
		l.others = luabind.OptionsOf(g.next.Options)
	}
	return f.tablesIn(g.arg, l, true)
}

// tablesIn are the tables that an expression is; with lists, also those in a list.
func (f *file) tablesIn(e ast.Expr, l *optionList, lists bool) (all []*optionList) {
	v := f.value(e)
	if v.table == nil {
		return nil
	}
	one := *l
	one.table, one.file = v.table, v.file
	if !lists || namesOnly(v.table) {
		return []*optionList{&one}
	}
	for _, field := range v.table.Fields {
		if field.Key == nil {
			all = append(all, v.file.tablesIn(field.Value, l, false)...)
		}
	}
	return all
}

// namesOnly reports whether a table has no entries of a list.
func namesOnly(t *ast.TableExpr) bool {
	for _, field := range t.Fields {
		if field.Key == nil {
			return false
		}
	}
	return true
}

// options checks the keys of a table and their values.
func (f *file) options(l *optionList) {
	if len(l.known) == 0 {
		return
	}
	seen := map[string]bool{}
	l.each(func(o *luabind.Option, key, val ast.Expr) {
		switch {
		case key == nil:
			f.report(l.file, val, Error, "options", "options are written name = value; this one has no name")
		case o == nil:
			l.unknown(key)
		default:
			seen[o.Name] = true
			l.file.option(l, o, val)
		}
	})
	for _, o := range l.known {
		if o.Required && !seen[o.Name] && l.complete() {
			f.report(l.file, l.table, Error, "options", "the %s %s is required", l.what, strconv.Quote(l.path+o.Name))
		}
	}
}

// complete reports whether the table is complete: it is written in the call, and no key of it is
// computed.
func (l *optionList) complete() bool {
	for _, field := range l.table.Fields {
		if _, ok := field.Key.(*ast.StringExpr); !ok {
			return false
		}
	}
	return l.direct
}

func (l *optionList) unknown(key ast.Expr) {
	f, name := l.file, key.(*ast.StringExpr).Value
	if f.full() {
		return
	}
	for _, o := range l.others {
		if o.Name == name {
			f.report(f, key, Error, "options", "%q is an option, not a %s: options go into the next argument", name, l.what)
			return
		}
	}
	f.report(f, key, Error, "options", "unknown %s %q%s", l.what, l.path+name, meant(name, l.names()))
}

// option checks the value of one.
func (f *file) option(l *optionList, o *luabind.Option, val ast.Expr) {
	v := f.value(val)
	what := "the " + l.what + " " + l.path + o.Name
	t := o.Kind
	if o.Type != "" && o.Type != "list of strings" && (t == luabind.List || t == luabind.String || t == luabind.Number) {
		t = luabind.Any // the words say more than the type
	}
	p := luabind.Param{Type: t, Optional: true}
	if !f.fits(v, &p) {
		f.report(f, val, Error, "types", "%s must be %s, not %s", what, typeWords(t, nil), v.words())
		return
	}
	f.bounds(val, v, what, kindOf(o.Kind, v), o.Min, o.Max, o.OneOf)
	if o.Kind == luabind.List && len(o.OneOf) > 0 && v.table != nil {
		for _, field := range v.table.Fields {
			if field.Key == nil {
				v.file.bounds(field.Value, v.file.value(field.Value), what, o.Kind, "", "", o.OneOf)
			}
		}
	}
	if len(o.Options) == 0 || v.table == nil || o.Kind != luabind.Table && o.Kind != luabind.TargetType && o.Kind != luabind.Any {
		return
	}
	inner := &optionList{file: v.file, table: v.table, known: o.Options, what: l.what, direct: l.direct && v.table == val,
		path: l.path + o.Name + "."}
	if o.Kind == luabind.TargetType {
		inner.what, inner.path = "key of a target", ""
	}
	f.options(inner)
}

// noDestination reports a table in place of a target that names none.
func (f *file) noDestination(g given, m *member) {
	t, ok := g.arg.(*ast.TableExpr)
	if ok && g.next == nil && len(t.Fields) > 0 && !namesDestination(t, luabind.OptionsOf(g.param.Options)) {
		f.report(f, t, Error, "options", "the table that %s is given names no destination: give uri, next_hop or flow", m.full)
	}
}
