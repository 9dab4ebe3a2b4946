-- numbers.lua: what users dial becomes a number with its country code (E.164), and the carrier
-- sees the caller's full number.
--
-- carrier  where calls to numbers go

local dialplan, registrar = require "dialplan", require "registrar"

local CARRIER = sip.args.carrier or "sip:10.0.3.1"
local HABITS = { country = "49", area = "30" }           -- how numbers are dialled where we are
local COMPANY = "+4930555"                               -- extensions follow the company's number

dialplan.configure { plans = {
  special = {
    { match = "^(110|112)$", attrs = { emergency = true } },
    { prefix = "+49900", attrs = { blocked = true } },   -- what costs extra
    { prefix = "+49137", attrs = { blocked = true } },
  },
} }

-- What is special about a number: a table.
local function about(number)
  local known, attrs = dialplan.translate("special", number)
  return known and attrs or {}
end

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  if not sip.is_local(req.ruri) then return req:reply(404) end

  req:record_route()
  local dialled = req.ruri.user or ""
  local number
  if about(dialled).emergency then
    number = dialled
  else
    -- Extensions have three digits, and users have names.
    if dialled:find("^%d%d%d$") or dialled:find("%a") then
      return req:relay(registrar.lookup(req.ruri))
    end
    number = dialplan.e164(dialled, HABITS)
  end
  if not number then return req:reply(484) end             -- Address Incomplete
  if about(number).blocked then return req:reply(403) end
  local extension = (req.from.uri.user or ""):match("^%d%d%d$")
  if not extension then return req:reply(403) end

  local uri = assert(sip.uri(CARRIER))
  uri.user, uri.params.user = number, "phone"
  req:relay {
    uri = uri,
    headers = { ["P-Asserted-Identity"] = "<sip:" .. COMPANY .. extension .. "@example.com>" },
  }
end
