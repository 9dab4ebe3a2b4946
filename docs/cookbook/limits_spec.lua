-- What limits.lua promises. Run it with `sipscript test limits_spec.lua`.

local t = require "sip.test"

t.server { args = { password = "secret", rate = "10" } }

local function phone(user, options)
  options = options or {}
  options.password = options.password or "secret"
  return t.ua("sip:" .. user .. "@example.com", options)
end

-- A call from alice to bob that bob takes.
local function call_works(alice, bob)
  local call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(200)
  call:expect(200)
end

t.it("lets users in who are on no list", function()
  t.redis()
  local alice, bob = phone "alice", phone "bob"
  bob:register()
  call_works(alice, bob)
end)

t.it("says nothing to who is blocked, until the block ends", function()
  local r = t.redis { ["blocked:10.0.0.66"] = "by hand" }
  local alice, bob = phone("alice", { addr = "10.0.0.66" }), phone "bob"
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  bob:expect_nothing(30)
  call:expect_nothing(0)
  r:stop()
  call:cancel()
  t.advance(30)
end)

t.it("drops what exceeds the rate, and forgives after 10 seconds", function()
  t.redis()
  local alice, bob = phone "alice", phone "bob"
  bob:register()
  for _ = 1, 10 do alice:send { method = "OPTIONS", uri = "sip:example.com" } end
  t.advance(1)
  local late = alice:send { method = "MESSAGE", uri = "sip:bob@example.com" }
  bob:expect_nothing(5)
  t.advance(10)
  t.ok(late)
  call_works(alice, bob)
end)

t.it("blocks who guesses passwords, at all servers", function()
  local r = t.redis()
  local guesser = phone("alice", { password = "guess", addr = "10.0.0.66" })
  for _ = 1, 5 do
    guesser:register { expect = "4xx" }
    t.advance(6)
  end
  t.equal(r:get("blocked:10.0.0.66"), "alice")
end)

t.it("goes on by its own limits while Redis is away", function()
  t.redis():stop()
  local alice, bob = phone "alice", phone "bob"
  bob:register()
  call_works(alice, bob)
end)
