package spec_test

// This file tests what stands for servers outside of a test.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/spec"
	"github.com/sipscript/sipscript/modules/all"
)

// against runs a spec against a script.
func against(t *testing.T, script, text string) (string, spec.Summary) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"x.lua": script, "x_spec.lua": "local t = require \"sip.test\"\n" + text} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
	var out strings.Builder
	s := spec.Run(&out, []string{filepath.Join(dir, "x_spec.lua")}, spec.Options{Modules: all.ForSpec, Seed: 1}, spec.Show{})
	return out.String(), s
}

const asking = `
local http, sql, redis = require "http", require "sql", require "redis"
local db = sql.open("postgres://me:secret@db.example/x")
local r = redis.open("redis://cache.example:6379")
local shared = sip.shared("calls", { redis = true })
function route(req)
  local user = req.ruri.user
  if user == "shared" then
    local n, err = shared:incr("n", 1, 0, 60)
    if not n then return req:reply(503, err) end
    return req:reply(200, tostring(n))
  elseif user == "http" then
    local res, err = http.post("https://api.example/route/" .. req.from.uri.user .. "?a=b", nil, { json = { n = 5 } })
    if not res then return req:reply(503, err) end
    if res.status ~= 200 then return req:reply(404) end
    return req:reply(200, res:json().reason)
  elseif user == "sql" then
    local row, err = db:row("SELECT reason, n FROM answers WHERE name = ?", "alice")
    if err then return req:reply(503, err) end
    if not row then return req:reply(404) end
    local n = db:exec("UPDATE answers SET n = n + 1")
    return req:reply(200, row.reason .. row.n .. n)
  elseif user == "tx" then
    local n = db:transaction(function(tx) return tx:value("SELECT n FROM answers") end)
    return req:reply(200, "n" .. n)
  end
  local reason, err = r:call("GET", "reason")
  if err then return req:reply(503) end
  if not reason then return req:reply(404) end
  r:call("SET", "asked", "yes", "EX", 60)
  req:reply(200, reason)
end
`

