-- numbers.lua: what users dial becomes a number with its country code (E.164), and the carrier
-- sees the caller's full number.
--
-- carrier  where calls to numbers go

local registrar = require "registrar"

local CARRIER = sip.args.carrier or "sip:10.0.3.1"
local COUNTRY, AREA, COMPANY = "+49", "30", "+4930555"   -- extensions follow the company's number
local BLOCKED = { "^%+49900", "^%+49137" }               -- what costs extra
local EMERGENCY = { ["110"] = true, ["112"] = true }

-- The first rule that fits counts.
local RULES = {
  { "^%+(%d+)$", "+%1" },
  { "^00(%d+)$", "+%1" },
  { "^0(%d+)$", COUNTRY .. "%1" },
  { "^(%d%d%d%d+)$", COUNTRY .. AREA .. "%1" },
}

local function normalize(dialled)
  local digits = dialled:gsub("[%s%-%.%(%)/]", "")
  if EMERGENCY[digits] then return digits end
  for _, rule in ipairs(RULES) do
    local number, fits = digits:gsub(rule[1], rule[2])
    if fits > 0 then return number end
  end
end

local function is_blocked(number)
  for _, pattern in ipairs(BLOCKED) do
    if number:find(pattern) then return true end
  end
  return false
end

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  if not sip.is_local(req.ruri) then return req:reply(404) end

  req:record_route()
  local dialled = req.ruri.user or ""
  -- Extensions have three digits, and users have names.
  if dialled:find("^%d%d%d$") and not EMERGENCY[dialled] or dialled:find("%a") then
    return req:relay(registrar.lookup(req.ruri))
  end

  local number = normalize(dialled)
  if not number then return req:reply(484) end             -- Address Incomplete
  if is_blocked(number) then return req:reply(403) end
  local extension = (req.from.uri.user or ""):match("^%d%d%d$")
  if not extension then return req:reply(403) end

  local uri = assert(sip.uri(CARRIER))
  uri.user, uri.params.user = number, "phone"
  req:relay {
    uri = uri,
    headers = { ["P-Asserted-Identity"] = "<sip:" .. COMPANY .. extension .. "@example.com>" },
  }
end
