package luabind

import (
	"math"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// Values of the executor: tests and comparisons without a call through an interface, and numbers
// and texts with one allocation or none.

var (
	luaTrue  = lua.LValue(lua.LBool(true))
	luaFalse = lua.LValue(lua.LBool(false))
	noText   = lua.LValue(lua.LString(""))
)

func boolean(b bool) lua.LValue {
	if b {
		return luaTrue
	}
	return luaFalse
}

func falsy(x lua.LValue) bool {
	switch x := x.(type) {
	case *lua.LNilType:
		return true
	case lua.LBool:
		return !bool(x)
	}
	return false
}

func isNil(x lua.LValue) bool {
	_, is := x.(*lua.LNilType)
	return is
}

// text is the text of a value that is one.
func text(x lua.LValue) string { return string(x.(lua.LString)) }

// equal compares values without metamethods; ok is whether these can be.
func equal(x, y lua.LValue) (same, ok bool) {
	switch x := x.(type) {
	case lua.LString:
		y, is := y.(lua.LString)
		return is && x == y, true
	case lua.LNumber:
		y, is := y.(lua.LNumber)
		return is && x == y, true
	case *lua.LNilType:
		return isNil(y), true
	case lua.LBool:
		y, is := y.(lua.LBool)
		return is && x == y, true
	}
	switch y.(type) {
	case lua.LString, lua.LNumber, *lua.LNilType, lua.LBool:
		return false, true
	}
	return false, false
}

// less compares two numbers or two texts.
func less(x, y lua.LValue) (less, ok bool) {
	switch x := x.(type) {
	case lua.LNumber:
		y, ok := y.(lua.LNumber)
		return x < y, ok
	case lua.LString:
		y, ok := y.(lua.LString)
		return x < y, ok
	}
	return false, false
}

// lessOrEqual is less for <=.
func lessOrEqual(x, y lua.LValue) (within, ok bool) {
	switch x := x.(type) {
	case lua.LNumber:
		y, ok := y.(lua.LNumber)
		return x <= y, ok
	case lua.LString:
		y, ok := y.(lua.LString)
		return x <= y, ok
	}
	return false, false
}

// length is the length of a text, or of a table without a metatable.
func length(x lua.LValue) (n int, ok bool) {
	switch x := x.(type) {
	case lua.LString:
		return len(x), true
	case *lua.LTable:
		t := insideOf(x)
		if !isNil(t.metatable) {
			return 0, false
		}
		if n := len(t.array); n > 0 && !isNil(t.array[n-1]) {
			return n, true
		}
		return x.Len(), true
	}
	return 0, false
}

// remainder is x % y for whole numbers that are not negative: of others the sign, or what is
// between, matters.
func remainder(x, y lua.LNumber) (r lua.LNumber, ok bool) {
	if !(0 <= x && x < 1<<53 && 0 < y && y < 1<<53) {
		return 0, false
	}
	i, j := int64(x), int64(y)
	if lua.LNumber(i) != x || lua.LNumber(j) != y || i == 0 && math.Signbit(float64(x)) {
		return 0, false
	}
	return lua.LNumber(i % j), true
}

// pointed is how a value that is not a pointer lies in memory: its kind, and where it is.
type pointed struct {
	kind unsafe.Pointer
	at   unsafe.Pointer
}

func kindOfValue(x lua.LValue) unsafe.Pointer { return (*pointed)(unsafe.Pointer(&x)).kind }

var (
	numberKind = kindOfValue(lua.LNumber(0.5))
	textKind   = kindOfValue(noText)
)

// smallNumbers are the whole numbers that are made once.
const smallNumbers = 1024

var wholeNumbers = func() (list [smallNumbers]lua.LValue) {
	for i := range list {
		list[i] = lua.LNumber(i)
	}
	return list
}()

// boxes is where numbers lie that are values: allocated so many at a time.
type boxes struct{ free []lua.LNumber }

const boxesAtOnce = 32

// number is n as a value.
func (b *boxes) number(n lua.LNumber) lua.LValue {
	if i := int(n); uint(i-1) < smallNumbers-1 && lua.LNumber(i) == n {
		return wholeNumbers[i]
	}
	return b.other(n)
}

func (b *boxes) other(n lua.LNumber) lua.LValue {
	if n == 0 && !math.Signbit(float64(n)) {
		return wholeNumbers[0]
	}
	if len(b.free) == 0 {
		b.free = make([]lua.LNumber, boxesAtOnce)
	}
	at := &b.free[0]
	b.free = b.free[1:]
	*at = n
	x := pointed{numberKind, unsafe.Pointer(at)}
	return *(*lua.LValue)(unsafe.Pointer(&x))
}

// characters are the texts of one byte.
var characters = func() (list [256]lua.LValue) {
	for i := range list {
		list[i] = lua.LString([]byte{byte(i)})
	}
	return list
}()

const stringHead = unsafe.Sizeof("")

// newText is a copy of s as a value. Head and text lie in one piece of memory, which the head
// points into: whoever holds the value, or the text, holds both.
func newText[T string | []byte](s T) lua.LValue {
	switch len(s) {
	case 0:
		return noText
	case 1:
		return characters[s[0]]
	}
	piece := make([]byte, int(stringHead)+len(s))
	copy(piece[stringHead:], s)
	head := (*lua.LString)(unsafe.Pointer(unsafe.SliceData(piece)))
	*head = lua.LString(unsafe.String(&piece[stringHead], len(s)))
	x := pointed{textKind, unsafe.Pointer(head)}
	return *(*lua.LValue)(unsafe.Pointer(&x))
}
