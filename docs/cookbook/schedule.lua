-- schedule.lua: the hour, the weekday and the date decide which trunks take a call, and who answers
-- a company's number.
--
-- The process's time zone counts: set TZ=Europe/Berlin.

local registrar = require "registrar"

local TRUNKS = {
  day = { "sip:10.0.3.1", "sip:10.0.3.2" },
  night = { "sip:10.0.3.2", "sip:10.0.3.1" },     -- the second is cheaper then
}
local COMPANY = "+4930555"
local RECEPTION, GUARD = "reception", "guard"      -- users
local HOLIDAYS = { ["01-01"] = true, ["01-06"] = true, ["05-01"] = true, ["12-25"] = true, ["12-26"] = true }

-- The first rule that fits counts. Days: 1 is Sunday; to is the first hour that is over.
local PLAN = {
  { days = { 2, 3, 4, 5 }, from = 8, to = 18, name = "day" },
  { days = { 6 }, from = 8, to = 16, name = "day" },
}

local function fits(rule, now)
  if now.hour < rule.from or now.hour >= rule.to then return false end
  for _, day in ipairs(rule.days) do
    if day == now.wday then return true end
  end
  return false
end

local function period()
  local now = os.date("*t")
  if HOLIDAYS[("%02d-%02d"):format(now.month, now.day)] then return "night" end
  for _, rule in ipairs(PLAN) do
    if fits(rule, now) then return rule.name end
  end
  return "night"
end

local function is_trunk(ip)
  for _, trunk in ipairs(TRUNKS.day) do
    if sip.uri(trunk).host == ip then return true end
  end
  return false
end

-- A call from a trunk, for the company.
local function inbound(req)
  if req.ruri.user ~= COMPANY then return req:reply(404) end
  local user = period() == "day" and RECEPTION or GUARD
  req:relay(registrar.lookup("sip:" .. user .. "@example.com"))
end

-- A call from a phone to a number.
local function outbound(req, number)
  local targets = {}
  for i, trunk in ipairs(TRUNKS[period()]) do
    local uri = sip.uri(trunk)
    uri.user = number
    targets[i] = { uri = uri, reply_timeout = 3 }
  end
  req:relay(targets, { order = "serial", failover = { 408, "5xx" } })
end

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  req:record_route()
  if is_trunk(req.source.ip) then return inbound(req) end
  if not sip.is_local(req.ruri) then return req:reply(404) end
  local number = (req.ruri.user or ""):match("^%+%d+$")
  if number and req.method == "INVITE" then return outbound(req, number) end
  req:relay(registrar.lookup(req.ruri))
end
