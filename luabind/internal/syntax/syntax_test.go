package syntax

import (
	"fmt"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// nestings are ways to nest, n deep.
var nestings = map[string]func(n int) string{
	"tables":      func(n int) string { return "x = " + strings.Repeat("{", n) + strings.Repeat("}", n) },
	"parentheses": func(n int) string { return "x = " + strings.Repeat("(", n) + "1" + strings.Repeat(")", n) },
	"calls":       func(n int) string { return "x = " + strings.Repeat("f(", n) + strings.Repeat(")", n) },
	"call chain":  func(n int) string { return "x = f" + strings.Repeat("()", n) },
	"methods":     func(n int) string { return "x = f" + strings.Repeat(":f()", n) },
	"indexes":     func(n int) string { return "x = t" + strings.Repeat(".t", n) },
	"subscripts":  func(n int) string { return "x = " + strings.Repeat("t[", n) + "1" + strings.Repeat("]", n) },
	"strings":     func(n int) string { return "x = f" + strings.Repeat("'s'", n) },
	"concat":      func(n int) string { return "x = a" + strings.Repeat(".. a", n) },
	"power":       func(n int) string { return "x = a" + strings.Repeat("^ a", n) },
	"sum":         func(n int) string { return "x = a" + strings.Repeat("+ a", n) },
	"or":          func(n int) string { return "x = a" + strings.Repeat(" or a", n) },
	"equal":       func(n int) string { return "x = a" + strings.Repeat(" == a", n) },
	"not":         func(n int) string { return "x =" + strings.Repeat(" not", n) + " a" },
	"minus":       func(n int) string { return "x =" + strings.Repeat(" -", n) + " a" },
	"length":      func(n int) string { return "x =" + strings.Repeat("#", n) + " a" },
	"functions":   func(n int) string { return strings.Repeat("x = function() ", n) + strings.Repeat(" end", n) },
	"named":       func(n int) string { return strings.Repeat("function f() ", n) + strings.Repeat(" end", n) },
	"do":          func(n int) string { return strings.Repeat("do ", n) + strings.Repeat(" end", n) },
	"if":          func(n int) string { return strings.Repeat("if a then ", n) + strings.Repeat(" end", n) },
	"else":        func(n int) string { return strings.Repeat("if a then else ", n) + strings.Repeat(" end", n) },
	"elseif":      func(n int) string { return "if a then" + strings.Repeat(" elseif a then", n) + " end" },
	"while":       func(n int) string { return strings.Repeat("while a do ", n) + strings.Repeat(" end", n) },
	"for":         func(n int) string { return strings.Repeat("for i = 1, 2 do ", n) + strings.Repeat(" end", n) },
	"repeat":      func(n int) string { return strings.Repeat("repeat ", n) + strings.Repeat(" until a", n) },
	"mixed":       func(n int) string { return "x = " + strings.Repeat("-f{a + (", n) + "1" + strings.Repeat(")}", n) },
}

// A source that nests so deep that the compiler would fill Go's stack, which ends the process, is
// an error with its line.
func TestDeepNestingIsASyntaxError(t *testing.T) {
	for name, nest := range nestings {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{maxHanging + 1, 300_000} {
				_, err := Compile("local a, f, t\n"+nest(n), "route.lua")
				if err == nil || !strings.HasPrefix(err.Error(), "route.lua:2: the syntax is nested more than ") {
					t.Errorf("%d deep: %v", n, err)
				}
			}
			most := 40
			if _, err := Compile("local a, f, t\n"+nest(most), "route.lua"); err != nil {
				t.Errorf("%d deep: %v", most, err)
			}
		})
	}
}

// What only follows each other is not nested, however much there is.
func TestLongSourcesAreNotDeep(t *testing.T) {
	for _, piece := range []string{
		"x = a .. b\n", "x = -a\n", "f(a + b)\n", "if a == b then f() end\n", "t[#t + 1] = not a\n", "local function g() return a and b end\n",
		"do local y = a + 1 end\n", "while a < 1 do a = a + 1 end\n", "repeat local z = 1 until a > -1\n", "for i = 1, #t do f(i * 2) end\n",
		"function t.f() return -1 end\n", "if a then elseif b then else f() end\n", "x = {1, 2 + 3; a = -4}\n", "f 's' t:m{a}\n",
	} {
		// The locals of a function are at most 200.
		if _, err := Compile("local a, b, f, t\n"+strings.Repeat("do "+piece+" end ", 3000), "route.lua"); err != nil {
			t.Errorf("%s%v", piece, err)
		}
	}
}

