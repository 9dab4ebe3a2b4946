-- What redirect.lua promises. Run it with `sipscript test redirect_spec.lua`.

local t = require "sip.test"

t.it("says where bob is, and leaves the call to the caller", function()
  local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
  bob:register()
  local moved = alice:invite("sip:bob@example.com"):expect(302)
  t.equal(moved.contact, bob.contact)
  bob:expect_nothing()
end)

t.it("says all places, with their preference", function()
  local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
  bob:register { contact = { "<sip:bob@10.0.0.7>;q=0.3", "<sip:bob@10.0.0.8>;q=0.9" } }
  local contacts = alice:invite("sip:bob@example.com"):expect(302):headers("Contact")
  t.equal(#contacts, 2)
  t.match(table.concat(contacts, " "), "10%.0%.0%.8[^ ]*q=0%.9")
end)

t.it("names no browser, whom nobody can reach but through a proxy", function()
  local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
  bob:register { contact = "<sip:bob@df7jal23ls0d.invalid;transport=ws>" }
  alice:invite("sip:bob@example.com"):expect(480)
  bob:register { contact = { "<sip:bob@df7jal23ls0d.INVALID;transport=ws>", "<sip:bob@10.0.0.8>" } }
  local contacts = alice:invite("sip:bob@example.com"):expect(302):headers("Contact")
  t.equal(#contacts, 1)
  t.match(contacts[1], "10%.0%.0%.8")
end)

t.it("knows when nobody is there", function()
  local alice = t.ua("sip:alice@example.com")
  alice:invite("sip:bob@example.com"):expect(480)
  alice:invite("sip:bob@example.org"):expect(404)
end)

t.it("is in no dialog", function()
  local alice = t.ua("sip:alice@example.com")
  alice:send { method = "INFO", uri = "sip:bob@example.com", to = "<sip:bob@example.com>;tag=x" }:expect(481)
  alice:send { method = "OPTIONS" }:expect(200)
end)
