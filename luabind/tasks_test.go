package luabind_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// What a request starts is bounded, with what that starts; so is what a lane does. What has ended
// makes room.
func TestTasksAreBounded(t *testing.T) {
	for body, want := range map[string]string{
		`for i = 1, 200 do sip.spawn(function() sip.sleep(100) end) n = n + 1 end`: "route.lua:6: sip.spawn: more than 100 timers and tasks of one request at a time",
		`for i = 1, 200 do sip.after(100, function() end) n = n + 1 end`:           "route.lua:6: sip.after: more than 100 timers and tasks of one request at a time",
		`local function f() n = n + 1 sip.spawn(f) sip.sleep(100) end f()`:         "route.lua:6: sip.spawn: more than 100 timers and tasks of one request at a time",
		`local function f() n = n + 1 sip.after(0.1, f) sip.after(0.1, f) end f()`: "route.lua:6: sip.after: more than 100 timers and tasks of one request at a time",
	} {
		t.Run(body, func(t *testing.T) {
			w := luabindtest.New(t, "n = 0\nfunction count() return n end\nfunction route(req)\n  n = 0\n  req:reply(200)\n  "+body+"\nend")
			w.Code("MESSAGE", "sip:b@example.com")
			w.Run(5 * time.Second)
			logs(t, w, want)
			if got, _ := w.Eval("return count()"); len(got) != 1 || strings.Contains(body, "for") && got[0] != 100.0 {
				t.Errorf("%v were started", got)
			}
		})
	}
	w := luabindtest.New(t, idle)
	evals(t, w, map[string][]any{`
local n = 0
for i = 1, 20000 do
  if not pcall(sip.after, 10, function() end) then break end
  n = n + 1
end
local ok, err = pcall(sip.spawn, function() end)
sip.sleep(20)
return n, err:match("more than .*"), (pcall(sip.spawn, function() end))`: {10000.0, "more than 10000 timers and tasks of one lane at a time", true}})
}

// A timer that is cancelled is not called, wherever it was begun and is cancelled.
func TestTimersCanBeCancelled(t *testing.T) {
	w := luabindtest.New(t, `
local d = sip.shared("d")
local never = sip.every(1, function() d:incr("never") end)
never:cancel()
local every = sip.every(1, function() d:incr("every") end)
local after = sip.after(2.5, function() d:incr("after") end)
local kept = sip.after(2.5, function() d:incr("kept") end)
local once
once = sip.every(1, function() d:incr("once") once:cancel() end)
function stop() every:cancel() after:cancel() end
`+idle, luabindtest.Lanes(2))
	w.Run(2200 * time.Millisecond)
	evals(t, w, map[string][]any{
		`stop() sip.sleep(5) local d = sip.shared("d") return d:get("every"), d:get("after"), d:get("never"), d:get("kept"), d:get("once")`: {2.0, nil, nil, 1.0, 1.0},
	})
	evals(t, w, map[string][]any{
		`local n, t = 0 t = sip.after(1, function() n = n + 1 end) t:cancel() t:cancel() sip.sleep(2) return n`: {0.0},
		`local n, t = 0 t = sip.after(1, function() n = n + 1 end) sip.sleep(2) t:cancel() return n`:            {1.0},
		`return tostring(sip.after(0, function() end)):match("^timer: ") ~= nil`:                                {true},
	})
	evalFails(t, w, map[string]string{
		`sip.after(1, function() end):stop()`:   "a timer has no field 'stop'; it has cancel",
		`sip.after(1, function() end).cancel()`: "write object:cancel(...)",
	})
}

// What a generation began for itself ends with it: a reload leaves no timer and no sleeping task
// behind, and no error in the log.
func TestWhatAGenerationBeganEndsWithIt(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "route.lua", `
local d = sip.shared("d")
local function task() while true do pcall(sip.sleep, 5) d:incr("ran") end end
sip.spawn(task)
sip.after(5, function() d:incr("ran") end)
sip.every(5, function() d:incr("ran") end)
function route(req)
  sip.spawn(task)
  sip.after(5, function() d:incr("ran") end)
  req:reply(200)
end`)
	var open, closed, active atomic.Int64
	var fail atomic.Bool
	w := luabindtest.New(t, "", fromFile(path), luabindtest.Modules(counted(&open, &closed, &active, &fail)))
	if c := w.Code("MESSAGE", "sip:b@example.com"); c != 200 {
		t.Fatalf("got %d", c)
	}
	write(t, dir, "route.lua", idle)
	if err := w.Router.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.Run(time.Minute)
	evals(t, w, map[string][]any{`return sip.shared("d"):get("ran")`: {nil}})
	if n := closed.Load(); n != 1 {
		t.Errorf("closed %d", n)
	}
	if s := w.Router.Stats(); s.Suspended != 0 || s.Errors != 0 || s.Stopped != 0 {
		t.Errorf("stats %+v: %s", s, w.Log())
	}
}

