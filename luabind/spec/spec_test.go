package spec_test

// This file runs specs that pass and specs that fail, and looks at what is said of them.

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/spec"
	"github.com/sipscript/sipscript/modules/all"
)

// phones is a script that registers phones and rings them.
const phones = `
local registrar = require "registrar"
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  if req.method == "INVITE" and req.ruri.user == "broken" then error("the script is broken") end
  req:record_route()
  req:relay(registrar.lookup(req.ruri))
end`

// run runs a spec beside the script above and returns what is printed.
func run(t *testing.T, text string, change ...func(*spec.Options)) (string, spec.Summary) {
	t.Helper()
	return runBeside(t, phones, text, nil, change...)
}

// runBeside is run with another script, and files that it requires.
func runBeside(t *testing.T, script, text string, files map[string]string, change ...func(*spec.Options)) (string, spec.Summary) {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{"x.lua": script, "x_spec.lua": "local t = require 'sip.test'\n" + text}
	maps.Copy(all, files)
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return runIn(t, dir, change...)
}

// runIn runs x_spec.lua of a directory.
func runIn(t *testing.T, dir string, change ...func(*spec.Options)) (string, spec.Summary) {
	t.Helper()
	o := spec.Options{Modules: all.ForSpec, Seed: 1}
	for _, f := range change {
		f(&o)
	}
	var out bytes.Buffer
	s := spec.Run(&out, []string{filepath.Join(dir, "x_spec.lua")}, o, spec.Show{})
	return strings.ReplaceAll(out.String(), dir+string(filepath.Separator), ""), s
}

func passes(t *testing.T, text string) {
	t.Helper()
	if out, s := run(t, text); s.Failed != 0 || s.Passed == 0 {
		t.Errorf("%s", out)
	}
}

