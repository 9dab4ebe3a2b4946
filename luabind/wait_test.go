package luabind_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// module is a Module in a test.
type module struct {
	name      string
	functions []luabind.Function
	events    []luabind.Event
	open      func(h *luabind.Host) error
	close     func()
	activate  func() error
	host      *luabind.Host
}

func (m *module) Name() string { return m.name }
func (m *module) Open(h *luabind.Host) (luabind.Module, error) {
	m.host = h
	if m.open != nil {
		return m, m.open(h)
	}
	return m, nil
}
func (m *module) Functions() []luabind.Function { return m.functions }
func (m *module) Events() []luabind.Event       { return m.events }
func (m *module) Activate() error {
	if m.activate != nil {
		return m.activate()
	}
	return nil
}
func (m *module) Close() error {
	if m.close != nil {
		m.close()
	}
	return nil
}

// nested waits, by wait(), inside of pcall within sort within gsub within __index, and reports
// whether all its locals are what they were.
const nested = `
local id, wait = ...
local function work(id)
  local sum, trace = 0, {}
  local t = setmetatable({}, {__index = function(_, k)
    local before = id
    local text = ("abc"):gsub("%w", function(c)
      local list = {5, 3, 4, 1, 2}
      table.sort(list, function(a, b)
        local ok, err = pcall(function()
          local mine = id
          if a == 5 or b == 5 then wait() end
          sum = sum + 1
          assert(mine == id and before == id, "locals")
          if a == 3 then error({id = id}) end
        end)
        assert(ok or err.id == id, "error value")
        return a < b
      end)
      for i = 1, 5 do assert(list[i] == i, "sort") end
      return c .. k
    end)
    return text
  end})
  local co = coroutine.wrap(function(x)
    for i = 1, 3 do
      wait()
      x = coroutine.yield(x + i)
    end
    return "end"
  end)
  trace[1] = t.x
  trace[2] = co(id)
  trace[3] = co(id)
  for k, v in pairs({a = 1, b = 2}) do wait() trace[#trace + 1] = k .. v end
  return trace[1] .. "/" .. trace[2] - id .. "/" .. trace[3] - id .. "/" .. #trace .. "/" .. (sum > 10 and "ok" or sum)
end
return work(id)
`

// longBudget is for tests that are about something else, on machines that are busy with something
// else.
func longBudget(o *luabind.Options) { o.Budget = time.Minute }

// Trap 23: 2000 scripts waiting inside pcall, sort, gsub and __index at once, none wrong.
func TestTrap23ManyScriptsWaitAnywhere(t *testing.T) {
	count := 2000
	if testing.Short() {
		count = 200
	}
	t.Run("virtual time", func(t *testing.T) {
		w := luabindtest.New(t, idle, luabindtest.Lanes(2), luabindtest.Script(longBudget))
		right := atomic.Int64{}
		done := atomic.Int64{}
		for i := range count {
			source := strings.Replace(nested, "...", fmt.Sprintf("%d, function() sip.sleep(0.0%d + math.random() / 10) end", i*10, i%9+1), 1)
			w.Router.Eval(w.Engine.Lanes()[i%2], source, func(r []any, err error) {
				if done.Add(1); err != nil {
					t.Errorf("%d: %v", i, err)
				} else if r[0] == "axbxcx/1/2/5/ok" {
					right.Add(1)
				} else {
					t.Errorf("%d: %v", i, r)
				}
			})
		}
		w.Sim.RunUntil(luabindtest.Patience, func() bool { return done.Load() == int64(count) })
		if right.Load() != int64(count) {
			t.Errorf("%d of %d were right, %d ended", right.Load(), count, done.Load())
		}
		if n := w.Router.Stats().Suspended; n != 0 {
			t.Errorf("%d scripts are counted as waiting", n)
		}
	})
	t.Run("goroutines", func(t *testing.T) {
		m := &module{name: "m", functions: []luabind.Function{luabind.Waiting("wait", "", func(ctx context.Context) error {
			c := make(chan struct{})
			go close(c)
			<-c
			return nil
		})}}
		w := luabindtest.New(t, `m = require "m" function route() end`, luabindtest.Lanes(2), luabindtest.Modules(m), luabindtest.Script(longBudget))
		var all sync.WaitGroup
		for i := range count {
			all.Add(1)
			w.Router.Eval(w.Engine.Lanes()[i%2], strings.Replace(nested, "...", fmt.Sprintf("%d, m.wait", i*10), 1), func(r []any, err error) {
				if defer1 := all.Done; err != nil || r[0] != "axbxcx/1/2/5/ok" {
					defer defer1()
					t.Errorf("%d: %v %v", i, r, err)
				} else {
					defer1()
				}
			})
		}
		all.Wait()
	})
}

