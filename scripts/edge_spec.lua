-- What edge.lua promises. Run it with `sipscript test edge_spec.lua`.

local t = require "sip.test"

-- A core server for the tests: it has the users, and nothing else.
local core = [[
  local registrar = require "registrar"
  function route(req)
    if req.in_dialog then return req:relay() end
    if req.method == "REGISTER" then return registrar.save(req) end
    req:record_route()
    req:relay(registrar.lookup(req.ruri))
  end
]]

local CORE, MEDIA = "10.0.0.5", "203.0.113.99"

local function world()
  t.server { args = { core = CORE, media = "udp:127.0.0.1:2223" } }
  t.server { source = core, addr = CORE }
  t.rtpengine()
end

local function browser(user)
  return t.ua("sip:" .. user .. "@example.com", { transport = "wss" })
end

t.it("connects a browser to a phone behind a NAT, and relays their media", function()
  world()
  local home = t.nat { kind = "symmetric" }
  local alice, bob = browser "alice", t.ua("sip:bob@example.com", { nat = home })
  alice:register()
  bob:register()
  local call = alice:invite("sip:bob@example.com", { sdp = true })
  local leg = bob:expect("INVITE")
  t.match(leg.body, MEDIA)
  leg:reply(180)
  call:expect(180)
  leg:reply(200, { sdp = true })
  t.match(call:expect(200).body, MEDIA)
  leg:bye():expect(200)
end)

t.it("tells the daemon what each side is, on either side of the core", function()
  t.server { args = { core = CORE, media = "udp:127.0.0.1:2223" } }
  t.server { source = core, addr = CORE }
  local seen = {}
  t.rtpengine(function(command)
    if command.command == "offer" then
      seen[#seen + 1] = command["transport-protocol"]
    end
  end)
  local alice, bob = t.ua("sip:alice@example.com"), browser "bob"
  bob:register()
  local call = alice:invite("sip:bob@example.com", { sdp = true })
  bob:expect("INVITE"):reply(486)
  call:expect(486)
  -- The core is a plain phone to the edge, and bob a browser
  t.equal(seen, { "RTP/AVP", "UDP/TLS/RTP/SAVPF" })
end)

t.it("fails a call for which there is no media relay", function()
  world()
  t.rtpengine(function() return { error = "no ports left" } end)
  local alice, bob = browser "alice", browser "bob"
  bob:register()
  alice:invite("sip:bob@example.com", { sdp = true }):expect(500)
  bob:expect_nothing()
end)

t.it("answers OPTIONS, and serves no other domain", function()
  world()
  local alice = browser "alice"
  alice:send { method = "OPTIONS", uri = "sip:example.com" }:expect(200)
  alice:invite("sip:bob@elsewhere.example"):expect(404)
  alice:send { method = "PUBLISH", uri = "sip:alice@example.com" }:expect(405)
end)

t.it("lets the core reach registered clients only", function()
  world()
  t.ua("sip:stranger@10.0.0.9", { addr = "10.0.0.9" })
  local attack = t.ua("sip:core@10.0.0.5", { addr = "10.0.0.6" })
  attack:invite("sip:stranger@10.0.0.9"):expect(404)
end)

t.it("takes what strangers assert of themselves away", function()
  world()
  local alice, bob = browser "alice", browser "bob"
  bob:register()
  local call = alice:invite("sip:bob@example.com",
    { sdp = true, headers = { ["P-Asserted-Identity"] = "<sip:boss@example.com>" } })
  local leg = bob:expect("INVITE")
  t.equal(leg:header("P-Asserted-Identity"), nil)
  leg:reply(486)
  call:expect(486)
end)
