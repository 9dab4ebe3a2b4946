local t = require "sip.test"

local function exchange(args, lanes)
  t.server { env = { PBX_USERS = "alice:a-secret bob:b-secret carol:c-secret", PBX_TOKEN = "key" }, args = args, lanes = lanes }
  local phones = {}
  for i, user in ipairs { "alice", "bob", "carol" } do
    phones[i] = t.ua(("sip:%s@example.com"):format(user), { password = user:sub(1, 1) .. "-secret" })
    if i > 1 then phones[i]:register() end
  end
  return phones[1], phones[2], phones[3]
end

-- Alice talks to bob.
local function talking(args, lanes)
  local alice, bob, carol = exchange(args, lanes)
  alice:register()
  local call = alice:invite("sip:bob@example.com", { sdp = true })
  local leg = bob:expect "INVITE"
  leg:answer()
  call:expect(200)
  leg:expect "ACK"
  return alice, bob, carol, call, leg
end

-- The phone is asked for another session, and takes it. Without an offer it makes one.
local function takes(leg, how)
  leg:expect("INVITE", how):answer()
  leg:expect "ACK"
end

t.it("joins two calls, and ends both", function()
  local alice, bob = exchange()
  local call = alice:invite("sip:bob@example.com", { sdp = true })
  local leg = bob:expect("INVITE")
  assert(leg.call_id ~= call.call_id)
  leg:reply(180)
  call:expect(180)
  leg:answer()
  call:expect(200)
  leg:expect("ACK")
  call:bye()
  leg:expect("BYE"):reply(200)
end)

t.it("rings the reception when nobody answers", function()
  local alice, bob = exchange { reception = "sip:reception@10.0.9.9" }
  local reception = t.ua("sip:reception@10.0.9.9")
  local call = alice:invite("sip:bob@example.com", { sdp = true })
  local leg = bob:expect("INVITE")
  leg:reply(180)
  leg:expect("CANCEL", { within = 30 })
  local second = reception:expect("INVITE")
  second:answer()
  call:expect(200)
  second:expect("ACK")
  second:bye()
  call:expect("BYE"):reply(200)
end)

t.it("rings nobody else when the caller hangs up", function()
  local alice, bob = exchange { reception = "sip:reception@10.0.9.9" }
  local reception = t.ua("sip:reception@10.0.9.9")
  local call = alice:invite("sip:bob@example.com", { sdp = true })
  bob:expect("INVITE"):reply(180)
  call:expect(180)
  call:cancel()
  bob:expect("CANCEL")
  call:expect(487)
  t.advance(60)
  reception:expect_nothing()
end)

t.it("ends a call that lasts too long", function()
  local alice, bob = exchange { longest = "5" }
  local call = alice:invite("sip:bob@example.com", { sdp = true })
  local leg = bob:expect("INVITE")
  leg:answer()
  call:expect(200)
  leg:expect("ACK")
  local bye = leg:expect("BYE", { within = 10 })
  bye:reply(200)
  call:expect("BYE"):reply(200)
end)

t.it("passes hold", function()
  local alice, bob = exchange()
  local call = alice:invite("sip:bob@example.com", { sdp = true })
  local leg = bob:expect("INVITE")
  leg:answer()
  call:expect(200)
  leg:expect("ACK")
  local hold = call:hold()
  leg:expect("INVITE"):answer()
  hold:expect(200)
  leg:expect("ACK")
  call:bye()
  leg:expect("BYE"):reply(200)
end)

t.it("refuses a busy user's call as the user does", function()
  local alice, bob = exchange()
  local call = alice:invite("sip:bob@example.com", { sdp = true })
  bob:expect("INVITE"):reply(486)
  call:expect(486)
end)

t.it("has no phone answer by itself because a caller says so", function()
  local alice, bob = exchange()
  local call = alice:invite("sip:bob@example.com", { sdp = true, headers = { ["Alert-Info"] = "<http://example.com>;info=alert-autoanswer" } })
  local leg = bob:expect("INVITE")
  t.equal(leg:header("Alert-Info"), nil)
  leg:reply(486)
  call:expect(486)
end)

t.it("says that a call will end, and ends it", function()
  local _, _, _, call, leg = talking { longest = "60", announcement = "sip:soon@10.0.9.8" }
  local machine = t.ua "sip:soon@10.0.9.8"
  leg:expect("INVITE", { within = 40, sdp = { hold = true } }):answer() -- bob waits
  leg:expect "ACK"
  local says = machine:expect "INVITE"
  says:answer()
  takes(call)
  says:expect "ACK"
  says:bye()
  call:expect("INVITE"):answer()
  takes(leg)
  call:expect "ACK"
  leg:expect("BYE", { within = 40 }):reply(200)
  call:expect("BYE"):reply(200)
end)

