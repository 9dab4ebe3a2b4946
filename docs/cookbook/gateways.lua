-- gateways.lua: outbound calls go through the first gateway of their group that works. A gateway
-- that fails is left out for a minute, and an OPTIONS every 30 seconds finds out who is away.
--
-- pbx  the address that may call out

local PBX = sip.args.pbx or "10.0.0.20"
local GROUPS = {
  { prefix = "+49", gateways = { "sip:10.0.3.1", "sip:10.0.3.2" } },
  { prefix = "", gateways = { "sip:10.0.3.9" } },
}
local REST, PROBE = 60, 30

local resting = sip.shared("gateways.resting")

local function rest(gateway, why)
  if resting:set(gateway, true, REST) then sip.log.warn("%s is left out: %s", gateway, why) end
end

sip.every(PROBE, function()
  for _, group in ipairs(GROUPS) do
    for _, gateway in ipairs(group.gateways) do
      local res, err = sip.send { method = "OPTIONS", uri = gateway, timeout = 3 }
      if not res or res.failed then
        rest(gateway, res and (res.cause or res.code) or err)
      elseif resting:delete(gateway) then
        sip.log.info("%s is back", gateway)
      end
    end
  end
end, { jitter = 5 })

local function gateways_for(number)
  for _, group in ipairs(GROUPS) do
    if number:sub(1, #group.prefix) == group.prefix then return group.gateways end
  end
end

-- The gateways in service come first; those left out are better than nothing.
local function targets_for(number)
  local first, last = {}, {}
  for _, gateway in ipairs(gateways_for(number)) do
    local uri = sip.uri(gateway)
    uri.user = number
    local list = resting:get(gateway) and last or first
    list[#list + 1] = { uri = uri, reply_timeout = 3, vars = { gateway = gateway } }
  end
  for _, target in ipairs(last) do first[#first + 1] = target end
  return first
end

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end
  if req.source.ip ~= PBX then return req:reply(403) end
  if req.method == "OPTIONS" then return req:reply(200) end
  if req.method ~= "INVITE" then
    return req:reply(405, { headers = { Allow = "INVITE, ACK, BYE, CANCEL, OPTIONS" } })
  end
  local number = (req.ruri.user or ""):match("^%+%d+$")
  if not number then return req:reply(404) end

  req:record_route()
  req:relay(targets_for(number), {
    order = "serial",
    failover = "gateway",
    on_response = function(res)      -- also the outcome of the last target, unlike failover
      if res.failed then rest(res.target.vars.gateway, res.cause or res.code) end
    end,
  })
end
