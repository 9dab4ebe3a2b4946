-- Calls to the script of "Voicemail" in docs/scripting.md.
local t = require "sip.test"

local function phones()
  t.server { args = { voicemail = "sip:10.0.0.9" } }
  return t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com"), t.ua("sip:vm@10.0.0.9")
end

local function taken(vm, call, reason)
  local invite = vm:expect("INVITE")
  t.equal(tostring(invite.ruri.user), "bob")
  t.equal(invite:header("Diversion"), "<sip:bob@example.com>;reason=" .. reason)
  invite:reply(200)
  call:expect(200)
  call:bye()
end

t.it("takes a call that nobody answers", function()
  local alice, bob, vm = phones()
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(180)
  call:expect(180)
  t.advance(21)
  bob:expect("CANCEL")
  taken(vm, call, "no-answer")
end)

t.it("takes a call when the phone is busy", function()
  local alice, bob, vm = phones()
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(486)
  taken(vm, call, "user-busy")
end)

t.it("takes a call when nobody is registered", function()
  local alice, _, vm = phones()
  taken(vm, alice:invite("sip:bob@example.com"), "unavailable")
end)

t.it("leaves a declined call alone", function()
  local alice, bob, vm = phones()
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(603)
  call:expect(603)
  vm:expect_nothing()
end)

t.it("takes no call whose caller hung up", function()
  local alice, bob, vm = phones()
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(180)
  call:expect(180)
  call:cancel()
  bob:expect("CANCEL")
  call:expect(487)
  vm:expect_nothing()
end)