t.it("follows a transfer to a user, and to nobody else's", function()
  local _, _, carol, call, leg = talking()
  call:refer("sip:carol@elsewhere.example"):expect(403)
  call:refer("sip:carol@example.com"):expect(202)
  call:expect("NOTIFY"):reply(200)
  local third = carol:expect "INVITE"
  third:answer()
  leg:expect("INVITE"):answer()
  third:expect "ACK"
  local told = call:expect "NOTIFY"
  t.match(told.body, "^SIP/2.0 200")
  told:reply(200)
  call:expect("BYE"):reply(200)
  leg:bye()
  third:expect("BYE"):reply(200)
end)

local function joins(lanes)
  local alice, _, carol, call, leg = talking(nil, lanes)
  local second = alice:invite("sip:carol@example.com", { sdp = true })
  local third = carol:expect "INVITE"
  third:answer()
  second:expect(200)
  third:expect "ACK"
  call:refer(second):expect(202)
  for _ = 1, 2 do call:expect("NOTIFY"):reply(200) end
  leg:expect("INVITE"):answer()
  call:expect("BYE"):reply(200)
  second:expect("BYE"):reply(200)
  third:expect("INVITE"):answer()
  leg:bye()
  third:expect("BYE"):reply(200)
end

-- With eight lanes one's two calls are mostly on two.
for _, lanes in ipairs { 1, 8 } do
  t.it(("joins those whom one has called, lanes: %d"):format(lanes), function() joins(lanes) end)
end

local function picks_up(lanes)
  local _, _, carol, call, leg = talking(nil, lanes)
  carol:invite("sip:701@example.com", { sdp = true }):expect(404)
  call:refer("sip:701@example.com"):expect(202)
  takes(leg, { sdp = { hold = true } })
  local told = call:expect "NOTIFY"
  t.match(told.body, "^SIP/2.0 200")
  told:reply(200)
  call:expect("BYE"):reply(200)
  local picks = carol:invite("sip:701@example.com", { sdp = true })
  leg:expect("INVITE", { sdp = { hold = false } }):answer()
  picks:expect(200)
  leg:expect "ACK"
  picks:bye()
  leg:expect("BYE"):reply(200)
end

-- With eight lanes who waits and who picks up are mostly on two.
for _, lanes in ipairs { 1, 8 } do
  t.it(("parks, and has somebody pick up, lanes: %d"):format(lanes), function() picks_up(lanes) end)
end

t.it("has nobody wait where somebody waits", function()
  local alice, bob, carol, call, leg = talking()
  call:refer("sip:701@example.com"):expect(202)
  takes(leg)
  call:expect("NOTIFY"):reply(200)
  call:expect("BYE"):reply(200)
  local again = alice:invite("sip:carol@example.com", { sdp = true })
  local third = carol:expect "INVITE"
  third:answer()
  again:expect(200)
  third:expect "ACK"
  again:refer("sip:701@example.com"):expect(486)
  again:bye()
  third:expect("BYE"):reply(200)
end)

t.it("calls back when somebody is not busy any more", function()
  local _, bob, carol, call, leg = talking()
  local wish = carol:invite("sip:*5bob@example.com", { sdp = true })
  bob:expect("INVITE"):reply(486)
  wish:expect(486)
  call:bye()
  leg:expect("BYE"):reply(200)
  local back = carol:expect "INVITE"
  t.equal(back.from.uri.user, "bob")
  back:answer()
  local again = bob:expect "INVITE"
  t.equal(again.from.uri.user, "carol")
  again:answer()
  takes(back)
  again:expect "ACK"
  back:bye()
  again:expect("BYE"):reply(200)
  t.advance(60)
  carol:expect_nothing() -- once
end)

t.it("calls two users for who has the token", function()
  local _, bob, carol = exchange()
  local order = { from = "sip:bob@example.com", to = "sip:carol@example.com" }
  t.request({ path = "/calls", method = "POST", json = order }):expect(401)
  t.request({ path = "/calls", method = "POST", json = { from = "sip:bob@elsewhere.example" }, auth = { bearer = "key" } }):expect(400)
  t.request({ path = "/calls", method = "POST", json = order, auth = { bearer = "key" } }):expect(202)
  local one = bob:expect "INVITE"
  one:answer()
  local other = carol:expect "INVITE"
  other:answer()
  takes(one)
  other:expect "ACK"
  other:bye()
  one:expect("BYE"):reply(200)
end)
