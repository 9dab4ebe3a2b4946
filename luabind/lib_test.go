package luabind_test

import (
	"math"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/luabindtest"
)

func TestStandardLibraryIsAWhitelist(t *testing.T) {
	w := luabindtest.New(t, idle)
	evals(t, w, map[string][]any{
		`return io, debug, dofile, loadfile, load, loadstring, collectgarbage, module, newproxy, getfenv, setfenv, package, channel`: make([]any, 13),
		`return os.execute, os.exit, os.remove, os.getenv, os.rename, os.tmpname`:                                                    make([]any, 6),
		`return string.dump, _printregs`:                                                                              {nil, nil},
		`return getmetatable(""), getmetatable(sip), getmetatable(_G)`:                                                {false, false, false},
		`local n = 0 for k in pairs(os) do n = n + 1 end return n`:                                                    {4.0},
		`return type(os.time()), type(os.clock()), os.difftime(5, 3), os.time{year=2026, month=1, day=2, hour=3} > 0`: {"number", "number", 2.0, true},
		`return os.date("!%Y-%m-%d %H:%M:%S", 0), os.date("!*t", 86400).day`:                                          {"1970-01-01 00:00:00", 2.0},
	})
	evalFails(t, w, map[string]string{
		`setmetatable("", {})`:                           "must be a table",
		`setmetatable(sip, {})`:                          "cannot be changed",
		`sip.mine = 5`:                                   "sip can't get new names",
		`rawset(sip.uri("sip:a@b"), 1)`:                  "table expected",
		`return sip.urii("x")`:                           "did you mean 'uri'?",
		`return pairs(5)`:                                "pairs needs a table",
		`return unpack({}, 1, 1e7)`:                      "more than 8000 values",
		`return unpack({}, -2^62, 2^62)`:                 "more than 8000 values",
		`return ("x"):rep(1e6):byte(1, -1)`:              "more than 8000 values",
		`return math.random(-1023, 9223372036854774784)`: "empty",
		`return math.random(5, 1)`:                       "empty",
		`return os.time{year = 2020}`:                    "the field 'month' must be a number",
	})
}

// The interpreter closes the upvalues of all functions below an error, also of those outside of the
// pcall: their locals went stale.
func TestLocalsSurviveACaughtError(t *testing.T) {
	w := luabindtest.New(t, idle, luabindtest.Script(usualBudget))
	evals(t, w, map[string][]any{
		`local n = 0
		 local function inc() n = n + 1 end
		 local ok, err = pcall(function() n = n + 1 error("x") end)
		 inc() local first = n
		 n = 10 inc()
		 return ok, first, n`: {false, 2.0, 11.0},
		`local n = 0
		 local function inc() n = n + 1 end
		 pcall(function() sip.log.nope() end) inc()
		 xpcall(function() local x = nil; x.y = 1 end, function(e) n = n + 10 return e end) inc()
		 return n`: {12.0},
		`local f
		 pcall(function() local kept = 1 f = function() kept = kept + 1 return kept end error("x") end)
		 f() return f()`: {3.0},
		`return pcall(function(...) return select("#", ...), ... end, 1, nil, 3)`: {true, 3.0, 1.0, nil, 3.0},
		`return pcall(error)`: {false, nil},
		`local ok, e = pcall(error, {code = 5}) return ok, e.code`:                  {false, 5.0},
		`return xpcall(function(a, b) return a + b end, print, 2, 3)`:               {true, 5.0},
		`return xpcall(error, function(e) return "handled " .. e end, "x")`:         {false, "handled x"},
		`return (select(2, xpcall(error, function(e) error("again", 0) end, "x")))`: {"again"},
		`return (select("#", pcall(function() return end)))`:                        {1.0},
	})
	evalFails(t, w, map[string]string{
		`local function f() return pcall(f) and f() end local ok, e = f() error(e)`: "",
		`local function f() f() end f()`:                                            "stack overflow",
		`local function f() return 1 + f() end f()`:                                 "stack overflow",
		`return xpcall(print)`:                                                      "argument 2 must be a function",
	})
}

