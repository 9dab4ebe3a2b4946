package luabind_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// write writes a file of the script's directory.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func fromFile(path string) luabindtest.Option {
	return luabindtest.Script(func(o *luabind.Options) { o.Script = path })
}

func TestReload(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "route.lua", `local u = require "lib.util" function route(req) req:reply(200, u.name) end`)
	write(t, dir, "lib/util.lua", `return {name = "one"}`)
	w := luabindtest.New(t, "", fromFile(path), luabindtest.Lanes(3), luabindtest.Script(usualBudget))
	reason := func() string {
		t.Helper()
		m := w.Ask("MESSAGE", "sip:b@example.com")
		if m == nil {
			t.Fatal("no answer")
		}
		return string(m.ReasonPhrase())
	}
	if r := reason(); r != "one" {
		t.Fatal(r)
	}
	files := w.Router.Files()
	if len(files) != 2 || files[0] != path || !strings.HasSuffix(files[1], "util.lua") {
		t.Errorf("files %v", files)
	}
	write(t, dir, "lib/util.lua", `return {name = "two"}`)
	if err := w.Router.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r := reason(); r != "two" {
		t.Error(r)
	}
	for text, want := range map[string]string{
		"function route(req)\n  x = = 1\nend":                    "route.lua:2: syntax error near '='",
		"function route(req)\n  if x != 1 then end\nend":         "near '!': not equal is ~=",
		"function route(req)\n  if x && y then end\nend":         "near '&': it is \"and\"",
		"// a script\nfunction route(req) end":                   "a comment begins with --",
		"local x = nil\nlocal function f()\n  x.y = 1\nend\nf()": "route.lua:3:",
		"route = 5":                  "route must be a function, not the number 5",
		"local function route() end": "the script defines no function route(req)",
		"function route(":            "at the end of the file",
		"require 'lib.other'":        "no file lib/other.lua next to the script",
		"require '../../etc/passwd'": "is not a module name",
		"require 'lib.util' require 'lib/util' require '/etc/passwd'": "is not a module name",
		"require 'loop'":    `"loop" requires itself`,
		"require 'broken'":  "broken.lua:2:",
		"while true do end": "too long",
	} {
		t.Run(text, func(t *testing.T) {
			write(t, dir, "route.lua", text)
			write(t, dir, "loop.lua", `require "loop2"`)
			write(t, dir, "loop2.lua", `require "loop"`)
			write(t, dir, "broken.lua", "local a\nlocal b = = 2")
			err := w.Router.Reload(context.Background())
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s\nwant an error with %q, got %v", text, want, err)
			}
			if r := reason(); r != "two" {
				t.Errorf("after a refused reload: %s", r)
			}
		})
	}
	var e *luabind.ScriptError
	write(t, dir, "route.lua", "local x = nil\nlocal function f()\n  x.y = 1\nend\nf()")
	if err := w.Router.Reload(context.Background()); !errors.As(err, &e) || !strings.Contains(e.Traceback, "route.lua:5") {
		t.Errorf("no traceback: %v", err)
	}
	if s := w.Router.Stats(); s.Reloads != 1 || s.ReloadErrors != 15 {
		t.Errorf("stats %+v", s)
	}
}

func TestRequireDoesNotLeaveTheDirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "outside.lua", `return "outside"`)
	write(t, dir, "in/x.lua", `return ...`)
	if err := os.Symlink(filepath.Join(dir, "outside.lua"), filepath.Join(dir, "in", "link.lua")); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	path := write(t, dir, "in/route.lua", `assert(require "x" == "x") require "link"`)
	_, err := luabindtest.Try(t, "", fromFile(path))
	if err == nil || !strings.Contains(err.Error(), "link") {
		t.Errorf("a link out of the directory was followed: %v", err)
	}
}

