package luabind

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// Numbers in text, as Lua 5.1 reads and writes them. The interpreter's own reading takes "0030" in
// arithmetic for an octal number, and knows no exponents in tonumber: bad for telephone numbers,
// and for rates of a database.

// spaces are the characters of C's isspace.
const spaces = " \t\n\v\f\r"

// readNumber is the number in a text: decimal, with an exponent or not, or hexadecimal. "inf" and
// "nan", which C's strtod reads, are words here.
func readNumber(text string) (float64, bool) {
	text = strings.Trim(text, spaces)
	digits := strings.TrimLeft(text, "+-")
	if len(text)-len(digits) > 1 || digits == "" {
		return 0, false
	}
	if len(digits) > 2 && digits[0] == '0' && digits[1]|0x20 == 'x' {
		n, err := strconv.ParseUint(digits[2:], 16, 64)
		if err != nil {
			return 0, false
		}
		if text[0] == '-' {
			return -float64(n), true
		}
		return float64(n), true
	}
	for _, c := range []byte(digits) { // no inf, nan, underscores, or anything else that Go reads
		if (c < '0' || c > '9') && c != '.' && c|0x20 != 'e' && c != '+' && c != '-' {
			return 0, false
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(n, 0) { // out of range is infinite
		return 0, false
	}
	return n, true
}

// numberOf is a number, or a text that reads as one.
func numberOf(v lua.LValue) (float64, bool) {
	switch x := v.(type) {
	case lua.LNumber:
		return float64(x), true
	case lua.LString:
		return readNumber(string(x))
	}
	return 0, false
}

// baseToNumber is tonumber(value [, base]).
func baseToNumber(l *lua.LState) int {
	if l.GetTop() == 0 {
		raise(l, "tonumber needs a value")
	}
	v := l.Get(1)
	base := 10
	if l.Get(2) != lua.LNil {
		base = intArg(l, 2)
	}
	if base == 10 {
		if n, ok := numberOf(v); ok {
			l.Push(lua.LNumber(n))
		} else {
			l.Push(lua.LNil)
		}
		return 1
	}
	if base < 2 || base > 36 {
		raise(l, "tonumber: the base must be 2 to 36, not %d", base)
	}
	text, ok := textOf(v)
	if !ok {
		raise(l, "tonumber: with a base the value must be a string, not %s", describe(v))
	}
	text = strings.Trim(text, spaces)
	if base == 16 {
		sign := text[:len(text)-len(strings.TrimLeft(text, "+-"))]
		if rest := text[len(sign):]; len(rest) > 2 && rest[0] == '0' && rest[1]|0x20 == 'x' {
			text = sign + rest[2:]
		}
	}
	if n, err := strconv.ParseInt(text, base, 64); err == nil {
		l.Push(lua.LNumber(n))
	} else {
		l.Push(lua.LNil)
	}
	return 1
}

// numberText is the text tostring gives for a number: the interpreter's, except for nan and
// infinities.
func numberText(n lua.LNumber) string {
	switch f := float64(n); {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case f != f:
		if math.Signbit(f) {
			return "-nan"
		}
		return "nan"
	}
	return n.String()
}

// baseToString is tostring(value).
func baseToString(l *lua.LState) int {
	if l.GetTop() == 0 {
		raise(l, "tostring needs a value")
	}
	if n, ok := l.Get(1).(lua.LNumber); ok {
		l.Push(lua.LString(numberText(n)))
		return 1
	}
	l.Push(l.ToStringMeta(l.Get(1)))
	return 1
}

// openArithmetic has text in arithmetic read as Lua 5.1 reads it.
func openArithmetic(l *lua.LState, mt *lua.LTable) {
	for event, f := range map[string]func(a, b float64) float64{
		"__add": func(a, b float64) float64 { return a + b },
		"__sub": func(a, b float64) float64 { return a - b },
		"__mul": func(a, b float64) float64 { return a * b },
		"__div": func(a, b float64) float64 { return a / b },
		"__mod": func(a, b float64) float64 { return a - math.Floor(a/b)*b },
		"__pow": math.Pow,
	} {
		mt.RawSetString(event, l.NewFunction(func(l *lua.LState) int {
			a, ok := numberOf(l.Get(1))
			b, ok2 := numberOf(l.Get(2))
			if !ok || !ok2 {
				wrong := l.Get(1)
				if ok {
					wrong = l.Get(2)
				}
				raise(l, "attempt to perform arithmetic on %s", describe(wrong))
			}
			l.Push(lua.LNumber(f(a, b)))
			return 1
		}))
	}
	mt.RawSetString("__unm", l.NewFunction(func(l *lua.LState) int {
		n, ok := numberOf(l.Get(1))
		if !ok {
			raise(l, "attempt to perform arithmetic on %s", describe(l.Get(1)))
		}
		l.Push(lua.LNumber(-n))
		return 1
	}))
}

// readsNumbers wraps a function of the interpreter whose arguments are all numbers.
func readsNumbers(f lua.LGFunction) lua.LGFunction {
	return func(l *lua.LState) int {
		for i := 1; i <= l.GetTop(); i++ {
			if s, ok := l.Get(i).(lua.LString); ok {
				if n, ok := readNumber(string(s)); ok {
					l.Replace(i, lua.LNumber(n))
				}
			}
		}
		return f(l)
	}
}

// numberArg is argument n, a number or a text that reads as one.
func numberArg(l *lua.LState, n int) float64 {
	v, ok := numberOf(l.Get(n))
	if !ok {
		l.TypeError(n, lua.LTNumber)
	}
	return v
}

// intArg is argument n as a whole number.
func intArg(l *lua.LState, n int) int { return int(numberArg(l, n)) }

// optIntArg is intArg, or otherwise if there is none.
func optIntArg(l *lua.LState, n, otherwise int) int {
	if l.Get(n) == lua.LNil {
		return otherwise
	}
	return intArg(l, n)
}

// readsNumbersAt wraps a function of the interpreter of whose arguments some are numbers.
func readsNumbersAt(f lua.LGFunction, at ...int) lua.LGFunction {
	return func(l *lua.LState) int {
		for _, i := range at {
			if s, ok := l.Get(i).(lua.LString); ok {
				if n, ok := readNumber(string(s)); ok {
					l.Replace(i, lua.LNumber(n))
				}
			}
		}
		return f(l)
	}
}
