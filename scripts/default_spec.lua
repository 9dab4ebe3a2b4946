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

t.it("lets a subscription's NOTIFY come back", function()
  local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
  bob:register()
  local sub = alice:send { method = "SUBSCRIBE", uri = "sip:bob@example.com", headers = { Event = "presence", Expires = "60" } }
  local got = bob:expect("SUBSCRIBE")
  t.ok(got:header("Record-Route"), "not record-routed")
  got:reply(200)
  sub:expect(200)
end)

t.it("rings nobody's own phone with what nothing here serves", function()
  local bob = t.ua("sip:bob@example.com")
  bob:register()
  for _, method in ipairs { "SUBSCRIBE", "PUBLISH" } do
    bob:send { method = method, uri = "sip:bob@example.com", headers = { Event = "message-summary", Expires = "60" } }:expect(489)
  end
  bob:expect_nothing()
end)

t.it("passes no stranger's word on his identity, at first and within a call, asked or answering", function()
  local stranger, bob = t.ua("sip:stranger@example.org"), t.ua("sip:bob@example.com")
  bob:register()
  local said = { ["P-Asserted-Identity"] = "<sip:boss@example.com>", ["P-Preferred-Identity"] = "<sip:boss@example.com>",
    ["Remote-Party-ID"] = "<sip:boss@example.com>;party=calling" }
  local call = stranger:invite("sip:bob@example.com", { headers = said })
  local leg = bob:expect("INVITE")
  leg:reply(180, { headers = said })
  local ringing = call:expect(180)
  leg:reply(200, { headers = said })
  local answer = call:expect(200)
  leg:expect("ACK")
  local later = call:send { method = "UPDATE", headers = said }
  local update = leg:expect("UPDATE")
  update:reply(200, { headers = said })
  local updated = later:expect(200)
  local refused = leg:send { method = "INFO", headers = said }
  local info = call:expect("INFO")
  info:reply(488, { headers = said })
  for _, m in ipairs { leg, ringing, answer, update, updated, info, refused:expect(488) } do
    for name in pairs(said) do
      t.equal(m:header(name), nil, name)
    end
  end
end)
