-- What conference.lua promises. Run it with `sipscript test conference_spec.lua`.

local t = require "sip.test"

local function world()
  local halls = {}
  for i = 1, 3 do halls[i] = t.ua("sip:hall@10.0.4." .. i, { name = "hall " .. i }) end
  return t.ua("sip:trunk@10.0.0.20"), halls
end

-- enter calls a room, and tells which hall answered.
local function enter(trunk, halls, room)
  local call = trunk:invite("sip:" .. room .. "@example.com")
  t.advance(0.1)
  for i, hall in ipairs(halls) do
    local ok, leg = pcall(hall.expect, hall, "INVITE", { within = 0 })
    if ok then
      leg:reply(200)
      call:expect(200)
      return i, call
    end
  end
  error("no hall was called")
end

t.it("brings all callers of a room together, and spreads the rooms", function()
  local trunk, halls = world()
  local used = {}
  for n = 1, 12 do
    local room = "room-" .. n
    local hall = enter(trunk, halls, room)
    t.equal(enter(trunk, halls, room), hall)
    used[hall] = true
  end
  t.ok(used[1] and used[2] and used[3], "a hall stays empty")
end)

t.it("moves the rooms of a hall that fails, and no others", function()
  local trunk, halls = world()
  local before, gone = {}, nil
  for n = 1, 12 do before[n] = enter(trunk, halls, "room-" .. n) end
  gone = before[1]
  for _ = 1, 5 do                       -- five failures in a row
    local call = trunk:invite("sip:room-1@example.com")
    halls[gone]:expect("INVITE"):reply(503)
    t.advance(0.1)
    for i, hall in ipairs(halls) do
      local ok, leg = pcall(hall.expect, hall, "INVITE", { within = 0 })
      if ok and i ~= gone then leg:reply(200) end
    end
    call:expect(200)
  end
  for n = 1, 12 do
    local now = enter(trunk, halls, "room-" .. n)
    if before[n] == gone then
      t.ok(now ~= gone, "room " .. n .. " is still at the hall that failed")
    else
      t.equal(now, before[n])
    end
  end
end)

t.it("is for the trunk, and for rooms", function()
  local trunk, halls = world()
  t.ua("sip:stranger@example.org"):invite("sip:room-1@example.com"):expect(403)
  trunk:invite("sip:kitchen@example.com"):expect(404)
  trunk:send({ method = "MESSAGE", uri = "sip:room-1@example.com" }):expect(405)
  halls[1]:expect_nothing()
end)