func TestCoroutines(t *testing.T) {
	w := luabindtest.New(t, idle)
	evals(t, w, map[string][]any{
		`local co = coroutine.create(function(a) local b = coroutine.yield(a + 1) return b * 2 end)
		 local _, x = coroutine.resume(co, 1) local _, y = coroutine.resume(co, 10)
		 return x, y, coroutine.status(co)`: {2.0, 20.0, "dead"},
		`local f = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) return f(), f(), f()`: {1.0, 2.0, 3.0},
		`local f = coroutine.wrap(function() error("x", 0) end) return pcall(f)`:                               {false, "x"},
		`return coroutine.running()`: {nil},
		`local co co = coroutine.create(function() return coroutine.running() == co, coroutine.status(co) end)
		 return coroutine.resume(co)`: {true, true, "running"},
		`local co co = coroutine.create(function() return coroutine.resume(co) end) return coroutine.resume(co)`: {true, false, "cannot resume a coroutine that runs or waits"},
		// a coroutine that waits: nobody else can resume it, and it goes on where it was
		`local co = coroutine.create(function() sip.sleep(1) return coroutine.running() ~= nil, "woke" end)
		 local other = sip.spawn(function() return coroutine.resume(co) end)
		 local a, b, c = coroutine.resume(co)
		 local ok, err = other:wait()
		 return a, b, c, ok, err`: {true, true, "woke", false, "cannot resume a coroutine that runs or waits"},
	})
	evalFails(t, w, map[string]string{
		`coroutine.yield(1)`: "coroutine.yield is not possible here",
		`local co = coroutine.create(function() pcall(function() coroutine.yield(1) end) error("reached", 0) end)
		 error(select(2, coroutine.resume(co)), 0)`: "reached",
		`local co = coroutine.create(function() ("x"):gsub(".", function() coroutine.yield(1) end) end)
		 error(select(2, coroutine.resume(co)), 0)`: "coroutine.yield is not possible here",
		`local co = coroutine.create(function() table.sort({3, 1, 2}, function() coroutine.yield(1) end) end)
		 error(select(2, coroutine.resume(co)), 0)`: "coroutine.yield is not possible here",
	})
}

func TestStrings(t *testing.T) {
	w := luabindtest.New(t, idle)
	evals(t, w, map[string][]any{
		`return ("hello world"):find("wor"), ("hello"):find("l+")`:                                                        {7.0, 3.0, 4.0},
		`return ("a.b"):find(".", 1, true), ("abc"):find("b", -1), ("x"):find("", 5)`:                                     {2.0, nil, 2.0, 1.0},
		`return ("key = value"):match("^(%w+)%s*=%s*(%w+)$")`:                                                             {"key", "value"},
		`return ("2026-10-09"):match("(%d+)-(%d+)-(%d+)")`:                                                                {"2026", "10", "09"},
		`return ("hello"):match("()ll()"), ("x"):match("y")`:                                                              {3.0, nil},
		`return ("f(a(b)c)d"):match("%b()"), ("THE (quick) fox"):find("%f[%a]%a+", 5)`:                                    {"(a(b)c)", 6.0, 10.0},
		`return ("abc"):gsub("%w", "%0%0"), ("abc"):gsub("", "-")`:                                                        {"aabbcc", "-a-b-c-", 4.0},
		`return ("hello"):gsub("l", {l = "L"}), ("abc"):gsub("b", false and "" or "x", 1)`:                                {"heLLo", "axc", 1.0},
		`return ("abc"):gsub("(a)(b)", "%2%1"), (("x"):rep(3, ","))`:                                                      {"bac", "xxx"},
		`return ("abc"):gsub("%w", function(c) if c == "b" then return "[" .. c .. "]" end end)`:                          {"a[b]c", 3.0},
		`local t = {} for k, v in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do t[#t+1] = k .. v end return table.concat(t, "|")`: {"a1|b2"},
		`local n = 0 for _ in ("abc"):gmatch("") do n = n + 1 end return n`:                                               {4.0},
		`return ("[test]"):match("[%]]"), ("a-b"):match("[a%-]+"), ("x^"):match("[%^x]+"), ("]"):match("[]]")`:            {"]", "a-", "x^", "]"},
		`return ("aXb"):lower(), ("aXb"):upper(), ("ÄX"):lower()`:                                                         {"axb", "AXB", "Äx"},
		`return string.format("%5.1f|%d|%s|%x|%q|%%|%c|%05d|%-5s|%g", 1.25, 3, nil, 255, 'a"b', 65, 42, "ab", 0.1)`:       {`  1.2|3|nil|ff|"a\"b"|%|A|00042|ab   |0.1`},
		`return string.format("%s %s", sip.uri("sip:a@b"), setmetatable({}, {__tostring = function() return "T" end}))`:   {"sip:a@b T"},
		`return string.format("%d", "12"), string.format("%i", 3), ("%s"):format(true), string.format("%g", 100000)`:      {"12", "3", "true", "100000"},
		`return string.format("%.3s", "abcdef"), #string.format("%99d", 1)`:                                               {"abc", 99.0},
		`return table.concat({1, "a", 2.5}, ","), table.concat({}, ","), table.concat({"a", "b", "c"}, "-", 2, 3)`:        {"1,a,2.5", "", "b-c"},
	})
	evalFails(t, w, map[string]string{
		`return string.format("%d %d", 1)`:                    `there is no argument for '%d' in "%d %d"`,
		`return string.format("%d", "x")`:                     "'%d' needs a number",
		`return string.format("%d", 1.5)`:                     "needs a whole number",
		`return string.format("%y", 1)`:                       "is not a conversion",
		`return string.format("%1000d", 1)`:                   "too long a width",
		`return string.format("abc%")`:                        "ends within a '%'",
		`return string.format(nil)`:                           "the format must be a string",
		`return ("x"):rep(1e9)`:                               "longer than 16 MB",
		`return ("x"):find("[a")`:                             "lacks a ']'",
		`return ("x"):find("%")`:                              "ends with '%'",
		`return ("x"):find("(x")`:                             "without a ')'",
		`return ("x"):match("x)")`:                            "without a '('",
		`return ("x"):gsub("x", "%2")`:                        "refers to capture %2",
		`return ("x"):gsub("x", true)`:                        "must be a string, a table or a function",
		`return table.concat({{}})`:                           "item 1 is a table",
		`return ("a"):rep(5000):find(("a?"):rep(250) .. "b")`: "pattern",
		`return ("a"):rep(100000):find(".-.-.-.-b")`:          "takes too long",
	})
}