func TestRequireInAHandler(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.lua", `return {}`)
	path := write(t, dir, "route.lua", `require "a" function route(req) assert(require "a") assert(require "sip" == sip) require "b" end`)
	w := luabindtest.New(t, "", fromFile(path))
	w.Code("MESSAGE", "sip:b@example.com")
	if log := w.Log(); !strings.Contains(log, "move the require to the top of the file") {
		t.Error(log)
	}
}

// counted is a module that counts its generations.
func counted(open, closed, active *atomic.Int64, fail *atomic.Bool) *module {
	return &module{name: "m",
		functions: []luabind.Function{luabind.Pure("generation", "", func() int { return int(open.Load()) })},
		open: func(h *luabind.Host) error {
			open.Add(1)
			if fail.Load() {
				return errors.New("can't open")
			}
			return nil
		},
		close:    func() { closed.Add(1) },
		activate: func() error { active.Add(1); return nil },
	}
}

// Trap 18: reload inside the request path: deleted functions stayed callable, errors were not
// reported, workers out of step.
func TestTrap18TransactionsFinishOnTheirGeneration(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "route.lua", `
local m = require "m"
function route(req)
  req.vars.v = "one"
  req:relay("sip:b@10.0.0.9", {on_response = function(res, r) res:set_header("X-Seen", r.vars.v .. (helper and "helper" or "")) end})
end
function helper() end`)
	var open, closed, active atomic.Int64
	var fail atomic.Bool
	w := luabindtest.New(t, "", fromFile(path), luabindtest.Modules(counted(&open, &closed, &active, &fail)))
	var later func()
	w.Peer("10.0.0.9:5060", func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
		if m.IsRequest() && later == nil {
			later = func() { p.Reply(m, in, 404, "") }
		}
	})
	caller := w.Peer(luabindtest.Caller, nil)
	caller.Send(luabindtest.Addr, w.Request("MESSAGE", "sip:b@example.com", "", ""))
	w.Run(100 * time.Millisecond)
	write(t, dir, "route.lua", `local m = require "m" function route(req) req:reply(299) end`)
	if err := w.Router.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		runtime.GC()
	}
	if closed.Load() != 0 {
		t.Error("the old generation was closed under a transaction")
	}
	later()
	w.Run(time.Second)
	if n := len(caller.Got); n == 0 || string(caller.Got[n-1].HeaderName("X-Seen")) != "onehelper" {
		t.Fatalf("the callback of the old generation did not run: %v", caller.Got)
	}
	caller.Remove()
	if c := w.Code("MESSAGE", "sip:b@example.com"); c != 299 {
		t.Errorf("the new generation answered %d", c)
	}
	w.Run(60 * time.Second)
	// The collector finds that the engine has let go of the transaction
	for limit := time.Now().Add(30 * time.Second); closed.Load() == 0 && time.Now().Before(limit); {
		runtime.GC()
		runtime.Gosched()
	}
	if open.Load() != 2 || closed.Load() != 1 || active.Load() != 2 {
		t.Errorf("opened %d, closed %d, activated %d", open.Load(), closed.Load(), active.Load())
	}
}

func TestAFailedModuleIsClosed(t *testing.T) {
	var open, closed, active atomic.Int64
	var fail atomic.Bool
	m := counted(&open, &closed, &active, &fail)
	dir := t.TempDir()
	path := write(t, dir, "route.lua", idle)
	w := luabindtest.New(t, "", fromFile(path), luabindtest.Modules(m))
	fail.Store(true)
	if err := w.Router.Reload(context.Background()); err == nil || !strings.Contains(err.Error(), "module m: can't open") {
		t.Error(err)
	}
	fail.Store(false)
	write(t, dir, "route.lua", "error('no')")
	if err := w.Router.Reload(context.Background()); err == nil {
		t.Error("no error")
	}
	if open.Load() != 3 || closed.Load() != 2 || active.Load() != 1 {
		t.Errorf("opened %d, closed %d, activated %d", open.Load(), closed.Load(), active.Load())
	}
	write(t, dir, "route.lua", idle)
	if err := w.Router.Reload(context.Background()); err != nil || closed.Load() != 3 {
		t.Errorf("an idle generation is closed at once: %v, closed %d", err, closed.Load())
	}
	if err := w.Router.Stop(context.Background()); err != nil || closed.Load() != 4 {
		t.Errorf("Stop: %v, closed %d", err, closed.Load())
	}
	if err := w.Router.Reload(context.Background()); err == nil {
		t.Error("reloaded after Stop")
	}
}

