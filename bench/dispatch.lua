-- Calls through the next of 100 gateways, with failover: the decisions of kamailio/dispatch.lua. All gateways are
-- one address, with which the load answers.
local dispatch = require "dispatch"

local list = {}
for i = 1, 100 do
  list[i] = "sip:" .. (sip.args.callee or "127.0.0.1:5070") .. ";gw=" .. i
end
dispatch.configure { sets = { carriers = list }, probe = { interval = 0 } }

function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return req:reply(200) end
  if req:is("INVITE", "SUBSCRIBE") then req:record_route() end
  req:relay(dispatch.targets("carriers", { by = "round_robin" }))
end
