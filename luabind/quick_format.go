package luabind

import (
	"math"
	"strconv"

	lua "github.com/yuin/gopher-lua"
)

// directive is a conversion of string.format: %-08.3f.
type directive struct {
	left, zero       bool
	width, precision int // precision -1: none
	verb             byte
}

// readDirective reads what follows a '%', and returns where it ends. Flags other than '-' and '0'
// are not read.
func readDirective(f string, i int) (d directive, end int, ok bool) {
	for ; i < len(f) && (f[i] == '-' || f[i] == '0'); i++ {
		d.left = d.left || f[i] == '-'
		d.zero = d.zero || f[i] == '0'
	}
	d.precision = -1
	for from := i; i < len(f) && '0' <= f[i] && f[i] <= '9' && i < from+2; i++ {
		d.width = 10*d.width + int(f[i]-'0')
	}
	if i < len(f) && f[i] == '.' {
		d.precision = 0
		i++
		for from := i; i < len(f) && '0' <= f[i] && f[i] <= '9' && i < from+2; i++ {
			d.precision = 10*d.precision + int(f[i]-'0')
		}
	}
	if i >= len(f) {
		return d, i, false
	}
	d.verb = f[i]
	return d, i, true
}

// quickFormat is string.format of texts and finite numbers.
func quickFormat(v *vm, l *lua.LState, r []lua.LValue, n int) int {
	s, ok := r[1].(lua.LString)
	if n < 1 || !ok {
		return -1
	}
	f, b, arg := string(s), v.scratch[:0], 1
	for i := 0; i < len(f); i++ {
		if f[i] != '%' {
			b = append(b, f[i])
			continue
		}
		if i++; i < len(f) && f[i] == '%' {
			b = append(b, '%')
			continue
		}
		var d directive
		if d, i, ok = readDirective(f, i); !ok {
			return -1
		}
		if arg++; arg > n {
			return -1
		}
		if b, ok = d.append(b, r[arg]); !ok || len(b) > longConcat {
			return -1
		}
	}
	v.scratch = b
	v.spend(l, valueSize+len(b))
	r[0] = newText(b)
	return 1
}

// append appends a value, if it is of a usual kind.
func (d *directive) append(b []byte, x lua.LValue) ([]byte, bool) {
	from := len(b)
	switch x := x.(type) {
	case lua.LString:
		if d.verb != 's' || d.zero || len(x) > longConcat {
			return b, false
		}
		if d.precision >= 0 && d.precision < len(x) {
			x = x[:d.precision]
		}
		b = append(b, x...)
	case lua.LNumber:
		i, isWhole := whole(x)
		switch {
		case d.verb == 'f' && !d.zero && math.Abs(float64(x)) <= 1e15:
			precision := d.precision
			if precision < 0 {
				precision = 6
			}
			b = strconv.AppendFloat(b, float64(x), 'f', precision, 64)
		case !isWhole || d.precision >= 0 || d.zero && (i < 0 || d.left || d.verb == 's'):
			return b, false
		case d.verb == 'd' || d.verb == 's':
			b = strconv.AppendInt(b, int64(i), 10)
		case d.verb == 'x' && i >= 0:
			b = strconv.AppendInt(b, int64(i), 16)
		default:
			return b, false
		}
	default:
		return b, false
	}
	return d.pad(b, from), true
}

// pad fills what begins at from up to the width.
func (d *directive) pad(b []byte, from int) []byte {
	missing := d.width - (len(b) - from)
	if missing <= 0 {
		return b
	}
	fill := byte(' ')
	if d.zero {
		fill = '0'
	}
	for range missing {
		b = append(b, fill)
	}
	if !d.left {
		copy(b[from+missing:], b[from:])
		for i := range missing {
			b[from+i] = fill
		}
	}
	return b
}
