package luabind

import (
	"math"
	"strconv"

	lua "github.com/yuin/gopher-lua"
)

// The usual cases of the base functions, and of the table and math libraries.

func hastenBase(g *lua.LTable) {
	for name, do := range map[string]quick{
		"type": quickType, "tostring": quickToString, "tonumber": quickToNumber, "ipairs": quickIpairs, "pairs": quickPairs, "next": quickNext,
		"rawget": quickRawGet, "select": quickSelect,
	} {
		hasten(g, name, do)
	}
}

func hastenTable(lib *lua.LTable) {
	hasten(lib, "insert", quickInsert)
	hasten(lib, "concat", quickConcat)
	hasten(lib, "unpack", quickUnpack)
}

func hastenMath(lib *lua.LTable) {
	hasten(lib, "floor", quickFloor)
	hasten(lib, "abs", quickAbs)
	hasten(lib, "max", quickMax)
	hasten(lib, "min", quickMin)
}

// typeNames are the results of type.
var typeNames = func() (list [lua.LTChannel + 1]lua.LValue) {
	for i := range list {
		list[i] = lua.LString(lua.LValueType(i).String())
	}
	return list
}()

func quickType(_ *vm, _ *lua.LState, r []lua.LValue, n int) int {
	if n < 1 {
		return -1
	}
	r[0] = typeNames[r[1].Type()]
	return 1
}

// quickToString is tostring of a text, a number, a boolean or nil.
func quickToString(_ *vm, _ *lua.LState, r []lua.LValue, n int) int {
	if n != 1 {
		return -1
	}
	switch x := r[1].(type) {
	case lua.LString:
		r[0] = x
	case lua.LNumber:
		i, ok := whole(x)
		if !ok {
			return -1
		}
		if 0 <= i && i < 10 {
			r[0] = characters['0'+i]
			return 1
		}
		var b [24]byte
		r[0] = newText(strconv.AppendInt(b[:0], int64(i), 10))
	default:
		return -1
	}
	return 1
}

// quickToNumber is tonumber of a number, or of a text without a base or with 10 or 16.
func quickToNumber(v *vm, _ *lua.LState, r []lua.LValue, n int) int {
	if n < 1 || n > 2 {
		return -1
	}
	base := 10
	if n == 2 {
		i, ok := whole(r[2])
		if base = i; !ok || base != 10 && base != 16 {
			return -1
		}
	}
	switch x := r[1].(type) {
	case lua.LNumber:
		if base != 10 {
			return -1
		}
		r[0] = x
	case lua.LString:
		i, ok := digits(string(x), base)
		if !ok {
			return -1
		}
		r[0] = v.boxes.number(lua.LNumber(i))
	default:
		return -1
	}
	return 1
}

// digits reads a whole number without a sign that is not long.
func digits(s string, base int) (n int, ok bool) {
	if s == "" || len(s) > 12 {
		return 0, false
	}
	for i := range len(s) {
		d := int(s[i] - '0')
		if d > 9 {
			letter := s[i] | 0x20
			if letter < 'a' || 'f' < letter {
				return 0, false
			}
			d = int(letter-'a') + 10
		}
		if d >= base {
			return 0, false
		}
		n = n*base + d
	}
	return n, true
}

func quickIpairs(v *vm, _ *lua.LState, r []lua.LValue, n int) int {
	if _, ok := r[1].(*lua.LTable); n != 1 || !ok {
		return -1
	}
	r[0], r[2] = v.kinds.ipairs, wholeNumbers[0]
	return 3
}

func quickPairs(v *vm, _ *lua.LState, r []lua.LValue, n int) int {
	if _, ok := r[1].(*lua.LTable); n != 1 || !ok {
		return -1
	}
	r[0], r[2] = v.kinds.next, lua.LNil
	return 3
}

func quickNext(v *vm, _ *lua.LState, r []lua.LValue, n int) int {
	x, ok := r[1].(*lua.LTable)
	if n < 1 || n > 2 || !ok {
		return -1
	}
	key := lua.LNil
	if n == 2 {
		key = r[2]
	}
	k, value, ok := v.next(x, key)
	if !ok || isNil(k) {
		return -1
	}
	r[0], r[1] = k, value
	return 2
}

