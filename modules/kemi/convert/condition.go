package convert

// Conditions: what Kamailio's numbers mean in them.

import (
	"strconv"

	"github.com/sipscript/sipscript/luabind/syntax"
)

// condition translates an expression that is only asked whether it holds.
func (f *fn) condition(e syntax.Expr) expr {
	switch e := e.(type) {
	case *syntax.Logical:
		a, b := f.condition(e.Lhs), f.condition(e.Rhs)
		if e.Operator == "and" {
			return both(a, b)
		}
		return either(a, b)
	case *syntax.Not:
		return not(f.condition(e.Expr))
	}
	x := f.expr(e)
	if x.status {
		return f.numberAsCondition(x)
	}
	return x
}

// numberAsCondition is a status that the script takes for a boolean: there it always holds.
func (f *fn) numberAsCondition(x expr) expr {
	f.decide("there this condition always holds, for -1 and 0 are true in Lua; here it is asked whether the call succeeded")
	return expr{text: x.text, level: x.level, pure: x.pure, truth: x.truth, deciding: x.deciding}
}

// relational compares. A status compared with a number asks whether the call succeeded.
func (f *fn) relational(e *syntax.Relational) expr {
	a, b := f.expr(e.Lhs), f.expr(e.Rhs)
	if n, ok := number(e.Rhs); ok && a.status {
		return statusIs(a, e.Operator, n)
	}
	if n, ok := number(e.Lhs); ok && b.status {
		return statusIs(b, mirrored[e.Operator], n)
	}
	if a.status {
		a = f.value(e.Lhs)
	}
	if b.status {
		b = f.value(e.Rhs)
	}
	if a.text == "nil" && a.pure {
		a, b = b, a
	}
	x := expr{text: in(expr{text: asText(a), level: a.level}, compareLevel+1) + " " + e.Operator + " " + in(expr{text: asText(b), level: b.level}, compareLevel+1), level: compareLevel, pure: a.pure && b.pure}
	if b.text == "nil" { // an object is not its text
		x.text = in(a, compareLevel+1) + " " + e.Operator + " nil"
	}
	return x
}

var mirrored = map[string]string{"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "~=": "~="}

// number is a literal number, which may be negative.
func number(e syntax.Expr) (int, bool) {
	switch e := e.(type) {
	case *syntax.Number:
		n, err := strconv.Atoi(e.Value)
		return n, err == nil
	case *syntax.Minus:
		n, ok := number(e.Expr)
		return -n, ok
	}
	return 0, false
}

// statusIs is a comparison of a status: with success, with failure, or with what never is.
func statusIs(s expr, op string, n int) expr {
	ok := expr{text: s.text, level: s.level, pure: s.pure, truth: s.truth, deciding: s.deciding}
	success, failure := compare(s.good, op, n), compare(s.bad, op, n)
	switch {
	case success && !failure:
		return ok
	case failure && !success:
		return not(ok)
	}
	if s.pure {
		return known(success)
	}
	ok.truth = never
	if success {
		ok.truth = always
	}
	return ok
}

func compare(a int, op string, b int) bool {
	switch op {
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	case ">=":
		return a >= b
	case "==":
		return a == b
	}
	return a != b
}
