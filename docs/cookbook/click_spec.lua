-- What click.lua promises. Run it with `sipscript test click_spec.lua`.

local t = require "sip.test"

t.server { env = { CLICK_TOKEN = "secret" } }

-- Asks for a call as the web page does, and returns the request.
local function click(from, to)
  return t.request { path = "/calls", auth = { bearer = "secret" }, json = { from = from, to = to } }
end

t.it("tells the caller's phone to call, and connects that call", function()
  local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
  alice:register()
  bob:register()
  local asked = click("alice", "sip:bob@example.com")
  local refer = alice:expect("REFER")
  t.equal(refer:header("Refer-To"), "<sip:bob@example.com>")
  t.equal(refer:header("Refer-Sub"), "false")
  refer:reply(202)
  t.equal(asked:expect(202):json().result, "the phone will call")
  local call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(200)
  call:expect(200)
end)

t.it("tries the next phone when one refuses, and says why when all do", function()
  local desk = t.ua("sip:alice@example.com", { name = "desk" })
  local cell = t.ua("sip:alice@example.com", { name = "cell" })
  desk:register()
  t.advance(1)
  cell:register()
  local asked = click("alice", "sip:bob@example.com")
  cell:expect("REFER"):reply(405)
  desk:expect("REFER"):reply(603)
  t.equal(asked:expect(502):json().error, "the phone says 603 Decline")
end)

t.it("says so when no phone is registered, or none answers", function()
  t.equal(click("alice", "sip:bob@example.com"):expect(502):json().error, "no phone is registered")
  local alice = t.ua("sip:alice@example.com")
  alice:register()
  alice:leave()
  local answer = click("alice", "sip:bob@example.com"):expect(502, { within = 6 })
  t.match(answer:json().error, "no final response")
end)

t.it("calls nobody outside, and nothing malformed", function()
  click("alice", "sip:bob@example.org"):expect(403)
  click("alice", "nonsense"):expect(400)
  click("a@b", "sip:bob@example.com"):expect(400)
  t.request { path = "/calls", auth = { bearer = "secret" }, json = { 1, 2 } }:expect(400)
end)

t.it("answers only those who know the token", function()
  t.request { path = "/calls", json = { from = "alice", to = "sip:bob@example.com" } }:expect(401)
  t.request { path = "/calls", auth = { bearer = "guess" }, json = {} }:expect(401)
end)
