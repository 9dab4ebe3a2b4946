package luabind

import (
	"slices"
	"strings"

	"github.com/sipscript/sipscript/luabind/pattern"
	lua "github.com/yuin/gopher-lua"
)

// The string library: the interpreter's own, except for functions that match patterns, format or
// repeat, which are bounded and strict here.

func (v *vm) openString() {
	l := v.main
	l.Push(l.NewFunction(lua.OpenString))
	l.Call(0, 1)
	lib := l.Get(-1).(*lua.LTable)
	l.Pop(1)
	for _, name := range []string{"__index", "gfind", "dump"} {
		lib.RawSetString(name, lua.LNil)
	}
	for name, f := range map[string]lua.LGFunction{
		"find": v.strFind, "match": v.strMatch, "gmatch": v.strGmatch, "gsub": v.strGsub, "format": v.strFormat, "rep": strRep, "char": strChar,
		"lower": strLower, "upper": strUpper, "byte": strByte, "sub": strSub, "reverse": strReverse,
	} {
		lib.RawSetString(name, l.NewFunction(f))
	}
	hastenString(lib)
	v.kinds.text = lib
	mt := l.NewTable()
	mt.RawSetString("__index", lib)
	mt.RawSetString("__metatable", lua.LFalse)
	openArithmetic(l, mt)
	l.SetMetatable(lua.LString(""), mt)
}

// strChar is string.char(...).
func strChar(l *lua.LState) int {
	b := make([]byte, l.GetTop())
	for i := range b {
		n := intArg(l, i+1)
		if n < 0 || n > 255 {
			raise(l, "string.char: argument %d must be 0 to 255, not %d", i+1, n)
		}
		b[i] = byte(n)
	}
	l.Push(lua.LString(b))
	return 1
}

// strRep is string.rep(s, n).
func strRep(l *lua.LState) int {
	s, n := l.CheckString(1), intArg(l, 2)
	if n <= 0 || s == "" {
		l.Push(lua.LString(""))
		return 1
	}
	if n > maxText {
		n = maxText + 1
	}
	tooLong(l, "string.rep", len(s)*n)
	spends(l, len(s)*n)
	l.Push(lua.LString(strings.Repeat(s, n)))
	return 1
}

// strByte is string.byte(s [, from [, to]]).
func strByte(l *lua.LState) int {
	s, from := l.CheckString(1), optIntArg(l, 2, 1)
	to := optIntArg(l, 3, from)
	if from < 0 {
		from = max(len(s)+from+1, 1)
	}
	if to < 0 {
		to = len(s) + to + 1
	}
	from, to = max(from, 1), min(to, len(s))
	if to-from >= maxUnpack {
		raise(l, "byte: more than %d values", maxUnpack)
	}
	for i := from; i <= to; i++ {
		l.Push(lua.LNumber(s[i-1]))
	}
	return max(to-from+1, 0)
}

// strLower and strUpper change only ASCII letters: names in SIP are compared that way, and bytes
// that are not text stay as they are.
func strLower(l *lua.LState) int {
	l.Push(lua.LString(mapASCII(l, 'A', 'Z')))
	return 1
}

func strUpper(l *lua.LState) int {
	l.Push(lua.LString(mapASCII(l, 'a', 'z')))
	return 1
}

// mapASCII is argument 1 with the case of its letters from from to to changed.
func mapASCII(l *lua.LState, from, to byte) string {
	s := l.CheckString(1)
	for i := 0; i < len(s); i++ {
		if from <= s[i] && s[i] <= to {
			spends(l, 2*len(s))
			b := []byte(s)
			for ; i < len(b); i++ {
				if from <= b[i] && b[i] <= to {
					b[i] ^= 0x20
				}
			}
			return string(b)
		}
	}
	return s
}

// cutFrom is the length from which a piece of a string does not keep the whole in memory.
const cutFrom = 4096

// cut is s[from:to].
func cut(s string, from, to int) string {
	piece := s[from:to]
	if len(s) >= cutFrom && len(piece) < len(s)/2 {
		return strings.Clone(piece)
	}
	return piece
}

