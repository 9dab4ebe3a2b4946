package luabind

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// Programs of random statements do the same in our executor and in the interpreter's own loop, with
// the same errors. (TestLua51AsItIsWritten compares with Debian's lua5.1.)

const (
	programSeed = 1
	programs    = 200
)

// writer writes a program. Its variables are a to f, which may hold anything; t and u are tables.
type writer struct {
	r     *rand.Rand
	b     strings.Builder
	depth int
	loops int
}

func (w *writer) pick(of ...string) string { return of[w.r.IntN(len(of))] }
func (w *writer) name() string             { return w.pick("a", "b", "c", "d", "e", "f") }

// value is an expression.
func (w *writer) value() string {
	if w.depth > 3 {
		return w.pick("1", "-3", `"x"`, `"10"`, "nil", "true", "false", "1023", "1024", "70000")
	}
	w.depth++
	defer func() { w.depth-- }()
	switch w.r.IntN(25) {
	case 0, 1, 2, 3:
		return w.name()
	case 4, 5:
		return fmt.Sprint(w.r.IntN(2000) - 500)
	case 6:
		return w.pick(`"abc"`, `"sip:bob@example.com"`, `""`, `"7"`, `"x"`)
	case 7:
		return "((" + w.value() + w.pick(" + ", " - ", " * ") + w.value() + ") % 997)"
	case 8:
		return "(" + w.value() + w.pick(" == ", " ~= ", " < ", " <= ", " > ", " >= ") + w.value() + ")"
	case 9:
		return "(" + w.value() + " .. " + w.value() + w.pick("", ` .. "-"`, " .. 5") + ")"
	case 10:
		return "(" + w.value() + w.pick(" and ", " or ") + w.value() + ")"
	case 11:
		return "(" + w.pick("not ", "#", "- ") + w.value() + ")"
	case 12:
		return w.pick("t", "u") + "[" + w.value() + "]"
	case 13:
		return w.pick("t", "u") + "." + w.pick("x", "y", "z", "n")
	case 14:
		return "f1(" + w.value() + ")"
	case 15:
		return "(f2(" + w.value() + ", " + w.value() + "))"
	case 16:
		return "{x = " + w.value() + ", " + w.name() + ", 5}"
	case 17:
		return "o[" + w.value() + "]"
	case 18:
		return "o(" + w.value() + ")"
	case 19:
		return w.pick("type(", "tonumber(", "select('#', ", "#tostring(", "f1(") + w.value() + ")"
	case 20:
		return "o + " + w.pick("1", "a")
	case 21:
		return w.pick("(g(", "select('#', g(", "f2(g(") + w.value() + ", " + w.value() + "))"
	case 22:
		return "h(" + w.pick("f1", "f2", "deep", "g", "a", "h") + ", " + w.pick("12", w.value()) + ")"
	case 23:
		return "uri." + w.pick("user", "host", "port", "scheme", "nothing", "params.x", "params.y")
	}
	return `(("k=v,l=w"):` + w.pick(`gsub("(%w)=", "%1:")`, `find("l")`, `match("(%w)=(%w)")`, `sub(2, -2)`, `byte(1)`, `upper()`, `len()`) + ")"
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.b, format+"\n", args...) }