// A request in progress has what it started until it ends, on its generation.
func TestTasksOfARequestInProgressGoOn(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "route.lua", `
function route(req)
  local t = sip.spawn(function() sip.sleep(10) return 299 end)
  req:reply(t:wait())
end`)
	w := luabindtest.New(t, "", fromFile(path))
	caller := w.Peer(luabindtest.Caller, nil)
	caller.Send(luabindtest.Addr, w.Request("MESSAGE", "sip:b@example.com", "", ""))
	w.Run(time.Second)
	write(t, dir, "route.lua", idle)
	if err := w.Router.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.Run(20 * time.Second)
	if n := len(caller.Got); n == 0 || caller.Got[n-1].Status() != 299 {
		t.Errorf("got %d responses: %s", n, w.Log())
	}
}

// Errors of one place are counted and told once a while, and a line of the log is of a length that
// anybody reads.
func TestErrorsDontFillTheLog(t *testing.T) {
	w := luabindtest.New(t, `
sip.every(0.01, function() error(("x"):rep(2^16)) end)
sip.every(1, function() sip.log.info(("y"):rep(2^16)) print(("z"):rep(2^16), ("z"):rep(2^16)) end)
function route(req)
  local function f(n) if n > 0 then f(n - 1) local x = 1 else error("deep") end end
  f(150)
end`)
	w.Run(60 * time.Second)
	w.Code("MESSAGE", "sip:b@example.com")
	log := w.Log()
	if n := strings.Count(log, "function=every"); n < 10 || n > 40 {
		t.Errorf("%d lines of 6000 errors", n)
	}
	if !strings.Contains(log, "suppressed=") {
		t.Error("what was not logged is not counted")
	}
	if !strings.Contains(log, "deep") {
		t.Error("an error of another place is not logged")
	}
	for line := range strings.Lines(log) {
		if len(line) > 4096 {
			t.Errorf("a line of %d bytes: %.100s", len(line), line)
		}
	}
}

// sip.shared is bounded in bytes, too.
func TestSharedBytes(t *testing.T) {
	w := luabindtest.New(t, idle)
	evals(t, w, map[string][]any{
		`local d = sip.shared("a", {capacity = 100, bytes = 100000}) for i = 1, 50 do d:set(i, ("x"):rep(10000)) end return #d:keys(), d:get(1), #d:get(50)`: {9.0, nil, 10000.0},
		`local d = sip.shared("b", {capacity = 100, bytes = 100000}) for i = 1, 50 do d:set("k", ("x"):rep(10000)) end d:set("l", 1) return #d:keys()`:       {2.0},
		`local d = sip.shared("c") d:set("k", {1, 2}) d:flush() return #d:keys()`:                                                                            {0.0},
	})
	evalFails(t, w, map[string]string{
		`sip.shared("d"):set("k", ("x"):rep(2^20))`:                       "dict:set: the value is larger than 1 MiB",
		`sip.shared("d"):get("k", function() return ("x"):rep(2^20) end)`: "dict:get: the value is larger than 1 MiB",
		`sip.shared("e", {bytes = 10})`:                                   "bytes",
	})
	evalFails(t, w, map[string]string{`for i = 1, 2000 do sip.shared("n" .. i) end`: "more than 1000 dictionaries"})
	// All dictionaries together: what is written last is there.
	w = luabindtest.New(t, idle, luabindtest.Script(func(o *luabind.Options) {}))
	evals(t, w, map[string][]any{`
local p = ("x"):rep(2^20 - 1000)
local kept = 0
for i = 1, 6 do
  local d = sip.shared("big" .. i, {bytes = 2^28})
  for j = 1, 64 do d:set(i .. "/" .. j, p .. j) end
end
for i = 1, 6 do kept = kept + #sip.shared("big" .. i):keys() end
return kept <= 256 + 16 * 6, #sip.shared("big6"):keys() > 0`: {true, true}})
}
