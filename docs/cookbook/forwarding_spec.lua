-- What forwarding.lua promises. Run it with `sipscript test forwarding_spec.lua`.

local t = require "sip.test"

local function phone(user) return t.ua("sip:" .. user .. "@example.com") end

-- The table, by user.
local function forwards(list)
  t.sql("from forwards", function(_, aor)
    local row = list[aor:match("^sip:([^@]+)")]
    return { rows = { row } }
  end)
end

t.it("rings the user's phones when nothing is set", function()
  forwards {}
  local alice, bob = phone "alice", phone "bob"
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  local leg = bob:expect("INVITE")
  t.equal(leg:header("Diversion"), nil)
  leg:reply(200)
  call:expect(200)
end)

t.it("forwards every call, and says for whom it was", function()
  forwards { bob = { always = "sip:carol@example.com" } }
  local alice, bob, carol = phone "alice", phone "bob", phone "carol"
  bob:register()
  carol:register()
  local call = alice:invite("sip:bob@example.com")
  local leg = carol:expect("INVITE")
  t.equal(leg:header("Diversion"), "<sip:bob@example.com>;reason=unconditional")
  leg:reply(200)
  call:expect(200)
  bob:expect_nothing()
end)

t.it("forwards when busy, also to a number outside", function()
  forwards { bob = { busy = "sip:+4930100@10.0.0.9" } }
  local alice, bob, outside = phone "alice", phone "bob", t.ua("sip:+4930100@10.0.0.9")
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(486)
  outside:expect("INVITE"):reply(200)
  call:expect(200)
end)

t.it("forwards when nobody answers, and along a chain", function()
  forwards {
    bob = { no_answer = "sip:carol@example.com" }, carol = { always = "sip:dave@example.com" },
  }
  local alice, bob, dave = phone "alice", phone "bob", phone "dave"
  bob:register()
  dave:register()
  local call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(180)
  t.advance(20)
  bob:expect("CANCEL")
  t.equal(#dave:expect("INVITE"):headers("Diversion"), 2)
  call:cancel()
  dave:expect("CANCEL")
  call:expect(487)
end)

t.it("does not forward a call that the caller gives up", function()
  forwards { bob = { no_answer = "sip:carol@example.com" } }
  local alice, bob, carol = phone "alice", phone "bob", phone "carol"
  bob:register()
  carol:register()
  local call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(180)
  call:expect(180)
  call:cancel()
  bob:expect("CANCEL")
  call:expect(487)
  t.advance(30)
  carol:expect_nothing()
end)

t.it("ends when two users forward to each other", function()
  forwards {
    bob = { always = "sip:carol@example.com" }, carol = { always = "sip:bob@example.com" },
  }
  phone("alice"):invite("sip:bob@example.com"):expect(482)
end)

t.it("rings the phones while the database is away", function()
  t.sql("from forwards", function() return { error = "connection refused" } end)
  local alice, bob = phone "alice", phone "bob"
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(200)
  call:expect(200)
end)

t.it("passes a refusal on, and an address that nobody can read", function()
  forwards { bob = { busy = "not an address" } }
  local alice, bob = phone "alice", phone "bob"
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(603)
  call:expect(603)
  call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(486)
  call:expect(486)
end)
