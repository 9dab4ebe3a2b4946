package spec_test

import "testing"

// This file tests t.clock.

// hours says what time its clock shows, and rings bob at a time that sip.after sets.
const hours = `
local hours = [[
  local registrar = require "registrar"
  function route(req)
    if req.in_dialog then return req:relay() end
    if req.method == "REGISTER" then return registrar.save(req) end
    if req.method == "MESSAGE" then
      sip.after(3600, function() sip.log.warn("an hour later: " .. os.date("%H:%M")) end)
    end
    if #registrar.lookup(req.ruri) > 0 then return req:reply(200, os.date("%F %T %Z")) end
    req:reply(404, os.date("%F %T %Z"))
  end
]]
local function shows(ua) return ua:send { method = "OPTIONS", uri = "sip:nobody@example.com" }:expect(404).reason end
`

func TestClock(t *testing.T) {
	for _, c := range []struct{ name, lua string }{
		{"before the first phone it is set", `t.it("does", function()
			t.clock("2026-12-24 18:00")
			t.equal(os.date("%F %T %Z"), "2026-12-24 18:00:00 UTC")
			t.server { source = hours }
			t.equal(shows(t.ua("sip:alice@example.com")), "2026-12-24 18:00:00 UTC")
		end)`},
		{"also to the past, and in a time zone", `t.it("does", function()
			t.clock("1999-07-01", "America/New_York")
			t.server { source = hours }
			t.equal(shows(t.ua("sip:alice@example.com")), "1999-07-01 00:00:00 EDT")
			t.equal(os.time { year = 1999, month = 7, day = 1, hour = 0 }, 930801600)
			t.equal(os.date("!%F %H:%M"), "1999-07-01 04:00")
			t.equal(os.date("%H:%M", 930801600 + 3600), "01:00")
			t.equal(os.date("*t").isdst, true)
		end)`},
		{"later it lets time pass: timers fire, bindings expire", `t.it("does", function()
			t.clock("2026-03-29 01:30", "Europe/Berlin")
			t.server { source = hours }
			local alice = t.ua("sip:alice@example.com")
			alice:register { expires = 3600 }
			alice:send { method = "MESSAGE", uri = alice.uri }:expect(200)
			t.clock("2026-03-29 03:29")
			t.match(alice:send { method = "OPTIONS", uri = alice.uri }:expect(200).reason, "03:29:00 CEST")
			t.ok(not t.server { addr = "10.0.0.2", source = hours }.log:find("an hour later"))
			t.clock("2026-03-29 03:31:05")
			t.match(alice:send { method = "OPTIONS", uri = alice.uri }:expect(404).reason, "03:31:05 CEST")
			t.match(t.server { addr = "10.0.0.3", source = hours }.log, "an hour later: 03:30")
		end)`},
		{"a number of os.time, and another zone on the way", `t.it("does", function()
			t.server { source = hours }
			local alice = t.ua("sip:alice@example.com")
			t.clock(os.time() + 7200, "Asia/Tokyo")
			t.match(shows(alice), "2026%-01%-01 11:00:0%d JST")
		end)`},
		{"outside tests it holds for those that follow in the group", `
		t.it("before", function() t.equal(os.date("%F"), "2026-01-01") end)
		t.describe("in winter", function()
			t.clock("2027-02-03 04:05", "Europe/Berlin")
			t.it("is set", function() t.equal(os.date("%F %H:%M"), "2027-02-03 04:05") end)
			t.clock("2027-02-03 06:00")
			t.it("keeps the zone", function() t.equal(os.date("%H:%M %Z"), "06:00 CET") end)
		end)
		t.it("after", function() t.equal(os.date("%F %Z"), "2026-01-01 UTC") end)`},
		{"what is wrong is said", `t.it("does", function()
			t.raises(function() t.clock("tomorrow") end, '"tomorrow" is not a date and time: write "2026')
			t.raises(function() t.clock("2026-13-01 10:00") end, "is not a date and time")
			t.raises(function() t.clock("2026-12-24", "Mars/Base") end, '"Mars/Base" is not a time zone')
			t.raises(function() t.clock("2026-12-24", "Local") end, "is not a time zone")
			t.server { source = hours }
			t.raises(function() t.clock("2025-12-31 23:00") end, "2025%-12%-31 23:00:00 is over: it is 2026%-01%-01 00:00:00")
			t.raises(function() t.clock("2026-02-01") end, "more than 30 days ahead")
		end)`},
	} {
		t.Run(c.name, func(t *testing.T) { passes(t, hours+c.lua) })
	}
}
