-- What click.lua promises. Run it with `sipscript test click_spec.lua`.

local t = require "sip.test"

-- Specs cannot send HTTP requests to the script yet: a MESSAGE takes the place of the web page, and
-- what the page would get is the reason of its answer.
local page = [[
  local click = require "click"
  local calls = route
  function route(req)
    if req.method ~= "MESSAGE" then return calls(req) end
    local _, status, text = click.dial(req:header("X-From"), req:header("X-To"))
    req:reply(status == 202 and 200 or 500, status .. " " .. text)
  end
]]

t.server { source = page, env = { CLICK_TOKEN = "secret" } }

-- Asks for a call, and returns what is to come.
local function click(from, to)
  return t.ua("sip:web@example.com"):send {
    method = "MESSAGE", uri = "sip:example.com", headers = { ["X-From"] = from, ["X-To"] = to },
  }
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
  t.equal(asked:expect(200).reason, "202 the phone will call")
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
  t.equal(asked:expect(500).reason, "502 the phone says 603 Decline")
end)

t.it("says so when no phone is registered, or none answers", function()
  t.equal(click("alice", "sip:bob@example.com"):expect(500).reason, "502 no phone is registered")
  local alice = t.ua("sip:alice@example.com")
  alice:register()
  alice:leave()
  local res = click("alice", "sip:bob@example.com"):expect(500, { within = 6 })
  t.match(res.reason, "^502 .*no final response")
end)

t.it("calls nobody outside, and nothing malformed", function()
  t.match(click("alice", "sip:bob@example.org"):expect(500).reason, "^403")
  t.match(click("alice", "nonsense"):expect(500).reason, "^400")
  t.match(click("a@b", "sip:bob@example.com"):expect(500).reason, "^400")
end)