func TestStringByte(t *testing.T) {
	w := luabindtest.New(t, idle)
	evals(t, w, map[string][]any{
		`return ("abc"):byte()`:                      {97.0},
		`return ("abc"):byte(2)`:                     {98.0},
		`return ("abc"):byte(-1)`:                    {99.0},
		`return ("abc"):byte(1, -1)`:                 {97.0, 98.0, 99.0},
		`return ("abc"):byte(-9, 2)`:                 {97.0, 98.0},
		`return ("abc"):byte(2, 99)`:                 {98.0, 99.0},
		`return select("#", ("abc"):byte(0))`:        {0.0},
		`return select("#", ("abc"):byte(-9))`:       {0.0},
		`return select("#", ("abc"):byte(4, 9))`:     {0.0},
		`return select("#", ("abc"):byte(3, 2))`:     {0.0},
		`return select("#", (""):byte(1, -1))`:       {0.0},
		`return #{("x"):rep(9000):byte(1001, 9000)}`: {8000.0},
	})
}

func TestMathRandomIsSeeded(t *testing.T) {
	a, _ := luabindtest.New(t, idle).Eval(`return math.random(1e9)`)
	b, _ := luabindtest.New(t, idle).Eval(`return math.random(1e9)`)
	if a[0] != b[0] {
		t.Errorf("the same seed gives %v and %v", a[0], b[0])
	}
	w := luabindtest.New(t, idle)
	evals(t, w, map[string][]any{
		`for i = 1, 100 do local r = math.random(3) assert(r >= 1 and r <= 3) end return math.random(7, 7)`: {7.0},
		`math.randomseed(5) local a = math.random(1000) math.randomseed(5) return math.random(1000) == a`:   {true},
		`return math.huge`: {math.MaxFloat64},
	})
}

func TestStrictGlobals(t *testing.T) {
	w := luabindtest.New(t, `declared = 1
empty = nil
function route(req)
  declared = declared + 1
  empty = 5
  undeclared = 1
end`)
	w.Code("MESSAGE", "sip:bob@example.com")
	if log := w.Log(); !strings.Contains(log, "route.lua:6: the global 'undeclared' is not declared") {
		t.Error(log)
	}
}

func TestPrintGoesToTheLog(t *testing.T) {
	w := luabindtest.New(t, "function route(req) print('a', 1, req.ruri) req:drop() end")
	w.Sim.Host(luabindtest.Caller, nil)
	w.Peer("10.0.0.3:5060", nil).Send(luabindtest.Addr, w.Request("MESSAGE", "sip:b@example.com", "", ""))
	w.Run(1e9)
	if log := w.Log(); !strings.Contains(log, `a\t1\tsip:b@example.com`) || !strings.Contains(log, "call_id=call-1") || !strings.Contains(log, "at=route.lua:1") {
		t.Error(log)
	}
}
