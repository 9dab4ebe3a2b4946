-- What schedule.lua promises. Run it with `sipscript test schedule_spec.lua`.

local t = require "sip.test"

-- A phone and the two trunks.
local function world()
  return t.ua("sip:alice@example.com"), t.ua("sip:one@10.0.3.1"), t.ua("sip:two@10.0.3.2")
end

-- Each with a clock that is set before there is a phone: no time has to pass until then.
for at, trunk in pairs {
  ["2026-01-02 07:59"] = "two", ["2026-01-02 08:00"] = "one",
  ["2026-01-02 15:59"] = "one", ["2026-01-02 16:00"] = "two",     -- Friday
  ["2026-01-03 10:00"] = "two",                                   -- Saturday
  ["2026-01-05 17:59"] = "one", ["2026-01-05 18:00"] = "two",     -- Monday
  ["2026-01-06 10:00"] = "two",                                   -- Tuesday, but a holiday
} do
  t.it("calls go by trunk " .. trunk .. " at " .. at, function()
    t.clock(at)
    local alice, one, two = world()
    local call = alice:invite("sip:+33100@example.com")
    local chosen = trunk == "one" and one or two
    chosen:expect("INVITE", { within = 1 }):reply(486)
    call:expect(486)
  end)
end

t.it("tries the other trunk when the first fails or is away", function()
  t.clock("2026-01-02 10:00")
  local alice, one, two = world()
  local call = alice:invite("sip:+33100@example.com")
  one:expect("INVITE"):reply(503)
  two:expect("INVITE"):reply(200)
  call:expect(200)
  one:leave()
  call = alice:invite("sip:+33100@example.com")
  two:expect("INVITE", { within = 4 }):reply(180)
  call:expect(180)
  call:cancel()
  two:expect("CANCEL")
  call:expect(487)
end)

t.it("has the guard answer at night", function()
  t.clock("2026-01-02 07:00")
  local _, one = world()
  local reception, guard = t.ua("sip:reception@example.com"), t.ua("sip:guard@example.com")
  reception:register()
  guard:register()
  local call = one:invite("sip:+4930555@example.com")
  guard:expect("INVITE"):reply(200)
  call:expect(200)
  t.clock("2026-01-02 08:00")
  reception:register()
  call = one:invite("sip:+4930555@example.com")
  reception:expect("INVITE"):reply(200)
  call:expect(200)
end)

t.it("answers 480 when nobody is at the reception, and 404 for other numbers", function()
  local _, one = world()
  one:invite("sip:+4930555@example.com"):expect(480)
  one:invite("sip:+33100@example.com"):expect(404)
end)
