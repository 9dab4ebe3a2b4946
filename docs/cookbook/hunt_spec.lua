-- What hunt.lua promises. Run it with `sipscript test hunt_spec.lua`.

local t = require "sip.test"

local function phone(user) return t.ua("sip:" .. user .. "@example.com") end

-- A caller, and the members, registered.
local function members(...)
  local list = { phone "dave" }
  for _, user in ipairs { ... } do
    local ua = phone(user)
    ua:register()
    list[#list + 1] = ua
  end
  return unpack(list)
end

t.it("rings all members at once, and stops ringing when one answers", function()
  local caller, alice, bob = members("alice", "bob")
  local call = caller:invite("sip:sales@example.com")
  local at_alice, at_bob = alice:expect("INVITE"), bob:expect("INVITE")
  at_alice:reply(180)
  at_bob:reply(200)
  alice:expect("CANCEL")
  call:expect(200)
end)

t.it("rings one member after the other, past a busy one and one who is away", function()
  local caller, alice, carol = members("alice", "carol")
  local call = caller:invite("sip:support@example.com")
  alice:expect("INVITE"):reply(486)
  carol:expect("INVITE", { within = 1 }):reply(200)   -- bob is not registered
  call:expect(200)
  call = caller:invite("sip:support@example.com")
  alice:expect("INVITE"):reply(603)                   -- alice declines for herself alone
  carol:expect("INVITE", { within = 1 }):reply(200)
  call:expect(200)
end)

t.it("goes on after 15 seconds, and answers 480 after the last", function()
  local caller, alice, bob = members("alice", "bob")
  local call = caller:invite("sip:support@example.com")
  alice:expect("INVITE"):reply(180)
  bob:expect("INVITE", { within = 16 }):reply(180)
  call:expect(480, { within = 17 })
  alice:expect("CANCEL")
  bob:expect("CANCEL")
end)

t.it("begins with another member at each call", function()
  local caller, alice, bob, carol = members("alice", "bob", "carol")
  for _, ua in ipairs { alice, bob, carol, alice } do
    local call = caller:invite("sip:help@example.com")
    local leg = ua:expect("INVITE", { within = 1 })
    leg:reply(200)
    call:expect(200)
    call:bye()
    leg:expect("BYE")
  end
end)

t.it("stops hunting when the caller gives up", function()
  local caller, alice, bob = members("alice", "bob")
  local call = caller:invite("sip:support@example.com")
  alice:expect("INVITE"):reply(180)
  call:expect(180)
  call:cancel()
  alice:expect("CANCEL")
  call:expect(487)
  t.advance(60)
  bob:expect_nothing()
end)

t.it("answers 480 when no member is registered", function()
  local caller = phone "dave"
  caller:invite("sip:sales@example.com"):expect(480)
  caller:invite("sip:help@example.com"):expect(480)
end)
