package luabind_test

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// growing are ways to take memory. Each is the body of a handler, in the third line of the script,
// and tries for 256 MiB and more.
var growing = map[string]string{
	"doubling":              `local s = "x" while #s < 2^28 do s = s .. s end`,
	"doubling by a chain":   `local s = "x" while #s < 2^28 do s = s .. s .. s .. s .. s end`,
	"doubling by calls":     `local function f(s) if #s < 2^28 then return f(s .. s) end end f("x")`,
	"doubling in a field":   `local t = {s = "x"} while #t.s < 2^28 do t.s = t.s .. t.s end`,
	"adding to a string":    `local s, p = "", ("x"):rep(2^20) for i = 1, 256 do s = s .. p end`,
	"many strings":          `local t, p = {}, ("x"):rep(2^16) for i = 1, 2^12 do t[i] = p .. i end`,
	"a far index":           `local t = {} t[60000000] = 1`,
	"far indexes":           `local t = {} for i = 1, 64 do t[i] = {} t[i][2^18] = 1 end`,
	"far and away":          `local t = {} for i = 1, 64 do t[i] = {} t[i][2^18] = 1 t[i][2^18] = nil end`,
	"an index from a name":  `local t = {} t[tonumber(req.ruri.user)] = true`,
	"__newindex":            `local far = {} local t = setmetatable({}, {__newindex = far}) t[60000000] = 1`,
	"rawset":                `rawset({}, 60000000, 1)`,
	"table.insert":          `table.insert({}, 60000000, 1)`,
	"inserting":             `local t = {} for i = 1, 2^24 do table.insert(t, i) end`,
	"appending":             `local t = {} for i = 1, 2^24 do t[#t + 1] = i end`,
	"keys":                  `local t = {} for i = 1, 2^22 do t["k" .. i] = i end`,
	"keys that come and go": `local t = {} for i = 1, 2^22 do local k = "k" .. i t[k] = i t[k] = nil end`,
	"tables":                `local t = {} for i = 1, 2^22 do t[i] = {i} end`,
	"linked tables":         `local t for i = 1, 2^22 do t = {t} end`,
	"lists of results":      `local t, u = {}, {} for i = 1, 8000 do u[i] = i end for i = 1, 4000 do t[i] = {unpack(u)} end`,
	"closures":              `local t = {} for i = 1, 2^22 do t[i] = function() return i end end`,
	"coroutines":            `local t = {} for i = 1, 2^16 do t[i] = coroutine.create(function() end) end`,
	"wrapped coroutines":    `local t = {} for i = 1, 2^16 do t[i] = coroutine.wrap(function() end) end`,
	"string.rep":            `local t = {} for i = 1, 32 do t[i] = ("x"):rep(2^23) end`,
	"table.concat":          `local t, p = {}, {} for i = 1, 64 do p[i] = ("x"):rep(2^16) end for i = 1, 64 do t[i] = table.concat(p) end`,
	"gsub":                  `local t = {} for i = 1, 64 do t[i] = ("x"):rep(64):gsub("x", ("y"):rep(2^16)) end`,
	"format":                `local t, p = {}, ("x"):rep(2^20) for i = 1, 256 do t[i] = ("%s%d"):format(p, i) end`,
	"widths":                `local t, f = {}, ("%99d"):rep(1000) local n = {} for i = 1, 1000 do n[i] = i end for i = 1, 4000 do t[i] = f:format(unpack(n)) end`,
	"upper":                 `local t, p = {}, ("x"):rep(2^22) for i = 1, 64 do t[i] = p:upper() end`,
	"reverse":               `local t, p = {}, ("x"):rep(2^22) for i = 1, 64 do t[i] = p:reverse() end`,
	"pieces of strings":     `local t, p = {}, ("x"):rep(2^22) for i = 1, 64 do t[i] = (p .. i):sub(1, 2^21 + 4) end`,
	"JSON":                  `local t, p = {}, {("x"):rep(2^22)} for i = 1, 64 do t[i] = sip.json.encode(p) end`,
	"JSON decoded":          `local t = sip.json.decode("[" .. ("[],"):rep(2^20) .. "[]]")`,
	"base64":                `local t, p = {}, ("x"):rep(2^22) for i = 1, 64 do t[i] = sip.base64.encode(p) end`,
	"in pcall":              `local s = "x" while #s < 2^28 do local ok, r = pcall(function() return s .. s end) if not ok then error(r, 0) end s = r end`,
	"in a coroutine":        `coroutine.wrap(function() local s = "x" while #s < 2^28 do s = s .. s end end)()`,
	"in a sort":             `local s = "x" table.sort({2, 1}, function() while #s < 2^28 do s = s .. s end end)`,
	"over waits":            `local t = {} for i = 1, 512 do t[i] = ("x"):rep(2^19) sip.sleep(0.001) end`,
	"globals":               `for i = 1, 512 do held[i] = ("x"):rep(2^19) end`,
	"req.vars":              `for i = 1, 512 do req.vars[i] = ("x"):rep(2^19) end`,
}

// patient keeps the budget of time out of tests of memory, on whatever machine they run.
var patient = luabindtest.Script(func(o *luabind.Options) { o.Budget = 10 * time.Minute })

