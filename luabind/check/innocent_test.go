package check_test

import (
	"strings"
	"testing"
	"testing/fstest"
)

// What looks like a mistake and is none.
var innocents = []struct{ name, script string }{
	{"decisions that exclude each other by a variable", routed(`
  local known = registrar.count()
  if known then req:reply(200) end
  if not known then req:reply(404) end`)},
	{"by the method", routed(`
  if req.method == "REGISTER" then registrar.save(req) end
  if req.method ~= "REGISTER" then req:reply(404) end`)},
	{"by conditions that are not followed", routed(`
  if req.ruri.user == "a" then req:reply(200) end
  if req.ruri.user ~= "a" then req:reply(404) end`)},
	{"by a flag that a loop sets", routed(`
  local done = false
  for _, b in ipairs(registrar.bindings(req.ruri) or {}) do
    if b.q > 0.5 then req:redirect(b) done = true break end
  end
  if not done then req:reply(404) end`)},
	{"by what a helper returns", `
local auth = require "auth"
local function refused(req)
  if req.source.ip == "192.0.2.1" then req:reply(403) return true end
  if not auth.require(req) then return true end
  return false
end
function route(req)
  if refused(req) then return end
  req:reply(200)
end`},
	{"by what two helpers return", `
local auth = require "auth"
local function allowed(req) return auth.trusted(req) or auth.require(req) end
local function refused(req) return not allowed(req) end
function route(req)
  local no = refused(req)
  if no then return end
  req:reply(200)
end`},
	{"an answer where the request was not answered yet", routed(`
  if not auth.require(req) then
    if not req.answered then req:reply(403) end
    return
  end
  req:reply(200)`)},
	{"handlers in a table", `
local handlers = {}
function handlers.INVITE(req) req:reply(486) end
handlers.BYE = function(req) req:reply(481) end
function route(req)
  local h = handlers[req.method]
  if not h then return req:reply(405) end
  h(req)
end`},
	{"handlers in a table by names", `
local handlers = { INVITE = function(req) req:reply(486) end }
function route(req)
  if req.method == "INVITE" then handlers.INVITE(req) else req:drop() end
end`},
	{"pcall around a decision", routed(`
  local ok, err = pcall(registrar.save, req)
  if not ok then sip.log.error("%s", err) req:reply(500) end`)},
	{"pcall of a closure", routed(`
  local ok = pcall(function() req:redirect("sip:x@192.0.2.9") end)
  if not ok then req:reply(500) end`)},
	{"an ACK that needs no answer", routed(`
  if req.method == "ACK" then return end
  if req:is("CANCEL") then return end
  req:reply(404)`)},
	{"a request that is over", routed(`
  sip.sleep(5)
  if req.cancelled then return end
  req:reply(404)`)},
	{"an error on purpose", routed(`
  if not req.ruri.user then error("no user") end
  req:reply(404)`)},
	{"a fork, and what may come after it", routed(`
  req:record_route()
  for _, uri in ipairs { "sip:a@192.0.2.1", "sip:a@192.0.2.2" } do
    local res = req:fork(uri, { timeout = 5 })
    if res.code < 300 then return end
  end`)},
	{"the outcome of a fork sent on", routed(`
  req:record_route()
  local res = req:fork("sip:a@192.0.2.1")
  if res.code == 486 then return req:reply(res) end
  req:reply(res.code, res.reason)`)},
	{"on_failure that decides nothing", routed(`
  req:record_route()
  req:relay("sip:a@192.0.2.1", { on_failure = function(res) sip.log.info("%d", res.code) end })`)},
	{"on_failure that tries another", routed(`
  req:record_route()
  req:relay("sip:a@192.0.2.1", {
    on_failure = function(res, r)
      if res.code == 486 then return r:relay("sip:vm@192.0.2.9") end
      r:reply(480)
    end,
  })`)},
	{"a provisional answer first", routed(`
  req:reply(183, "Progress")
  req:reply(404)`)},
	{"a code that is computed", routed(`
  local code = req.ruri.user and 486 or 404
  req:reply(code)`)},
	{"a trunk by its address", `
local TRUNKS = { ["192.0.2.7"] = true }
function route(req)
  if req.in_dialog then return req:relay() end
  if not TRUNKS[req.source.ip] then return req:reply(403) end
  req:record_route()
  req:relay { uri = req.ruri, path = req.routes }
end`},
	{"the sender's uri at a place of ours", routed(`
  req:record_route()
  req:relay { uri = req.ruri, next_hop = "sip:192.0.2.7" }`)},
	{"a Request-URI that the script wrote", routed(`
  req.ruri.host = "192.0.2.7"
  req:record_route()
  req:relay(req.ruri)`)},
	{"a copy that was changed", routed(`
  local u = sip.uri(req.ruri)
  u.host, u.port, u.params = "192.0.2.7", nil, { transport = "tcp" }
  req:record_route()
  req:relay(u)`)},
	{"what starts no dialog", routed(`
  if not req:is("MESSAGE", "OPTIONS") then return req:reply(405) end
  req:relay("sip:a@192.0.2.7")`)},
	{"within dialogs", routed(`
  if not req.in_dialog then return req:reply(404) end
  if auth.trusted(req) then return req:relay(req.ruri) end
  req:relay()`)},
	{"a helper that looks at what its caller did", `
local function deny(req)
  if req.method == "ACK" then return req:drop() end
  req:reply(403)
end
function route(req)
  if req.method == "ACK" then return req:relay() end
  deny(req)
end`},
	{"a helper that decides, and req.answered", `
local function guard(req)
  if req.source.ip == "192.0.2.1" then req:reply(403) end
end
function route(req)
  guard(req)
  if req.answered then return end
  req:reply(200)
end`},
	{"decisions far down in branches", routed(strings.Repeat("if req.vars.n then\n", 70) +
		"if req.vars.a then req:reply(404) end if req.vars.b then req:drop() end\n" + strings.Repeat("end\n", 70) +
		"if not req.answered then req:redirect(\"sip:a@192.0.2.7\") end")},
	{"pcall of what is not known", `
local handlers = {}
function handlers.INVITE(req) req:reply(486) end
function route(req)
  local ok, err = pcall(handlers[req.method], req)
  if not ok then sip.log.error("%s", err) end
end`},
	{"a coroutine", `
local co = coroutine.create(function(r) r:reply(404) end)
function route(req)
  local ok, err = coroutine.resume(co, req)
end`},
	{"pcall of a function of a required table", `
local lib = require "lib"
function route(req)
  local answer = function() lib.answer(req) end
  if not pcall(answer) then sip.log.error("x") end
end`},
	{"the flow of a binding as text", routed(`
  req:record_route()
  req:relay { uri = "sip:a@192.0.2.7", flow = "17" }`)},
	{"record_route in a helper", `
local function stay(req) req:record_route() end
function route(req)
  stay(req)
  req:relay("sip:a@192.0.2.7")
end`},
	{"record_route in a function that is not known", `
local lib = sip.shared("x"):get("f")
function route(req)
  lib(req)
  req:relay("sip:a@192.0.2.7")
end`},
	{"nil, err of a lookup", routed(`
  local list, err = registrar.lookup(req.ruri)
  req:record_route()
  if req.ruri.user then return req:relay(list, err) end
  if req:is("OPTIONS") then return req:redirect(list, err) end
  req:forward(list and list[1], err)`)},
	{"options alone", routed(`req:relay({ timeout = 20 })`)},
	{"options of reply in the second place", routed(`req:reply(200, { headers = { Allow = "INVITE" } })`)},
	{"a variable of the file as a constant", "local LIMIT = tonumber(sip.args.limit) or 5\nif LIMIT > 9 then LIMIT = 9 end\n" + handler(`if req.max_forwards == LIMIT then return req:reply(483) end`)},
	{"a table of the file", "local seen = {}\n" + handler(`seen[req.call_id] = true`)},
	{"a local of a handler's own function", handler("local n = 0\nlocal function count() n = n + 1 end\ncount()")},
	{"a global that the file declares", "LIMIT = 5\nfunction helper() return LIMIT end\n" + handler(`if req.max_forwards == helper() then return req:reply(483) end`)},
	{"a function that both the file and handlers call", "local function trim(s) return (s:gsub(\"%s\", \"\")) end\nlocal x = trim(\"a b\")\n" + handler(`sip.log.info(trim(req.call_id) .. x)`)},
	{"Lua's own tables extended", "function string.trim(s) return (s:gsub(\"^%s+\", \"\")) end\nmath.tau = 6.28\n" + handler("local user = (req.ruri.user or \"\"):trim()\nsip.log.info(user .. math.tau)")},
	{"classes", `
local Account = {}
Account.__index = Account
function Account.new(name) return setmetatable({ name = name }, Account) end
function Account:label() return "<" .. self.name .. ">" end
local a = Account.new("x")
` + handler(`sip.log.info(a:label())`)},
	{"varargs", `
local function log(format, ...) sip.log.info("route: " .. format, ...) end
local function first(...) return (...) end
` + handler(`log("%s %s", req.method, first(1, 2))`)},
	{"several results as arguments", handler("local function both() return \"%s-%s\", 1 end\nlocal s = string.format(both())\nsip.log.info(\"%s %s\", s:find(\"x\"))")},
	{"a format alone", handler(`sip.log.info("100%")`)},
	{"a name for Lua's own", "local format, insert = string.format, table.insert\n" + handler("local t = {}\ninsert(t, format(\"%s\", req.method))")},
	{"parameters of uris by any name", handler(`if req.ruri.params["x-y"] or req.from.params.tag or req.ruri.headers.subject then sip.log.info("x") end`)},
	{"vars by any name", handler(`req.vars.account = { n = 1 }
sip.log.info("%s", req.vars.account.n)`)},
	{"args by any name", "local pbx = sip.args.pbx or \"x\"\nlocal e = sip.env(\"HOME\")\n" + end},
	{"uris compared", handler(`if req.ruri == req.to.uri or req.ruri:equals("sip:a@example.com") or req.from.uri.aor == "sip:a@example.com" then return req:reply(486) end`)},
	{"text of a uri compared", handler(`if tostring(req.ruri) == "sip:a@example.com" or req.ruri ~= nil then return req:reply(486) end`)},
	{"headers with objects", handler(`req:set_header("Diversion", sip.address { uri = req.ruri, params = { reason = "x" } })
req:set_header("X", { "a", "b" })
req:set_header("Y", req.ruri)`)},
	{"a route that another file defines", `require "routes"`},
	{"a route of a module", "local M = require \"handlers\"\nroute = M.route"},
	{"a required file again in a handler", "local lib = require \"lib\"\n" + handler(`local again = require "lib" again.f() lib.f()`)},
	{"a module required in a handler", handler(`local r = require "registrar" r.count()`)},
	{"a file that returns a table", "return { a = 1, b = { \"sip:x\" } }"},
	{"goto", routed(`
  local n = 0
  ::again::
  n = n + 1
  if n < 3 then goto again end
  req:reply(404)`)},
	{"a loop that ends by return", routed(`
  while true do
    local res = sip.send { method = "OPTIONS", uri = "sip:a@192.0.2.7" }
    if res then return req:reply(200) end
  end`)},
	{"repeat", routed(`
  local n = 0
  repeat
    n = n + 1
    local ok = n > 3
  until ok
  req:reply(404)`)},
	{"recursion", `
local function walk(req, n) if n == 0 then return req:reply(404) end return walk(req, n - 1) end
function route(req) walk(req, 3) end`},
	{"a timer that cancels", routed(`
  req:record_route()
  sip.after(20, function() req:cancel("no answer") end)
  local res = req:fork("sip:a@192.0.2.7")
  if res.code == 487 then req:reply(480) end`)},
	{"a task that decides", routed(`
  local task = sip.spawn(function() req:reply(404) end)
  task:wait()`)},
	{"events", `local registrar = require "registrar"
local gone = sip.shared("gone")
sip.on("registrar.expired", function(aor, b) gone:set(aor, tostring(b.uri), 60) end)
sip.on("start", function(why) sip.log.info(why) end)
` + end},
	{"an escape for what is meant", routed("if req.ruri.user then\nreturn -- check: ignore no-decision\nend\nreq:reply(404)")},
	{"the interpreter's line", "#!/usr/bin/env sipscript\n" + end},
	{"a mark at the begin", "\ufeff-- x\n" + end},
	{"decided by drop in one branch", routed("if req.ruri.user then req:drop() else req:reply(404) end")},
	{"and-or decisions", routed("local ok = req.ruri.user and req:reply(404) or req:reply(484)")},
	{"a decision in a condition", routed("if not req:reply(200) then sip.log.warn(\"over\") end")},
	{"_G", "_G.helper = function() end\n" + handler("helper()")},
}

// lib is what the innocents require.
var lib = fstest.MapFS{
	"lib.lua":           required["lib.lua"],
	"routes.lua":        {Data: []byte("function route(req) req:reply(404) end\n")},
	"handlers/init.lua": {Data: []byte("local M = {}\nfunction M.route(req) req:reply(404) end\nreturn M\n")},
}

func TestWhatIsNoMistakeIsNotFound(t *testing.T) {
	c := checker(t)
	for _, x := range innocents {
		t.Run(x.name, func(t *testing.T) {
			if list := c.Source("x.lua", x.script, lib); len(list) > 0 {
				t.Errorf("%s\n%s", lines(list), x.script)
			}
		})
	}
}
