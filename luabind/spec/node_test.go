package spec_test

import "testing"

// This file tests t.node: several servers that share what --redis shares.

// sharing is the script of all nodes.
const sharing = `
local sharing = [[
  local registrar, limit = require "registrar", require "limit"
  limit.configure({ shared = true })
  local calls, own = sip.shared("calls", { redis = true }), sip.shared("own")
  function route(req)
    if req.method == "OPTIONS" then
      if req.ruri.user == "limit" then return req:reply(limit.rate("k", 3, 3600) and 200 or 486) end
      if req.ruri.user == "keep" then calls:set("keep", "yes", 60) end
      if req.ruri.user ~= "bob" then return req:reply(200, tostring(calls:get("keep"))) end
      own:incr("n", 1, 0)
      return req:reply(200, ("%d %d"):format(calls:incr("n", 1, 0), own:get("n")))
    end
    if req.in_dialog then return req:relay() end
    if req.method == "REGISTER" then return registrar.save(req) end
    if req.method == "SUBSCRIBE" then return registrar.subscribe(req) end
    req:record_route()
    if req.ruri.user == "sleeper" then
      local target, err = registrar.wait(req.ruri, 20)
      if not target then return req:reply(480, err) end
      return req:relay(target)
    end
    req:relay(registrar.lookup(req.ruri))
  end
]]
local function talk(from, uri, to)
  local call = from:invite(uri)
  local leg = to:expect("INVITE")
  leg:reply(200)
  call:expect(200)
  leg:expect("ACK")
  leg:bye()
  return leg
end
local function nodes(o)
  o = o or {}
  local list = {}
  for i = 1, 2 do
    list[i] = t.node { source = sharing, addr = "10.0.0." .. i, data = o.data }
  end
  return list[1], list[2]
end
`

func TestNodes(t *testing.T) {
	for _, c := range []struct{ name, lua string }{
		{"a phone that registered at one node is called at the other", `
			local a, b = nodes()
			local bob = t.ua("sip:bob@example.com", { proxy = a.addr })
			local alice = t.ua("sip:alice@example.com", { proxy = b.addr })
			bob:register()
			talk(alice, "sip:bob@example.com", bob)
			bob:unregister()
			alice:invite("sip:bob@example.com"):expect(480)`},
		{"one that only its node can reach is called through that", `
			local a, b = nodes()
			local bob = t.ua("sip:bob@example.com", { proxy = "10.0.0.1", transport = "ws", outbound = true })
			local alice = t.ua("sip:alice@example.com", { proxy = "10.0.0.2" })
			bob:register()
			talk(alice, "sip:bob@example.com", bob)
			talk(bob, "sip:bob@example.com", bob)`},
		{"bindings end at their time for all", `
			local a, b = nodes()
			local bob = t.ua("sip:bob@example.com", { proxy = a.addr })
			local alice = t.ua("sip:alice@example.com", { proxy = b.addr })
			bob:register({ expires = 120 })
			t.advance(110)
			talk(alice, "sip:bob@example.com", bob)
			t.advance(20)
			alice:invite("sip:bob@example.com"):expect(480)
			bob:register()
			talk(alice, "sip:bob@example.com", bob)`},
		{"a call waits at one node for a phone that registers at the other", `
			local a, b = nodes()
			local sleeper = t.ua("sip:sleeper@example.com", { proxy = a.addr })
			local alice = t.ua("sip:alice@example.com", { proxy = b.addr })
			local call = alice:invite("sip:sleeper@example.com")
			t.advance(5)
			sleeper:register()
			local leg = sleeper:expect("INVITE")
			leg:reply(200)
			call:expect(200)
			leg:expect("ACK")`},
		{"counters are those of all nodes, and other dictionaries are not", `
			local a, b = nodes()
			local one, two = t.ua("sip:one@example.com", { proxy = a.addr }), t.ua("sip:two@example.com", { proxy = b.addr })
			for i = 1, 3 do
				t.equal(one:send { method = "OPTIONS", uri = "sip:bob@example.com" }:expect(200).reason, (2 * i - 1) .. " " .. i)
				t.equal(two:send { method = "OPTIONS", uri = "sip:bob@example.com" }:expect(200).reason, 2 * i .. " " .. i)
			end`},
		{"what ends in their Redis ends by the time of the test", `
			local a, b = nodes()
			local one, two = t.ua("sip:one@example.com", { proxy = a.addr }), t.ua("sip:two@example.com", { proxy = b.addr })
			one:send { method = "OPTIONS", uri = "sip:keep@example.com" }:expect(200)
			t.advance(50)
			t.equal(two:send { method = "OPTIONS" }:expect(200).reason, "yes")
			two:expect_nothing(20)
			t.equal(two:send { method = "OPTIONS" }:expect(200).reason, "nil")`},
		{"limits that are shared count what all nodes let pass", `
			local a, b = nodes()
			local one, two = t.ua("sip:one@example.com", { proxy = a.addr }), t.ua("sip:two@example.com", { proxy = b.addr })
			local function ask(ua) return ua:send { method = "OPTIONS", uri = "sip:limit@example.com" } end
			for i = 1, 3 do ask(one):expect(200) end
			ask(one):expect(486)
			ask(two):expect(200) -- a node learns of the others with its first answer
			ask(two):expect(486)
			t.advance(3700)
			ask(two):expect(200)`},
		{"a node dies, and its phones come back at the other", `
			local a, b = nodes()
			local bob = t.ua("sip:bob@example.com", { proxy = "10.0.0.1", transport = "ws", outbound = true })
			local carol = t.ua("sip:carol@example.com", { proxy = "10.0.0.2", transport = "ws", outbound = true })
			local alice = t.ua("sip:alice@example.com", { proxy = b.addr })
			bob:register()
			carol:register()
			talk(alice, "sip:bob@example.com", bob)
			t.advance(1)
			a:stop({ kill = true })
			talk(alice, "sip:carol@example.com", carol)
			alice:invite("sip:bob@example.com"):expect(408, { within = 40 })
			local again = t.ua("sip:bob@example.com", { proxy = b.addr })
			again:register()
			local call = alice:invite("sip:bob@example.com")
			again:expect("INVITE"):reply(200)
			call:expect(200)
			call:bye()
			a:start()
			local dave = t.ua("sip:dave@example.com", { proxy = a.addr })
			talk(dave, "sip:carol@example.com", carol)
			t.equal(dave:send { method = "OPTIONS", uri = "sip:bob@example.com" }:expect(200).reason, "1 1")`},
		{"without their Redis, nodes know what they have seen, and nothing is registered", `
			local a, b = nodes()
			local redis = t.redis()
			local bob = t.ua("sip:bob@example.com", { proxy = a.addr })
			local alice = t.ua("sip:alice@example.com", { proxy = b.addr })
			bob:register()
			talk(alice, "sip:bob@example.com", bob)
			redis:stop()
			talk(alice, "sip:bob@example.com", bob)
			bob:register({ expect = 503 })
			redis:restart()
			t.advance(5)
			bob:register()
			talk(alice, "sip:bob@example.com", bob)`},
		{"servers that are not nodes share nothing", `
			local a, b = t.server { source = sharing }, t.server { source = sharing, addr = "10.0.0.2" }
			local bob = t.ua("sip:bob@example.com", { proxy = a.addr })
			local alice = t.ua("sip:alice@example.com", { proxy = b.addr })
			bob:register()
			alice:invite("sip:bob@example.com"):expect(480)`},
	} {
		t.Run(c.name, func(t *testing.T) { passes(t, "t.it('does', function() "+sharing+c.lua+"\nend)") })
	}
}
