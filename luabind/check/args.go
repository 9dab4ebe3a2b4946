package check

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/luabind"
	"github.com/yuin/gopher-lua/ast"
)

// The arguments of calls of declared functions: how many, and of which types.

// given is an argument and the parameter that it is for.
type given struct {
	arg   ast.Expr
	param *luabind.Param
	next  *luabind.Param // which it may be for, if param may be omitted
}

// arguments are those of a call without the object of a method: req.reply(req, 200) has one.
func arguments(call *ast.FuncCallExpr, m *member) []ast.Expr {
	if m.method && call.Receiver == nil && len(call.Args) > 0 {
		return call.Args[1:]
	}
	return call.Args
}

// given pairs the arguments of a call with parameters.
func (f *file) given(call *ast.FuncCallExpr, m *member) []given {
	args, params := arguments(call, m), m.fn.Params
	if call.Receiver != nil && !m.method { // s:find(x): the text is the first argument
		if len(params) == 0 {
			return nil
		}
		params = params[1:]
	}
	var list []given
	n := 0
	for i, arg := range args {
		if n >= len(params) {
			break
		}
		p := &params[n]
		var next *luabind.Param
		if p.LeftOut && n+1 < len(params) {
			next = &params[n+1]
			if i == len(args)-1 && several(arg) {
				next = nil
			}
		}
		g := given{arg, p, next}
		if next != nil && f.standsFor(g) {
			n++
			g = given{arg: arg, param: next}
		}
		list = append(list, g)
		if !p.Rest {
			n++
		}
	}
	return list
}

// standsFor reports whether an argument is for the parameter after the one at its position.
func (f *file) standsFor(g given) bool {
	v := f.value(g.arg)
	if g.param.Type == luabind.TargetType {
		return v.table != nil && len(v.table.Fields) > 0 && !namesDestination(v.table, luabind.OptionsOf(g.param.Options))
	}
	return v.known() && v.typ != luabind.Nil && !accepts(g.param.Type, v, g.param.Object) && accepts(g.next.Type, v, g.next.Object)
}

// arguments checks the arguments of a call.
func (f *file) arguments(call *ast.FuncCallExpr, m *member) {
	f.count(call, m)
	for i, g := range f.given(call, m) {
		f.argument(call, m, i, g)
	}
	f.event(call, m)
	f.format(call, m)
}

// count checks the number of arguments.
func (f *file) count(call *ast.FuncCallExpr, m *member) {
	args, params := arguments(call, m), m.fn.Params
	if call.Receiver != nil && !m.method && len(params) > 0 {
		params = params[1:]
	}
	least, most := 0, len(params)
	for i, p := range params {
		if !p.Optional {
			least = i + 1
		}
		if p.Rest {
			most = math.MaxInt
		}
	}
	n, open := len(args), len(args) > 0 && several(args[len(args)-1])
	switch {
	case open && n-1 <= most, n >= least && n <= most:
	case n > most && most == 0:
		f.report(f, args[0], Error, "arguments", "%s takes no arguments", m.full)
	case n > most:
		f.report(f, args[most], Error, "arguments", "%s takes at most %s, not %d", m.full, plural(most, "argument"), n)
	default:
		f.report(f, call, Error, "arguments", "%s needs %s", m.full, names(params[n:least]))
	}
}

