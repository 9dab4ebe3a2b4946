-- What pbx.lua promises. Run it with `sipscript test pbx_spec.lua`.

local t = require "sip.test"

t.server {
  env = { PBX_USERS = "alice:wonderland bob:builder carol:carpet" },
  args = { voicemail = "sip:voicemail@10.0.0.9", forward = "bob=carol,carol=bob" },
}

local passwords = { alice = "wonderland", bob = "builder", carol = "carpet" }

local function phone(user, options)
  options = options or {}
  options.password = options.password or passwords[user]
  return t.ua("sip:" .. user .. "@example.com", options)
end

local function voicemail()
  return t.ua("sip:voicemail@10.0.0.9")
end

t.describe("registration", function()
  t.it("takes the right password", function()
    phone("alice"):register()
    phone("bob", { transport = "tcp" }):register()
  end)

  t.it("refuses a wrong one", function()
    local alice = phone("alice", { password = "guess" })
    t.match(alice:register({ expect = 401 }):header("WWW-Authenticate"), "^Digest ")
  end)

  t.it("refuses the right one for somebody else's phone", function()
    phone("bob", { user = "alice", password = passwords.alice }):register { expect = 403 }
  end)
end)

t.it("asks with the algorithms it is told", function()
  t.server { args = { algorithms = "MD5" } }
  local res = phone("alice", { password = "guess" }):register { expect = 401 }
  t.match(res:header("WWW-Authenticate"), "algorithm=MD5,")
end)

t.describe("a call", function()
  t.it("rings all phones of a user", function()
    local alice, desk, cell = phone("alice"), phone("bob", { name = "desk" }), phone("bob", { name = "cell" })
    desk:register()
    cell:register()
    local call = alice:invite("sip:bob@example.com")
    local at_desk, at_cell = desk:expect("INVITE"), cell:expect("INVITE")
    t.equal(at_desk:header("Proxy-Authorization"), nil, "alice's credentials")
    at_desk:reply(180)
    at_cell:reply(180)
    call:expect(180)
    at_cell:reply(200)
    call:expect(200)
    at_desk:expect("CANCEL")
    call:bye()
    at_cell:expect("BYE")
  end)

  t.it("needs a password of who claims to be one of us", function()
    local bob = phone("bob")
    bob:register()
    t.ua("sip:alice@example.com"):invite("sip:bob@example.com"):expect(407)
    phone("alice", { user = "carol", password = passwords.carol }):invite("sip:bob@example.com"):expect(403)
    bob:expect_nothing()
  end)

  t.it("may come from anywhere, but goes to our users only", function()
    local stranger, bob = t.ua("sip:stranger@example.org"), phone("bob")
    bob:register()
    stranger:invite("sip:bob@example.com")
    bob:expect("INVITE"):reply(200)
    stranger:invite("sip:somebody@example.net"):expect(404)
    phone("alice"):invite("sip:somebody@example.net"):expect(404)
  end)
end)

t.describe("when nobody answers", function()
  t.it("the voicemail takes the call after 20 seconds", function()
    local alice, bob, vm = phone("alice"), phone("bob"), voicemail()
    bob:register()
    local call = alice:invite("sip:bob@example.com")
    bob:expect("INVITE"):reply(180)
    t.advance(19)
    vm:expect_nothing(0)
    bob:expect("CANCEL")
    local leg = vm:expect("INVITE")
    t.equal(leg:header("Diversion"), "<sip:bob@example.com>;reason=no-answer")
    leg:reply(200)
    call:expect(200)
    call:bye()
    leg:expect("BYE")
  end)

  t.it("nor has a phone, the voicemail takes it at once", function()
    local alice, vm = phone("alice"), voicemail()
    local call = alice:invite("sip:bob@example.com")
    local leg = vm:expect("INVITE", { within = 1 })
    t.equal(leg:header("Diversion"), "<sip:bob@example.com>;reason=unavailable")
    leg:reply(200)
    call:expect(200)
  end)

  t.it("and the caller hangs up, the voicemail stays out of it", function()
    local alice, bob, vm = phone("alice"), phone("bob"), voicemail()
    bob:register()
    local call = alice:invite("sip:bob@example.com")
    bob:expect("INVITE"):reply(180)
    call:expect(180)
    call:cancel()
    bob:expect("CANCEL")
    call:expect(487)
    t.advance(60)
    vm:expect_nothing()
  end)

  t.it("as the phone has gone away, the voicemail takes it all the same", function()
    local alice, bob, vm = phone("alice"), phone("bob"), voicemail()
    bob:register()
    bob:leave()
    local call = alice:invite("sip:bob@example.com")
    vm:expect("INVITE", { within = 21 }):reply(200)
    call:expect(200)
  end)

  t.it("and there is no voicemail, the caller is told", function()
    t.server { args = { ring = "5" } }
    local alice, bob = phone("alice"), phone("bob")
    bob:register()
    local call = alice:invite("sip:bob@example.com")
    bob:expect("INVITE"):reply(180)
    call:expect(408)
  end)
end)

