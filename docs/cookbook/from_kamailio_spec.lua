-- What from_kamailio.lua promises. Run it with `sipscript test from_kamailio_spec.lua`.

local t = require "sip.test"

local function phone(user)
  t.sql("from subscriber", {
    { username = "alice", domain = "example.com", ha1 = "", ha1b = "", password = "secret" },
    { username = "bob", domain = "example.com", ha1 = "", ha1b = "", password = "secret" },
  })
  return t.ua("sip:" .. user .. "@example.com", { password = "secret" })
end

local function gateways() return t.ua("sip:one@10.0.3.1"), t.ua("sip:two@10.0.3.2") end

t.it("connects users who prove who they are", function()
  local alice, bob = phone "alice", phone "bob"
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  local leg = bob:expect("INVITE")
  leg:reply(200)
  call:expect(200)
  leg:bye():expect(200)
  t.ua("sip:alice@example.com"):invite("sip:bob@example.com"):expect(407)
end)

t.it("sends a call that nobody takes to voicemail, unless the caller gives up", function()
  local alice, bob, vm = phone "alice", phone "bob", t.ua("sip:vm@192.0.2.9")
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(180)
  local leg = vm:expect("INVITE", { within = 21 })
  bob:expect("CANCEL")
  t.equal(leg:header("Diversion"), "<sip:bob@example.com>;reason=unavailable")
  t.equal(leg.ruri, "sip:bob@example.com")
  leg:reply(200)
  call:expect(200)
  call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(180)
  call:expect(180)
  call:cancel()
  bob:expect("CANCEL")
  call:expect(487)
  vm:expect_nothing()
end)

t.it("calls out through the first gateway that works", function()
  local alice, one, two = phone "alice", gateways()
  local call = alice:invite("sip:+4930100@example.com")
  one:expect("INVITE"):reply(503)
  local leg = two:expect("INVITE")
  leg:reply(200)
  call:expect(200)
  call = alice:invite("sip:+4930100@example.com")
  two:expect("INVITE", { within = 1 }):reply(486)
  call:expect(486)
end)

t.it("lets no stranger call out", function()
  phone "alice"
  t.ua("sip:x@example.org"):invite("sip:+4930100@example.com"):expect(403)
end)

t.it("takes calls from a gateway, and none that it knows nobody for", function()
  local bob, one = phone "bob", gateways()
  bob:register()
  local call = one:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(200)
  call:expect(200)
  one:send({ method = "MESSAGE", uri = "sip:nobody@example.com" }):expect(480)
end)

t.it("answers 503 when both gateways are away", function()
  local alice, one, two = phone "alice", gateways()
  one:leave()
  two:leave()
  alice:invite("sip:+4930100@example.com"):expect(408, { within = 7 })
  alice:invite("sip:+4930100@example.com"):expect(503, { within = 1 })
end)

t.it("says nothing for five minutes to who floods it", function()
  phone "alice"
  local flooder = t.ua("sip:flooder@example.org", { addr = "10.0.0.66" })
  for _ = 1, 61 do flooder:send { method = "OPTIONS", uri = "sip:example.com" } end
  t.advance(60)
  local call = flooder:send { method = "OPTIONS", uri = "sip:example.com" }
  call:expect_nothing(35)
  t.advance(300)
  flooder:send({ method = "OPTIONS", uri = "sip:example.com" }):expect(484)
end)