func TestNothingWaitsAtFileLevel(t *testing.T) {
	m := &module{name: "m", functions: []luabind.Function{luabind.Waiting("wait", "", func(ctx context.Context) error { return nil })}}
	for source, want := range map[string]string{
		`sip.sleep(1)`:                                      "sip.sleep waits, which is not possible while the file runs",
		`require("m").wait()`:                               "m.wait waits, which is not possible while the file runs",
		`sip.spawn(function() end):wait()`:                  "task:wait waits",
		`sip.send{method = "OPTIONS", uri = "sip:a@b"}`:     "sip.send waits",
		`sip.shared("x"):get("k", function() return 1 end)`: "dict:get(key, load) waits",
		`local ok, err = pcall(sip.sleep, 1) error(err, 0)`: "sip.sleep waits",
		`coroutine.wrap(function() sip.sleep(1) end)()`:     "sip.sleep waits",
	} {
		t.Run(source, func(t *testing.T) {
			_, err := luabindtest.Try(t, source+"\n"+idle, luabindtest.Modules(m))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", source, err)
			}
		})
	}
}

// A waiting function's context ends with the caller's CANCEL.
func TestWaitingFunctionEndsWithTheCancel(t *testing.T) {
	var w *luabindtest.World
	cancelled := make(chan error, 1)
	m := &module{name: "m", functions: []luabind.Function{luabind.Waiting("ask", "", func(ctx context.Context, s string) (string, error) {
		w.Sim.Add(-1) // what blocks here is not what the world has to wait for
		<-ctx.Done()
		w.Sim.Add(1)
		cancelled <- ctx.Err()
		return "", ctx.Err()
	})}}
	w = luabindtest.New(t, `
local m = require "m"
function route(req)
  local r, err = m.ask("x")
  sip.log.info("got %s, %s, relay %s", r, err, req:relay("sip:x@10.0.0.9"))
end`, luabindtest.Modules(m))
	caller := w.Peer(luabindtest.Caller, nil)
	text := string(w.Request("INVITE", "sip:bob@example.com", "", ""))
	caller.Send(luabindtest.Addr, []byte(text))
	caller.Send(luabindtest.Addr, []byte(strings.ReplaceAll(text, "INVITE", "CANCEL")))
	w.Run(time.Second)
	select {
	case err := <-cancelled:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the function was not told")
	}
	w.Sim.Do(func() {})
	if log := w.Log(); !strings.Contains(log, "got nil, context canceled, relay false") {
		t.Error(log)
	}
}