t.describe("a busy user", function()
  t.it("has his calls forwarded", function()
    local alice, bob, carol = phone("alice"), phone("bob"), phone("carol")
    bob:register()
    carol:register()
    local call = alice:invite("sip:bob@example.com")
    bob:expect("INVITE"):reply(486)
    local leg = carol:expect("INVITE")
    leg:reply(200)
    call:expect(200)
    leg:bye():expect(200)
    call:expect("BYE")
  end)

  t.it("to another one who is busy, is busy", function()
    local alice, bob, carol, vm = phone("alice"), phone("bob"), phone("carol"), voicemail()
    bob:register()
    carol:register()
    local call = alice:invite("sip:bob@example.com")
    bob:expect("INVITE"):reply(486)
    carol:expect("INVITE"):reply(486) -- her calls go to bob, who was asked
    call:expect(486)
    bob:expect_nothing()
    vm:expect_nothing()
  end)

  t.it("without a forwarding is busy", function()
    local alice, bob = phone("alice"), phone("bob")
    alice:register()
    local call = bob:invite("sip:alice@example.com")
    alice:expect("INVITE"):reply(486)
    call:expect(486)
  end)
end)

t.it("leaves a refusal as it is", function()
  local alice, bob, vm = phone("alice"), phone("bob"), voicemail()
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(603)
  call:expect(603)
  vm:expect_nothing()
end)

t.it("keeps credentials for itself, also those that come unasked within a call", function()
  local alice, bob = phone("alice"), phone("bob")
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  local leg = bob:expect("INVITE")
  leg:reply(200)
  call:expect(200)
  leg:expect("ACK")
  local unasked = 'Digest username="alice", realm="example.com", nonce="n", uri="sip:bob@example.com", response="r"'
  local hold = call:send { method = "INFO", headers = { ["Proxy-Authorization"] = unasked } }
  local got = leg:expect("INFO")
  t.equal(got:header("Proxy-Authorization"), nil)
  got:reply(200)
  hold:expect(200)
end)

t.it("lets a subscription's NOTIFY come back", function()
  local alice, bob = phone("alice"), phone("bob")
  bob:register()
  local sub = alice:send { method = "SUBSCRIBE", uri = "sip:bob@example.com", headers = { Event = "presence", Expires = "60" } }
  local got = bob:expect("SUBSCRIBE")
  t.ok(got:header("Record-Route"), "not record-routed")
  got:reply(200)
  sub:expect(200)
end)

t.it("rings nobody's own phone with what nothing here serves", function()
  local bob = phone("bob")
  bob:register()
  for _, method in ipairs { "SUBSCRIBE", "PUBLISH" } do
    bob:send { method = method, uri = "sip:bob@example.com", headers = { Event = "message-summary", Expires = "60" } }:expect(489)
  end
  bob:expect_nothing()
end)

