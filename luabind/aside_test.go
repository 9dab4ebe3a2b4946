package luabind_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// asking is a module m whose ask(text) waits, and returns text.."!". It counts how often a
// goroutine of the script waited meanwhile.
type asking struct {
	module
	stood   atomic.Int64
	blind   bool            // nothing is counted
	release chan struct{}   // nil: at once
	busy    func(delta int) // of the simulation, which goes on while release is waited for
}

func newAsking() *asking {
	a := &asking{}
	a.module = module{name: "m", functions: []luabind.Function{
		luabind.Later1(luabind.Function{Name: "ask"}, luabind.TextArg("text", ""), luabind.ReturnsText(""),
			func(_ *luabind.Call, text string) luabind.Pending[string] {
				return func(ctx context.Context, done func(string, error)) {
					go func() {
						if a.release != nil {
							a.busy(-1)
							select {
							case <-a.release:
								a.busy(1)
							case <-ctx.Done():
								a.busy(1)
								done("", errors.New("given up"))
								return
							}
						}
						if !a.blind && stands() {
							a.stood.Add(1)
						}
						if text == "fail" {
							done("", errors.New("no"))
							return
						}
						done(text+"!", nil)
					}()
				}
			}),
		luabind.Later1(luabind.Function{Name: "explode"}, luabind.TextArg("text", ""),
			luabind.ReturnsOf(func(c *luabind.Call, text string) int { c.Raise("bad %s", text); return 0 }),
			func(_ *luabind.Call, text string) luabind.Pending[string] {
				return func(_ context.Context, done func(string, error)) { go done(text, nil) }
			}),
	}}
	return a
}

func (a *asking) option() luabindtest.Option { return luabindtest.Modules(a) }

// stands reports whether some script waits on its own goroutine.
func stands() bool {
	b := make([]byte, 1<<20)
	return strings.Contains(string(b[:runtime.Stack(b, true)]), "luabind.(*Call).Await")
}

const asks = `local m = require "m"` + "\n"

// Wherever a script waits, it goes on with the right values in the right places. It keeps its
// goroutine only where there is Go between route and the wait.
func TestRouteIsPutAside(t *testing.T) {
	for _, row := range []struct {
		name, body, want string
		stands           bool
	}{
		{"one value", `local a = m.ask("x") return a`, "x!", false},
		{"fewer than there are", `local a, b = m.ask("x") return a, b, "e"`, "x! nil e", false},
		{"none", `m.ask("x") return "y"`, "y", false},
		{"a failure", `local a, err = m.ask("fail") return a, err`, "nil no", false},
		{"in an expression", `return "<" .. m.ask("x") .. m.ask("y") .. ">"`, "<x!y!>", false},
		{"as arguments", `return select("#", "a", m.ask("x")), (m.ask("y"))`, "2 y!", false},
		{"in a table", `local t = {1, m.ask("x"), k = m.ask("y"), m.ask("z")} return #t, t[2], t.k, t[3]`, "3 x! y! z!", false},
		{"in a function", `local function f(a) local b = m.ask(a) return b .. "f" end return f("x"), f("y")`, "x!f y!f", false},
		{"as the last call", `local function f(a) return m.ask(a) end local a, b = f("x") return a, b, "e"`, "x! nil e", false},
		{"as the last call of the last call", `local function f(a) return m.ask(a) end local function g(a) return f(a) end return g("x"), "y"`, "x! y", false},
		{"as the body's last call", `return m.ask("x")`, "x!", false},
		{"with arguments left over", `local function f(...) local a = m.ask((select(2, ...))) return a, ... end return f("p", "q")`, "q! p q", false},
		{"in a loop", `local s = "" for i = 1, 3 do s = s .. m.ask(tostring(i)) end return s`, "1!2!3!", false},
		{"in the loop of an iterator", `local s = "" for _, k in ipairs({"a", "b"}) do s = s .. m.ask(k) end return s`, "a!b!", false},
		{"beside closures", `local n = 0 local function add() n = n + 1 end add() m.ask("x") add() return n`, "2", false},
		{"in a method", `local o = {a = "x"} function o:get() return m.ask(self.a) .. self.a end return o:get()`, "x!x", false},
		{"by __call", `local o = setmetatable({}, {__call = function(_, a) local b = m.ask(a) return b end}) return o("x")`, "x!", false},
		{"deep", `local function f(n) if n == 0 then return m.ask("x") end local a = f(n - 1) return a .. n end return f(30):sub(1, 6)`, "x!1234", false},
		{"in pcall", `return pcall(m.ask, "x")`, "true x!", true},
		{"in a function in pcall", `return pcall(function() local a = m.ask("x") error(a, 0) end)`, "false x!", true},
		{"in a metamethod", `local t = setmetatable({}, {__index = function(_, k) local a = m.ask(k) return a end}) return t.x`, "x!", true},
		{"in the last call of a metamethod", `local t = setmetatable({}, {__index = function(_, k) return m.ask(k) end}) return t.x`, "x!", true},
		{"in an operator", `local t = setmetatable({}, {__concat = function(_, k) return (m.ask(k)) end}) return t .. "x"`, "x!", true},
		{"in a comparison", `local k = {__lt = function() return m.ask("x") == "x!" end} return setmetatable({}, k) < setmetatable({}, k)`, "true", true},
		{"in an iterator", `local s = "" for a in function(_, last) if not last then return (m.ask("x")) end end do s = s .. a end return s`, "x!", true},
		{"in sort", `local l = {2, 1} table.sort(l, function(a, b) m.ask("x") return a < b end) return l[1], l[2]`, "1 2", true},
		{"in gsub", `return (("ab"):gsub("%w", function(c) return m.ask(c) end))`, "a!b!", true},
		{"in a coroutine", `return coroutine.wrap(function() local a = m.ask("x") coroutine.yield(a .. "c") end)()`, "x!c", true},
		{"in a task", `return sip.spawn(function() local a = m.ask("x") return a end):wait()`, "x!", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := newAsking()
			w := luabindtest.New(t, asks+wrap(row.body), m.option())
			for range 3 { // the thread is used again
				res := w.Send(w.Request("MESSAGE", "sip:b@example.com", "", ""))
				if res == nil || string(res.HeaderName("X-Result")) != row.want {
					t.Fatalf("got %v, want %s: %s", res, row.want, w.Log())
				}
			}
			if stood := m.stood.Load() > 0; stood != row.stands {
				t.Errorf("the script kept its goroutine: %v", stood)
			}
			if n := w.Router.Stats().Suspended; n != 0 {
				t.Errorf("%d scripts are counted as waiting", n)
			}
		})
	}
}

