-- Calls to the script of "Office hours and limits" in docs/scripting.md.
local t = require "sip.test"

t.it("limits the calls of one caller", function()
  t.server { args = { open = "0", close = "24" } }
  local alice, carol, bob = t.ua("sip:alice@example.com"), t.ua("sip:carol@example.com"), t.ua("sip:bob@example.com")
  bob:register()
  local function rings(caller)
    local call = caller:invite("sip:bob@example.com")
    bob:expect("INVITE"):reply(486)
    call:expect(486)
  end
  for _ = 1, 3 do rings(alice) end
  t.equal(alice:invite("sip:bob@example.com"):expect(480).reason, "Too Many Calls")
  rings(carol)
  t.advance(61)
  rings(alice)
end)

t.it("redirects out of hours", function()
  t.server { args = { open = "0", close = "0", announcement = "sip:closed@10.0.0.9" } }
  local alice = t.ua("sip:alice@example.com")
  local answer = alice:invite("sip:bob@example.com"):expect(302)
  t.equal(answer:header("Contact"), "<sip:closed@10.0.0.9>")
end)