func TestTimersOfAnOldGenerationEnd(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "route.lua", `
local d = sip.shared("d")
sip.every(1, function() d:incr("old") end)
sip.on("stop", function(why) d:set("stopped", why) end)`+"\n"+idle)
	var open, closed, active atomic.Int64
	var fail atomic.Bool
	w := luabindtest.New(t, "", fromFile(path), luabindtest.Modules(counted(&open, &closed, &active, &fail)))
	w.Run(3500 * time.Millisecond)
	write(t, dir, "route.lua", `
local d = sip.shared("d")
sip.on("start", function(why) d:set("started", why) end)
sip.every(1, function() d:incr("new") end)`+"\n"+idle)
	if err := w.Router.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.Run(5 * time.Second)
	evals(t, w, map[string][]any{
		`local d = sip.shared("d") return d:get("old"), d:get("new"), d:get("started"), d:get("stopped")`: {3.0, 5.0, "reload", "reload"},
	})
	if closed.Load() != 1 {
		t.Errorf("closed %d", closed.Load())
	}
}

// Reloads under load: every request is answered, by one generation or the other.
func TestReloadUnderLoad(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "route.lua", `function route(req) sip.sleep(0.01) req:reply(200) end`)
	w := luabindtest.New(t, "", fromFile(path), luabindtest.Lanes(2))
	caller := w.Peer(luabindtest.Caller, nil)
	const n = 200
	for i := range n {
		caller.Send(luabindtest.Addr, w.Request("MESSAGE", "sip:b@example.com", "", ""))
		if i%10 == 0 {
			w.Run(5 * time.Millisecond)
			if err := w.Router.Reload(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.Run(time.Second)
	got := map[string]bool{}
	for _, m := range caller.Got {
		if m.Status() == 200 {
			got[string(m.CallID())] = true
		}
	}
	if len(got) != n {
		t.Errorf("%d of %d were answered 200", len(got), n)
	}
}

// What a script keeps of a request, and what the interpreter's stacks still hold of it, keeps no
// generation open.
func TestKeptObjectsDontKeepTheGeneration(t *testing.T) {
	for _, body := range []string{
		`pcall(function() req:relay("sip:b@10.0.0.9", {on_failure = function(res, r) r:reply(404) end}) end)`,
		`KEPT = req req:relay("sip:b@10.0.0.9", {on_branch = function(b) KEPT2 = b end, on_failure = function(res, r) r:reply(404) end})`,
	} {
		dir := t.TempDir()
		path := write(t, dir, "route.lua", "local m = require \"m\"\nKEPT, KEPT2 = nil, nil\nfunction route(req) "+body+" end")
		var open, closed, active atomic.Int64
		var fail atomic.Bool
		w := luabindtest.New(t, "", fromFile(path), luabindtest.Modules(counted(&open, &closed, &active, &fail)))
		w.Peer("10.0.0.9:5060", luabindtest.Answering(486))
		if c := w.Code("MESSAGE", "sip:b@example.com"); c != 404 {
			t.Errorf("%s\nwas answered %d: %s", body, c, w.Log())
		}
		if err := w.Router.Reload(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.Run(60 * time.Second)
		for limit := time.Now().Add(10 * time.Second); closed.Load() == 0 && time.Now().Before(limit); {
			runtime.GC()
			runtime.Gosched()
		}
		if closed.Load() != 1 {
			t.Errorf("%s\nkept the generation: closed %d", body, closed.Load())
		}
	}
}
