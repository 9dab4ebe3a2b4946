-- What balance.lua promises. Run it with `sipscript test balance_spec.lua`.

local t = require "sip.test"

local servers = { "sip:10.0.0.11:5060", "sip:10.0.0.12:5060" }
t.server { args = { servers = table.concat(servers, ", ") } }

local function farm()
  local list = {}
  for i, uri in ipairs(servers) do
    list[i] = t.ua(uri, { name = "server " .. i })
  end
  return list
end

-- calls tells how many MESSAGEs each server got; it answers them.
local function calls(list, sent)
  local counts = {}
  for i, server in ipairs(list) do
    counts[i] = 0
  end
  for _, message in ipairs(sent) do
    for i, server in ipairs(list) do
      if pcall(server.expect, server, "MESSAGE", { within = 0 }) then
        counts[i] = counts[i] + 1
      end
    end
  end
  return counts
end

t.it("spreads calls evenly", function()
  local alice, list = t.ua("sip:alice@example.com"), farm()
  local sent = {}
  for i = 1, 40 do
    sent[i] = alice:send { method = "MESSAGE", uri = "sip:bob@example.com", call_id = "call-" .. i }
  end
  t.advance(0.1)
  local counts = calls(list, sent)
  t.equal(counts[1] + counts[2], 40)
  t.ok(counts[1] >= 10 and counts[2] >= 10, "spread " .. counts[1] .. " to " .. counts[2])
end)

t.it("sends all of a call to one server: what comes again, its ACK, its CANCEL", function()
  local alice, list = t.ua("sip:alice@example.com"), farm()
  for i = 1, 10 do
    local call = alice:invite("sip:bob@example.com", { call_id = "call-" .. i })
    t.advance(0.1)
    local leg
    for _, server in ipairs(list) do
      local ok, got = pcall(server.expect, server, "INVITE", { within = 0 })
      if ok then
        t.ok(not leg, "both servers got it")
        leg = got
      end
    end
    leg:reply(180)
    call:expect(180)
    call:cancel()
    leg:expect("CANCEL")
    call:expect(487)
  end
  for _, server in ipairs(list) do
    server:expect_nothing()
  end
end)

t.it("leaves the request as it is", function()
  local alice, list = t.ua("sip:alice@example.com"), farm()
  alice:send { method = "MESSAGE", uri = "sip:bob@example.com" }
  t.advance(0.1)
  local got
  for _, server in ipairs(list) do
    local ok, message = pcall(server.expect, server, "MESSAGE", { within = 0 })
    got = ok and message or got
  end
  t.equal(got.ruri, "sip:bob@example.com")
  t.equal(got:header("Record-Route"), nil)
end)

t.it("answers for its own health", function()
  t.ua("sip:alice@example.com"):send { method = "OPTIONS", uri = "sip:10.0.0.1" }:expect(200)
end)

t.it("is refused without servers", function()
  t.raises(function() t.server { args = { servers = "," } } end, "the list is empty")
  t.raises(function() t.server { args = { servers = "sip:" } } end, "servers: ")
end)

for trusted, want in pairs { ["10.0.0.0/8"] = "<sip:boss@example.com>", ["192.0.2.1"] = "none" } do
  t.it("passes the identity that a peer says, where it is trusted: " .. trusted, function()
    t.server { args = { servers = servers[1], trusted = trusted } }
    local alice, server = t.ua("sip:alice@example.com"), t.ua(servers[1])
    local said = { ["P-Asserted-Identity"] = "<sip:boss@example.com>" }
    local sent = alice:send { method = "MESSAGE", uri = "sip:bob@example.com", headers = said }
    local got = server:expect("MESSAGE")
    t.equal(got:header("P-Asserted-Identity") or "none", want)
    got:reply(202, { headers = said })
    t.equal(sent:expect(202):header("P-Asserted-Identity") or "none", want)
  end)
end

-- messages sends some, and tells how many each server got.
local function messages(alice, list, name, count)
  local sent = {}
  for i = 1, count do
    sent[i] = alice:send { method = "MESSAGE", uri = "sip:bob@example.com", call_id = name .. i }
  end
  t.advance(0.1)
  return calls(list, sent)
end

t.it("leaves out a server that is down, and has it back", function()
  t.server { args = { servers = table.concat(servers, ", ") }, probes = true }
  local alice, list = t.ua("sip:alice@example.com"), farm()
  for _ = 1, 3 do
    list[1]:expect("OPTIONS", { within = 11 }):ignore()
    list[2]:expect("OPTIONS", { within = 6 }):reply(200)
  end
  local counts = messages(alice, list, "down-", 20)
  t.equal(counts[1], 0)
  t.equal(counts[2], 20)
  list[1]:expect("OPTIONS", { within = 11 }):reply(200)
  counts = messages(alice, list, "up-", 40)
  t.ok(counts[1] >= 10 and counts[2] >= 10, "spread " .. counts[1] .. " to " .. counts[2])
end)

t.it("answers 503 when all servers are down", function()
  t.server { args = { servers = servers[1] }, probes = true }
  local alice, server = t.ua("sip:alice@example.com"), t.ua(servers[1])
  for _ = 1, 3 do
    server:expect("OPTIONS", { within = 11 }):reply(503)
  end
  t.advance(0.1)
  alice:send({ method = "MESSAGE", uri = "sip:bob@example.com" }):expect(503)
end)
