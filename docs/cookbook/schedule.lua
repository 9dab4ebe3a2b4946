-- schedule.lua: the hour, the weekday and the date decide which trunk takes a call, and who answers
-- a company's number.
--
-- The process's time zone counts: set TZ=Europe/Berlin.

local lcr, registrar = require "lcr", require "registrar"

-- What a minute costs: the cheaper trunk comes first, the other one if it fails. On holidays the
-- rates of that account go before those for all.
lcr.configure {
  carriers = { one = { targets = "sip:10.0.3.1" }, two = { targets = "sip:10.0.3.2" } },
  rates = {
    { prefix = "", carrier = "one", cost = 1, days = "mon-thu", hours = "08:00-18:00" },
    { prefix = "", carrier = "one", cost = 1, days = "fri", hours = "08:00-16:00" },
    { prefix = "", carrier = "one", cost = 3 },
    { prefix = "", carrier = "one", cost = 3, account = "holiday" },
    { prefix = "", carrier = "two", cost = 2 },
  },
}
local TRUNKS = { ["10.0.3.1"] = true, ["10.0.3.2"] = true }

local COMPANY = "+4930555"
local RECEPTION, GUARD = "reception", "guard"      -- users
local HOLIDAYS = { ["01-01"] = true, ["01-06"] = true, ["05-01"] = true, ["12-25"] = true, ["12-26"] = true }

-- When somebody is at the reception. Days: 1 is Sunday; to is the first hour that is over.
local OFFICE = {
  { days = { 2, 3, 4, 5 }, from = 8, to = 18 },
  { days = { 6 }, from = 8, to = 16 },
}

local function fits(rule, now)
  if now.hour < rule.from or now.hour >= rule.to then return false end
  for _, day in ipairs(rule.days) do
    if day == now.wday then return true end
  end
  return false
end

local function is_holiday(now)
  return HOLIDAYS[("%02d-%02d"):format(now.month, now.day)]
end

local function is_open()
  local now = os.date("*t")
  if is_holiday(now) then return false end
  for _, rule in ipairs(OFFICE) do
    if fits(rule, now) then return true end
  end
  return false
end

-- A call from a trunk, for the company.
local function inbound(req)
  if req.ruri.user ~= COMPANY then return req:reply(404) end
  local user = is_open() and RECEPTION or GUARD
  req:relay(registrar.lookup("sip:" .. user .. "@example.com"))
end

-- A call from a phone to a number.
local function outbound(req, number)
  local account = is_holiday(os.date("*t")) and "holiday" or nil
  local routes, err = lcr.routes(number, { account = account })
  req:relay(routes, err or { reply_timeout = 3, failover = { 408, "5xx" } })
end

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  req:record_route()
  if TRUNKS[req.source.ip] then return inbound(req) end
  if not sip.is_local(req.ruri) then return req:reply(404) end
  local number = (req.ruri.user or ""):match("^%+%d+$")
  if number and req.method == "INVITE" then return outbound(req, number) end
  req:relay(registrar.lookup(req.ruri))
end
