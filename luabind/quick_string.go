package luabind

import (
	"strings"

	"github.com/sipscript/sipscript/luabind/pattern"
	lua "github.com/yuin/gopher-lua"
)

// The usual cases of the string library.

func hastenString(lib *lua.LTable) {
	for name, do := range map[string]quick{
		"sub": quickSub, "len": quickLen, "byte": quickByte, "char": quickChar, "lower": quickLower, "upper": quickUpper, "find": quickFind,
		"match": quickMatch, "gsub": quickGsub, "format": quickFormat,
	} {
		hasten(lib, name, do)
	}
}

// whole is argument i as a whole number.
func whole(x lua.LValue) (int, bool) {
	n, ok := x.(lua.LNumber)
	i := int(n)
	return i, ok && lua.LNumber(i) == n
}

// quickSub is string.sub(s, from [, to]).
func quickSub(v *vm, l *lua.LState, r []lua.LValue, n int) int {
	if n < 2 || n > 3 {
		return -1
	}
	s, ok := r[1].(lua.LString)
	from, ok2 := whole(r[2])
	if !ok || !ok2 {
		return -1
	}
	to := len(s)
	if n == 3 {
		i, ok := whole(r[3])
		if !ok {
			return -1
		}
		if to = min(i, to); i < 0 {
			to = len(s) + i + 1
		}
	}
	if from = start(string(s), from); from == 0 && to == len(s) {
		r[0] = r[1]
		return 1
	}
	if from >= to {
		r[0] = noText
		return 1
	}
	v.spend(l, valueSize)
	r[0] = v.piece(string(s), from, to)
	return 1
}

// shortPiece is how long a piece of a text is copied: that takes one allocation, as a reference to
// the whole does, and keeps nothing else in memory.
const shortPiece = 64

// piece is s[from:to] as a value.
func (v *vm) piece(s string, from, to int) lua.LValue {
	if to-from <= shortPiece {
		return newText(s[from:to])
	}
	return lua.LString(cut(s, from, to))
}

// quickLen is string.len(s).
func quickLen(v *vm, _ *lua.LState, r []lua.LValue, n int) int {
	s, ok := r[1].(lua.LString)
	if n != 1 || !ok {
		return -1
	}
	r[0] = v.boxes.number(lua.LNumber(len(s)))
	return 1
}

// quickByte is string.byte(s [, at]).
func quickByte(_ *vm, _ *lua.LState, r []lua.LValue, n int) int {
	if n < 1 || n > 2 {
		return -1
	}
	s, ok := r[1].(lua.LString)
	at := 1
	if ok && n == 2 {
		at, ok = whole(r[2])
	}
	if !ok || at < 1 || at > len(s) {
		return -1
	}
	r[0] = wholeNumbers[s[at-1]]
	return 1
}

// quickChar is string.char(code).
func quickChar(_ *vm, _ *lua.LState, r []lua.LValue, n int) int {
	if n != 1 {
		return -1
	}
	i, ok := whole(r[1])
	if !ok || uint(i) > 255 {
		return -1
	}
	r[0] = characters[i]
	return 1
}

func quickLower(v *vm, l *lua.LState, r []lua.LValue, n int) int {
	return v.quickCase(l, r, n, 'A', 'Z')
}
func quickUpper(v *vm, l *lua.LState, r []lua.LValue, n int) int {
	return v.quickCase(l, r, n, 'a', 'z')
}

// quickCase is lower or upper of a text that is not long.
func (v *vm) quickCase(l *lua.LState, r []lua.LValue, n int, from, to byte) int {
	s, ok := r[1].(lua.LString)
	if n != 1 || !ok || len(s) > longConcat {
		return -1
	}
	b := append(v.scratch[:0], s...)
	changed := false
	for i, c := range b {
		if from <= c && c <= to {
			b[i] ^= 0x20
			changed = true
		}
	}
	if v.scratch = b; !changed {
		r[0] = r[1]
		return 1
	}
	v.spend(l, valueSize+len(b))
	r[0] = newText(b)
	return 1
}

// twoTexts are the arguments 1 and 2, and where the optional third says to begin.
func twoTexts(r []lua.LValue, n int) (s, pat string, init int, ok bool) {
	a, ok1 := r[1].(lua.LString)
	b, ok2 := r[2].(lua.LString)
	if !ok1 || !ok2 || n < 2 {
		return "", "", 0, false
	}
	if s, pat = string(a), string(b); n > 2 {
		i, ok := whole(r[3])
		if !ok {
			return "", "", 0, false
		}
		init = min(start(s, i), len(s))
	}
	return s, pat, init, true
}

