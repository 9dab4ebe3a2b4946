package luabind_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

func shortBudget(o *luabind.Options) { o.Budget = 50 * time.Millisecond }

// usualBudget is the default, for tests in which a script runs away beside what they are about.
func usualBudget(o *luabind.Options) { o.Budget = 0 }

// A run-away script is stopped, pcall or not, and the lane goes on.
func TestRunawayScriptIsStopped(t *testing.T) {
	w := luabindtest.New(t, idle, luabindtest.Script(shortBudget))
	for _, source := range []string{
		`while true do end`,
		`repeat until pcall(function() while true do end end) and false`,
		`while true do pcall(function() while true do end end) end`,
		`while true do xpcall(function() while true do end end, function() while true do end end) end`,
		`return pcall(pcall, pcall, function() while true do end end)`,
		`coroutine.wrap(function() while true do coroutine.wrap(function() while true do end end)() end end)()`,
		`local co = coroutine.create(function() while true do end end) while true do coroutine.resume(co) end`,
		`local t = setmetatable({}, {__index = function() while true do end end}) return t.x`,
		`table.sort({3, 2, 1}, function() while true do end end)`,
		`while true do ("x"):gsub("x", function() while true do end end) end`,
		`local function f() return f() end f()`,
		`local s = "x" while true do s = s .. "y" if #s > 1000 then s = "" end end`,
		`sip.sleep(0.001) while true do end`,
		`pcall(sip.sleep, 0.001) pcall(function() sip.sleep(0.001) while true do end end) while true do end`,
	} {
		_, err := w.Eval(source)
		e, ok := err.(*luabind.ScriptError)
		if !ok || !e.Stopped || !strings.Contains(e.Text, "held its lane for too long") {
			t.Errorf("%s\nended with %v", source, err)
		}
	}
	evals(t, w, map[string][]any{`return 1 + 1`: {2.0}})
	if s := w.Router.Stats(); s.Stopped != 14 {
		t.Errorf("%d scripts counted as stopped", s.Stopped)
	}
}

func TestRunawayRouteIsAnswered500(t *testing.T) {
	w := luabindtest.New(t, "function route(req)\n  while true do end\nend", luabindtest.Script(shortBudget))
	if c := w.Code("MESSAGE", "sip:b@example.com"); c != 500 {
		t.Errorf("got %d", c)
	}
	if log := w.Log(); !strings.Contains(log, "script stopped") || !strings.Contains(log, "route.lua:2") {
		t.Error(log)
	}
}

// What calls into the engine, or is called back, without a wait goes on with the turn: a loop of
// such calls is stopped like any other.
func TestCallsThatDontWaitAreNoNewTurn(t *testing.T) {
	m := &module{name: "m", functions: []luabind.Function{{Name: "twice", Call: func(c *luabind.Call) int {
		f := c.Func(1)
		for range 2 {
			if _, err := f.Call(); err != nil {
				c.Rethrow(err)
			}
		}
		return 0
	}}}}
	for _, body := range []string{
		`req:reply(486) for i = 1, 1e6 do req:reply(180) end`,
		`req:reply(486) for i = 1, 1e6 do req:cancel() end`,
		`req:reply(486) for i = 1, 1e6 do m.twice(function() return i end) end`,
	} {
		w := luabindtest.New(t, `local m = require "m"
function route(req)
  `+body+`
end`, luabindtest.Modules(m), luabindtest.Script(shortBudget))
		if c := w.Code("MESSAGE", "sip:b@example.com"); c != 486 {
			t.Errorf("%s\nwas answered %d", body, c)
		}
		w.Run(time.Second)
		if s := w.Router.Stats(); s.Stopped == 0 {
			t.Errorf("%s\nwas not stopped: %s", body, w.Log())
		}
	}
}

// A callback that calls what calls it ends, as any other recursion without an end does: with an
// error of the script, not with the process.
func TestEndlessCallbacks(t *testing.T) {
	m := &module{name: "m", functions: []luabind.Function{{Name: "call", Call: func(c *luabind.Call) int {
		if _, err := c.Func(1).Call(); err != nil {
			c.Rethrow(err)
		}
		return 0
	}}}}
	w := luabindtest.New(t, "local m = require \"m\"\nfunction route(req)\n  local function f() m.call(f) end\n  f()\nend", luabindtest.Modules(m))
	if c := w.Code("MESSAGE", "sip:b@example.com"); c != 500 {
		t.Errorf("answered %d", c)
	}
	if log := w.Log(); !strings.Contains(log, "route.lua:3: stack overflow (callbacks 100 deep)") {
		t.Error(log)
	}
	evals(t, w, map[string][]any{`local m = require "m" local n = 0 m.call(function() m.call(function() n = n + 1 end) end) return n`: {1.0}})
}