// peak is the most that the heap had while f ran.
func peak(f func()) uint64 {
	stop, most := make(chan struct{}), make(chan uint64)
	go func() { // ends with stop
		var top uint64
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for {
			metrics.Read(s)
			top = max(top, s[0].Value.Uint64())
			select {
			case <-stop:
				most <- top
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	f()
	close(stop)
	return <-most
}

// No script takes more than its budget, in whatever way: its request is answered 500, the log says
// where, and the lane goes on.
func TestMemoryIsBounded(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes each of these ways ten times as slow, and the heap another one; the run without it holds the bound")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	for name, body := range growing {
		t.Run(name, func(t *testing.T) {
			runtime.GC() // twice: what the last row left in pools goes with the second
			runtime.GC()
			w := luabindtest.New(t, "held = {}\nfunction route(req)\n  "+strings.ReplaceAll(body, "\n", " ")+"\nreq:reply(200)\nend", patient)
			code := 0
			most := peak(func() { code = w.Code("MESSAGE", "sip:60000000@example.com") })
			if log := w.Log(); code != 500 || !strings.Contains(log, "route.lua:3: not enough memory: the script would hold more than 64 MiB") {
				t.Errorf("answered %d, the log says %.2000s", code, log)
			}
			t.Logf("the heap had %d MiB", most>>20)
			if most > 200<<20 {
				t.Errorf("the heap had %d MiB", most>>20)
			}
			if name != "globals" && name != "req.vars" { // which stay
				evals(t, w, map[string][]any{`return #("x"):rep(2^20)`: {float64(1 << 20)}})
			}
		})
	}
}

// What is garbage doesn't count, however much a handler makes of it; nor does what the file holds
// when it has run.
func TestGarbageIsNotCounted(t *testing.T) {
	w := luabindtest.New(t, `
rows = {}
for i = 1, 40000 do rows["k" .. i] = {name = "n" .. i} end
function route(req)
  local p = ("x"):rep(2^20)
  for i = 1, 400 do local s = p .. i end
  for i = 1, 200000 do local t = {i} end
  local most = {}
  for i = 1, 30 do most[i] = p .. i end
  req:reply(200)
end`, luabindtest.Script(func(o *luabind.Options) { o.Memory = 32 << 20 }))
	rounds := 3
	if raceEnabled { // six seconds each
		rounds = 1
	}
	for range rounds {
		if c := w.Code("MESSAGE", "sip:b@example.com"); c != 200 {
			t.Fatalf("got %d: %s", c, w.Log())
		}
	}
}

// What handlers leave behind adds up, wherever it is.
func TestMemoryOfAVM(t *testing.T) {
	for name, keep := range map[string]string{
		"a global":  `held[#held + 1] = ("x"):rep(2^20)`,
		"callbacks": `local s = ("x"):rep(2^20) req:relay({uri = "sip:nobody@10.0.0.9"}, {on_failure = function() return s end})`,
		"req.vars":  `req.vars.s = ("x"):rep(2^20) req:relay({uri = "sip:nobody@10.0.0.9"})`,
		"timers":    `local s = ("x"):rep(2^20) sip.after(3600, function() return s end) req:reply(200)`,
		"sleepers":  `local s = ("x"):rep(2^20) sip.spawn(function() sip.sleep(3600) return s end) req:reply(200)`,
	} {
		t.Run(name, func(t *testing.T) {
			w := luabindtest.New(t, "held = {}\nfunction route(req)\n  "+keep+"\nend", luabindtest.Script(func(o *luabind.Options) { o.Memory = 16 << 20 }))
			caller := w.Peer(luabindtest.Caller, nil)
			for i := range 17 {
				caller.Send(luabindtest.Addr, w.Request("INVITE", fmt.Sprintf("sip:u%d@example.com", i), "Contact: <sip:a@10.0.0.2>\r\n", ""))
				w.Run(time.Millisecond)
			}
			if log := w.Log(); !strings.Contains(log, "route.lua:3: not enough memory: the script would hold more than 16 MiB") {
				t.Errorf("the log says %s", log)
			}
		})
	}
}

// A file that takes too much while it runs is refused, at a reload too, and what serves goes on.
func TestMemoryOfTheFile(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	for name, body := range map[string]string{
		"a string": `local s = "x" while true do s = s .. s end`,
		"a table":  `rows = {} for i = 1, 2^24 do rows[i] = {i} end`,
		"an index": `rows = {} rows[60000000] = 1`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := write(t, dir, "route.lua", `function route(req) req:reply(299) end`)
			w := luabindtest.New(t, "", fromFile(path), luabindtest.Script(func(o *luabind.Options) { o.Memory = 16 << 20 }))
			write(t, dir, "route.lua", body+" "+idle)
			err := w.Router.Reload(context.Background())
			if err == nil || !strings.Contains(err.Error(), "route.lua:1: not enough memory: the script would hold more than 32 MiB") {
				t.Errorf("the error is %v", err)
			}
			if c := w.Code("MESSAGE", "sip:b@example.com"); c != 299 {
				t.Errorf("then answered %d", c)
			}
		})
	}
}