func TestOutside(t *testing.T) {
	for name, row := range map[string]struct {
		spec string
		want string // in the output; "" for a test that passes
	}{
		"HTTP": {`t.http("POST api.example/route/{user}", function(hreq)
    t.equal({ hreq.method, hreq.path, hreq.query.a, hreq:json().n, hreq.headers["content-type"] }, { "POST", "/route/alice", "b", 5, "application/json" })
    return { json = { reason = "Fine" } }
  end)
  t.equal(ask("http").reason, "Fine")`, ""},
		"HTTP, a status":              {`t.http("/", function() return { status = 500 } end) t.equal(ask("http").code, 404)`, ""},
		"HTTP, no answer":             {`t.http("/", function() return { error = "away" } end) local res = ask("http") t.equal(res.code, 503) t.match(res.reason, "away")`, ""},
		"HTTP, not there":             {`ask("http")`, `the script sends POST https://api.example/route/alice?a=b, which nothing answers: t.http("POST /route/alice"`},
		"HTTP, an error":              {`t.http("/", function() error("boom") end) ask("http")`, "boom"},
		"HTTP, that waits":            {`t.http("/", function() sip.sleep(1) return {} end) ask("http")`, "its function waits"},
		"HTTP, a misspelt":            {`t.http("/", function() return { jsn = 5 } end) ask("http")`, "did you mean 'json'?"},
		"HTTP, no pattern":            {`t.http("a b c", function() end)`, "the pattern"},
		"HTTP, a port in the pattern": {`t.http("GET 127.0.0.1:8080/route", function() end)`, "has a port: leave it out"},
		"SQL, rows":                   {`t.sql({ { reason = "Fine", n = 7 } }) t.equal(ask("sql").reason, "Fine70")`, ""},
		"SQL, functions": {`t.sql("select reason", function(query, name) return { rows = { { reason = name, n = 1 } } } end)
  t.sql("UPDATE", function() return { changed = 3 } end)
  t.equal(ask("sql").reason, "alice13")`, ""},
		"SQL, no rows":       {`t.sql({}) t.equal(ask("sql").code, 404)`, ""},
		"SQL, an error":      {`t.sql(function() return { error = "away" } end) t.match(ask("sql").reason, "away")`, ""},
		"SQL, in a tx":       {`t.sql({ { n = 5 } }) t.equal(ask("tx").reason, "n5")`, ""},
		"SQL, not there":     {`ask("sql")`, "the script asks postgres://me:xxxxx@db.example/x: SELECT reason"},
		"SQL, no table":      {`t.sql({ 5 })`, "must be a list of tables"},
		"Redis":              {`local r = t.redis({ reason = "Fine" }) t.equal(ask("redis").reason, "Fine") t.equal(r:get("asked"), "yes") t.advance(61) t.equal(r:get("asked"), nil)`, ""},
		"Redis, away":        {`local r = t.redis() r:stop() t.equal(ask("redis").code, 503)`, ""},
		"Redis, a change":    {`t.redis():set("reason", "Changed") t.equal(ask("redis").reason, "Changed")`, ""},
		"a dictionary":       {`t.equal(ask("shared").reason, "1") t.equal(ask("shared").reason, "2") t.advance(61) t.equal(ask("shared").reason, "1")`, ""},
		"a dictionary, away": {`local r = t.redis() ask("shared") r:stop() t.equal(ask("shared").code, 503) r:restart()`, ""},
		"Redis, not there":   {`ask("redis")`, "the script asks Redis at redis://cache.example:6379, which nothing answers: t.redis()"},
	} {
		t.Run(name, func(t *testing.T) {
			out, s := against(t, asking, `t.it("asks", function()
  local alice = t.ua("sip:alice@example.com")
  local function ask(what)
    local call = alice:send({ method = "MESSAGE", uri = "sip:" .. what .. "@example.com" })
    local ok, res = pcall(call.expect, call, "2xx")
    if ok then return res end
    return call:expect(res:match("(%d%d%d)") or "5xx")
  end
  `+row.spec+`
end)`)
			if row.want == "" && (s.Failed > 0 || s.Passed != 1) || row.want != "" && (s.Failed != 1 || !strings.Contains(out, row.want)) {
				t.Errorf("want %q\n%s", row.want, out)
			}
		})
	}
}

// What a file asks for while it loads is answered by functions too.
func TestOutsideWhileTheFileLoads(t *testing.T) {
	out, s := against(t, `
local dispatch = require "dispatch"
dispatch.configure { sets = {
  db = { url = "postgres://db.example/x", query = "SELECT next_hop FROM gateways" },
  web = "https://lists.example/gateways.json",
} }
function route(req)
  local targets, err = dispatch.targets(req.ruri.user)
  req:relay(targets, err)
end`, `
t.it("answers by functions", function()
  t.sql("from gateways", function(query) return { rows = { { next_hop = "sip:10.0.0.8" } } } end)
  t.http("GET /gateways.json", function() return { json = { "sip:10.0.0.9" } } end)
  local a, b = t.ua("sip:one@10.0.0.8"), t.ua("sip:two@10.0.0.9")
  local alice = t.ua("sip:alice@example.com")
  local call = alice:invite("sip:db@example.com")
  a:expect("INVITE"):reply(200)
  call:expect(200)
  call = alice:invite("sip:web@example.com")
  b:expect("INVITE"):reply(200)
  call:expect(200)
end)
t.it("fails where the function does", function()
  t.sql("from gateways", function() error("boom") end)
  t.http("GET /gateways.json", function() return { json = { "sip:10.0.0.9" } } end)
  t.ua("sip:alice@example.com")
end)`)
	if s.Passed != 1 || s.Failed != 1 || !strings.Contains(out, "boom") {
		t.Errorf("%+v\n%s", s, out)
	}
}