// What goes wrong after a wait is told as it is before one.
func TestRouteFailsAfterItWasPutAside(t *testing.T) {
	for body, want := range map[string][]string{
		`m.ask("x") error("boom")`:                                           {"route.lua:3: boom"},
		"m.ask('x')\nlocal function inner() error('boom') end\ninner()":      {"route.lua:4: boom", "route.lua:5: in"},
		"local a = 1\nm.explode('x')":                                        {"route.lua:4: m.explode: bad x"},
		`m.ask("x") local t = nil return t.x`:                                {"route.lua:3: attempt to index"},
		`m.ask("x") undeclared = 1`:                                          {"route.lua:3:", "undeclared"},
		`local function f(n) return f(n + 1) + 1 end m.ask("x") return f(1)`: {"stack overflow"},
	} {
		t.Run(body, func(t *testing.T) {
			w := luabindtest.New(t, asks+wrap(body), newAsking().option())
			if c := w.Code("MESSAGE", "sip:b@example.com"); c != 500 {
				t.Errorf("got %d", c)
			}
			logs(t, w, want...)
			if s := w.Router.Stats(); s.Errors != 1 || s.Suspended != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
	t.Run("no decision", func(t *testing.T) {
		w := luabindtest.New(t, asks+`function route(req) m.ask("x") end`, newAsking().option())
		if c := w.Code("MESSAGE", "sip:b@example.com"); c != 500 {
			t.Errorf("got %d", c)
		}
	})
	t.Run("no end", func(t *testing.T) {
		w := luabindtest.New(t, asks+`function route(req) m.ask("x") if req.ruri.user == "b" then while true do end end req:reply(299) end`, newAsking().option(),
			luabindtest.Script(func(o *luabind.Options) { o.Budget = 20 * time.Millisecond }))
		if c := w.Code("MESSAGE", "sip:b@example.com"); c != 500 {
			t.Errorf("got %d", c)
		}
		logs(t, w, "held its lane for too long")
		if c := w.Code("MESSAGE", "sip:c@example.com"); c != 299 {
			t.Errorf("then %d", c)
		}
	})
}

// A script that is put aside ends with its request, and its generation stays open for it.
func TestPutAsideForAWhile(t *testing.T) {
	const script = asks + `function route(req) local a, err = m.ask("x") req:reply(299, err or a) end`
	t.Run("cancelled", func(t *testing.T) {
		m := newAsking()
		m.release = make(chan struct{})
		w := luabindtest.New(t, script, m.option())
		m.busy = w.Sim.Add
		caller := w.Peer(luabindtest.Caller, nil)
		invite := string(w.Request("INVITE", "sip:b@example.com", "", ""))
		caller.Send(luabindtest.Addr, []byte(invite))
		w.Run(time.Second)
		if n := w.Router.Stats().Suspended; n != 1 {
			t.Errorf("%d scripts wait", n)
		}
		caller.Send(luabindtest.Addr, []byte(strings.ReplaceAll(invite, "INVITE", "CANCEL")))
		w.Run(time.Second)
		awaitNone(t, w)
		var got []string
		for _, r := range caller.Got {
			got = append(got, fmt.Sprint(r.Status()))
		}
		if text := strings.Join(got, " "); !strings.Contains(text, "487") || strings.Contains(text, "299") {
			t.Errorf("got %s", text)
		}
		if s := w.Router.Stats(); s.Suspended != 0 || s.Errors != 0 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("reloaded", func(t *testing.T) {
		dir := t.TempDir()
		path := write(t, dir, "route.lua", asks+`local version = "one" function route(req) sip.sleep(5) m.ask("x") req:reply(299, version) sip.sleep(5) m.ask("x") end`)
		m := newAsking()
		var closed atomic.Int64
		m.close = func() { closed.Add(1) }
		w := luabindtest.New(t, "", fromFile(path), m.option())
		caller := w.Peer(luabindtest.Caller, nil)
		caller.Send(luabindtest.Addr, w.Request("MESSAGE", "sip:b@example.com", "", ""))
		w.Run(time.Second)
		write(t, dir, "route.lua", idle)
		if err := w.Router.Reload(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.Run(5 * time.Second)
		if n := len(caller.Got); n == 0 || string(caller.Got[n-1].ReasonPhrase()) != "one" || closed.Load() != 0 {
			t.Errorf("got %d responses, closed %d: %s", n, closed.Load(), w.Log())
		}
		w.Run(time.Minute)
		if closed.Load() != 1 {
			t.Errorf("closed %d times", closed.Load())
		}
	})
	t.Run("an ACK", func(t *testing.T) { // ends with the call that brought it, and is not put aside
		m := newAsking()
		w := luabindtest.New(t, asks+`n = 0 function route(req) local to = req.to.uri.user m.ask("x") n = n + (req.to.uri.user == to and 1 or 100) end function count() return n end`, m.option())
		caller := w.Peer(luabindtest.Caller, nil)
		for range 3 {
			caller.Send(luabindtest.Addr, w.Request("ACK", "sip:b@example.com", "", ""))
			w.Run(time.Second)
		}
		evals(t, w, map[string][]any{"return count()": {3.0}})
		if m.stood.Load() == 0 {
			t.Error("it was put aside")
		}
	})
}

// What scripts hold that are put aside counts, as everything that a VM holds.
func TestMemoryOfWhatIsPutAside(t *testing.T) {
	m := newAsking()
	m.release = make(chan struct{})
	w := luabindtest.New(t, asks+`function route(req)
  local big = ("x"):rep(5 * 2^20)
  m.ask("x")
  req:reply(200 + #big % 2)
end`, m.option(), luabindtest.Script(func(o *luabind.Options) { o.Memory = 16 << 20 }))
	m.busy = w.Sim.Add
	caller := w.Peer(luabindtest.Caller, nil)
	for range 6 {
		caller.Send(luabindtest.Addr, w.Request("MESSAGE", "sip:b@example.com", "", ""))
	}
	w.Run(time.Second) // the last are refused while the others wait
	close(m.release)
	awaitNone(t, w)
	codes := map[int]int{}
	for _, r := range caller.Got {
		codes[r.Status()]++
	}
	if codes[500] < 2 || codes[200] < 2 || codes[200]+codes[500] != 6 {
		t.Errorf("%v: %s", codes, w.Log())
	}
}

// awaitNone waits, in real time, until no script waits any more for somebody outside of the
// simulation.
func awaitNone(t *testing.T, w *luabindtest.World) {
	t.Helper()
	for end := time.Now().Add(luabindtest.Patience); w.Router.Stats().Suspended > 0; runtime.Gosched() {
		w.Run(time.Millisecond)
		if time.Now().After(end) {
			t.Fatal("some still wait")
		}
	}
	w.Run(time.Second)
}

// Two thousand scripts at once, put aside and not, on two lanes: none wrong.
func TestManyArePutAside(t *testing.T) {
	count := 2000
	if testing.Short() {
		count = 200
	}
	m := newAsking()
	m.blind = true
	w := luabindtest.New(t, asks+`
local function work(id, wait) `+strings.Replace(nested, "local id, wait = ...", "", 1)+` end
function route(req)
  local id = tonumber(req.ruri.user) * 10
  local text = m.ask(tostring(id))
  local result = work(id, function() assert(m.ask("x") == "x!") end)
  local again = m.ask(tostring(id))
  req:reply(result == "axbxcx/1/2/5/ok" and text == again and text == id .. "!" and 299 or 500)
end`, m.option(), luabindtest.Lanes(2), luabindtest.Script(longBudget))
	caller := w.Peer(luabindtest.Caller, nil)
	for i := range count {
		caller.Send(luabindtest.Addr, w.Request("MESSAGE", fmt.Sprintf("sip:%d@example.com", i), "", ""))
	}
	w.Sim.RunUntil(luabindtest.Patience, func() bool { return len(caller.Got) >= count })
	right := 0
	for _, r := range caller.Got {
		if r.Status() == 299 {
			right++
		}
	}
	if right != count {
		t.Errorf("%d of %d were right: %.2000s", right, count, w.Log())
	}
}
