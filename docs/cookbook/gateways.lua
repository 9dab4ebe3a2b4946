-- gateways.lua: outbound calls go through the first gateway of their group that works. A gateway
-- that fails is left out until it answers an OPTIONS, which each one gets every 30 seconds.
--
-- pbx  the address that may call out

local dispatch = require "dispatch"

local PBX = sip.args.pbx or "10.0.0.20"
local GROUPS = { { prefix = "+49", set = "germany" }, { prefix = "", set = "world" } }

dispatch.configure {
  sets = {
    germany = {
      { next_hop = "sip:10.0.3.1", rewrite = "host" },
      { next_hop = "sip:10.0.3.2", rewrite = "host", priority = 1 },
    },
    world = { { next_hop = "sip:10.0.3.9", rewrite = "host" } },
  },
  probe = { interval = 30, timeout = 3, down_after = 1 },
  passive = { failures = 1, within = 60 },
}

sip.on("dispatch.down", function(set, uri, why)
  sip.log.warn("%s: %s is left out: %s", set, uri, why)
end)

local function set_of(number)
  for _, group in ipairs(GROUPS) do
    if number:sub(1, #group.prefix) == group.prefix then return group.set end
  end
end

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
  local gateways, err = dispatch.targets(set_of(number))
  req:relay(gateways, err or { reply_timeout = 3 })
end