// strSub is string.sub(s, from [, to]).
func strSub(l *lua.LState) int {
	s := l.CheckString(1)
	from, to := start(s, intArg(l, 2)), optIntArg(l, 3, -1)
	if to < 0 {
		to = len(s) + to + 1
	}
	if to = min(to, len(s)); from >= to {
		l.Push(lua.LString(""))
		return 1
	}
	spends(l, valueSize)
	l.Push(lua.LString(cut(s, from, to)))
	return 1
}

// strReverse is string.reverse(s).
func strReverse(l *lua.LState) int {
	b := []byte(l.CheckString(1))
	spends(l, len(b))
	slices.Reverse(b)
	l.Push(lua.LString(b))
	return 1
}

// start is the 0-based position where a search begins.
func start(s string, init int) int {
	if init < 0 {
		init = max(len(s)+init+1, 1)
	}
	return max(init, 1) - 1
}

// matched runs one search, counting from no steps.
func (v *vm) matched(l *lua.LState, s, pat string, init int) (from, to int) {
	from, to, err := v.matcher.Find(s, pat, init)
	v.toil(v.matcher.Steps / 8)
	if err != nil {
		raise(l, "%v", err)
	}
	return from, to
}

// pushCaptures pushes the captures of the last match in s or, if there are none and whole is set,
// the whole match.
func pushCaptures(l *lua.LState, m *pattern.Matcher, s string, from, to int, whole bool) int {
	n := m.Captures()
	if n == 0 && whole {
		l.Push(lua.LString(cut(s, from, to)))
		return 1
	}
	for i := range n {
		l.Push(captured(l, m, s, i))
	}
	return n
}

func captured(l *lua.LState, m *pattern.Matcher, s string, i int) lua.LValue {
	start, end, position, err := m.Capture(i)
	switch {
	case err != nil:
		raise(l, "%v", err)
		return lua.LNil
	case position:
		return lua.LNumber(start + 1)
	}
	return lua.LString(cut(s, start, end))
}

// strFind is string.find(s, pattern [, init [, plain]]).
func (v *vm) strFind(l *lua.LState) int {
	s, pat := l.CheckString(1), l.CheckString(2)
	init := start(s, optIntArg(l, 3, 1))
	init = min(init, len(s))
	if lua.LVAsBool(l.Get(4)) || !strings.ContainsAny(pat, "^$*+?.([%-") {
		i := strings.Index(s[init:], pat)
		if i < 0 {
			l.Push(lua.LNil)
			return 1
		}
		l.Push(lua.LNumber(init + i + 1))
		l.Push(lua.LNumber(init + i + len(pat)))
		return 2
	}
	v.matcher.Steps = 0
	from, to := v.matched(l, s, pat, init)
	if from == pattern.NoMatch {
		l.Push(lua.LNil)
		return 1
	}
	l.Push(lua.LNumber(from + 1))
	l.Push(lua.LNumber(to))
	return 2 + pushCaptures(l, &v.matcher, s, from, to, false)
}

// strMatch is string.match(s, pattern [, init]).
func (v *vm) strMatch(l *lua.LState) int {
	s, pat := l.CheckString(1), l.CheckString(2)
	init := start(s, optIntArg(l, 3, 1))
	init = min(init, len(s))
	v.matcher.Steps = 0
	from, to := v.matched(l, s, pat, init)
	if from == pattern.NoMatch {
		l.Push(lua.LNil)
		return 1
	}
	return pushCaptures(l, &v.matcher, s, from, to, true)
}

// strGmatch is string.gmatch(s, pattern): an iterator. As in Lua 5.1, '^' has no special meaning in
// it.
func (v *vm) strGmatch(l *lua.LState) int {
	s, pat := l.CheckString(1), l.CheckString(2)
	if strings.HasPrefix(pat, "^") {
		pat = "%" + pat
	}
	g := &matches{s: s, pat: pat}
	l.Push(l.NewClosure(func(l *lua.LState) int {
		from, to, err := g.next(v)
		if err != nil {
			raise(l, "%v", err)
		}
		if from == pattern.NoMatch {
			return 0
		}
		return pushCaptures(l, &v.matcher, s, from, to, true)
	}, g))
	return 1
}