// names lists parameters: "a name and a value".
func names(params []luabind.Param) string {
	var list []string
	for _, p := range params {
		list = append(list, "'"+p.Name+"'")
	}
	return strings.Join(list, " and ")
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// argument checks the type of one.
func (f *file) argument(call *ast.FuncCallExpr, m *member, i int, g given) {
	v := f.value(g.arg)
	p := g.param
	if i == len(arguments(call, m))-1 && several(g.arg) && v.nilable { // nil, err
		return
	}
	what := fmt.Sprintf("argument %d of %s, %s,", i+1, m.full, p.Name)
	if !f.fits(v, p) && (g.next == nil || !f.fits(v, g.next)) {
		f.report(f, g.arg, Error, "types", "%s must be %s, not %s", what, paramWords(p), v.words())
		return
	}
	f.bounds(g.arg, v, what, kindOf(p.Type, v), p.Min, p.Max, p.OneOf)
	if p.Check != nil && v.literal && v.typ == luabind.String {
		if err := p.Check(v.text); err != nil {
			f.report(f, g.arg, Error, "values", "%s is wrong: %v", what, err)
		}
	}
	for _, list := range f.optionsIn(g) {
		f.options(list)
	}
	if p.Type == luabind.TargetType {
		f.noDestination(g, m)
	}
}

// kindOf is the number's type a value has to be of, where it is a number.
func kindOf(t luabind.Type, v value) luabind.Type {
	if v.typ != luabind.Number {
		return luabind.Any
	}
	return t
}

// fits reports whether a value can be what a parameter takes: an unknown value can.
func (f *file) fits(v value, p *luabind.Param) bool {
	if !v.known() || v.typ == luabind.Nil && p.Optional {
		return true
	}
	return accepts(p.Type, v, p.Object) || slices.ContainsFunc(p.Or, func(t luabind.Type) bool { return accepts(t, v, p.Object) })
}

// accepts reports whether a value can be of a type.
func accepts(t luabind.Type, v value, o *luabind.ObjectType) bool {
	is := func(types ...luabind.Type) bool { return slices.Contains(types, v.typ) }
	if v.space != nil {
		return t == luabind.Any || t == luabind.Table
	}
	switch t {
	case luabind.Any:
		return true
	case luabind.String:
		return is(luabind.String, luabind.Number, luabind.URIType, luabind.ObjectOf)
	case luabind.Number, luabind.Integer, luabind.Seconds:
		return is(luabind.Number)
	case luabind.Boolean:
		return is(luabind.Boolean)
	case luabind.False:
		return is(luabind.Boolean) && !(v.literal && v.number == 1)
	case luabind.Table:
		return is(luabind.Table, luabind.List)
	case luabind.List:
		return is(luabind.Table, luabind.List, luabind.String)
	case luabind.URIType:
		return is(luabind.String, luabind.URIType)
	case luabind.TargetType:
		return is(luabind.String, luabind.URIType, luabind.Table, luabind.List, luabind.ObjectOf)
	case luabind.ObjectOf:
		return is(luabind.ObjectOf) && (o == nil || v.object == o)
	}
	return is(t)
}

// bounds checks text and numbers that are written in the script.
func (f *file) bounds(at any, v value, what string, t luabind.Type, least, most string, oneOf []string) {
	switch {
	case !v.literal:
	case v.typ == luabind.String && len(oneOf) > 0 && !slices.Contains(oneOf, v.text):
		f.report(f, at, Error, "values", "%s must be one of %s, not %q%s", what, quoted(oneOf), v.text, probably(v.text, oneOf))
	case v.typ != luabind.Number:
	case t == luabind.Integer && v.number != math.Trunc(v.number):
		f.report(f, at, Error, "values", "%s must be a whole number, not %v", what, v.number)
	case t == luabind.Seconds && v.number < 0:
		f.report(f, at, Error, "values", "%s must be a number of seconds, not %v", what, v.number)
	case outside(v.number, least, -1):
		f.report(f, at, Error, "values", "%s must be at least %s, not %v", what, least, v.number)
	case outside(v.number, most, 1):
		f.report(f, at, Error, "values", "%s must be at most %s, not %v", what, most, v.number)
	}
}

// probably says which of some texts was probably meant, if one was.
func probably(text string, known []string) string {
	if best := closest(text, known); best != "" {
		return "; did you mean " + strconv.Quote(best) + "?"
	}
	return ""
}

func outside(n float64, bound string, side float64) bool {
	b, err := strconv.ParseFloat(bound, 64)
	return err == nil && (n-b)*side > 0
}

func quoted(texts []string) string {
	list := make([]string, len(texts))
	for i, s := range texts {
		list[i] = strconv.Quote(s)
	}
	return strings.Join(list, ", ")
}

// paramWords is what a parameter takes.
func paramWords(p *luabind.Param) string {
	list := []string{typeWords(p.Type, p.Object)}
	for _, t := range p.Or {
		list = append(list, typeWords(t, nil))
	}
	return strings.Join(list, " or ")
}

func typeWords(t luabind.Type, o *luabind.ObjectType) string {
	switch {
	case t == luabind.Seconds:
		return "a number of seconds"
	case t == luabind.Nil || t == luabind.False:
		return t.String()
	case t == luabind.RequestType:
		return "the request"
	case o != nil && t == luabind.ObjectOf:
		return article(o.Name)
	}
	return article(t.String())
}
