-- What migration.lua promises. Run it with `sipscript test migration_spec.lua`.

local t = require "sip.test"

local function md5_of(user, password)
  return sip.hash.md5(user .. ":example.com:" .. password)
end

-- The old table: alice has a hash, bob a password in clear. Rows, since the script looks at the
-- table while it loads, when a function of the spec cannot answer.
local function subscribers()
  t.sql("from subscriber", {
    { username = "alice", domain = "example.com", ha1 = md5_of("alice", "wonderland"), ha1b = "",
      password = "" },
    { username = "bob", domain = "example.com", ha1 = "", ha1b = "", password = "builder" },
  })
end

local function phone(user, password)
  return t.ua("sip:" .. user .. "@example.com", { password = password })
end

local function old() return t.ua("sip:old@10.0.0.5") end

t.it("takes the passwords that users have", function()
  subscribers()
  phone("alice", "wonderland"):register()
  phone("bob", "builder"):register()
  phone("alice", "guess"):register { expect = 401 }
  phone("carol", "x"):register { expect = 401 }
end)

t.it("calls who has moved here, and the others at the old server", function()
  subscribers()
  local alice, bob, kamailio = phone("alice", "wonderland"), phone("bob", "builder"), old()
  local call = alice:invite("sip:bob@example.com")
  local leg = kamailio:expect("INVITE")
  t.equal(leg.ruri, "sip:bob@example.com")
  leg:reply(200)
  call:expect(200)
  bob:register()
  call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(180)
  call:expect(180)
  call:cancel()
  bob:expect("CANCEL")
  call:expect(487)
end)

t.it("believes the old server, and sends nothing back to it", function()
  subscribers()
  local kamailio, bob = old(), phone("bob", "builder")
  kamailio:invite("sip:bob@example.com", { from = "sip:alice@example.com" }):expect(480)
  bob:register()
  local call = kamailio:invite("sip:bob@example.com", { from = "sip:alice@example.com" })
  bob:expect("INVITE"):reply(200)
  call:expect(200)
  phone("alice", "guess"):invite("sip:bob@example.com"):expect(407)
end)

t.it("tells callers when the old server is away", function()
  subscribers()
  old():leave()
  phone("alice", "wonderland"):invite("sip:bob@example.com"):expect(408, { within = 5 })
end)

t.it("answers 503 while the database is away", function()
  subscribers()
  local alice = phone("alice", "wonderland")
  t.sql("from subscriber", function() return { error = "connection refused" } end)
  alice:register { expect = 503 }
end)
