-- What numbers.lua promises. Run it with `sipscript test numbers_spec.lua`.

local t = require "sip.test"

t.it("completes what users dial", function()
  local desk, carrier = t.ua("sip:101@example.com"), t.ua("sip:carrier@10.0.3.1")
  for _, row in ipairs {
    { "+33123456", "+33123456" }, { "0033123456", "+33123456" }, { "089123456", "+4989123456" },
    { "123456", "+4930123456" }, { "089/123-456", "+4989123456" }, { "112", "112" },
  } do
    local call = desk:invite("sip:" .. row[1] .. "@example.com")
    local leg = carrier:expect("INVITE")
    t.equal(leg.ruri.user, row[2], row[1])
    leg:reply(486)
    call:expect(486)
  end
end)

t.it("shows the carrier the full number of the caller", function()
  local desk, carrier = t.ua("sip:101@example.com"), t.ua("sip:carrier@10.0.3.1")
  local call = desk:invite("sip:0301234@example.com")
  local leg = carrier:expect("INVITE")
  t.equal(leg:header("P-Asserted-Identity"), "<sip:+4930555101@example.com>")
  t.equal(leg.ruri.params.user, "phone")
  leg:reply(180)
  call:expect(180)
  call:cancel()
  carrier:expect("CANCEL")
  call:expect(487)
end)

t.it("keeps extensions and names inside", function()
  local desk, other = t.ua("sip:101@example.com"), t.ua("sip:102@example.com")
  other:register()
  local call = desk:invite("sip:102@example.com")
  other:expect("INVITE"):reply(200)
  call:expect(200)
  desk:invite("sip:bob@example.com"):expect(480)
end)

t.it("refuses what is too short, costs extra, or comes from nobody", function()
  local desk = t.ua("sip:101@example.com")
  desk:invite("sip:12@example.com"):expect(484)
  desk:invite("sip:0900123456@example.com"):expect(403)
  desk:invite("sip:0049900123456@example.com"):expect(403)
  t.ua("sip:stranger@example.org"):invite("sip:0301234@example.com"):expect(403)
end)

t.it("tells the caller when the carrier is away", function()
  t.ua("sip:carrier@10.0.3.1"):leave()
  t.ua("sip:101@example.com"):invite("sip:0301234@example.com"):expect(408, { within = 33 })
end)
