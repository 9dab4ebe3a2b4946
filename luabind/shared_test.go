package luabind_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

func TestShared(t *testing.T) {
	w := luabindtest.New(t, idle)
	evals(t, w, map[string][]any{
		`local d = sip.shared("a") return d:get("x"), d:set("x", 5), d:get("x"), d:delete("x"), d:delete("x"), d:get("x")`:                                                            {nil, true, 5.0, true, false, nil},
		`local d = sip.shared("b") return d:add("x", "1"), d:add("x", "2"), d:get("x"), d:replace("x", "3"), d:replace("y", 1), d:get("x")`:                                           {true, false, "1", true, false, "3"},
		`local d = sip.shared("c") return d:incr("n"), d:incr("n", 5), d:incr("m", 1, 10), d:incr("n", -1)`:                                                                           {1.0, 6.0, 11.0, 5.0},
		`local d = sip.shared("e") d:set("s", "text") return d:incr("s")`:                                                                                                             {nil, `the value of "s" is not a number`},
		`local d = sip.shared("f") d:set("x", 1, 10) sip.sleep(4) local left = d:ttl("x") sip.sleep(7) return left <= 6 and left > 5, d:get("x"), d:ttl("x")`:                         {true, nil, nil},
		`local d = sip.shared("g", {ttl = 5}) d:set("x", 1) d:set("y", 1, 0) d:incr("n") d:incr("n") sip.sleep(6) return d:get("x"), d:get("y"), d:get("n"), d:ttl("y") == math.huge`: {nil, 1.0, nil, true},
		`local d = sip.shared("h", {capacity = 2}) d:set("a", 1) d:set("b", 2) d:get("a") d:set("c", 3) return d:get("a"), d:get("b"), d:get("c"), #d:keys()`:                         {1.0, nil, 3.0, 2.0},
		`local d = sip.shared("i") d:set("a", true) d:set("b", false) d:flush() return d:get("a"), #d:keys()`:                                                                         {nil, 0.0},
		`local d = sip.shared("j") local t = {list = {1, 2, {x = "y"}}, n = 1.5, b = false} d:set("t", t) t.n = 2
		 local c = d:get("t") c.list[1] = 9 local e = d:get("t") return e.n, e.list[1], e.list[3].x, e.b, d:get("t") == d:get("t")`: {1.5, 1.0, "y", false, false},
		`local d = sip.shared("k") d:set(sip.uri("sip:a@b"), 1) d:set(5, 2) return d:get("sip:a@b"), d:get("5")`: {1.0, 2.0},
		`sip.shared("l"):set("x", 1) return sip.shared("l"):get("x"), sip.shared("m"):get("x")`:                  {1.0, nil},
		`return tostring(sip.shared("n"))`: {"sip.shared: n"},
	})
	evalFails(t, w, map[string]string{
		`sip.shared()`:                                              "the name must be a string",
		`sip.shared("x", {capacty = 1})`:                            `unknown option "capacty"; did you mean 'capacity'?`,
		`sip.shared("x", {capacity = 0})`:                           "capacity must be at least 1",
		`sip.shared("x"):set("k", print)`:                           "a function cannot be stored",
		`sip.shared("x"):set("k", nil)`:                             "dict:delete(key) removes one",
		`sip.shared("x"):set("k", sip.uri("sip:a@b"))`:              "use tostring",
		`local t = {} t.t = t sip.shared("x"):set("k", t)`:          "contains itself",
		`sip.shared("x"):set("k", {1, x = 2})`:                      "either a list or has named fields",
		`sip.shared("x"):set("k", {[1.5] = 2})`:                     "a key of a stored table",
		`sip.shared("x"):set("k", setmetatable({}, {}))`:            "a table with a metatable",
		`sip.shared("x"):set("k", 1, -1)`:                           "ttl must be a number of seconds",
		`sip.shared("x"):set({}, 1)`:                                "the key must be a string",
		`sip.shared("x").foo = 1`:                                   "dict:set(key, value)",
		`return sip.shared("x").gett`:                               "did you mean 'get'?",
		`sip.shared("x").get("k")`:                                  "write object:get(...)",
		`sip.shared("x"):get("k", 5)`:                               "argument 2 must be a function",
		`sip.shared("x"):get("k", function() return print end)`:     "the result of load: a function cannot be stored",
		`sip.shared("x"):get("k", function() error("in load") end)`: "in load",
		`local d = sip.shared("x") d:get("k", function(k) return d:get(k, function() return 1 end) end)`: "asks for that key itself",
		`local t = {} for i = 1, 100 do t = {t} end sip.shared("x"):set("k", t)`:                         "nested more than 64 deep",
	})
}