// matches is what gmatch goes over. It is a value of the iterator, which the executor finds there.
type matches struct {
	s, pat    string
	at, steps int
}

func (*matches) String() string       { return "matches" }
func (*matches) Type() lua.LValueType { return lua.LTNil }

// next finds the next match.
func (g *matches) next(v *vm) (from, to int, err error) {
	if g.at > len(g.s) {
		return pattern.NoMatch, pattern.NoMatch, nil
	}
	v.matcher.Steps = g.steps
	from, to, err = v.matcher.Find(g.s, g.pat, g.at)
	v.toil((v.matcher.Steps - g.steps) / 8)
	g.steps = v.matcher.Steps
	switch {
	case from == pattern.NoMatch:
		g.at = len(g.s) + 1
	case to == from:
		g.at = to + 1
	default:
		g.at = to
	}
	return from, to, err
}

// strGsub is string.gsub(s, pattern, replacement [, n]).
func (v *vm) strGsub(l *lua.LState) int {
	s, pat, repl := l.CheckString(1), l.CheckString(2), l.Get(3)
	switch repl.(type) {
	case lua.LString, lua.LNumber, *lua.LTable, *lua.LFunction:
	default:
		raise(l, "gsub: the replacement must be a string, a table or a function, not %s", describe(repl))
	}
	most := len(s) + 1
	if l.Get(4) != lua.LNil {
		most = intArg(l, 4)
	}
	anchored := strings.HasPrefix(pat, "^")
	var out []byte
	at, count, steps := 0, 0, 0
	for count < most {
		v.matcher.Steps = steps
		from, to := v.matched(l, s, pat, at)
		steps = v.matcher.Steps
		if from == pattern.NoMatch {
			break
		}
		count++
		out = append(out, s[at:from]...)
		out = v.appendReplaced(l, out, repl, s, from, to)
		tooLong(l, "gsub", len(out))
		if at = to; to == from {
			if at < len(s) {
				out = append(out, s[at])
			}
			at++
		}
		if at > len(s) || anchored {
			break
		}
	}
	if at < len(s) {
		out = append(out, s[at:]...)
	}
	spends(l, len(out))
	l.Push(lua.LString(out))
	l.Push(lua.LNumber(count))
	return 2
}

// appendReplaced appends the replacement of one match. A function may wait, and other scripts may
// match in the meantime: nothing of the matcher is used after the call.
func (v *vm) appendReplaced(l *lua.LState, out []byte, repl lua.LValue, s string, from, to int) []byte {
	var value lua.LValue
	switch r := repl.(type) {
	case *lua.LFunction:
		l.Push(r)
		n := pushCaptures(l, &v.matcher, s, from, to, true)
		l.Call(n, 1)
		value = l.Get(-1)
		l.Pop(1)
	case *lua.LTable:
		var key lua.LValue = lua.LString(cut(s, from, to))
		if v.matcher.Captures() > 0 {
			key = captured(l, &v.matcher, s, 0)
		}
		value = l.GetTable(r, key)
	default:
		return v.appendTemplate(l, out, repl.String(), s, from, to)
	}
	if lua.LVIsFalse(value) {
		return append(out, s[from:to]...)
	}
	text, ok := textOf(value)
	if !ok {
		raise(l, "gsub: the replacement is %s, not text", describe(value))
	}
	return append(out, text...)
}

// appendTemplate appends a replacement text with its %0 … %9.
func (v *vm) appendTemplate(l *lua.LState, out []byte, t, s string, from, to int) []byte {
	for i := 0; i < len(t); i++ {
		c := t[i]
		if c != '%' {
			out = append(out, c)
			continue
		}
		if i++; i == len(t) {
			raise(l, "gsub: the replacement ends with '%%'; write %%%% for one")
		}
		switch c = t[i]; {
		case c == '0' || c == '1' && v.matcher.Captures() == 0:
			out = append(out, s[from:to]...)
		case '1' <= c && c <= '9':
			if int(c-'1') >= v.matcher.Captures() {
				raise(l, "gsub: the replacement refers to capture %%%c, which the pattern does not have", c)
			}
			out = append(out, captured(l, &v.matcher, s, int(c-'1')).String()...)
		default:
			out = append(out, c)
		}
	}
	return out
}
