-- What default.lua promises. Run it with `sipscript test default_spec.lua`.

local t = require "sip.test"

t.it("lets two phones call each other", function()
  local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
  alice:register()
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  local leg = bob:expect("INVITE")
  leg:reply(180)
  call:expect(180)
  leg:reply(200)
  call:expect(200)
  leg:expect("ACK")
  leg:bye():expect(200)
  call:expect("BYE")
end)

t.it("serves the users of an address as those of a domain", function()
  local alice, bob = t.ua("sip:alice@10.0.0.1", { addr = "10.0.0.2" }), t.ua("sip:bob@10.0.0.1", { addr = "10.0.0.3" })
  bob:register()
  alice:send { method = "MESSAGE", uri = "sip:bob@10.0.0.1", body = "hello", content_type = "text/plain" }
  local message = bob:expect("MESSAGE")
  t.equal(message.body, "hello")
  t.equal(message.from.uri.user, "alice")
end)

t.describe("of requests for the server itself", function()
  t.it("answers OPTIONS", function()
    local alice = t.ua("sip:alice@example.com")
    for _, uri in ipairs { "sip:example.com", "sip:10.0.0.1", "sip:10.0.0.1:5060;transport=udp" } do
      local res = alice:send { method = "OPTIONS", uri = uri }:expect(200)
      t.match(res:header("Allow"), "INVITE")
      t.equal(res:header("Supported"), "path")
    end
  end)

  t.it("knows no other", function()
    t.ua("sip:alice@example.com"):send { method = "MESSAGE", uri = "sip:example.com" }:expect(404)
  end)
end)

t.describe("of other domains", function()
  t.it("serves nobody", function()
    local alice = t.ua("sip:alice@example.com")
    alice:send { method = "OPTIONS", uri = "sip:example.org" }:expect(404)
    alice:invite("sip:bob@example.org"):expect(404)
  end)

  t.it("registers nobody", function()
    t.ua("sip:carol@example.org"):register { expect = 404 }
  end)
end)

t.it("answers 481 to what belongs to no call", function()
  local alice = t.ua("sip:alice@example.com")
  alice:send { method = "BYE", uri = "sip:bob@10.0.0.9", to = "<sip:bob@example.com>;tag=gone" }:expect(481)
end)