// statement writes one.
func (w *writer) statement() {
	if w.depth > 3 {
		w.line("%s = %s", w.name(), w.value())
		return
	}
	w.depth++
	defer func() { w.depth-- }()
	switch w.r.IntN(16) {
	case 0, 1:
		w.line("%s = %s", w.name(), w.value())
	case 2:
		w.line("%s, %s = %s, %s", w.name(), w.name(), w.value(), w.value())
	case 3:
		w.line("if %s then", w.value())
		w.block()
		w.line("else")
		w.block()
		w.line("end")
	case 4:
		w.line("for i = %d, %d%s do", w.r.IntN(4), w.r.IntN(6), w.pick("", ", 2", ", -1", ", 0.5"))
		w.line("%s = i", w.name())
		w.block()
		w.line("end")
	case 5:
		w.loops++
		w.line("local n%d = 0 while n%[1]d < 3 and %s do n%[1]d = n%[1]d + 1", w.loops, w.value())
		w.block()
		w.line("end")
	case 6:
		w.line("for k, v in %s do out(k, v) %s = v", w.pick("ipairs({unpack(t, 1, 5)})", `("a1b2"):gmatch("(%a)(%d)")`, `("a b c"):gmatch("%a")`, "ipairs({1, 2, nil, 4})", "ordered(t)"), w.name())
		w.block()
		w.line("end")
	case 7:
		w.line("%s[%s] = %s", w.pick("t", "u", "o"), w.pick("1", "2", "#t + 1", `"x"`, `"y"`, "a", "b", "2.5", "true", "0", "-1"), w.value())
	case 8:
		w.line("%s.%s = %s", w.pick("t", "u"), w.pick("x", "y", "z", "n"), w.pick(w.value(), "nil"))
	case 9:
		w.line("do local p, q = %s, 0 local function g(x) q = q + 1 return x, q, p end a = g out(g(1)) out(g(%s)) p = 5 out((g(2))) end", w.value(), w.value())
	case 10:
		w.line("try(function(...) out(...) %s = %s", w.name(), w.value())
		w.block()
		w.line("end, %s, %s)", w.value(), w.value())
	case 11:
		w.line("do local co = coroutine.wrap(function(...) local x, y = coroutine.yield(...) out(x, y) x = coroutine.yield(y) return x, %s end) out(co(1, 2)) out(co(%s)) out(co()) end", w.value(), w.value())
	case 12:
		w.line("out(deep(%d))", w.r.IntN(30))
	case 13:
		w.line("out(tail(%d, %s))", w.r.IntN(30), w.value())
	case 14:
		w.line("table.sort(list, function(x, y) return x %s y end) out(unpack(list)) list[%d] = %d", w.pick("<", ">"), 1+w.r.IntN(5), w.r.IntN(100))
	case 15:
		w.line("out(%s, f2(%s, %s))", w.value(), w.value(), w.value())
	}
}

func (w *writer) block() {
	for range 1 + w.r.IntN(3) {
		w.statement()
	}
}

// preamble defines what programs use. Keys of tables are shown in an order of their own.
const preamble = `
local function one(v)
  if type(v) == "number" then return v ~= v and "nan" or string.format("%.12g", v + 0) end
  if type(v) == "table" then return "table" .. #v end
  if type(v) == "function" then return "function" end
  return tostring(v)
end
local function out(...)
  local s = {}
  for i = 1, select("#", ...) do s[i] = one((select(i, ...))) end
  put(table.concat(s, " "))
end
local function ordered(t)
  local keys = {}
  for k in pairs(t) do if type(k) ~= "function" then keys[#keys + 1] = k end end
  table.sort(keys, function(x, y) return type(x) .. one(x) < type(y) .. one(y) end)
  local i = 0
  return function() i = i + 1 if keys[i] ~= nil then return one(keys[i]), t[keys[i]] end end
end
local function try(f, ...)
  local r = {pcall(f, ...)}
  if not r[1] then failed(r[2]) else out(unpack(r, 1, 3)) end
end
local a, b, c, d, e, f = 1, "two", nil, 25, true, {}
local t, u, list = {1, 2, 3, x = 1}, {}, {5, 3, 9, 1, 7}
local o = setmetatable({}, {__index = function(_, k) return k end, __newindex = u, __call = function(_, ...) return ... end,
  __add = function(x, y) return 7 end, __concat = function() return "cat" end, __eq = function() return true end,
  __lt = function() return true end})
local uri = sip.uri("sip:bob@example.com:5070;x=1")
local function f1(x) return x end
local function f2(...) return select("#", ...), ... end
local function deep(n) if n == 0 then return 0 end return 1 + deep(n - 1), n end
local function tail(n, ...) if n == 0 then return ... end return tail(n - 1, ...) end
`

func (w *writer) program() string {
	w.b.Reset()
	w.line("%s", preamble)
	for range 8 {
		w.line("try(function()")
		w.block()
		w.line("end)")
		w.line("out(a, b, c, d, e, f) for k, v in ordered(t) do out(k, v) end")
	}
	return w.b.String()
}

