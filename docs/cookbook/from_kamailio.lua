-- from_kamailio.lua: an office: users with passwords, phones behind NAT, two gateways, voicemail.

local auth, registrar = require "auth", require "registrar"

local GATEWAYS = { "sip:10.0.3.1", "sip:10.0.3.2" }
local VOICEMAIL = "sip:192.0.2.9:5060"
local down = sip.shared("down")
local recent = sip.shared("recent", { capacity = 100000 })
local banned = sip.shared("banned", { capacity = 100000, ttl = 300 })

auth.configure { trusted = { "10.0.3.1", "10.0.3.2" } }
auth.users {
  url = sip.args.users or "mysql://kamailio:kamailiorw@127.0.0.1/kamailio", layout = "kamailio",
}
registrar.configure { max_contacts = 5 }

sip.every(20, function()
  for _, gateway in ipairs(GATEWAYS) do
    local res = sip.send { method = "OPTIONS", uri = gateway, timeout = 3 }
    if res and not res.failed then down:delete(gateway) else down:set(gateway, true) end
  end
end)

local function floods(ip)
  if banned:get(ip) then return true end
  if recent:incr(ip, 1, 0, 2) <= 60 then return false end
  sip.log.warn("flood from %s", ip)
  return banned:set(ip, true)
end

local function call_gateway(req)
  local targets = {}
  for _, gateway in ipairs(GATEWAYS) do
    if not down:get(gateway) then
      targets[#targets + 1] = { uri = req.ruri, next_hop = gateway, reply_timeout = 3 }
    end
  end
  if #targets == 0 then return req:reply(503) end
  req:relay(targets, {
    order = "serial",
    failover = "gateway",
    on_response = function(res)      -- also the outcome of the last target, unlike failover
      if res.failed then down:set(tostring(res.target.next_hop), true) end
    end,
  })
end

local function call_user(req)
  local phones, err = registrar.lookup(req.ruri)
  if req.method ~= "INVITE" then return req:relay(phones, err) end
  if not phones then return req:relay(nil, err) end
  req:relay(phones, {
    timeout = 20,
    on_failure = function(res)
      if res.code == 486 or res.code == 408 or res.code == 480 or res.code == 600 then
        local diversion = "<" .. req.ruri .. ">;reason=unavailable"
        req:relay { uri = req.ruri, next_hop = VOICEMAIL, headers = { Diversion = diversion } }
      end
    end,
  })
end

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end
  local gateway = auth.trusted(req)
  if not gateway and floods(req.source.ip) then return req:drop() end

  if req.method == "REGISTER" then
    if auth.require(req) then registrar.save(req) end
    return
  end
  if not gateway and sip.is_local(req.from.uri) and not auth.require(req) then return end
  if not gateway and not sip.is_local(req.ruri) then return req:reply(404) end
  if not req.ruri.user then return req:reply(484) end

  req:record_route()
  if gateway or not req.ruri.user:find("^%+%d+$") then return call_user(req) end
  if req.method ~= "INVITE" then return req:reply(405, { headers = { Allow = "INVITE" } }) end
  if not sip.is_local(req.from.uri) then return req:reply(403) end
  call_gateway(req)
end