// load fills a key once at a time over all lanes; who waits lends its lane.
func TestSharedLoad(t *testing.T) {
	const lanes = 4
	w := luabindtest.New(t, idle, luabindtest.Lanes(lanes))
	var ended, wrong atomic.Int64
	const n = 100
	for i := range n {
		w.Router.Eval(w.Engine.Lanes()[i%lanes], `
local loads = sip.shared("loads")
return sip.shared("cache"):get("key", function(key)
  sip.sleep(0.5)
  return key .. loads:incr("n"), 30
end)`, func(r []any, err error) {
			if err != nil || r[0] != "key1" {
				wrong.Add(1)
			}
			ended.Add(1)
		})
	}
	w.Sim.RunUntil(time.Minute, func() bool { return ended.Load() == n })
	if ended.Load() != n || wrong.Load() != 0 {
		t.Errorf("%d ended, %d wrong", ended.Load(), wrong.Load())
	}
	evals(t, w, map[string][]any{
		`local left = sip.shared("cache"):ttl("key") return left > 20 and left <= 30`:                 {true},
		`local v, err = sip.shared("f"):get("k", function() return nil, "no such" end) return v, err`: {nil, "no such"},
		`local v, err = sip.shared("f"):get("k", function() end) return v, err`:                       {nil, "nothing was loaded"},
		`local d, n = sip.shared("g"), 0
		 local function load() n = n + 1 sip.sleep(1) if n == 1 then error("first") end return n end
		 local t = sip.spawn(function() return d:get("k", load) end)
		 local ok, err = pcall(function() return d:get("k", load) end)
		 local r, err2 = t:wait()
		 return ok, r, err2, n`: {false, nil, "the load failed", 1.0},
		// What was set while the load ran is newer than what it brings.
		`local d = sip.shared("h")
		 local t = sip.spawn(function() return d:get("k", function() sip.sleep(1) return "old" end) end)
		 sip.sleep(0.5)
		 local waits = sip.spawn(function() return d:get("k", function() end) end)
		 d:set("k", "new")
		 return t:wait(), waits:wait(), d:get("k")`: {"new", "new", "new"},
		`local d = sip.shared("i")
		 local t = sip.spawn(function() return d:get("k", function() sip.sleep(1) return 5 end) end)
		 sip.sleep(0.5)
		 d:incr("k", 1, 5)
		 t:wait()
		 return d:incr("k")`: {7.0},
	})
}

func TestSharedSurvivesReload(t *testing.T) {
	w := luabindtest.New(t, idle)
	if _, err := w.Eval(`sip.shared("x"):set("k", {1, 2})`); err != nil {
		t.Fatal(err)
	}
	if err := w.Router.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	evals(t, w, map[string][]any{`return sip.shared("x"):get("k")[2]`: {2.0}})
}

// Lanes hammer one dictionary.
func TestSharedIsAtomic(t *testing.T) {
	const lanes, each = 4, 50
	w := luabindtest.New(t, idle, luabindtest.Lanes(lanes))
	var ended atomic.Int64
	for i := range lanes * each {
		w.Router.Eval(w.Engine.Lanes()[i%lanes], fmt.Sprintf(`
local d = sip.shared("x")
for i = 1, 100 do d:incr("n") d:set("k" .. i, {%d, i}) local t = d:get("k" .. i) assert(t[2] == i) d:add("a" .. i, 1) d:delete("a" .. i) end`, i), func(_ []any, err error) {
			if err != nil {
				t.Error(err)
			}
			ended.Add(1)
		})
	}
	w.Sim.RunUntil(time.Minute, func() bool { return ended.Load() == lanes*each })
	evals(t, w, map[string][]any{`return sip.shared("x"):get("n")`: {float64(lanes * each * 100)}})
}

