-- What calls.lua promises. Run it with `sipscript test calls_spec.lua`.

local t = require "sip.test"

t.server { data = true }

local alice, bob

t.before(function()
  alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
  bob:register()
end)

local function talk(caller, callee)
  local call = (caller or alice):invite("sip:bob@example.com", { sdp = true })
  local leg = (callee or bob):expect("INVITE")
  leg:answer()
  call:expect(200)
  t.advance(1)
  return call, leg
end

-- Whether all places are free: as many calls as may be, and not one more.
local function free()
  talk()
  talk()
  alice:invite("sip:bob@example.com"):expect(486)
end

t.it("refuses the third call, and takes it when one has ended", function()
  local call = talk()
  talk()
  t.equal(alice:invite("sip:bob@example.com"):expect(486).reason, "Too Many Calls")
  call:bye()
  bob:expect("BYE")
  t.advance(1)
  talk()
end)

t.it("gives places back when a call is cancelled, refused or not answered", function()
  for _, code in ipairs { 486, 603, 503 } do
    local call = alice:invite("sip:bob@example.com")
    bob:expect("INVITE"):reply(code)
    call:expect(code == 503 and "5xx" or code)
  end
  local call = alice:invite("sip:bob@example.com")
  local leg = bob:expect("INVITE")
  leg:reply(180)
  call:expect(180)
  call:cancel()
  leg:expect("CANCEL")
  call:expect(487)
  alice:invite("sip:nobody@example.com"):expect(480)
  bob:leave()
  alice:invite("sip:bob@example.com"):expect(408, { within = 40 })
  bob = t.ua("sip:bob@example.com", { addr = "10.0.2.9" })
  bob:register()
  free()
end)

t.it("ends a call after an hour", function()
  local call, leg = talk()
  for _ = 1, 59 do
    call:expect("OPTIONS", { within = 61 }):reply(200)
    leg:expect("OPTIONS"):reply(200)
  end
  t.advance(60)
  call:expect("BYE")
  leg:expect("BYE")
end)

t.it("ends a call with a phone that was unplugged", function()
  local call = talk()
  bob:leave()
  for _ = 1, 3 do
    call:expect("OPTIONS", { within = 61 }):reply(200)
  end
  call:expect("BYE", { within = 120 })
end)

t.it("ends the call of a browser that was closed", function()
  local browser = t.ua("sip:carol@example.com", { transport = "ws" })
  local _, leg = talk(browser)
  browser:disconnect()
  leg:expect("BYE", { within = 12 })
end)

t.it("refuses a session that is refreshed too often", function()
  local call = alice:invite("sip:bob@example.com", { headers = { Supported = "timer", ["Session-Expires"] = "60" } })
  t.equal(call:expect(422):header("Min-SE"), "90")
  bob:expect_nothing()
end)

t.it("answers 481 to a request that belongs to no call as it stands", function()
  local call = talk()
  call:send { method = "INFO", headers = { CSeq = "1 INFO" } }:expect(481)
  bob:expect_nothing()
end)

t.it("still counts after a crash", function()
  local call = talk()
  talk()
  t.restart { kill = true }
  alice:invite("sip:bob@example.com"):expect(486)
  call:bye()
  bob:expect("BYE")
end)

t.it("holds, resumes, transfers and hangs up for the switchboard", function()
  local call, leg = talk()
  for _, row in ipairs { { "/hold", "inactive" }, { "/resume", "sendrecv" } } do
    local asked = t.request { method = "POST", path = row[1], query = { user = "bob" } }
    call:expect("INVITE"):answer()
    leg:expect("INVITE", { sdp = { direction = row[2] } }):answer()
    asked:expect(200)
  end
  local asked = t.request { method = "POST", path = "/hang-up", query = { user = "alice" } }
  asked:expect(200)
  call:expect("BYE", { headers = { Reason = "cause=16" } })
  leg:expect("BYE")
end)

t.it("tells the switchboard what failed", function()
  local function post(path, query) return t.request { method = "POST", path = path, query = query } end
  post("/hold", { user = "bob" }):expect(404)
  post("/hold", {}):expect(404)
  local call = talk()
  post("/transfer", { user = "bob", to = "no target" }):expect(400)
  local asked = post("/transfer", { user = "bob", to = "sip:carol@example.com" })
  call:expect("REFER"):reply(603)
  asked:expect(409)
  asked = post("/hold", { user = "bob" })
  call:expect("INVITE"):reply(488)
  asked:expect(409)
  call:bye()
end)

t.it("transfers a call", function()
  local call, leg = talk()
  local asked = t.request { method = "POST", path = "/transfer", query = { user = "bob", to = "sip:carol@example.com" } }
  local refer = call:expect("REFER", { headers = { ["Refer-To"] = "carol@example.com" } })
  refer:reply(202)
  call:send { method = "NOTIFY", content_type = "message/sipfrag", body = "SIP/2.0 200 OK\r\n",
    headers = { Event = "refer", ["Subscription-State"] = "terminated" } }:expect(200)
  asked:expect(200)
  call:expect("BYE")
  leg:expect("BYE")
end)
