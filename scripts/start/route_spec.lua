-- What route.lua does. `sipscript test` runs it in a simulator, where 20 seconds of ringing take no
-- time.

local t = require "sip.test"

t.it("lets two phones call each other", function()
  local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  local leg = bob:expect("INVITE")
  leg:reply(180)
  call:expect(180)
  leg:reply(200)
  call:expect(200)
  leg:expect("ACK")
  call:bye():expect(200)
end)

t.it("removes asserted identities", function()
  local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
  bob:register()
  local claim = { ["P-Asserted-Identity"] = "<sip:boss@example.com>" }
  local call = alice:invite("sip:bob@example.com", { headers = claim })
  local leg = bob:expect("INVITE")
  t.equal(leg:header("P-Asserted-Identity"), nil)
  leg:reply(486, { headers = claim })
  t.equal(call:expect(486):header("P-Asserted-Identity"), nil)
end)

t.it("answers 480 if nobody is registered", function()
  t.ua("sip:alice@example.com"):invite("sip:bob@example.com"):expect(480)
end)

t.it("does not relay to users of other domains", function()
  t.ua("sip:alice@example.com"):invite("sip:bob@example.org"):expect(404)
end)

t.it("answers an OPTIONS for the server itself", function()
  t.ua("sip:alice@example.com"):send { method = "OPTIONS", uri = "sip:example.com" }:expect(200)
end)