// quickFind is string.find(s, pattern [, init [, plain]]).
func quickFind(v *vm, _ *lua.LState, r []lua.LValue, n int) int {
	s, pat, init, ok := twoTexts(r, n)
	if !ok || n > 4 {
		return -1
	}
	plain := n == 4 && !falsy(r[4])
	if !plain && special(pat) {
		from, to, ok := v.quickMatched(s, pat, init)
		switch {
		case !ok || v.matcher.Captures() > 0:
			return -1
		case from == pattern.NoMatch:
			r[0] = lua.LNil
			return 1
		}
		r[0], r[1] = v.boxes.number(lua.LNumber(from+1)), v.boxes.number(lua.LNumber(to))
		return 2
	}
	i := strings.Index(s[init:], pat)
	if i < 0 {
		r[0] = lua.LNil
		return 1
	}
	r[0], r[1] = v.boxes.number(lua.LNumber(init+i+1)), v.boxes.number(lua.LNumber(init+i+len(pat)))
	return 2
}

// special reports whether a pattern is more than a text.
func special(pat string) bool {
	for i := range len(pat) {
		switch pat[i] {
		case '^', '$', '*', '+', '?', '.', '(', '[', '%', '-':
			return true
		}
	}
	return false
}

// quickMatched is matched, which does not raise.
func (v *vm) quickMatched(s, pat string, init int) (from, to int, ok bool) {
	v.matcher.Steps = 0
	from, to, err := v.matcher.Find(s, pat, init)
	v.toil(v.matcher.Steps / 8)
	return from, to, err == nil
}

// quickMatch is string.match(s, pattern [, init]).
func quickMatch(v *vm, l *lua.LState, r []lua.LValue, n int) int {
	s, pat, init, ok := twoTexts(r, n)
	if !ok || n > 3 {
		return -1
	}
	from, to, ok := v.quickMatched(s, pat, init)
	if !ok {
		return -1
	}
	if from == pattern.NoMatch {
		r[0] = lua.LNil
		return 1
	}
	return v.captures(l, r, s, from, to)
}

// captures puts the captures of the last match, or all of it, into r, if there is room.
func (v *vm) captures(l *lua.LState, r []lua.LValue, s string, from, to int) int {
	n := v.matcher.Captures()
	if n >= len(r) {
		return -1
	}
	if n == 0 {
		v.spend(l, valueSize)
		r[0] = v.piece(s, from, to)
		return 1
	}
	v.spend(l, n*valueSize)
	for i := range n {
		start, end, position, err := v.matcher.Capture(i)
		switch {
		case err != nil:
			return -1
		case position:
			r[i] = v.boxes.number(lua.LNumber(start + 1))
		default:
			r[i] = v.piece(s, start, end)
		}
	}
	return n
}

// quickGsub is string.gsub(s, pattern, replacement), whose replacement is a text or a table without
// a metatable.
func quickGsub(v *vm, l *lua.LState, r []lua.LValue, n int) int {
	if n != 3 {
		return -1
	}
	s, ok := r[1].(lua.LString)
	pat, ok2 := r[2].(lua.LString)
	if !ok || !ok2 || len(s) > longConcat {
		return -1
	}
	repl, isText := r[3].(lua.LString)
	names, isTable := r[3].(*lua.LTable)
	if !isText && !(isTable && isNil(insideOf(names).metatable)) || strings.IndexByte(string(repl), '%') >= 0 {
		return -1
	}
	anchored := len(pat) > 0 && pat[0] == '^'
	out, at, count := v.scratch[:0], 0, 0
	v.matcher.Steps = 0
	for at <= len(s) {
		from, to, err := v.matcher.Find(string(s), string(pat), at)
		if err != nil {
			return -1
		}
		if from == pattern.NoMatch {
			break
		}
		count++
		if out = append(out, s[at:from]...); isText {
			out = append(out, repl...)
		} else if out, ok = v.appendNamed(out, names, string(s), from, to); !ok {
			return -1
		}
		if len(out) > longConcat {
			return -1
		}
		if at = to; to == from {
			if at < len(s) {
				out = append(out, s[at])
			}
			at++
		}
		if anchored {
			break
		}
	}
	v.toil(v.matcher.Steps / 8)
	if v.scratch = out; count == 0 {
		r[0] = r[1]
	} else {
		if at < len(s) {
			out = append(out, s[at:]...)
		}
		v.scratch = out
		v.spend(l, valueSize+len(out))
		r[0] = newText(out)
	}
	r[1] = v.boxes.number(lua.LNumber(count))
	return 2
}

// appendNamed appends what a table has for a match.
func (v *vm) appendNamed(out []byte, names *lua.LTable, s string, from, to int) ([]byte, bool) {
	start, end := from, to
	if v.matcher.Captures() > 0 {
		var position bool
		var err error
		if start, end, position, err = v.matcher.Capture(0); position || err != nil {
			return out, false
		}
	}
	switch x := insideOf(names).strdict[s[start:end]].(type) {
	case nil:
		return append(out, s[from:to]...), true
	case lua.LString:
		return append(out, x...), true
	}
	return out, false
}
