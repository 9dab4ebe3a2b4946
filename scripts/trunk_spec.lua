-- What trunk.lua promises. Run it with `sipscript test trunk_spec.lua`.

local t = require "sip.test"

-- Two carriers: acme has two gateways and is cheaper for Berlin, bell for the rest of Germany.
local server, pbx, acme1, acme2, bell

t.before(function()
  t.clock("2026-07-01 12:00")
  t.sql("from lcr_rates", {
    { prefix = "49", carrier = "acme", cost = "0.02" },
    { prefix = "4930", carrier = "acme", cost = "0.005" },
    { prefix = "49", carrier = "bell", cost = "0.01" },
    { prefix = "44", carrier = "bell", cost = "0.01", hours = "08:00-18:00" },
    { prefix = "1", carrier = "gone", cost = "0.01" },
  })
  t.sql("from dispatch_gateways", {
    { next_hop = "10.0.3.1", carrier = "acme" },
    { next_hop = "10.0.3.2", carrier = "acme", priority = 1 },
    { next_hop = "10.0.3.3", carrier = "bell" },
  })
  server = t.server { args = {
    trusted = "10.0.0.0/8", rates = "postgres://sip@db/rates", gateways = "postgres://sip@db/gateways",
  } }
  pbx = t.ua("sip:pbx@example.com")
  acme1, acme2, bell = t.ua("sip:acme1@10.0.3.1"), t.ua("sip:acme2@10.0.3.2"), t.ua("sip:bell@10.0.3.3")
end)

t.it("takes the cheapest carrier, and records the call", function()
  local call = pbx:invite("sip:030123456@example.com")
  local leg = acme1:expect("INVITE")
  t.equal(leg.ruri, "sip:+4930123456@10.0.3.1")
  leg:reply(200)
  call:expect(200)
  t.advance(60)
  call:bye()
  leg:expect("BYE")
  t.advance(0.1)
  t.match(server.log, "call to %+4930123456: 200, acme at 0.005, 60.%d s")
end)

t.it("goes on to the next gateway and the next carrier", function()
  local call = pbx:invite("sip:030123456@example.com")
  acme1:expect("INVITE"):reply(503)
  acme2:leave()
  bell:expect("INVITE", { within = 5 }):reply(200)
  call:expect(200)
end)

t.it("leaves a callee who is busy alone", function()
  local call = pbx:invite("sip:040123456@example.com")
  bell:expect("INVITE"):reply(486)
  call:expect(486)
  acme1:expect_nothing()
  t.match(server.log, "call to %+4940123456: 486, nobody")
end)

t.it("knows what time it is", function()
  local call = pbx:invite("sip:0044207946000@example.com")
  bell:expect("INVITE"):reply(404)
  call:expect(404)
  t.clock("2026-07-01 18:00")
  pbx:invite("sip:0044207946000@example.com"):expect(503)
end)

t.it("says why it cannot", function()
  pbx:invite("sip:0012125551234@example.com"):expect(503)
  t.match(server.log, "%+12125551234: no gateway is up")
  pbx:invite("sip:0033123456789@example.com"):expect(503)
  t.match(server.log, "no carrier takes this number")
  pbx:invite("sip:bob@example.com"):expect(484)
  pbx:send { method = "MESSAGE", uri = "sip:030123456@example.com" }:expect(405)
  pbx:send { method = "OPTIONS", uri = "sip:example.com" }:expect(200)
end)

t.it("is for trusted peers only", function()
  t.ua("sip:eve@192.0.2.9"):invite("sip:030123456@example.com"):expect(403)
  acme1:expect_nothing()
end)
