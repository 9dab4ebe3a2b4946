package spec_test

import "testing"

// This file tests t.reload, t.restart, and servers that stop and start.

// keeping has state of every kind: bindings, dictionaries, a metric of calls, file variables.
const keeping = `
local keeping = [[
  local registrar = require "registrar"
  local plain, durable = sip.shared("plain"), sip.shared("durable", { durable = true })
  sip.on("stop", function() sip.log.warn("stop was called") end)
  function route(req)
    if req.in_dialog then return req:relay() end
    if req.method == "REGISTER" then return registrar.save(req) end
    if req.method == "MESSAGE" then
      plain:set("x", req.body)
      durable:set("x", req.body)
      return req:reply(200)
    end
    if req.method == "OPTIONS" then
      return req:reply(200, ("%s %s %s %d"):format(sip.args.name or "-", plain:get("x") or "-", durable:get("x") or "-", registrar.count()))
    end
    req:record_route()
    req:relay(registrar.lookup(req.ruri))
  end
]]
local function asks(ua) return ua:send { method = "OPTIONS" }:expect(200).reason end
local function fills(ua)
  ua:register()
  ua:send { method = "MESSAGE", body = "text", content_type = "text/plain" }:expect(200)
end
local function talk(from, to)
  local call = from:invite(to.uri)
  local leg = to:expect("INVITE")
  leg:reply(200)
  call:expect(200)
  leg:expect("ACK")
  return call, leg
end
`

func TestRestart(t *testing.T) {
	for _, c := range []struct{ name, lua string }{
		{"a reload keeps what the process has, and takes another script and arguments", `
			t.server { source = keeping, args = { name = "one" } }
			local alice = t.ua("sip:alice@example.com")
			fills(alice)
			t.reload()
			t.equal(asks(alice), "one text text 1")
			t.reload { args = { name = "two" } }
			t.equal(asks(alice), "two text text 1")
			t.reload { source = 'function route(req) req:reply(404, sip.args.name) end' }
			t.equal(alice:send { method = "OPTIONS" }:expect(404).reason, "two")`},
		{"a script that is refused leaves the old one in place", `
			local server = t.server { source = keeping, args = { name = "one" } }
			local alice = t.ua("sip:alice@example.com")
			t.raises(function() t.reload { source = "function route(req", args = { name = "two" } } end, "the script was refused: source: syntax error")
			t.raises(function() server:reload { script = "none.lua" } end, "the script was refused")
			t.equal(asks(alice), "one - - 0")
			t.reload()
			t.equal(asks(alice), "one - - 0")`},
		{"a call outlives a reload", `
			t.server { source = keeping }
			local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
			bob:register()
			local call, leg = talk(alice, bob)
			t.reload()
			leg:bye()
			call:expect("BYE")`},
		{"a restart loses everything, and refuses what belongs to older calls", `
			local server = t.server { source = keeping }
			local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com", { transport = "tcp" })
			bob:register()
			fills(alice)
			local call = talk(alice, bob)
			t.restart { args = { name = "new" } }
			t.match(server.log, "stop was called")
			t.equal(asks(alice), "new - - 0")
			call:send { method = "INFO" }:expect(481)
			fills(bob)
			t.equal(asks(alice), "new text text 1")`},
		{"with data it keeps what --data keeps", `
			for _, kill in ipairs { false, true } do
				local server = t.server { source = keeping, data = true, addr = kill and "10.0.0.3" or "10.0.0.2" }
				local o = { proxy = server.addr:match("^[%d.]+") }
				local alice, bob = t.ua("sip:alice@example.com", o), t.ua("sip:bob@example.com", o)
				bob:register()
				fills(alice)
				local call, leg = talk(alice, bob)
				local before = os.time()
				server:restart { kill = kill }
				t.ok(kill and os.time() - before < 1 or not kill and os.time() - before >= 1)
				t.equal(asks(alice), "- - text 2")
				call:send { method = "INFO" }
				leg:expect("INFO"):reply(200)
				leg:bye()
				call:expect("BYE")
			end`},
		{"one that is killed calls nothing and sends nothing", `
			local server = t.server { source = keeping }
			local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
			bob:register()
			local call = alice:invite(bob.uri)
			local leg = bob:expect("INVITE")
			leg:reply(180)
			call:expect(180)
			server:stop { kill = true }
			leg:reply(200)
			t.advance(2)
			call:expect_nothing()
			leg:expect_nothing(0)
			t.raises(function() server:stop() end, "does not run")
			t.raises(function() server:reload() end, "does not run")
			server:start()
			t.raises(function() server:start() end, "runs already")
			t.ok(not server.log:find("stop was called"))
			t.equal(asks(alice), "- - - 0")`},
		{"one that stops lets calls finish, and refuses new ones meanwhile", `
			local server = t.server { source = keeping }
			local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
			bob:register()
			local call = alice:invite(bob.uri)
			local leg = bob:expect("INVITE")
			leg:reply(180)
			call:expect(180)
			sip.spawn(function()
				sip.sleep(2)
				alice:invite(bob.uri):expect(503)
				leg:reply(200)
			end)
			server:stop()
			call:expect(200)
			leg:expect("ACK")
			t.match(server.log, "stop was called")
			alice:send { method = "OPTIONS" }
			alice:expect_nothing(5)`},
		{"a phone's connection ends with the process, and a new one reaches the next", `
			t.server { source = keeping }
			local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com", { transport = "wss" })
			bob:register()
			t.restart { kill = true }
			alice:invite(bob.uri):expect(480)
			bob:register()
			talk(alice, bob)`},
		{"what a script counts can be read, and outlives a reload but no restart", `
			local server = t.server { source = [[
				local calls = sip.metric.counter("my_calls_total", "Calls.", { "method" })
				local size = sip.metric.histogram("my_size", "Sizes.")
				function route(req) calls:inc(req.method) size:observe(2) req:reply(200) end]] }
			local alice = t.ua("sip:alice@example.com")
			for i = 1, 3 do alice:send { method = "OPTIONS" }:expect(200) end
			t.equal(server:metric("my_calls_total", { method = "OPTIONS" }), 3)
			t.equal(server:metric("my_calls_total", { method = "INVITE" }), nil)
			t.equal(server:metric("my_size"), 3)
			t.equal(server:metric("sipscript_script_errors_total"), 0)
			server:reload()
			t.equal(server:metric("my_calls_total", { method = "OPTIONS" }), 3)
			server:restart()
			t.equal(server:metric("my_size"), 0)
			server:stop()
			t.raises(function() server:metric("my_size") end, "does not run")`},
		{"there is no server before the first phone", `
			t.raises(function() t.reload() end, "there is no server yet")
			t.raises(function() t.restart() end, "there is no server yet")`},
	} {
		t.Run(c.name, func(t *testing.T) { passes(t, "t.it('does', function() "+keeping+c.lua+"\nend)") })
	}
}
