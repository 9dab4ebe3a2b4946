-- What records.lua promises. Run it with `sipscript test records_spec.lua`.

local t = require "sip.test"

local function gateways() return t.ua("sip:one@10.0.3.1"), t.ua("sip:two@10.0.3.2") end
local function dial() return t.ua("sip:alice@example.com"):invite("sip:+493012345@example.com") end

t.it("records a call that was answered, with the gateways that were tried", function()
  local one, two = gateways()
  local call = dial()
  one:expect("INVITE"):reply(503)
  two:expect("INVITE"):reply(200)
  call:expect(200)
  t.equal(#t.cdrs(), 0)
  t.advance(60)
  call:bye():expect(200)
  t.equal(#t.cdrs(), 1)
  local cdr = t.cdrs()[1]
  t.equal(cdr.cause, "bye")
  t.equal(cdr.ended_by, "caller")
  t.equal(math.floor(cdr.duration), 60)
  t.equal(cdr.fields.customer, "alice")
  t.equal(cdr.legs[1].code, 503)
  t.equal(cdr.legs[2].fields.gateway, "sip:10.0.3.2")
end)

t.it("records a call that the caller gave up", function()
  local one = gateways()
  local call = dial()
  one:expect("INVITE"):reply(180)
  call:cancel()
  call:expect(487)
  t.advance(1)
  t.equal(t.cdrs()[1].cause, "cancelled")
  t.equal(t.cdrs()[1].duration, 0)
end)

t.it("records a call that no gateway took", function()
  local one, two = gateways()
  local call = dial()
  one:expect("INVITE"):reply(503)
  two:expect("INVITE"):reply(486)
  call:expect(486)
  t.advance(1)
  local cdr = t.cdrs()[1]
  t.equal(cdr.cause, "busy")
  t.equal(cdr.ended_by, "callee")
  t.equal(#cdr.legs, 2)
end)
