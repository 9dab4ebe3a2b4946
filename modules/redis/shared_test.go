package redis_test

// This file tests dictionaries of sip.shared that servers have in common, as scripts see them.

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/sipscript/sipscript/internal/redistest"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/host"
	module "github.com/sipscript/sipscript/modules/redis"
)

const idle = "function route(req) req:reply(200) end"

// sharing is a module with the dictionaries of a server.
func sharing(t *testing.T, url string) luabind.Opener {
	t.Helper()
	m, err := module.Plugin().New(&host.Environment{Clients: clients.New(clients.Options{}), Dictionaries: host.URL(url)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.(io.Closer).Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func sharedWorld(t *testing.T, url, script string, options ...luabindtest.Option) *luabindtest.World {
	t.Helper()
	return luabindtest.New(t, script, append(options, luabindtest.Modules(sharing(t, url)))...)
}

func TestShared(t *testing.T) {
	for name, url := range map[string]string{"a real server": redistest.Start(t).URL, "one in memory": "redis://" + miniredis.RunT(t).Addr()} {
		t.Run(name, func(t *testing.T) {
			w := sharedWorld(t, url, idle)
			const open = `local function shared(name, o) o = o or {} o.redis = true return sip.shared(name, o) end `
			for source, want := range map[string][]any{
				`local d = shared("a") return d:get("x"), d:set("x", 5), d:get("x"), d:delete("x"), d:delete("x"), d:get("x")`:                                             {nil, true, 5.0, true, false, nil},
				`local d = shared("b") return d:add("x", "1"), d:add("x", "2"), d:get("x"), d:replace("x", "3"), d:replace("y", 1), d:get("x")`:                            {true, false, "1", true, false, "3"},
				`local d = shared("c") return d:incr("n"), d:incr("n", 5), d:incr("m", 1, 10), d:incr("n", -1)`:                                                            {1.0, 6.0, 11.0, 5.0},
				`local d = shared("e") d:set("s", "text") return d:incr("s")`:                                                                                              {nil, `the value of "s" is not a number`},
				`local d = shared("f") d:set("x", 1, 10) d:set("y", 1, 0) return d:ttl("x") > 9, d:ttl("y") == math.huge, d:ttl("none")`:                                   {true, true, nil},
				`local d = shared("g", {ttl = 5}) d:set("x", 1) d:set("y", 1, 0) d:incr("n") d:incr("n") return d:ttl("x") <= 5, d:ttl("y") == math.huge, d:ttl("n") <= 5`: {true, true, true},
				`local d = shared("h", {capacity = 2}) d:set("a", 1) d:set("b", 2) d:set("c", 3) return d:get("a"), d:get("b"), d:get("c"), #d:keys()`:                     {nil, 2.0, 3.0, 2.0},
				`local d = shared("i") d:set("a", true) d:set("b", false) local b = d:get("b") return b, d:flush(), d:get("a"), #d:keys()`:                                 {false, true, nil, 0.0},
				`local d = shared("j") local t = {list = {1, 2, {x = "y"}}, n = 1.5, b = false} d:set("t", t) t.n = 2
				 local c = d:get("t") c.list[1] = 9 local e = d:get("t") return e.n, e.list[1], e.list[3].x, e.b, d:get("t") == d:get("t")`: {1.5, 1.0, "y", false, false},
				`local d = shared("k") d:set(sip.uri("sip:a@b"), 1) d:set(5, 2) return d:get("sip:a@b"), d:get("5")`:   {1.0, 2.0},
				`shared("l"):set("x", 1) return sip.shared("l"):get("x"), sip.shared("l", { redis = false }):get("x")`: {1.0, 1.0},
				`return tostring(shared("n"))`: {"sip.shared: n"},
				`local d = shared("o") local n = 0
				 local function load(k) n = n + 1 return k .. n, 60 end
				 return d:get("k", load), d:get("k", load), n, d:ttl("k") > 50`: {"k1", "k1", 1.0, true},
				`local d = shared("p") return d:get("k", function() return nil, "no such" end)`: {nil, "no such"},
				`local d = shared("q") return d:get("k", function() end)`:                       {nil, "nothing was loaded"},
				`local d = shared("r")
				 local t = sip.spawn(function() return d:get("k", function() sip.sleep(1) return "old" end) end)
				 sip.sleep(0.5)
				 local waits = sip.spawn(function() return d:get("k", function() end) end)
				 d:set("k", "new")
				 return t:wait(), waits:wait(), d:get("k")`: {"new", "new", "new"},
				`local d = shared("s")
				 local t = sip.spawn(function() return d:get("k", function() sip.sleep(1) error("bad") end) end)
				 sip.sleep(0.5)
				 local v, err = d:get("k", function() return 1 end)
				 return v, err, d:get("k", function() return 2 end)`: {nil, "the load failed", 2.0},
				`local d = shared("t")
				 local function push(x) return d:update("k", function(list) list = list or {} list[#list + 1] = x return list end) end
				 push("a") local l = push("b") local n = d:update("n", function(n) return (n or 10) + 1 end)
				 return #l, l[2], n, d:update("k", function() end), d:get("k")`: {2.0, "b", 11.0, nil, nil},
			} {
				t.Run(source, func(t *testing.T) { eval(t, w, open+source, want...) })
			}
			for source, want := range map[string]string{
				`sip.shared("x", {redis = true, durable = true})`:   "redis and durable exclude each other",
				`sip.shared("x", {stale = 5})`:                      "stale belongs to redis = true",
				`sip.shared("x", {redis = true, stale = 1})`:        "stale must be at least 2",
				`shared("x"):set("k", print)`:                       "a function cannot be stored",
				`shared("x"):set("k", nil)`:                         "dict:delete(key) removes one",
				`shared("x").foo = 1`:                               "dict:set(key, value)",
				`shared("x"):get("k", function() return print end)`: "the result of load: a function cannot be stored",
				`local d = shared("x") d:get("k", function(k) return d:get(k, function() return 1 end) end)`: "asks for that key itself",
				`shared("x"):update("k", function() sip.sleep(1) return 1 end)`:                              "its function waited",
				`shared("x"):update("k", function() return print end)`:                                       "the result of its function",
			} {
				t.Run(source, func(t *testing.T) { raises(t, w, open+source, want) })
			}
		})
	}
}

// Two servers count and make lists, each on several lanes at once: nothing is lost.
func TestSharedByTwoServers(t *testing.T) {
	const lanes, each = 3, 10
	url := redistest.Start(t).URL
	var all sync.WaitGroup
	var worlds []*luabindtest.World
	for range 2 {
		worlds = append(worlds, sharedWorld(t, url, idle, luabindtest.Lanes(lanes)))
	}
	for n, w := range worlds {
		all.Go(func() {
			var ended atomic.Int64
			for i := range lanes * each {
				w.Router.Eval(w.Engine.Lanes()[i%lanes], fmt.Sprintf(`
local d = sip.shared("x", { redis = true })
for i = 1, 20 do
  assert(d:incr("n"))
  if i %% 10 == 0 then assert(d:update("list", function(list) list = list or {} list[#list + 1] = %d return list end)) end
end`, n), func(_ []any, err error) {
					if err != nil {
						t.Error(err)
					}
					ended.Add(1)
				})
			}
			w.Sim.RunUntil(time.Minute, func() bool { return ended.Load() == lanes*each })
			if ended.Load() != lanes*each {
				t.Errorf("%d ended", ended.Load())
			}
		})
	}
	all.Wait()
	for _, w := range worlds {
		eval(t, w, `local d = sip.shared("x", { redis = true }) return d:incr("n", 0), #d:update("list", function(l) return l end)`, 2.0*lanes*each*20, 2.0*lanes*each*2)
	}
}

// While Redis does not answer, scripts that ask it wait or fail, and others don't notice.
func TestSharedWithoutRedis(t *testing.T) {
	s := redistest.Start(t)
	w := sharedWorld(t, s.URL, `
local d = sip.shared("x", { redis = true })
asked = 0
function route(req)
  if req.ruri.user == "plain" then return req:reply(200) end
  local n, err = d:incr("n")
  req:reply(n and 202 or 503)
end`)
	if code := w.Code("OPTIONS", "sip:ask@example.com"); code != 202 {
		t.Fatal(code)
	}
	s.Freeze()
	done := make(chan struct{})
	var failed atomic.Int64
	for range 50 {
		w.Router.Eval(w.Engine.Lanes()[0], `local n, err = sip.shared("x"):incr("n") return n, err`, func(r []any, err error) {
			if err != nil || r[0] != nil || !strings.Contains(fmt.Sprint(r[1]), "unavailable") {
				t.Errorf("%v, %v", r, err)
			}
			if failed.Add(1) == 50 {
				close(done)
			}
		})
	}
	began := time.Now()
	for range 20 {
		if code := w.Code("OPTIONS", "sip:plain@example.com"); code != 200 {
			t.Errorf("another call: %d", code)
		}
	}
	if took := time.Since(began); took > time.Second && failed.Load() < 50 {
		t.Errorf("20 other calls took %v", took)
	}
	w.Sim.RunUntil(time.Minute, func() bool { return failed.Load() == 50 })
	<-done
	eval(t, w, `
local d = sip.shared("x")
for what, f in pairs({
  get = function() return d:get("other") end, set = function() return d:set("k", 1) end, add = function() return d:add("k", 1) end,
  delete = function() return d:delete("k") end, ttl = function() return d:ttl("k") end, keys = function() return d:keys() end,
  flush = function() return d:flush() end, update = function() return d:update("k", function() return 1 end) end,
  load = function() return d:get("other", function() error("is not called") end) end,
}) do
  local x, err = f()
  if x ~= nil or type(err) ~= "string" then return what end
end
return "all"`, "all")
	s.Thaw()
	until(t, "Redis is used again", func() bool { return first(t, w, `return (sip.shared("x"):incr("n")) ~= nil`) == true })
}

// What a generation has not opened with redis = true is a dictionary of this process.
func TestSharedAfterReload(t *testing.T) {
	url := "redis://" + miniredis.RunT(t).Addr()
	w := sharedWorld(t, url, `sip.shared("x", { redis = true }) `+idle)
	eval(t, w, `sip.shared("x"):set("k", "v") return sip.shared("x"):get("k")`, "v")
	if err := w.Router.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	eval(t, w, `return sip.shared("x"):get("k"), sip.shared("y"):get("k")`, "v", nil)
}

// While the file loads nothing waits; and without --redis the dictionary is that of this process.
func TestSharedInTheFile(t *testing.T) {
	_, err := luabindtest.Try(t, `sip.shared("x", { redis = true }):get("k") `+idle, luabindtest.Modules(sharing(t, "redis://127.0.0.1:1")))
	if err == nil || !strings.Contains(err.Error(), "dict:get waits, which is not possible while the file runs") {
		t.Errorf("%v", err)
	}
	w := luabindtest.New(t, `sip.shared("x", { redis = true }) `+idle, luabindtest.Lanes(3))
	eval(t, w, `local d = sip.shared("x", { redis = true }) d:set("k", 1) return d:get("k")`, 1.0)
	if n := strings.Count(w.Log(), "this process has it alone: there is no --redis"); n != 1 {
		t.Errorf("%d warnings in\n%s", n, w.Log())
	}
}