// Ten times as much source takes some ten times as long.
func TestCompilingIsLinear(t *testing.T) {
	entries := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i, i)
		}
		return b.String()
	}
	for name, source := range map[string]func(n int) string{
		"fields":     func(n int) string { return "return {" + entries(n, "k%d = 'v%d',\n") + "}" },
		"keys":       func(n int) string { return "return {" + entries(n, "['+49%d'] = {uri = 'sip:%d@h'},\n") + "}" },
		"list":       func(n int) string { return "return {" + entries(n, "'a%d-%d',\n") + "}" },
		"records":    func(n int) string { return "return {" + entries(n, "{name = 'n%d', number = %d},\n") + "}" },
		"statements": func(n int) string { return "local t = {}\n" + entries(n, "t['k%d'] = 'v%d'\n") + "return t" },
		"branches":   func(n int) string { return "local t = {}\n" + entries(n, "if t.x == 'k%d' then t.y = 'v%d' end\n") },
		"nested":     func(n int) string { return "return {a = {b = {" + entries(n, "k%d = 'v%d',\n") + "}}}" },
	} {
		t.Run(name, func(t *testing.T) {
			proto, err := Compile(source(20_000), "big.lua")
			if err != nil {
				t.Fatal(err)
			}
			// The compiler looks each constant up among those of its function: that is square where
			// one function has them all.
			if n := mostConstants(proto); n > 4*pieceSize {
				t.Errorf("a function has %d constants", n)
			}
		})
	}
}

func mostConstants(p *lua.FunctionProto) int {
	n := len(p.Constants)
	for _, f := range p.FunctionPrototypes {
		n = max(n, mostConstants(f))
	}
	return n
}

// BenchmarkCompile is a required table of 100,000 entries.
func BenchmarkCompile(b *testing.B) {
	var s strings.Builder
	s.WriteString("return {")
	for i := range 100_000 {
		fmt.Fprintf(&s, "['+49%d'] = {uri = 'sip:%d@h'},\n", i, i)
	}
	s.WriteString("}")
	for b.Loop() {
		if _, err := Compile(s.String(), "big.lua"); err != nil {
			b.Fatal(err)
		}
	}
}

// What is cut into pieces does what it did whole.
func TestPiecesDoWhatTheWholeDid(t *testing.T) {
	n := 5 * pieceSize / 2
	var b strings.Builder
	b.WriteString("local base, list, log = 10, {}, {}\nlocal function two() return 1, 2 end\nlocal t = {\n")
	for i := range n {
		fmt.Fprintf(&b, "%d + base, ['k%d'] = %d, two(), f%d = function(...) return select('#', ...) + base end,\n", i, i, i, i)
	}
	b.WriteString("(two())}\n")
	for i := range n {
		fmt.Fprintf(&b, "list[%d] = t[%d]\nlog[#log + 1] = base base = base + 1\n", i+1, i+1)
	}
	fmt.Fprintf(&b, "if base ~= 10 + %d then error('base') end\n", n)
	fmt.Fprintf(&b, "return #t, t[3], t[4], t.k%d, t.f7(1, 2, 3), #list, list[1], #log, log[#log], t[#t]\n", n-1)
	whole := []string{fmt.Sprint(2*n + 1), "11", "1", fmt.Sprint(n - 1), fmt.Sprint(13 + n), fmt.Sprint(n), "10", fmt.Sprint(n), fmt.Sprint(9 + n), "1"}
	proto, err := Compile(b.String(), "big.lua")
	if err != nil {
		t.Fatal(err)
	}
	l := lua.NewState()
	defer l.Close()
	l.Push(l.NewFunctionFromProto(proto))
	if err := l.PCall(0, lua.MultRet, nil); err != nil {
		t.Fatal(err)
	}
	for i, want := range whole {
		if got := l.Get(i + 1).String(); got != want {
			t.Errorf("value %d is %s, want %s", i+1, got, want)
		}
	}
	mixed := "return {" + strings.Repeat("1, x = 2, ", 60) + "3}"
	if proto, err = Compile(mixed, "mixed.lua"); err != nil {
		t.Fatal(err)
	}
	l.Push(l.NewFunctionFromProto(proto))
	l.Call(0, 1)
	if m := l.Get(-1).(*lua.LTable); m.RawGetInt(1) != lua.LNumber(1) || m.RawGetInt(61) != lua.LNumber(3) {
		t.Error("a list with keys between is wrong")
	}
	_, err = Compile("local t = {\n"+strings.Repeat("1,\n", 2*pieceSize)+"}}", "big.lua")
	if want := fmt.Sprintf("big.lua:%d: ", 2*pieceSize+2); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("the error is %v", err)
	}
	proto, err = Compile(strings.Repeat("a = 1\n", 2*pieceSize)+"local t\nt.x = 1", "big.lua")
	if err != nil {
		t.Fatal(err)
	}
	l.Push(l.NewFunctionFromProto(proto))
	if err := l.PCall(0, 0, nil); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("big.lua:%d: ", 2*pieceSize+2)) {
		t.Errorf("the error is %v", err)
	}
}
