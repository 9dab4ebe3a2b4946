-- What rest.lua promises. Run it with `sipscript test rest_spec.lua`.

local t = require "sip.test"

-- The service always says the same.
local function service(answer)
  t.http("GET /route", function() return answer end)
end

t.it("sends the call where the service says", function()
  t.http("GET 127.0.0.1/route", function(hreq)
    t.equal(hreq.query, { from = "sip:alice@example.com", to = "sip:bob@example.com" })
    return { json = { targets = { "sip:bob@10.0.0.9" } } }
  end)
  local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@10.0.0.9")
  local call = alice:invite("sip:bob@example.com")
  local leg = bob:expect("INVITE")
  leg:reply(200)
  call:expect(200)
  call:bye()
  leg:expect("BYE")
end)

t.it("tries the targets one after the other", function()
  service { json = { targets = { "sip:a@10.0.0.8", "sip:b@10.0.0.9" }, timeout = 5 } }
  local alice, a, b = t.ua("sip:alice@example.com"), t.ua("sip:a@10.0.0.8"), t.ua("sip:b@10.0.0.9")
  local call = alice:invite("sip:bob@example.com")
  a:expect("INVITE"):reply(180)
  b:expect("INVITE", { within = 6 }):reply(180)
  a:expect("CANCEL")
  call:expect(180)
  call:cancel()
  b:expect("CANCEL")
  call:expect(487)
end)

t.it("passes a refusal on", function()
  local alice, answer = t.ua("sip:alice@example.com"), nil
  t.http("GET /route", function() return answer end)
  for _, row in ipairs {
    { { json = { reject = 603 } }, 603 }, { { json = { reject = 200 } }, 500 },
    { { status = 404 }, 404 }, { { json = {} }, 480 },
    { { json = { targets = { "nonsense" } } }, 480 }, { { body = "no JSON" }, 503 },
    { { body = "null" }, 503 }, { { status = 500 }, 503 },
  } do
    answer = row[1]
    alice:invite("sip:bob@example.com"):expect(row[2])
  end
end)

t.it("answers 503 while the service is away", function()
  service { error = "connection refused" }
  local res = t.ua("sip:alice@example.com"):invite("sip:bob@example.com"):expect(503)
  t.equal(res:header("Retry-After"), "10")
end)

t.it("uses the fallback while the service is away", function()
  t.server { args = { fallback = "sip:10.0.0.7" } }
  service { error = "timeout" }
  local alice, pbx = t.ua("sip:alice@example.com"), t.ua("sip:pbx@10.0.0.7")
  local call = alice:invite("sip:bob@example.com")
  local leg = pbx:expect("INVITE")
  t.equal(leg.ruri, "sip:bob@example.com")
  leg:reply(200)
  call:expect(200)
end)
