-- What prepaid.lua promises. Run it with `sipscript test prepaid_spec.lua`.

local t = require "sip.test"

-- A minute costs 10 cents by the main carrier, and 12 by the other one.
t.sql("from lcr_rates", {
  { prefix = "33", carrier = "main", cost = "10" },
  { prefix = "33", carrier = "other", cost = "12" },
})
t.server { args = { password = "secret" } }

-- A database with one account; charges are what was written.
local function database(credit)
  local charges, ids = {}, {}
  t.sql("from accounts", { { credit = credit } })
  t.sql("insert into charges", function(_, id, account, seconds, cents)
    ids[#ids + 1] = id
    charges[#charges + 1] = { account = account, seconds = seconds, cents = cents }
    return { changed = 1 }
  end)
  t.sql("update accounts", function() return { changed = 1 } end)
  return charges, ids
end

local function alice() return t.ua("sip:alice@example.com", { password = "secret" }) end
local function carrier() return t.ua("sip:carrier@10.0.3.1") end

t.it("charges each minute that began, when the call ends", function()
  local charges, caller, trunk = database(100), alice(), carrier()
  local call = caller:invite("sip:+33100@example.com")
  local leg = trunk:expect("INVITE")
  leg:reply(180)
  t.advance(20)                                  -- ringing costs nothing
  leg:reply(200)
  call:expect(200)
  t.advance(61)
  call:bye()
  leg:expect("BYE")
  t.advance(1)
  t.equal(charges, { { account = "alice", seconds = 61, cents = 20 } })
end)

t.it("charges the caller when the other side hangs up", function()
  local charges, caller, trunk = database(100), alice(), carrier()
  local call = caller:invite("sip:+33100@example.com")
  local leg = trunk:expect("INVITE")
  leg:reply(200)
  call:expect(200)
  t.advance(30)
  leg:bye():expect(200)
  t.equal(#charges, 1)
  t.equal(charges[1].cents, 10)
end)

t.it("charges what the carrier costs that took the call", function()
  local charges, caller = database(100), alice()
  local call = caller:invite("sip:+33100@example.com")
  carrier():expect("INVITE"):reply(503)
  local leg = t.ua("sip:other@10.0.3.2"):expect("INVITE")
  leg:reply(200)
  call:expect(200)
  t.advance(90)
  call:bye()
  leg:expect("BYE")
  t.advance(1)
  t.equal(charges, { { account = "alice", seconds = 90, cents = 24 } })
end)

t.it("leaves out a carrier that the credit does not cover", function()
  database(35)                                   -- three minutes cost 30 and 36
  local call = alice():invite("sip:+33100@example.com")
  carrier():expect("INVITE"):reply(503)
  call:expect(500)
end)

t.it("charges by the call's own id, not by the Call-ID that the caller chooses", function()
  local _, ids = database(100)
  local caller, trunk = alice(), carrier()
  local call = caller:invite("sip:+33100@example.com")
  local invite = trunk:expect("INVITE")
  invite:reply(200)
  call:expect(200)
  call:bye()
  invite:expect("BYE")
  t.advance(1)
  t.equal(#ids, 1)
  t.equal(ids[1] ~= invite.call_id, true)
end)

t.it("does not take a BYE for the end that the other side refuses", function()
  local charges, caller, trunk = database(100), alice(), carrier()
  local call = caller:invite("sip:+33100@example.com")
  local leg = trunk:expect("INVITE")
  leg:reply(200)
  call:expect(200)
  t.advance(30)
  local stranger = t.ua("sip:mallory@10.0.9.9")
  stranger:send { method = "BYE", uri = "sip:carrier@10.0.3.1", to = "<sip:+33100@example.com>;tag=x",
    headers = { ["Call-ID"] = call.call_id } }:expect(481)
  t.equal(charges, {})
  t.advance(60)
  call:bye()
  leg:expect("BYE")
  t.advance(1)
  t.equal(charges[1].cents, 20)
end)

t.it("ends a call when the credit is used up", function()
  local charges, caller, trunk = database(40), alice(), carrier()
  local call = caller:invite("sip:+33100@example.com")
  local leg = trunk:expect("INVITE")
  leg:reply(200)
  call:expect(200)
  t.advance(3 * 60 + 1)                          -- 40 cents are three minutes at 12, the dearest
  call:expect("BYE"):reply(200)
  leg:expect("BYE"):reply(200)
  t.advance(1)
  t.equal(charges[1].seconds, 180)
  t.equal(charges[1].cents, 30)
end)

t.it("lets an account have one call at a time", function()
  database(100)
  local caller, trunk = alice(), carrier()
  local call = caller:invite("sip:+33100@example.com")
  trunk:expect("INVITE"):reply(200)
  call:expect(200)
  caller:invite("sip:+33100@example.com"):expect(486)
end)

t.it("charges nothing for a call that nobody answers", function()
  local charges, caller, trunk = database(100), alice(), carrier()
  local call = caller:invite("sip:+33100@example.com")
  trunk:expect("INVITE"):reply(180)
  call:expect(180)
  call:cancel()
  trunk:expect("CANCEL")
  call:expect(487)
  call = caller:invite("sip:+33100@example.com")
  trunk:expect("INVITE"):reply(486)
  call:expect(486)
  t.equal(charges, {})
end)

t.it("refuses a call without credit, or without a rate", function()
  database(29)                                   -- three minutes cost 30
  alice():invite("sip:+33100@example.com"):expect(402)
  alice():invite("sip:+44100@example.com"):expect(404)
end)

t.it("lets nobody call while the database is away", function()
  local caller = alice()
  t.sql(function() return { error = "connection refused" } end)
  local res = caller:invite("sip:+33100@example.com"):expect(503)
  t.equal(res:header("Retry-After"), "30")
end)

t.it("ends the call all the same when charging fails, and logs what was due", function()
  local server = t.server {}
  database(100)
  t.sql("insert into charges", function() return { error = "disk full" } end)
  local caller, trunk = alice(), carrier()
  local call = caller:invite("sip:+33100@example.com")
  local leg = trunk:expect("INVITE")
  leg:reply(200)
  call:expect(200)
  call:bye()
  leg:expect("BYE")
  t.advance(1)
  t.match(server.log, "not charged: .* alice 0 s .*disk full")
end)
