-- What trunk.lua promises. Run it with `sipscript test trunk_spec.lua`.

local t = require "sip.test"

-- Two carriers: acme has two gateways and is cheaper for Berlin, bell for the rest of Germany.
local pbx, acme1, acme2, bell

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
  t.server { args = {
    trusted = "10.0.0.0/8", rates = "postgres://sip@db/rates", gateways = "postgres://sip@db/gateways",
  } }
  pbx = t.ua("sip:pbx@example.com")
  acme1, acme2, bell = t.ua("sip:acme1@10.0.3.1"), t.ua("sip:acme2@10.0.3.2"), t.ua("sip:bell@10.0.3.3")
end)

-- recorded checks the last of n records.
local function recorded(n, want)
  t.advance(1)
  t.equal(#t.cdrs(), n)
  local cdr = t.cdrs()[n]
  for name, value in pairs(want) do
    local got = cdr[name]
    if got == nil then got = cdr.fields[name] end
    t.equal(name == "duration" and math.floor(got) or got, value, name)
  end
  return cdr
end

t.it("takes the cheapest carrier, and records the call", function()
  local call = pbx:invite("sip:030123456@example.com")
  local leg = acme1:expect("INVITE")
  t.equal(leg.ruri, "sip:+4930123456@10.0.3.1")
  leg:reply(200)
  call:expect(200)
  t.advance(60)
  call:bye()
  leg:expect("BYE")
  recorded(1, { code = 200, cause = "bye", ended_by = "caller", duration = 60,
    number = "+4930123456", carrier = "acme", cost = 0.005 })
end)

t.it("goes on to the next gateway and the next carrier", function()
  local call = pbx:invite("sip:030123456@example.com")
  acme1:expect("INVITE"):reply(503)
  acme2:leave()
  local leg = bell:expect("INVITE", { within = 5 })
  leg:reply(200)
  call:expect(200)
  leg:bye()
  local cdr = recorded(1, { code = 200, ended_by = "callee", carrier = "bell", cost = 0.01 })
  local tried = {}
  for i, one in ipairs(cdr.legs) do tried[i] = one.fields.carrier .. " " .. one.code end
  t.equal(tried, { "acme 503", "acme 408", "bell 200" })
end)

t.it("leaves a callee who is busy alone", function()
  local call = pbx:invite("sip:040123456@example.com")
  bell:expect("INVITE"):reply(486)
  call:expect(486)
  acme1:expect_nothing()
  recorded(1, { code = 486, cause = "busy", number = "+4940123456" })
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
  recorded(1, { code = 503, number = "+12125551234", refused = "no gateway is up: none of 1 carriers" })
  pbx:invite("sip:0033123456789@example.com"):expect(503)
  recorded(2, { code = 503, refused = "no carrier takes this number" })
  pbx:invite("sip:bob@example.com"):expect(484)
  recorded(3, { code = 484 })
  pbx:send { method = "MESSAGE", uri = "sip:030123456@example.com" }:expect(405)
  pbx:send { method = "OPTIONS", uri = "sip:example.com" }:expect(200)
end)

t.it("is for trusted peers only", function()
  t.ua("sip:eve@192.0.2.9"):invite("sip:030123456@example.com"):expect(403)
  acme1:expect_nothing()
  t.advance(1)
  t.equal(#t.cdrs(), 0)
end)
