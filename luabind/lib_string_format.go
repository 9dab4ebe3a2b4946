package luabind

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// string.format, strict: a missing argument raises, %s applies tostring.

// strFormat is string.format(format, ...).
func (v *vm) strFormat(l *lua.LState) int {
	if _, ok := l.Get(1).(lua.LString); !ok {
		raise(l, "format: the format must be a string, not %s", describe(l.Get(1)))
	}
	text := formatted(l, 1)
	spends(l, valueSize+len(text))
	l.Push(lua.LString(text))
	return 1
}

// formatted formats the arguments of l after the format, which is argument n.
func formatted(l *lua.LState, n int) string {
	f := string(l.Get(n).(lua.LString))
	if !strings.Contains(f, "%") {
		return f
	}
	var out strings.Builder
	for i := 0; i < len(f); i++ {
		if f[i] != '%' {
			out.WriteByte(f[i])
			continue
		}
		if i++; i < len(f) && f[i] == '%' {
			out.WriteByte('%')
			continue
		}
		from := i
		for i < len(f) && strings.IndexByte("-+ #0123456789.", f[i]) >= 0 {
			i++
		}
		if i >= len(f) {
			raise(l, "format: the format %q ends within a '%%'", f)
		}
		spec, verb := f[from:i], f[i]
		if !goodSpec(spec) {
			raise(l, "format: '%%%s%c' has too long a width or precision", spec, verb)
		}
		n++
		if n > l.GetTop() {
			raise(l, "format: there is no argument for '%%%s%c' in %q", spec, verb, f)
		}
		writeVerb(l, &out, spec, verb, n)
		tooLong(l, "format", out.Len())
	}
	return out.String()
}

// goodSpec allows flags, a width and a precision of at most two digits each.
func goodSpec(spec string) bool {
	spec = strings.TrimLeft(spec, "-+ #0")
	width, precision, _ := strings.Cut(spec, ".")
	return len(width) <= 2 && len(precision) <= 2 && !strings.ContainsAny(width+precision, "-+ #.")
}

func writeVerb(l *lua.LState, out *strings.Builder, spec string, verb byte, n int) {
	value := l.Get(n)
	switch verb {
	case 's':
		text := l.ToStringMeta(value).String()
		if n, ok := value.(lua.LNumber); ok {
			text = numberText(n)
		}
		if _, precision, cut := strings.Cut(spec, "."); cut {
			n, _ := strconv.Atoi(precision)
			text = text[:min(n, len(text))]
		}
		padded(out, spec, text)
	case 'q':
		out.WriteString(quoted(l.ToStringMeta(value).String()))
	case 'd', 'i':
		x := formatNumber(l, value, verb)
		if x != math.Trunc(x) || math.Abs(x) > 1<<63 {
			raise(l, "format: '%%%s%c' needs a whole number, not %v", spec, verb, x)
		}
		fmt.Fprintf(out, "%"+spec+"d", int64(x))
	case 'u', 'o', 'x', 'X', 'c':
		x := formatNumber(l, value, verb)
		if x != math.Trunc(x) || math.Abs(x) > 1<<63 {
			raise(l, "format: '%%%s%c' needs a whole number, not %v", spec, verb, x)
		}
		switch {
		case verb == 'c':
			padded(out, spec, string([]byte{byte(int64(x))}))
		case verb == 'u':
			fmt.Fprintf(out, "%"+spec+"d", uint64(int64(x)))
		default:
			fmt.Fprintf(out, "%"+spec+string(verb), uint64(int64(x)))
		}
	case 'e', 'E', 'f', 'g', 'G':
		x := formatNumber(l, value, verb)
		switch {
		case math.IsInf(x, 0), math.IsNaN(x):
			text := numberText(lua.LNumber(x))
			if x > 0 && strings.Contains(spec, "+") {
				text = "+" + text
			} else if x > 0 && strings.Contains(spec, " ") {
				text = " " + text
			}
			if verb == 'E' || verb == 'G' {
				text = strings.ToUpper(text)
			}
			padded(out, spec, text)
		case (verb == 'g' || verb == 'G') && !strings.Contains(spec, "."):
			fmt.Fprintf(out, "%"+spec+".6"+string(verb), x)
		default:
			fmt.Fprintf(out, "%"+spec+string(verb), x)
		}
	default:
		raise(l, "format: '%%%s%c' is not a conversion; there are d i u c x X o e E f g G q s", spec, verb)
	}
}

// padded writes text in the width of a spec, in bytes: for a string, a character, or a value that
// is not a number, for which C has no zero padding.
func padded(out *strings.Builder, spec, text string) {
	width, _, _ := strings.Cut(strings.TrimLeft(spec, "-+ #0"), ".")
	n, _ := strconv.Atoi(width)
	fill := strings.Repeat(" ", max(n-len(text), 0))
	if strings.Contains(spec, "-") {
		out.WriteString(text)
		text = ""
	}
	out.WriteString(fill)
	out.WriteString(text)
}

func formatNumber(l *lua.LState, v lua.LValue, verb byte) float64 {
	if x, ok := numberOf(v); ok {
		return x
	}
	raise(l, "format: '%%%c' needs a number, not %s", verb, describe(v))
	return 0
}

// quoted is text as a Lua string.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\n':
			b.WriteString("\\n")
		case '\r':
			b.WriteString("\\r")
		case 0:
			b.WriteString("\\000")
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