type someOptions struct {
	Max      int               `lua:"max" min:"1" max:"10" doc:"how many"`
	Wait     time.Duration     `lua:"wait"`
	Mode     string            `lua:"mode" oneof:"fast slow"`
	On       bool              `lua:"on"`
	Ratio    float64           `lua:"ratio"`
	List     []string          `lua:"list"`
	Map      map[string]string `lua:"map"`
	Any      any               `lua:"any"`
	Optional *int              `lua:"optional"`
	Inner    struct {
		Name string `lua:"name,required"`
	} `lua:"inner"`
}

func TestConfigure(t *testing.T) {
	var got []someOptions
	var fail error
	m := &module{name: "m"}
	m.functions = []luabind.Function{luabind.Configure(luabind.Function{}, someOptions{Max: 3, Mode: "slow"}, func(o someOptions) error {
		got = append(got, o)
		return fail
	})}
	try := func(source string) error {
		t.Helper()
		m.functions = []luabind.Function{luabind.Configure(luabind.Function{}, someOptions{Max: 3, Mode: "slow"}, func(o someOptions) error {
			got = append(got, o)
			return fail
		})}
		_, err := luabindtest.Try(t, `local m = require "m" `+source+" "+idle, luabindtest.Modules(m), luabindtest.Lanes(3))
		return err
	}
	if err := try(`m.configure{wait = 1.5, on = true, ratio = 0.5, list = {"a", "b"}, map = {x = "y"}, any = {1, {z = 2}}, optional = 7, inner = {name = "n"}}`); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 {
		t.Fatalf("applied %d times for 3 lanes", len(got))
	}
	o := got[0]
	if o.Max != 3 || o.Mode != "slow" || o.Wait != 1500*time.Millisecond || !o.On || o.Ratio != 0.5 || len(o.List) != 2 || o.Map["x"] != "y" ||
		fmt.Sprint(o.Any) != "[1 map[z:2]]" || *o.Optional != 7 || o.Inner.Name != "n" {
		t.Errorf("%+v", o)
	}
	for source, want := range map[string]string{
		`m.configure{maxx = 1}`:          `unknown option "maxx"; did you mean 'max'?; the options are: any, inner, list, map, max, mode, on, optional, ratio, wait`,
		`m.configure{max = 0}`:           "option max must be at least 1",
		`m.configure{max = 11}`:          "option max must be at most 10",
		`m.configure{max = 1.5}`:         "option max must be a whole number",
		`m.configure{max = "1"}`:         "option max must be a whole number, not the string",
		`m.configure{ratio = 0/0}`:       "option ratio must be a number",
		`m.configure{wait = -1}`:         "option wait must be a number of seconds, not negative",
		`m.configure{mode = "quick"}`:    `option mode must be one of fast, slow, not "quick"`,
		`m.configure{on = 1}`:            "option on must be true or false",
		`m.configure{list = {a = 1}}`:    "option list must be a list of strings",
		`m.configure{map = {1}}`:         "option map must be a table of strings",
		`m.configure{any = print}`:       "option any: a function cannot be stored",
		`m.configure{inner = {}}`:        "option inner.name is required",
		`m.configure{inner = {nam = 1}}`: `unknown option "inner.nam"`,
		`m.configure{inner = 5}`:         "option inner must be a table",
		`m.configure{[1] = 5}`:           `unknown option "1"`,
		`m.configure()`:                  "argument 1 must be a table of options, not nil",
		`m.configure("x")`:               "argument 1 must be a table of options, not the string",
		`m.configure{} m.configure{}`:    "has already been called",
		`m.configure{max = math.random(10)} m = nil sip.log.info(math.random(10))`: "differs between lanes",
	} {
		t.Run(source, func(t *testing.T) {
			if err := try(source); err == nil || !contains(err.Error(), want) {
				t.Errorf("%s\nwant %q, got %v", source, want, err)
			}
		})
	}
	fail = errors.New("no such realm")
	if err := try(`m.configure{}`); err == nil || !contains(err.Error(), "m.configure: no such realm") {
		t.Error(err)
	}
	fail = nil
	m.functions = []luabind.Function{luabind.Configure(luabind.Function{}, someOptions{}, func(someOptions) error { return nil })}
	w := luabindtest.New(t, `m = require "m" `+idle, luabindtest.Modules(m))
	evalFails(t, w, map[string]string{`m.configure{}`: "m.configure can only be called while the file runs"})
	if list := luabind.OptionsOf(someOptions{}); len(list) != 10 || list[0].Name != "max" || list[0].Doc != "how many" {
		t.Errorf("%+v", list)
	}
}
