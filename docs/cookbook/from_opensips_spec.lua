-- What from_opensips.lua promises. Run it with `sipscript test from_opensips_spec.lua`.

local t = require "sip.test"

local function world()
  local addresses = { ["1"] = "10.0.3.1", ["2"] = "10.0.3.2" }
  t.sql("from address", function(_, ip)
    return { rows = ip == "10.0.1.99" and { { context_info = "acme" } } or {} }
  end)
  t.sql("from dr_rules", { { gwlist = "1,2" } })
  t.sql("from dr_gateways", function(_, id) return { rows = { { address = addresses[id] } } } end)
  return t.ua("sip:pbx@10.0.1.99"), t.ua("sip:one@10.0.3.1"), t.ua("sip:two@10.0.3.2")
end

t.it("routes a customer's call, and accounts for it", function()
  local server = t.server {}
  local pbx, one = world()
  local headers = { ["P-Preferred-Identity"] = "<sip:x@y>" }
  local call = pbx:invite("sip:0049301@example.com", { headers = headers })
  local leg = one:expect("INVITE")
  t.equal(leg.ruri, "sip:49301@10.0.3.1")
  t.equal(leg:header("P-Preferred-Identity"), nil)
  leg:reply(200)
  call:expect(200)
  call:bye()
  leg:expect("BYE")
  t.advance(1)
  t.match(server.log, "call of acme to 49301 answered")
  t.match(server.log, "call of acme ended")
end)

t.it("tries the next gateway, and the first again when it answers an OPTIONS", function()
  local pbx, one, two = world()
  local call = pbx:invite("sip:49301@example.com")
  one:expect("INVITE"):reply(503)
  two:expect("INVITE"):reply(486)
  call:expect(486)
  call = pbx:invite("sip:49301@example.com")
  two:expect("INVITE", { within = 1 }):reply(486)
  call:expect(486)
  one:expect("OPTIONS", { within = 21 }):reply(200)
  t.advance(1)
  call = pbx:invite("sip:49301@example.com")
  one:expect("INVITE", { within = 1 }):reply(180)
  call:expect(180)
  call:cancel()
  one:expect("CANCEL")
  call:expect(487)
end)

t.it("answers 503 when all gateways are away", function()
  local pbx, one, two = world()
  one:leave()
  two:leave()
  pbx:invite("sip:49301@example.com"):expect(408, { within = 8 })
  pbx:invite("sip:49301@example.com"):expect(503, { within = 1 })
end)

t.it("limits a customer's calls in a second", function()
  local pbx = world()
  for _ = 1, 10 do pbx:invite("sip:x@example.com"):expect(404) end
  pbx:invite("sip:49301@example.com"):expect(503)
  t.advance(1)
  pbx:invite("sip:x@example.com"):expect(404)
end)

t.it("refuses strangers, and everybody while the database is away", function()
  local pbx, one = world()
  one:invite("sip:49301@example.com"):expect(403)
  t.sql(function() return { error = "connection refused" } end)
  pbx:invite("sip:49301@example.com"):expect(503)
end)
