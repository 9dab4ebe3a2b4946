-- What proxy.lua promises. Run it with `sipscript test proxy_spec.lua`.

local t = require "sip.test"

t.it("rings all phones of a user, and the first to answer has the call", function()
  local alice = t.ua("sip:alice@example.com")
  local desk, cell = t.ua("sip:bob@example.com", { name = "desk" }), t.ua("sip:bob@example.com", { name = "cell" })
  desk:register()
  cell:register()

  local call = alice:invite("sip:bob@example.com", { body = "v=0\r\n" })
  local at_desk, at_cell = desk:expect("INVITE"), cell:expect("INVITE")
  t.equal(at_desk.body, "v=0\r\n")
  at_cell:reply(180)
  call:expect(180)
  at_desk:reply(200)
  call:expect(200)
  at_cell:expect("CANCEL")
  at_desk:expect("ACK")

  local bye = call:bye() -- along the Record-Route
  at_desk:expect("BYE"):reply(200)
  bye:expect(200)
  cell:expect_nothing()
end)

t.it("carries what is said within a call, both ways", function()
  local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com", { transport = "tcp" })
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  local leg = bob:expect("INVITE")
  leg:reply(200)
  call:expect(200)

  local hold = leg:send { method = "INVITE", body = "a=sendonly\r\n" }
  call:expect("INVITE"):reply(200)
  hold:expect(200)
  local info = call:send { method = "INFO", headers = { ["Info-Package"] = "foo" } }
  local got = leg:expect("INFO")
  t.equal(got:header("Info-Package"), "foo")
  got:reply(200)
  info:expect(200)
  leg:bye()
  call:expect("BYE")
end)

t.it("gives the best answer when all decline", function()
  local alice = t.ua("sip:alice@example.com")
  local desk, cell = t.ua("sip:bob@example.com", { name = "desk" }), t.ua("sip:bob@example.com", { name = "cell" })
  desk:register()
  cell:register()
  local call = alice:invite("sip:bob@example.com")
  desk:expect("INVITE"):reply(486)
  cell:expect("INVITE"):reply(404)
  call:expect("4xx")
  call:expect_nothing()
end)

t.it("passes a hang-up before the answer on", function()
  local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(180)
  call:expect(180)
  call:cancel()
  bob:expect("CANCEL")
  call:expect(487)
end)

t.it("copes with links that lose every fifth message", function()
  local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
  bob:register()
  t.link { loss = 0.2, delay = 0.05, jitter = 0.02 }
  local call = alice:invite("sip:bob@example.com")
  local leg = bob:expect("INVITE", { within = 32 })
  leg:reply(200)
  call:expect(200, { within = 32 })
  leg:expect("ACK", { within = 32 })
  call:bye()
  leg:expect("BYE", { within = 32 })
end)

t.it("answers 480 when nobody is registered, and when a registration is over", function()
  local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
  alice:invite("sip:bob@example.com"):expect(480)
  bob:register { expires = 120 }
  t.advance(121)
  alice:invite("sip:bob@example.com"):expect(480)
  bob:register()
  bob:unregister()
  alice:invite("sip:bob@example.com"):expect(480)
  bob:expect_nothing()
end)

t.it("is not an open relay", function()
  local mallory, victim = t.ua("sip:mallory@example.com"), t.ua("sip:victim@10.0.0.9")
  mallory:send { method = "MESSAGE", uri = "sip:victim@10.0.0.9" }:expect(404)
  mallory:send { method = "MESSAGE", uri = "sip:victim@example.org" }:expect(404)
  -- as if within a call, and by a Route of his own
  mallory:send { method = "MESSAGE", uri = "sip:victim@10.0.0.9", to = "<sip:victim@example.com>;tag=x" }:expect(481)
  mallory:send { method = "MESSAGE", uri = "sip:victim@10.0.0.9", to = "<sip:victim@example.com>;tag=x",
    route = { "<sip:10.0.0.1;lr>", "<sip:10.0.0.9;lr>" } }:expect(481)
  victim:expect_nothing()
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