t.describe("presence", function()
  local function subscribe(phone, to, event)
    return phone:send { method = "SUBSCRIBE", uri = "sip:" .. to .. "@example.com", headers = { Event = event, Expires = "60" } }
  end

  t.it("shows who is there", function()
    t.server { args = { presence = "on" } }
    local alice, bob = phone("alice"), phone("bob")
    bob:register()
    local sub = subscribe(alice, "bob", "presence")
    t.equal(sub:expect(200):header("Allow-Events"), "presence")
    local told = sub:expect("NOTIFY")
    told:reply(200)
    t.match(told.body, "<basic>open</basic>")
    bob:send { method = "PUBLISH", uri = "sip:bob@example.com", headers = { Event = "presence", ["Content-Type"] = "application/pidf+xml" },
      body = '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:bob@example.com"><tuple id="a"><status><basic>closed</basic></status></tuple></presence>' }
      :expect(200)
    told = sub:expect("NOTIFY")
    told:reply(200)
    t.match(told.body, "closed")
    bob:expect_nothing()
  end)

  t.it("lights the lamp of a user in a call", function()
    t.server { args = { presence = "on" } }
    local alice, bob, carol = phone("alice"), phone("bob"), phone("carol")
    bob:register()
    local lamp = subscribe(carol, "bob", "dialog")
    lamp:expect(200)
    lamp:expect("NOTIFY"):reply(200)
    local call = alice:invite("sip:bob@example.com")
    bob:expect("INVITE"):reply(180)
    local told = lamp:expect("NOTIFY")
    told:reply(200)
    t.match(told.body, "<state>early</state>")
    call:cancel()
  end)

  t.it("takes no state from a stranger, and shows him none", function()
    t.server { args = { presence = "on" } }
    local stranger = t.ua("sip:stranger@example.org")
    subscribe(stranger, "bob", "presence"):expect(403)
    stranger:send { method = "PUBLISH", uri = "sip:bob@example.com", headers = { Event = "message-summary" } }:expect(403)
  end)
end)

t.it("passes no stranger's word on his identity, at first and within a call, asked or answering", function()
  local stranger, bob = t.ua("sip:stranger@example.org"), phone("bob")
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

t.it("passes the identity that a trusted peer says", function()
  t.server { args = { trusted = "10.0.0.77" } }
  local trunk, bob = t.ua("sip:trunk@example.org", { addr = "10.0.0.77" }), phone("bob")
  bob:register()
  trunk:invite("sip:bob@example.com", { headers = { ["P-Asserted-Identity"] = "<sip:boss@example.org>" } })
  t.equal(bob:expect("INVITE"):header("P-Asserted-Identity"), "<sip:boss@example.org>")
end)

t.it("keeps from phones the identity that a trusted peer's caller wants to be private", function()
  t.server { args = { trusted = "10.0.0.77" } }
  local trunk, bob = t.ua("sip:trunk@example.org", { addr = "10.0.0.77" }), phone("bob")
  bob:register()
  trunk:invite("sip:bob@example.com", { headers = { ["P-Asserted-Identity"] = "<sip:boss@example.org>", Privacy = "id" } })
  t.equal(bob:expect("INVITE"):header("P-Asserted-Identity"), nil)
end)

t.describe("a text", function()
  local function text(from, body, to)
    return from:send { method = "MESSAGE", uri = to or "sip:bob@example.com", body = body, content_type = "text/plain" }
  end

  t.it("waits for a user who is away, and comes in order", function()
    local alice, bob = phone("alice"), phone("bob")
    text(alice, "one"):expect(202)
    text(alice, "two"):expect(202)
    t.advance(3600)
    bob:register()
    for _, body in ipairs { "one", "two" } do
      local message = bob:expect("MESSAGE")
      t.equal(message.body, body)
      t.equal(message.from.uri.user, "alice")
      message:reply(200)
    end
  end)

  t.it("waits where a phone did not take it", function()
    local alice, bob = phone("alice"), phone("bob")
    bob:register()
    local sent = text(alice, "one")
    bob:expect("MESSAGE"):reply(480)
    sent:expect(202)
    bob:register()
    bob:expect("MESSAGE"):reply(200)
  end)

  t.it("is refused where a phone refuses it, and for nobody", function()
    local alice, bob = phone("alice"), phone("bob")
    bob:register()
    local sent = text(alice, "one")
    bob:expect("MESSAGE"):reply(488)
    sent:expect(488)
    text(alice, "one", "sip:nobody@example.com"):expect(404)
  end)
end)
