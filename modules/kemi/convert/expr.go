package convert

// Expressions as text, and what is known of their values.

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/luabind/syntax"
)

// How tightly operators bind.
const (
	orLevel = iota + 1
	andLevel
	compareLevel
	concatLevel
	addLevel
	mulLevel
	unaryLevel
	powerLevel
	atom
)

// truth is what is known of a condition before the script runs.
type truth int8

const (
	unknown truth = iota
	always
	never
)

func (t truth) not() truth {
	switch t {
	case always:
		return never
	case never:
		return always
	}
	return unknown
}

// expr is an expression of the new script.
type expr struct {
	text  string
	level int
	truth truth
	pure  bool // to leave it out changes nothing
	// A status is a number there: good for success, bad for failure; text is the condition that it
	// succeeded.
	status    bool
	good, bad int
	deciding  bool // it decides the request, and the server answers where it fails
	uri       bool // an object: text is wanted of it in some places
	literal   *string
	pieces    []expr // of a concatenation
	nothing   bool   // as a statement there is nothing to do
}

func word(text string) expr    { return expr{text: text, level: atom} }
func reading(text string) expr { return expr{text: text, level: atom, pure: true} }

// or is reading `text or default`.
func orElse(e expr, def string) expr {
	return expr{text: in(e, andLevel) + " or " + def, level: orLevel, pure: e.pure}
}

func known(b bool) expr {
	e := expr{text: strconv.FormatBool(b), level: atom, pure: true, truth: never}
	if b {
		e.truth = always
	}
	return e
}

func quote(s string) expr {
	return expr{text: quoted(s), level: atom, pure: true, truth: always, literal: &s}
}

func nilExpr() expr { return expr{text: "nil", level: atom, pure: true, truth: never} }

// quoted is a text as Lua reads it.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c == 0x7f:
			b.WriteString(`\` + strings.Repeat("0", 3-len(strconv.Itoa(int(c)))) + strconv.Itoa(int(c)))
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// in is an expression as an operand of an operator of a level.
func in(e expr, level int) string {
	if e.level < level {
		return "(" + e.text + ")"
	}
	return e.text
}

// prefix is an expression before a dot, a bracket or a parenthesis.
func prefix(e expr) string {
	if e.level < atom || strings.HasPrefix(e.text, `"`) || strings.HasPrefix(e.text, "{") {
		return "(" + e.text + ")"
	}
	return e.text
}

func not(e expr) expr {
	if e.truth != unknown && e.pure {
		return known(e.truth == never)
	}
	if rest, ok := strings.CutPrefix(e.text, "not "); ok && e.level == unaryLevel {
		return expr{text: rest, level: atom, pure: e.pure}
	}
	if n, ok := strings.CutSuffix(e.text, " > 0"); ok && strings.HasPrefix(n, "#") && plainName.MatchString(n[1:]) {
		return expr{text: n + " == 0", level: compareLevel, pure: true}
	}
	for _, op := range [][2]string{{" == ", " ~= "}, {" ~= ", " == "}} {
		if e.level == compareLevel && strings.Count(e.text, op[0]) == 1 {
			return expr{text: strings.Replace(e.text, op[0], op[1], 1), level: compareLevel, pure: e.pure}
		}
	}
	return expr{text: "not " + in(e, unaryLevel), level: unaryLevel, pure: e.pure, truth: e.truth.not(), deciding: e.deciding}
}

// both is `a and b`, as a condition.
func both(a, b expr) expr {
	switch {
	case a.truth == never || b.truth == always && b.pure:
		return a
	case a.truth == always && a.pure:
		return b
	case b.truth == never && a.pure && b.pure:
		return known(false)
	}
	return expr{text: in(a, andLevel) + " and " + in(b, andLevel+1), level: andLevel, pure: a.pure && b.pure}
}

// either is `a or b`, as a condition.
func either(a, b expr) expr {
	switch {
	case a.truth == always || b.truth == never && b.pure:
		return a
	case a.truth == never && a.pure:
		return b
	case b.truth == always && a.pure && b.pure:
		return known(true)
	}
	if merged, ok := methods(a, b); ok {
		return merged
	}
	return expr{text: in(a, orLevel) + " or " + in(b, orLevel+1), level: orLevel, pure: a.pure && b.pure}
}

// isMethod is a question for methods.
var isMethod = regexp.MustCompile(`^req:is\(("[A-Z]+"(?:, "[A-Z]+")*)\)$`)

// methods makes one question of two for methods.
func methods(a, b expr) (expr, bool) {
	x, y := isMethod.FindStringSubmatch(a.text), isMethod.FindStringSubmatch(b.text)
	if x == nil || y == nil {
		return expr{}, false
	}
	return reading("req:is(" + x[1] + ", " + y[1] + ")"), true
}

// asText is an expression where text is wanted.
func asText(e expr) string {
	if e.uri {
		return "tostring(" + e.text + ")"
	}
	return e.text
}

// arithmetic is how tightly operators of numbers bind.
var arithmetic = map[string]int{"+": addLevel, "-": addLevel, "*": mulLevel, "/": mulLevel, "%": mulLevel, "^": powerLevel}