// TestProgramsAsInTheInterpretersLoop compares what both write.
func TestProgramsAsInTheInterpretersLoop(t *testing.T) {
	w := &writer{r: rand.New(rand.NewPCG(programSeed, 0))}
	v, plain := newTestVM(t, ""), newTestVM(t, "")
	plain.plain, plain.free, plain.spare = true, nil, nil
	compared := 0
	for i := range programs {
		text := w.program()
		ours := byVM(t, v, text)
		// The interpreter panics when a coroutine is resumed with less values than it takes.
		if theirs := byVM(t, plain, text); !strings.Contains(theirs, "nil pointer dereference") {
			if compared++; ours != theirs {
				t.Fatalf("seed %d, program %d: %s\nthe interpreter's loop differs:\n%s", programSeed, i, text, firstDifference(ours, theirs))
			}
		}
	}
	if compared < programs/4 {
		t.Errorf("only %d programs were compared with the interpreter's loop", compared)
	}
}

// Functions of Go are called, and return, at each depth of the stack, whose frames lie in segments:
// with fewer and with more results than are wanted, and by way of functions that they call.
func TestFunctionsOfGoAsInTheInterpretersLoop(t *testing.T) {
	const text = `
local uri = sip.uri("sip:bob@example.com;x=1")
local function line(...)
  local out = {}
  for i = 1, select("#", ...) do out[i] = tostring((select(i, ...))) end
  put(table.concat(out, " "))
end
local function same(...) return ... end
local function at(n)
  if n > 0 then
    local x, y = at(n - 1)
    return x + 1, y
  end
  local a, b, c, d = g(1, 2)
  line(a, b, c, d)
  local e = g(3, 4, 5)
  g(6)
  local f, g1, g2 = h(same, 7, 8)
  line(e, f, g1, g2, h(h, g, 9, 10), g(h(same)))
  line(h(same, uri.user, (uri.params.x)), uri.host, g(uri.port))
  return h(function(x) return g(x, select("#", h(same, 1, nil, nil))) end, 5)
end
for n = 0, 20 do line(n, at(n)) line(h(at, n)) line(pcall(h, at, n)) line(pcall(g)) end
line(pcall(h, function() return uri.nothing end))
`
	v, plain := newTestVM(t, ""), newTestVM(t, "")
	plain.plain, plain.free, plain.spare = true, nil, nil
	if ours, theirs := byVM(t, v, text), byVM(t, plain, text); ours != theirs {
		t.Errorf("the interpreter's loop differs:\n%s", firstDifference(ours, theirs))
	} else if !strings.Contains(ours, "has no field 'nothing'") {
		t.Errorf("%s", ours)
	}
}

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("line %d: ours %q, theirs %q", i, x[i], y[i])
		}
	}
	return fmt.Sprintf("%d and %d lines", len(x), len(y))
}

// hooks are what a program writes by: put a line, and failed a caught error.
// g gives its arguments back, the last first; h calls a function in a function of Go.
func hooks(v *vm, b *strings.Builder) {
	l := v.main
	l.SetGlobal("g", v.direct(func(l *lua.LState) int {
		n := l.GetTop()
		for i := n; i > 0; i-- {
			l.Push(l.Get(i))
		}
		return n
	}, false))
	l.SetGlobal("h", v.direct(func(l *lua.LState) int {
		n := l.GetTop()
		l.Call(n-1, lua.MultRet)
		return l.GetTop()
	}, false))
	l.SetGlobal("put", l.NewFunction(func(l *lua.LState) int { fmt.Fprintln(b, l.CheckString(1)); return 0 }))
	l.SetGlobal("failed", l.NewFunction(func(l *lua.LState) int { fmt.Fprintln(b, "failed:", l.Get(1).String()); return 0 }))
}

func byVM(t *testing.T, v *vm, text string) string {
	proto, err := compile(text, "program")
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var b strings.Builder
	v.loading = true
	hooks(v, &b)
	if err := v.invoke(nil, v.main.NewFunctionFromProto(proto), nil); err != nil {
		return b.String() + err.Text + "\n"
	}
	return b.String()
}