// Waits don't count, nor does what was before one: the budget is what a script holds its lane for
// in one go.
func TestWaitsDontCount(t *testing.T) {
	// One go takes a millisecond, and on a machine that is busy with other things some more
	const budget = 200 * time.Millisecond
	m := &module{name: "m", functions: []luabind.Function{luabind.Waiting("wait", "", func(context.Context) error {
		time.Sleep(2 * budget) // nothing is awaited by it: that it takes time is the point
		return nil
	})}}
	w := luabindtest.New(t, `m = require "m" function route() end`, luabindtest.Modules(m), luabindtest.Script(func(o *luabind.Options) { o.Budget = budget }))
	evals(t, w, map[string][]any{`m.wait() return 1`: {1.0}})
	for n, took := 100, time.Duration(0); took < 2*budget; n *= 2 {
		began := time.Now()
		evals(t, w, map[string][]any{fmt.Sprintf(`local n = 0 for i = 1, %d do sip.sleep(0.0001) for j = 1, 30000 do n = n + 1 end end return n`, n): {float64(n) * 30000}})
		took = time.Since(began)
	}
}

func TestRunawayFileIsRefused(t *testing.T) {
	if _, err := luabindtest.Try(t, "while true do end", luabindtest.Script(shortBudget)); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Error(err)
	}
}

// Library functions that run in Go, where the interpreter can't stop them, end by themselves.
func TestLibraryCallsAreBounded(t *testing.T) {
	w := luabindtest.New(t, idle)
	began := time.Now()
	for _, source := range []string{
		`return ("a"):rep(1e6):rep(1e6)`,
		`return ("a"):rep(100000):find(("a*"):rep(20) .. "b")`,
		`return ("a"):rep(1e6):gsub("a", ("b"):rep(1e6))`,
		`return string.format(("%99d"):rep(1e6), unpack({}, 1, 8000))`,
		`local t = {} for i = 1, 20000 do t[i] = ("x"):rep(1000) end return table.concat(t)`,
		`return ("a"):rep(1e5):match(".-b")`,
		`for x in ("a"):rep(1e5):gmatch(".-b") do end error("ended")`,
		`return ("("):rep(1e6):find("%b()")`,
		`return ("a"):rep(1e5):find("(.+)%1b")`,
		`return ("a"):rep(1e5):find("[" .. ("a"):rep(1e5) .. "]b")`,
		`local t = {} t[1] = t return sip.json.encode(t)`,
	} {
		if _, err := w.Eval(source); err == nil {
			t.Errorf("%.60s: no error", source)
		}
	}
	if d := time.Since(began); d > 5*time.Minute {
		t.Errorf("took %v", d)
	}
}

// A bug of a binding is an error of the script, not of the process.
func TestPanicInABinding(t *testing.T) {
	m := &module{name: "m", functions: []luabind.Function{
		luabind.Pure("crash", "", func(s string) string { var p *luabind.Options; return p.Name + s }),
		luabind.Waiting("later", "", func(ctx context.Context) error { panic("later") }),
	}}
	w := luabindtest.New(t, `m = require "m" function route(req) m.crash("x") end`, luabindtest.Modules(m))
	if c := w.Code("MESSAGE", "sip:b@example.com"); c != 500 {
		t.Errorf("got %d", c)
	}
	if log := w.Log(); !strings.Contains(log, "bug in a binding") || !strings.Contains(log, "nil pointer") || !strings.Contains(log, "route.lua:1") {
		t.Error(log)
	}
	evals(t, w, map[string][]any{
		`local ok, err = pcall(m.crash, "x") return ok, err:find("nil pointer") ~= nil`: {false, true},
		`local ok, err = pcall(m.later) return ok, err:find("later") ~= nil`:            {false, true},
		`sip.sleep(0.1) return coroutine.running()`:                                     {nil},
	})
	if s := w.Router.Stats(); s.Panics != 3 || s.Suspended != 0 {
		t.Errorf("stats %+v", s)
	}
}