func fails(t *testing.T, text string, wants ...string) string {
	t.Helper()
	out, s := run(t, text)
	if s.Failed == 0 {
		t.Errorf("passed:\n%s", out)
	}
	for _, want := range wants {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	return out
}

// The example of the contract, as it is there.
const contract = `
t.it("does not ring voicemail after the caller hung up", function()
  local alice, bob, vm = t.ua("sip:alice@example.com", {password="x"}), t.ua("sip:bob@example.com"), t.ua("sip:vm@10.0.0.9")
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(180)
  call:expect(180)
  call:cancel()
  bob:expect("CANCEL")
  call:expect(487)
  t.advance(60)                       -- virtual seconds
  vm:expect_nothing()
end)`

func TestContract(t *testing.T) { passes(t, contract) }

func TestTimeoutShowsTheLadder(t *testing.T) {
	out := fails(t, `
t.it("waits in vain", function()
  local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
  bob:register()
  alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(200)
  alice:expect("INVITE")
end)`,
		"FAIL  x_spec.lua: waits in vain (10.", "x_spec.lua:8: ua:expect: alice: no INVITE came within 10 s; nothing came")
	want := `         seconds   alice                         server                           bob
           0.000     |                              |<-- REGISTER 1 ---------------|
           0.001     |                              |-- 200 OK (REGISTER 1) ------>|  registrar.save  x.lua:5
           0.002     |-- INVITE 1 ----------------->|                              |
           0.003     |                              |-- INVITE 1 ----------------->|  relay  x.lua:8
           0.004     |                              |<-- 200 OK (INVITE 1) --------|
           0.005     |<-- 200 OK (INVITE 1) --------|                              |  relay  x.lua:8
           0.006     |-- ACK 1 -------------------->|                              |
           0.007     |                              |-- ACK 1 -------------------->|  relay  x.lua:4
`
	if squeeze(out[strings.Index(out, "         seconds"):strings.Index(out, "0 passed")]) != squeeze(want) {
		t.Errorf("%s", out)
	}
}

// squeeze leaves of a drawing what doesn't depend on the widths of its columns.
func squeeze(s string) string {
	s = strings.ReplaceAll(s, "-", " ")
	var lines []string
	for line := range strings.Lines(s) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

func TestFailuresSayWhatAndWhere(t *testing.T) {
	const start = `local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com"); bob:register()`
	for _, c := range []struct {
		name, lua string
		wants     []string
	}{
		{"another final response", `alice:invite("sip:carol@example.com"):expect(200)`,
			[]string{"x_spec.lua:4: call:expect: alice: INVITE sip:carol@example.com was answered 480 ", "want 200"}},
		{"no response", `alice:invite("sip:bob@example.com"):expect(200)`, []string{"no 200 came within 10 s; received 100 Trying"}},
		{"a provisional that never comes", `local c = alice:invite("sip:bob@example.com"); bob:expect("INVITE"):reply(200); c:expect(180)`,
			[]string{"was answered 200 OK, want 180"}},
		{"what nobody expected", `alice:invite("sip:bob@example.com"); bob:expect_nothing()`, []string{"bob: received INVITE"}},
		{"responses nobody expected", `local c = alice:invite("sip:carol@example.com"); c:expect_nothing()`, []string{"received 480 "}},
		{"other requests than expected", `alice:invite("sip:bob@example.com"); bob:expect("BYE", {within=1})`,
			[]string{"no BYE came within 1 s; received INVITE"}},
		{"equal", `t.equal({1, a = nil}, {2})`, []string{"got {1}, want {2}"}},
		{"equal, with a remark", `t.equal("a", nil, "the name")`, []string{`the name: got "a", want nil`}},
		{"match", `t.match("abc", "^b")`, []string{`got "abc", want text that matches "^b"`}},
		{"match of nil", `t.match(nil, "b")`, []string{"got nil"}},
		{"ok", `t.ok(1 == 2, "arithmetic")`, []string{"arithmetic: got false"}},
		{"raises", `t.raises(function() end)`, []string{"raised nothing"}},
		{"raises something else", `t.raises(function() error("this") end, "that")`, []string{`this", which does not match "that"`}},
		{"fail", `t.fail("because")`, []string{"because"}},
		{"a refused registration", `bob:register{expires = 1}`, []string{"REGISTER sip:example.com was answered 423 ", "want 200"}},
		{"an unanswered call of nobody", `t.ua("sip:x@10.0.0.77"):leave(); alice:send{method="MESSAGE", uri="sip:bob@example.com"}:expect(200)`,
			[]string{"no 200 came within 10 s"}},
		{"a bye that fails", `local c = alice:invite("sip:bob@example.com"); local l = bob:expect("INVITE"); l:reply(200); c:expect(200)
			c:bye(); l:expect("BYE"):reply(403)`, []string{"the BYE that alice sent was answered 403 Forbidden"}},
		{"an error in a function", `local function f() error("in f") end f()`, []string{"x_spec.lua:4: in f", "x_spec.lua:4: in"}},
		{"a mistake in Lua", `bob.expect("INVITE")`, []string{"x_spec.lua:4: ", "ua"}},
		{"a misspelt function", `bob:expct("INVITE")`, []string{"a ua has no field 'expct'; did you mean 'expect'?"}},
		{"an unknown option", `t.ua("sip:x@example.com", {pasword = "x"})`, []string{`unknown option "pasword"`}},
		{"a code asked of a phone", `bob:expect(200)`, []string{"call:expect(200)"}},
		{"a method in small letters", `bob:expect("invite")`, []string{`methods are written in upper case: "INVITE"`}},
		{"no such code", `alice:invite("sip:bob@example.com"):expect(99)`, []string{"neither a method"}},
		{"two answers", `alice:invite("sip:bob@example.com"); local l = bob:expect("INVITE"); l:reply(486); l:reply(200)`, []string{"was answered 486 already"}},
		{"a dialog that isn't", `alice:invite("sip:bob@example.com"):bye()`, []string{"there is no dialog"}},
		{"cancel after the answer", `local c = alice:invite("sip:carol@example.com"); c:expect(480); c:cancel()`, []string{"was answered 480 already"}},
		{"no ACK by hand", `alice:send{method="ACK"}`, []string{"by itself"}},
		{"two phones at one address", `t.ua("sip:x@example.com", {addr = alice.addr})`, []string{"already in use"}},
		{"a server too late", `t.server{}`, []string{"t.server comes before the first t.ua"}},
		{"a bad address", `t.ua("sip:x@example.com", {addr = "nowhere"})`, []string{`"nowhere" is not an address`}},
		{"a run-away spec", `while true do end`, []string{"held its lane for too long"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "a run-away spec" && testing.Short() {
				t.Skip("takes its whole budget")
			}
			fails(t, "t.it('fails', function() "+start+"\n\n"+c.lua+"\nend)", append(c.wants, "FAIL  x_spec.lua: fails (")...)
		})
	}
}

// What the script under test did wrong is shown, with file and line.
func TestErrorsOfTheScript(t *testing.T) {
	fails(t, `t.it("x", function() t.ua("sip:alice@example.com"):invite("sip:broken@example.com"):expect(200) end)`,
		"was answered 500 ", "server: error: script error", "x.lua:6: the script is broken")
	fails(t, `t.it("x", function() t.server{source = "function route(req) end end"} end)`, "x_spec.lua:2: sip.test.server: source:1: ")
	fails(t, `t.it("x", function() t.server{source = "local x = 1"} end)`, "defines no function route")
	fails(t, `t.it("x", function() t.server{source = "nothing.x = 1"} end)`, "source:1: ")
	fails(t, `t.it("x", function() t.server{script = "nowhere.lua"} end)`, "nowhere.lua")
}

func TestSpecsThatCanNotRun(t *testing.T) {
	fails(t, `t.it("x", function(`, "FAIL  x_spec.lua", "x_spec.lua")
	fails(t, `error("at file level")`, "x_spec.lua:2: at file level")
	fails(t, ``, "there is no test in it")
	fails(t, `t.it("", function() end)`, "a test needs a name")
	fails(t, `t.it("a", function() t.it("b", function() end) end)`, "only be called while the file runs")
	fails(t, `t.ua("sip:alice@example.com")`, "x_spec.lua:2: sip.test.ua")
	fails(t, `t.describe("a", function() error("within") end)`, "x_spec.lua:2: within")
}

// Tests share nothing: neither registrations, nor variables of the file.
func TestTestsAreIsolated(t *testing.T) {
	passes(t, `
local count = 0
local seen = sip.shared("seen")
for i = 1, 2 do
  t.it("test " .. i, function()
    count = count + 1
    t.equal(count, 1)
    t.equal(seen:incr("x", 1, 0), 1)
    local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
    alice:send{method = "MESSAGE", uri = "sip:bob@example.com"}:expect(480)
    t.equal(#bob:register():headers("Contact"), 1)
  end)
end`)
}

// Two servers in one test: each has its own registrations, and they send to each other.
func TestTwoServers(t *testing.T) {
	passes(t, `
local edge = [[function route(req)
  if req.in_dialog then return req:relay() end
  req:record_route()
  req:relay{next_hop = "sip:core.example.com"}
end]]
t.it("through one to the other", function()
  local core = t.server{}
  t.equal(core.addr, "10.0.0.1:5060")
  t.server{source = edge, addr = "10.0.0.2", domains = {"edge.example.com"}, hosts = {["core.example.com"] = "10.0.0.1"}}
  local bob = t.ua("sip:bob@example.com")
  local alice = t.ua("sip:alice@example.com", {proxy = "10.0.0.2"})
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  local leg = bob:expect("INVITE")
  t.equal(#leg:headers("Record-Route"), 2)
  leg:reply(200)
  call:expect(200)
  leg:bye():expect(200)
end)
t.it("a name that does not exist", function()
  t.dns{["core.example.com"] = false}
  t.server{source = edge}
  t.ua("sip:alice@example.com"):invite("sip:bob@example.com"):expect(500)
end)`)
	fails(t, `t.it("x", function()
  t.server{source = "function route(req) req:relay('sip:core.example.com') end"}
  t.ua("sip:alice@example.com"):invite("sip:bob@example.com"):expect(200)
end)`, `t.dns({ ["core.example.com"] = "10.0.0.9" })`)
}

func TestBeforeAndDescribe(t *testing.T) {
	passes(t, `
local log = {}
local function note(x) return function() log[#log + 1] = x end end
t.before(note("all"))
t.describe("a group", function()
  t.before(note("inner"))
  t.server{domains = {"inner.example.com"}}
  t.it("one", function()
    t.equal(log, {"all", "inner"})
    t.ua("sip:x@inner.example.com"):register()
  end)
end)
t.it("two", function()
  t.equal(log, {"all"})
  t.ua("sip:x@example.com"):register()
end)`)
}

// A run is repeated exactly by its seed: the ladder of losses is the same, and another with another
// seed.
func TestSeed(t *testing.T) {
	const text = `
t.it("lossy", function()
  local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com", {transport = "tcp"})
  bob:register()
  t.link{loss = 0.3, delay = 0.05, jitter = 0.1, duplicate = 0.1}
  local call = alice:invite("sip:bob@example.com")
  local leg = bob:expect("INVITE", {within = 32})
  sip.sleep(math.random())
  leg:reply(200)
  call:expect(200, {within = 32})
  call:bye():expect(200, {within = 32})
  t.fail("to see the ladder")
end)`
	with := func(seed uint64) string {
		out, _ := run(t, text, func(o *spec.Options) { o.Seed = seed })
		if !strings.Contains(out, "to see the ladder") {
			t.Fatalf("%s", out)
		}
		return out
	}
	first := with(7)
	for range 3 {
		if again := with(7); again != first {
			t.Fatalf("another run with the same seed:\n%s\n%s", first, again)
		}
	}
	if other := with(8); strings.Replace(other, "(seed 8)", "(seed 7)", 1) == first {
		t.Error("another seed changes nothing")
	}
}

func TestChoosingTests(t *testing.T) {
	out, s := run(t, `t.it("one", function() end) t.it("two", function() t.fail() end)`,
		func(o *spec.Options) { o.Run = regexp.MustCompile("one$") })
	if s.Passed != 1 || s.Failed != 0 || s.Left != 1 || strings.Contains(out, "two") {
		t.Errorf("%+v\n%s", s, out)
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a_spec.lua", "a.lua", "sub/b_spec.lua", ".hidden/c_spec.lua"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := spec.Find([]string{dir, filepath.Join(dir, "a_spec.lua")})
	if want := []string{filepath.Join(dir, "a_spec.lua"), filepath.Join(dir, "sub/b_spec.lua")}; err != nil || !slices.Equal(files, want) {
		t.Errorf("%q, %v", files, err)
	}
	for _, path := range []string{filepath.Join(dir, "nowhere"), filepath.Join(dir, "nowhere_spec.lua"), filepath.Join(dir, "a.lua"), t.TempDir()} {
		if files, err := spec.Find([]string{path}); err == nil {
			t.Errorf("%s: %q", path, files)
		}
	}
}
