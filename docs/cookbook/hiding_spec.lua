-- What hiding.lua promises. Run it with `sipscript test hiding_spec.lua`.

local t = require "sip.test"

t.server { args = { carrier = "10.0.3.1" }, data = true }

local alice, carrier

t.before(function()
  alice, carrier = t.ua("sip:alice@example.com", { addr = "10.0.2.7" }), t.ua("sip:carrier@10.0.3.1")
  alice:register()
end)

-- hidden checks that a message says nothing of a host.
local function hidden(m, host)
  local head = m.text:gsub("\r\n\r\n.*", "")
  t.ok(not head:find(host, 1, true), m.text)
  return m
end

local function talk()
  local call = alice:invite("sip:+4930123@example.com")
  local leg = carrier:expect("INVITE")
  hidden(leg, "10.0.2.7"):reply(200)
  hidden(call:expect(200), "10.0.3.1")
  t.ok(leg.call_id ~= call.call_id)
  return call, leg
end

t.it("hides both sides from the first message to the last", function()
  local call, leg = talk()
  t.advance(1)
  local asked = leg:send { method = "INFO" }
  hidden(call:expect("INFO"), "10.0.3.1"):reply(200)
  hidden(asked:expect(200), "10.0.2.7")
  local again = call:reinvite()
  hidden(leg:expect("INVITE"), "10.0.2.7"):reply(200)
  hidden(again:expect(200), "10.0.3.1")
  t.advance(1)
  leg:bye()
  hidden(call:expect("BYE"), "10.0.3.1")
end)

t.it("hides a user who is called", function()
  local call = carrier:invite("sip:alice@example.com", { from = "sip:+4989777@10.0.3.1" })
  local leg = alice:expect("INVITE")
  hidden(leg, "10.0.3.1:"):reply(180)
  hidden(call:expect(180), "10.0.2.7")
  leg:reply(200)
  hidden(call:expect(200), "10.0.2.7")
  t.advance(1)
  call:bye()
  leg:expect("BYE")
end)

t.it("takes hosts out of what a failure says", function()
  local call = alice:invite("sip:+4930123@example.com")
  carrier:expect("INVITE"):reply(488, nil, { headers = {
    Warning = '304 10.0.3.1 "media type not available"',
    ["History-Info"] = "<sip:x@10.0.3.1>;index=1" } })
  hidden(call:expect(488), "10.0.3.1")
end)

t.it("hides where a redirection leads", function()
  local call = alice:invite("sip:+4930123@example.com")
  carrier:expect("INVITE"):reply(302, nil, { headers = { Contact = "<sip:+4930124@10.0.3.1>" } })
  hidden(call:expect(302), "10.0.3.1")
end)

t.it("cancels", function()
  local call = alice:invite("sip:+4930123@example.com")
  local leg = carrier:expect("INVITE")
  leg:reply(180)
  call:expect(180)
  call:cancel()
  hidden(leg:expect("CANCEL"), "10.0.2.7")
  hidden(call:expect(487), "10.0.3.1")
end)

t.it("hides a transfer's target, its dialog and its report", function()
  local call, leg = talk()
  t.advance(1)
  local refer = leg:refer("sip:+4989555@10.0.3.1")
  local told = call:expect("REFER")
  hidden(told, "10.0.3.1"):reply(202)
  refer:expect(202)
  local report = call:send { method = "NOTIFY", content_type = "message/sipfrag",
    body = "SIP/2.0 200 OK\r\nContact: <sip:alice@10.0.2.7>\r\n\r\n",
    headers = { Event = "refer", ["Subscription-State"] = "terminated" } }
  local got = leg:expect("NOTIFY")
  t.ok(not got.text:find("10.0.2.7", 1, true), got.text)
  got:reply(200)
  report:expect(200)
  t.advance(1)
  call:bye()
end)

t.it("goes on after a restart", function()
  local call, leg = talk()
  t.advance(1)
  t.restart { kill = true }
  leg:bye()
  call:expect("BYE")
end)

t.it("sends nobody to an address that somebody made up", function()
  talk()
  alice:send { method = "INVITE", uri = "sip:vl-0123456789abcdef0123456789@10.0.0.1" }:expect("4xx")
  alice:send { method = "BYE", uri = "sip:vl-0123456789abcdef0123456789@10.0.0.1", to = "<sip:x@example.com>;tag=1" }:expect("4xx")
  carrier:expect_nothing()
end)

t.it("lets users see each other, and says who is not there", function()
  local bob = t.ua("sip:bob@example.com")
  bob:register()
  alice:invite("sip:bob@example.com")
  local leg = bob:expect("INVITE")
  t.match(leg.text, "10%.0%.2%.7")
  leg:reply(486)
  carrier:invite("sip:nobody@example.com"):expect(480)
end)
