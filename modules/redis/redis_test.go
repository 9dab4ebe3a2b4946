package redis_test

// This file tests the module as scripts see it, on real servers: one, a cluster, and one with a
// sentinel.

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/redistest"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/clients"
	module "github.com/sipscript/sipscript/modules/redis"
)

func world(t *testing.T, open, more string) *luabindtest.World {
	t.Helper()
	return luabindtest.New(t, "local redis = require \"redis\"\nr = redis.open("+open+")\n"+more+"\nfunction route(req) end",
		luabindtest.Modules(module.New(clients.New(clients.Options{}))))
}

func eval(t *testing.T, w *luabindtest.World, source string, want ...any) {
	t.Helper()
	got, err := w.Eval(source)
	if err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("%s\ngot  %#v, %v\nwant %#v", source, got, err, want)
	}
}

func raises(t *testing.T, w *luabindtest.World, source, want string) {
	t.Helper()
	if got, err := w.Eval(source); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s\ngot  %#v, %v\nwant an error with %q", source, got, err, want)
	}
}

func TestCommands(t *testing.T) {
	w := world(t, fmt.Sprintf("%q", redistest.Start(t).URL), "")
	eval(t, w, `return r:call("SET", "k", "v", "EX", 100), r:call("GET", "k"), r:call("TTL", "k") > 90`, "OK", "v", true)
	eval(t, w, `return r:call("GET", "none")`, nil)
	eval(t, w, `return r:call("INCRBY", "n", 5), r:call("INCRBYFLOAT", "f", 0.5), r:call("EXISTS", "n", "none")`, 5.0, "0.5", 1.0)
	eval(t, w, `r:call("SET", "big", "9007199254740993") return r:call("INCR", "big")`, "9007199254740994")
	eval(t, w, `r:call("HSET", "h", "a", 1, "b", sip.uri("sip:x@y")) return r:call("HGETALL", "h")`, map[string]any{"a": "1", "b": "sip:x@y"})
	eval(t, w, `r:call("RPUSH", "l", "a", "b") return r:call("LRANGE", "l", 0, -1)`, []any{"a", "b"})
	eval(t, w, `return r:call("MGET", "k", "none", "k")`, []any{"v", false, "v"})
	eval(t, w, `return r:pipeline({ { "SET", "p", 1 }, { "INCR", "p" }, { "GET", "none" }, { "LPUSH", "p", "x" } })`,
		[]any{"OK", 2.0, false, map[string]any{"error": "WRONGTYPE Operation against a key holding the wrong kind of value"}})
	eval(t, w, `return r:script("return {KEYS[1], ARGV[1], redis.call('INCRBY', KEYS[1], ARGV[1])}", { "s" }, { 7 })`, []any{"s", "7", 7.0})
	eval(t, w, `return r:script("return nil")`, nil)
	eval(t, w, `local x, err = r:call("NONSENSE") return x, err:find("unknown command") ~= nil`, nil, true)
	eval(t, w, `local x, err = r:script("syntax error") return x, err ~= nil`, nil, true)
	raises(t, w, `r:call()`, "needs a command")
	raises(t, w, `r:call("SET", "k", nil)`, "argument 3 must be a string, a number or a uri, not nil")
	raises(t, w, `r:call("SET", "k", {})`, "argument 3 must be")
	raises(t, w, `r:pipeline({ "GET" })`, "command 1 must be a list")
	raises(t, w, `r:pipeline({ {} })`, "command 1 must be a list")
	raises(t, w, `r:script("return 1", "k")`, "keys must be a list")
}

func TestServerAway(t *testing.T) {
	s := redistest.Start(t)
	w := world(t, fmt.Sprintf("%q, { timeout = 0.3 }", s.URL), "")
	eval(t, w, `return r:call("PING")`, "PONG")
	s.Freeze()
	eval(t, w, `local x, err = r:call("PING") return x, err ~= nil`, nil, true)
	eval(t, w, `local away = 0 for i = 1, 2000 do local x, err = r:call("PING") if err:find("away") or err:find("unavailable") then away = away + 1 end end return away >= 1990`, true)
	s.Thaw()
	until(t, "the server is used again", func() bool { return first(t, w, `return r:call("PING")`) == "PONG" })
}

