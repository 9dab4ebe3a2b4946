-- What webrtc.lua promises. Run it with `sipscript test webrtc_spec.lua`. A browser's phone has a
-- connection to the edge, and a Contact that leads nowhere.

local t = require "sip.test"

local core = [[
  local registrar = require "registrar"
  function route(req)
    if req.in_dialog then return req:relay() end
    if req.method == "REGISTER" then return registrar.save(req) end
    req:record_route()
    req:relay(registrar.lookup(req.ruri))
  end
]]

local function browser(user, proxy)
  return t.ua("sip:" .. user .. "@example.com", { transport = "wss", outbound = true, proxy = proxy })
end

local function world()
  t.server {}
  t.server { source = core, addr = "10.0.0.5" }
  return browser "alice", browser "bob"
end

t.it("registers browsers at the core, and calls them on their connection", function()
  local alice, bob = world()
  t.match(tostring(bob.contact), "%.invalid;transport=ws$")
  t.equal(#bob:register():headers("Contact"), 1)
  local call = alice:invite("sip:bob@example.com")
  local leg = bob:expect("INVITE")
  t.ok(#leg:headers("Record-Route") >= 3, "edge, core, edge")
  leg:reply(180)
  call:expect(180)
  leg:reply(200)
  call:expect(200)
  leg:bye():expect(200)
end)

t.it("reaches a browser from a phone at the core", function()
  local _, bob = world()
  bob:register()
  local desk = t.ua("sip:desk@example.com", { proxy = "10.0.0.5" })
  local call = desk:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(180)
  call:expect(180)
  call:cancel()
  bob:expect("CANCEL")
  call:expect(487)
end)

t.it("answers for a browser whose connection has gone", function()
  local alice, bob = world()
  bob:register()
  bob:leave()
  alice:invite("sip:bob@example.com"):expect("4xx")
end)

t.it("rings a browser that came back on its new connection alone", function()
  local alice, bob = world()
  bob:register()
  bob:disconnect { silent = true }   -- a laptop that was closed: the edge does not know
  bob:reconnect()
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(486)
  call:expect(486)
end)

t.it("answers 408 while the core is away", function()
  t.server { args = { core = "10.0.0.77" } }
  local alice = browser "alice"
  t.ua("sip:core@10.0.0.77"):leave()
  alice:invite("sip:bob@example.com"):expect(408, { within = 5 })
end)

t.it("is not a relay to elsewhere", function()
  local alice = world()
  alice:invite("sip:bob@example.org"):expect(404)
  alice:send({ method = "PUBLISH", uri = "sip:bob@example.com" }):expect(405)
end)