// value translates an expression whose value is wanted.
func (f *fn) value(e syntax.Expr) expr {
	x := f.expr(e)
	if x.status {
		text := in(expr{text: x.text, level: x.level}, andLevel+1) + " and " + strconv.Itoa(x.good) + " or " + strconv.Itoa(x.bad)
		switch x.truth {
		case always:
			text = strconv.Itoa(x.good)
		case never:
			text = strconv.Itoa(x.bad)
		}
		return expr{text: text, level: orLevel, pure: x.pure}
	}
	return x
}

func (f *fn) values(list []syntax.Expr) string {
	texts := make([]string, len(list))
	for i, e := range list {
		texts[i] = f.value(e).text
	}
	return strings.Join(texts, ", ")
}

// expr translates an expression.
func (f *fn) expr(e syntax.Expr) expr {
	switch e := e.(type) {
	case *syntax.True:
		return known(true)
	case *syntax.False:
		return known(false)
	case *syntax.Nil:
		return nilExpr()
	case *syntax.Number:
		return expr{text: e.Value, level: atom, pure: true, truth: always}
	case *syntax.String:
		return quote(e.Value)
	case *syntax.Dots:
		return reading("...")
	case *syntax.Ident:
		return f.ident(e)
	case *syntax.Get:
		return f.get(e)
	case *syntax.Call:
		return f.call(e)
	case *syntax.Logical:
		return f.logical(e)
	case *syntax.Relational:
		return f.relational(e)
	case *syntax.Function:
		return f.closure(e)
	case *syntax.Table:
		return f.table(e)
	}
	return f.operation(e)
}

// operation translates operators of numbers and texts.
func (f *fn) operation(e syntax.Expr) expr {
	switch e := e.(type) {
	case *syntax.Concat:
		return f.concat(e)
	case *syntax.Arithmetic:
		a, b, l := f.value(e.Lhs), f.value(e.Rhs), arithmetic[e.Operator]
		return expr{text: in(a, l) + " " + e.Operator + " " + in(b, l+1), level: l, pure: a.pure && b.pure}
	case *syntax.Minus:
		x := f.value(e.Expr)
		return expr{text: "-" + in(x, unaryLevel), level: unaryLevel, pure: x.pure, truth: always}
	case *syntax.Length:
		x := f.value(e.Expr)
		return expr{text: "#" + in(x, unaryLevel), level: unaryLevel, pure: x.pure, truth: always}
	case *syntax.Not:
		return not(f.condition(e.Expr))
	}
	return nilExpr()
}

// ident is a name: a variable that holds a status is one.
func (f *fn) ident(e *syntax.Ident) expr {
	if s, ok := f.statuses[e.Value]; ok {
		return s
	}
	return reading(e.Value)
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (f *fn) get(e *syntax.Get) expr {
	if name, ok := ksrName(e); ok { // if KSR.auth then
		return known(f.c.available(name))
	}
	object := f.value(e.Object)
	if s, ok := e.Key.(*syntax.String); ok && plainName.MatchString(s.Value) {
		return expr{text: prefix(object) + "." + s.Value, level: atom, pure: object.pure}
	}
	key := f.value(e.Key)
	return expr{text: prefix(object) + "[" + key.text + "]", level: atom, pure: object.pure && key.pure}
}

func (f *fn) table(e *syntax.Table) expr {
	var list []string
	for _, x := range e.Fields {
		value := f.value(x.Value).text
		switch key := x.Key.(type) {
		case nil:
			list = append(list, value)
		case *syntax.String:
			if plainName.MatchString(key.Value) {
				list = append(list, key.Value+" = "+value)
				continue
			}
			list = append(list, "["+quoted(key.Value)+"] = "+value)
		default:
			list = append(list, "["+f.value(key).text+"] = "+value)
		}
	}
	if len(list) == 0 {
		return expr{text: "{}", level: atom, pure: true, truth: always}
	}
	return expr{text: "{ " + strings.Join(list, ", ") + " }", level: atom, pure: true, truth: always}
}

// concat keeps the pieces, of which logs and headers make something else.
func (f *fn) concat(e *syntax.Concat) expr {
	a, b := f.value(e.Lhs), f.value(e.Rhs)
	join := func(x expr) []expr {
		if x.pieces != nil {
			return x.pieces
		}
		return []expr{x}
	}
	all := append(append([]expr{}, join(a)...), join(b)...)
	return concatenation(all)
}

func concatenation(pieces []expr) expr {
	if len(pieces) == 1 {
		return pieces[0]
	}
	x := expr{level: concatLevel, pure: true, truth: always, pieces: pieces}
	for i, p := range pieces {
		if i > 0 {
			x.text += " .. "
		}
		x.text += in(p, concatLevel+1)
		x.pure = x.pure && p.pure
	}
	return x
}

// logical is `and` or `or` of values: unlike of conditions, only the first operand tells which one
// is left.
func (f *fn) logical(e *syntax.Logical) expr {
	a, b := f.expr(e.Lhs), f.expr(e.Rhs)
	if a.status {
		a = f.numberAsCondition(a)
	}
	if b.status {
		b = f.numberAsCondition(b)
	}
	and, level := e.Operator == "and", orLevel
	if and {
		level = andLevel
	}
	switch {
	case a.pure && a.truth != unknown && and == (a.truth == always):
		return b
	case a.pure && a.truth != unknown:
		return a
	}
	return expr{text: in(a, level) + " " + e.Operator + " " + in(b, level+1), level: level, pure: a.pure && b.pure}
}
