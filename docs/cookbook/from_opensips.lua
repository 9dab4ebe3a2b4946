-- from_opensips.lua: trunking. Customers are known by their address, their calls go to the gateways
-- of the longest prefix, and the log has a line for each call. The tables are OpenSIPS's own.

local sql = require "sql"

local URL = "mysql://opensips:opensipsrw@127.0.0.1/opensips"
local db = sql.open(sip.args.db or URL, { timeout = 1 })
local CALLS_A_SECOND, REMEMBER = 10, 60
local known = sip.shared("known", { capacity = 100000 })
local recent, down = sip.shared("recent"), sip.shared("down")

-- One value of the database, remembered for a minute. nil, err while it is away.
local function value(query, ...)
  local parameters = { ... }
  local found, err = known:get(query .. table.concat(parameters, " "), function()
    local v, failed = db:value(query, unpack(parameters))
    if failed then return nil, failed end
    return v or false, REMEMBER
  end)
  return found or nil, err
end

local function customer_of(ip)
  return value("SELECT context_info FROM address WHERE grp = 1 AND ip = ?", ip)
end

-- The gateways of the longest prefix, in their order.
local function gateways_for(number)
  local prefixes = { "" }
  for i = 1, math.min(#number, 15) do prefixes[i + 1] = number:sub(1, i) end
  local marks = ("?, "):rep(#prefixes - 1) .. "?"
  local list, err = value("SELECT gwlist FROM dr_rules WHERE groupid = '1' AND prefix IN ("
    .. marks .. ") ORDER BY length(prefix) DESC LIMIT 1", unpack(prefixes))
  local gateways = {}
  for id in (list or ""):gmatch("[%w_]+") do
    gateways[#gateways + 1], err = value("SELECT address FROM dr_gateways WHERE gwid = ?", id)
    if err then break end
  end
  if err then return nil, err end
  return gateways
end

sip.every(20, function()
  for _, gateway in ipairs(down:keys()) do
    local res = sip.send { method = "OPTIONS", uri = "sip:" .. gateway, timeout = 3 }
    if res and not res.failed then down:delete(gateway) end
  end
end)

local function in_dialog(req)
  if req.method == "BYE" and req.route_params then
    sip.log.info("call of %s ended", req.route_params.customer)
  end
  return req:relay()
end

---@param req sip.request
function route(req)
  if req.in_dialog then return in_dialog(req) end
  local customer, err = customer_of(req.source.ip)
  if err then return req:relay(nil, err) end               -- logged, answered 503
  if not customer then return req:reply(403) end
  if req.method == "OPTIONS" then return req:reply(200) end
  if req.method ~= "INVITE" then return req:reply(405, { headers = { Allow = "INVITE" } }) end
  if recent:incr(customer, 1, 0, 1) > CALLS_A_SECOND then return req:reply(503) end
  local number = (req.ruri.user or ""):match("^%+?(%d+)$")
  if not number then return req:reply(404) end
  number = number:gsub("^00", "")

  local gateways, failed = gateways_for(number)
  if not gateways then return req:relay(nil, failed) end
  if #gateways == 0 then return req:reply(404) end
  local targets = {}
  for _, gateway in ipairs(gateways) do
    if not down:get(gateway) then
      targets[#targets + 1] = {
        uri = "sip:" .. number .. "@" .. gateway, timeout = 60, reply_timeout = 3,
        vars = { gateway = gateway }, headers = { ["P-Preferred-Identity"] = false },
      }
    end
  end
  if #targets == 0 then return req:reply(503) end

  req:record_route { customer = customer }
  req:relay(targets, {
    order = "serial",
    failover = "gateway",
    on_response = function(res)      -- also the outcome of the last target, unlike failover
      if res.code == 200 then sip.log.info("call of %s to %s answered", customer, number) end
      if res.failed then
        sip.log.warn("gateway %s failed: %s", res.target.vars.gateway, res.cause or res.code)
        down:set(res.target.vars.gateway, true)
      end
    end,
    on_failure = function(res)
      sip.log.info("call of %s to %s failed: %d", customer, number, res.code)
    end,
  })
end