func quickRawGet(v *vm, _ *lua.LState, r []lua.LValue, n int) int {
	x, ok := r[1].(*lua.LTable)
	if n != 2 || !ok {
		return -1
	}
	r[0] = x.RawGet(r[2])
	return 1
}

// quickSelect is select("#", ...) and select(n, ...).
func quickSelect(v *vm, _ *lua.LState, r []lua.LValue, n int) int {
	if n < 1 {
		return -1
	}
	if s, ok := r[1].(lua.LString); ok && s == "#" {
		r[0] = v.boxes.number(lua.LNumber(n - 1))
		return 1
	}
	i, ok := whole(r[1])
	if !ok || i < 1 || i > n-1 {
		return -1
	}
	return copy(r, r[1+i:n+1])
}

// quickInsert is table.insert(list, value).
func quickInsert(v *vm, l *lua.LState, r []lua.LValue, n int) int {
	x, ok := r[1].(*lua.LTable)
	if n != 2 || !ok || isNil(r[2]) {
		return -1
	}
	t := insideOf(x)
	if len(t.array) > 0 && isNil(t.array[len(t.array)-1]) || !v.assign(l, t, v.boxes.number(lua.LNumber(len(t.array)+1)), r[2]) {
		return -1
	}
	return 0
}

// quickConcat is table.concat(list [, separator]).
func quickConcat(v *vm, l *lua.LState, r []lua.LValue, n int) int {
	x, ok := r[1].(*lua.LTable)
	if n < 1 || n > 2 || !ok {
		return -1
	}
	separator := ""
	if n == 2 {
		s, ok := r[2].(lua.LString)
		if separator = string(s); !ok {
			return -1
		}
	}
	b := v.scratch[:0]
	for i, x := range insideOf(x).array[:x.Len()] {
		if i > 0 {
			b = append(b, separator...)
		}
		switch x := x.(type) {
		case lua.LString:
			if len(b)+len(x)+len(separator) > longConcat {
				return -1
			}
			b = append(b, x...)
		case lua.LNumber:
			i, ok := whole(x)
			if !ok {
				return -1
			}
			b = strconv.AppendInt(b, int64(i), 10)
		default:
			return -1
		}
	}
	v.scratch = b
	v.spend(l, valueSize+len(b))
	r[0] = newText(b)
	return 1
}

// quickUnpack is unpack(list), if there is room.
func quickUnpack(v *vm, _ *lua.LState, r []lua.LValue, n int) int {
	x, ok := r[1].(*lua.LTable)
	if n != 1 || !ok {
		return -1
	}
	list := insideOf(x).array[:x.Len()]
	if len(list) > len(r) {
		return -1
	}
	return copy(r, list)
}

func quickFloor(v *vm, _ *lua.LState, r []lua.LValue, n int) int {
	x, ok := r[1].(lua.LNumber)
	if n != 1 || !ok {
		return -1
	}
	r[0] = v.boxes.number(lua.LNumber(math.Floor(float64(x))))
	return 1
}

func quickAbs(v *vm, _ *lua.LState, r []lua.LValue, n int) int {
	x, ok := r[1].(lua.LNumber)
	if n != 1 || !ok {
		return -1
	}
	r[0] = v.boxes.number(lua.LNumber(math.Abs(float64(x))))
	return 1
}

func quickMax(v *vm, _ *lua.LState, r []lua.LValue, n int) int { return extreme(r, n, 1) }
func quickMin(v *vm, _ *lua.LState, r []lua.LValue, n int) int { return extreme(r, n, -1) }

// extreme is the largest of two numbers, or with sign -1 the smallest.
func extreme(r []lua.LValue, n int, sign lua.LNumber) int {
	if n != 2 {
		return -1
	}
	x, ok := r[1].(lua.LNumber)
	y, ok2 := r[2].(lua.LNumber)
	if !ok || !ok2 || x != x || y != y {
		return -1
	}
	if r[0] = r[1]; sign*y > sign*x {
		r[0] = r[2]
	}
	return 1
}