func first(t *testing.T, w *luabindtest.World, source string) any {
	t.Helper()
	got, err := w.Eval(source)
	if err != nil {
		t.Fatal(err)
	}
	return got[0]
}

// until asks again until it is so: what servers settle among themselves takes a while.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

func quoted(nodes ...*redistest.Node) string {
	var list []string
	for _, n := range nodes {
		list = append(list, fmt.Sprintf("%q", n.Addr))
	}
	return "{ " + strings.Join(list, ", ") + " }"
}

func TestCluster(t *testing.T) {
	nodes := redistest.Cluster(t)
	w := world(t, "{ cluster = "+quoted(nodes[:1]...)+" }", "")
	// Twenty keys lie on all three nodes.
	eval(t, w, `for i = 1, 20 do r:call("SET", "k" .. i, i) end local sum = 0 for i = 1, 20 do sum = sum + r:call("GET", "k" .. i) end return sum`, 210.0)
	eval(t, w, `return r:script("return redis.call('GET', KEYS[1])", { "k7" })`, "7")
}

func TestSentinelFailover(t *testing.T) {
	sentinel, master, replica := redistest.Sentinel(t)
	w := world(t, "{ sentinel = "+quoted(sentinel)+`, master = "main" }, { timeout = 0.5 }`, "")
	eval(t, w, `return r:call("SET", "k", "v")`, "OK")
	// The replica has it before the master goes.
	until(t, "the replica has the key", func() bool { return first(t, w, `return r:call("WAIT", 1, 100)`) == 1.0 })
	master.Kill()
	until(t, "the replica is the master", func() bool { return first(t, w, `return r:call("SET", "k2", "v2")`) == "OK" })
	eval(t, w, `return r:call("GET", "k"), r:call("GET", "k2")`, "v", "v2")
	_ = replica
}

func TestSubscriptions(t *testing.T) {
	s := redistest.Start(t)
	w := world(t, fmt.Sprintf("%q", s.URL), `
r:subscribe("c", function(message) sip.shared("d"):incr(message) end)`)
	got := func(message string) bool {
		return first(t, w, fmt.Sprintf(`r:call("PUBLISH", "c", %q) return sip.shared("d"):get(%q)`, message, message)) != nil
	}
	until(t, "a message comes", func() bool { return got("one") })
	s.Stop()
	s.Start()
	until(t, "a message comes again", func() bool { return got("two") })
	if err := w.Router.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "the next generation listens", func() bool { return got("three") })
	// One listens, not both.
	until(t, "one listens", func() bool {
		return first(t, w, `return r:call("PUBSUB", "NUMSUB", "c")[2]`) == 1.0
	})
}

func TestOpening(t *testing.T) {
	for name, row := range map[string][2]string{
		"no URL":         {`"://"`, "missing protocol scheme"},
		"neither":        {`{}`, "give cluster or sentinel"},
		"both":           {`{ cluster = { "a:1" }, sentinel = { "b:1" } }`, "give cluster or sentinel"},
		"without master": {`{ sentinel = { "b:1" } }`, "sentinel needs master"},
		"a database":     {`{ cluster = { "b:1" }, database = 3 }`, "neither master nor database"},
		"an option":      {`"redis://x", { timout = 1 }`, "did you mean 'timeout'?"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := luabindtest.Try(t, `local redis = require "redis" redis.open(`+row[0]+`) function route() end`,
				luabindtest.Modules(module.New(clients.New(clients.Options{}))))
			if err == nil || !strings.Contains(err.Error(), row[1]) {
				t.Error(err)
			}
		})
	}
}