func TestTasksAndTimers(t *testing.T) {
	w := luabindtest.New(t, `
local ran = sip.shared("ran")
sip.every(10, function() ran:incr("every") sip.sleep(25) end)
sip.every(3, function() ran:incr("jitter") end, {jitter = 1})
sip.after(5, function() ran:incr("after") end)
sip.spawn(function() sip.sleep(1) ran:incr("spawn") end)
sip.on("start", function(why) ran:set("start", why) end)
function route() end`, luabindtest.Lanes(2))
	w.Run(61 * time.Second)
	evals(t, w, map[string][]any{
		// every: at 10, 40 (20 and 30 are left out while it sleeps), … ; once in the process, not
		// once a lane
		`local d = sip.shared("ran") return d:get("every"), d:get("after"), d:get("spawn"), d:get("start")`:                      {2.0, 1.0, 1.0, "start"},
		`local n = sip.shared("ran"):get("jitter") return n >= 15 and n <= 20`:                                                   {true},
		`local t = sip.spawn(function(...) sip.sleep(1) return 1, "two" end) return t:wait()`:                                    {1.0, "two"},
		`local t = sip.spawn(function() return 5 end) sip.sleep(1) return t:wait()`:                                              {5.0},
		`local t = sip.spawn(function() error("oops") end) local r, err = t:wait() return r, (err:find("oops", 1, true)) ~= nil`: {nil, true},
		`local a = sip.now() sip.sleep(2.5) return sip.now() - a >= 2.5`:                                                         {true},
		`local d = {} sip.after(1, function() d.x = 1 end) local before = d.x sip.sleep(2) return before, d.x`:                   {nil, 1.0},
	})
	evalFails(t, w, map[string]string{
		`sip.every(1, print)`:     "only be called while the file runs",
		`sip.on("start", print)`:  "only be called while the file runs",
		`sip.sleep(-1)`:           "must be a number of seconds",
		`sip.sleep()`:             "must be a number of seconds",
		`sip.after(1)`:            "argument 2 must be a function",
		`sip.spawn()`:             "argument 1 must be a function",
		`sip.spawn(print):wiat()`: "a task has no field 'wiat'",
		`sip.spawn(print).wait()`: "write object:wait(...)",
	})
	for source, want := range map[string]string{
		`sip.on("strat", print)`:           `there is no event "strat"; did you mean 'start'?; the events are: start, stop`,
		`sip.every(0, print)`:              "must be above 0",
		`sip.every(1, print, {jiter = 1})`: `unknown option "jiter"; did you mean 'jitter'?`,
	} {
		t.Run(source, func(t *testing.T) {
			if _, err := luabindtest.Try(t, source+"\n"+idle); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", source, err)
			}
		})
	}
}

// Trap 34: sip.every(60, function() routes = load() end) would update one lane of N. What lanes
// share is in sip.shared. Trap 17: a counter counted 1, 1, 2, 3 over the processes.
func TestTrap17And34StateIsShared(t *testing.T) {
	w := luabindtest.New(t, `
local routes = sip.shared("routes")
sip.every(60, function() routes:incr("loads") end)
function route(req) req:reply(200, "n" .. sip.shared("n"):incr("calls")) end`, luabindtest.Lanes(4))
	w.Run(121 * time.Second)
	for i := 1; i <= 20; i++ {
		if m := w.Ask("MESSAGE", "sip:b@example.com"); string(m.ReasonPhrase()) != fmt.Sprintf("n%d", i) {
			t.Fatalf("call %d counted as %s", i, m.ReasonPhrase())
		}
	}
	if v, err := w.Eval(`return sip.shared("routes"):get("loads")`); err != nil || v[0] != 2.0 {
		t.Errorf("loads %v %v", v, err)
	}
}

// A server is ready when the handlers of start that say so have ended, however they end.
func TestReadyWaitsForStart(t *testing.T) {
	for name, row := range map[string]struct {
		file   string
		before bool // ready at once
	}{
		"one that waits":        {`sip.on("start", function() sip.sleep(5) end, { ready = true })`, false},
		"one that fails":        {`sip.on("start", function() sip.sleep(5) error("boom") end, { ready = true })`, false},
		"one that does not ask": {`sip.on("start", function() sip.sleep(5) end)`, true},
		"two, one of them asks": {`sip.on("start", function() sip.sleep(50) end) sip.on("start", function() sip.sleep(5) end, { ready = true })`, false},
		"no handler":            {``, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := luabindtest.New(t, row.file+idle)
			if got := w.Router.Ready(); got != row.before {
				t.Errorf("ready at first: %v", got)
			}
			w.Run(4 * time.Second)
			if got := w.Router.Ready(); got != row.before {
				t.Errorf("ready after 4 s: %v", got)
			}
			w.Run(2 * time.Second)
			if !w.Router.Ready() || w.Router.AwaitReady(t.Context()) != nil {
				t.Error("not ready after 6 s")
			}
		})
	}
	if _, err := luabindtest.Try(t, `sip.on("stop", print, { ready = true })`+idle); err == nil || !contains(err.Error(), "belongs to the event start") {
		t.Error(err)
	}
}
