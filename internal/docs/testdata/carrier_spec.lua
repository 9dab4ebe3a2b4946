-- Calls to the script of "Headers for a carrier" in docs/scripting.md.
local t = require "sip.test"

t.it("writes who calls, and keeps the inside inside", function()
  local alice, carrier = t.ua("sip:alice@example.com"), t.ua("sip:carrier@10.0.3.1")
  local call = alice:invite("sip:+4912@example.com:5060;x=y", { headers = {
    Diversion = { "<sip:x@inner>;reason=user-busy", "<sip:y@inner>;reason=no-answer" }, ["X-Internal"] = "1", Privacy = "critical; id",
  } })
  local invite = carrier:expect("INVITE")
  t.equal(tostring(invite.ruri), "sip:+4912@carrier.example.net;user=phone")
  t.equal(invite:header("P-Asserted-Identity"), '"Alice \\"Ace\\" A." <sip:+4930100@example.com>')
  t.equal(invite:header("Privacy"), "id")
  t.equal(invite:header("X-Internal"), nil)
  t.equal(table.concat(invite:headers("Diversion"), ", "), "<sip:+4930100@example.com>;reason=user-busy, <sip:+4930100@example.com>;reason=no-answer")
  invite:reply(404)
  call:expect(404)
end)

t.it("adds nothing that was not there", function()
  local bob, carrier = t.ua("sip:bob@example.com"), t.ua("sip:carrier@10.0.3.1")
  local call = bob:invite("sip:+4912@example.com")
  local invite = carrier:expect("INVITE")
  t.equal(invite:header("P-Asserted-Identity"), "<sip:+4930101@example.com>")
  t.equal(invite:header("Privacy"), nil)
  t.equal(invite:header("Diversion"), nil)
  invite:reply(404)
  call:expect(404)
  t.ua("sip:mallory@example.com"):invite("sip:+4912@example.com"):expect(403)
end)
