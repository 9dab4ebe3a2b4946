-- trunk.lua: calls of trusted peers go to the cheapest carrier that takes them.
--
--     sipscript run -l udp:192.0.2.1:5060 --set trusted=10.0.0.0/8 --set country=49 \
--       --set rates=file:rates.csv --set gateways=file:gateways.csv trunk.lua
--
-- rates     columns prefix, carrier, cost and others of lcr; or the URL of a database
-- gateways  columns next_hop, carrier and others of dispatch
-- country   the code of numbers that are dialled without one; timezone that of hours in rates
--
-- Without rates and gateways all calls go to sip:127.0.0.1:5070.

local auth, dialplan, dispatch = require "auth", require "dialplan", require "dispatch"
local lcr = require "lcr"

local trusted = {}
for peer in (sip.args.trusted or ""):gmatch("[^,%s]+") do trusted[#trusted + 1] = peer end
auth.configure { identity_headers = "trusted", trusted = trusted }
dispatch.configure { sets = {
  carriers = sip.args.gateways or { { next_hop = "127.0.0.1:5070", carrier = "default" } },
} }
lcr.configure {
  rates = sip.args.rates or { { prefix = "", carrier = "default", cost = 0 } },
  timezone = sip.args.timezone or "UTC", carriers = { set = "carriers" },
}
local HABITS = { country = sip.args.country or "49" }

-- Calls that were answered. A day is longer than a signed route lives.
local calls = sip.shared("trunk.calls", { capacity = 200000, ttl = 90000, durable = true })

-- One line for each call. Write to a database or a web service here if you like: this may wait.
local function record(number, code, call)
  local seconds = call and sip.now() - call.answered or 0
  sip.log.info("call to %s: %d, %s at %s, %.1f s", number, code, call and call.carrier or "nobody",
    call and call.cost or "-", seconds)
end

---@param req sip.request
function route(req)
  if req.in_dialog then
    req:relay()
    local call = req.method == "BYE" and calls:get(req.call_id)
    if call and calls:delete(req.call_id) then record(call.number, 200, call) end
    return
  end
  if not auth.trusted(req) then return req:reply(403) end
  if req:is("OPTIONS") then return req:reply(200) end
  if not req:is("INVITE") then
    return req:reply(405, { headers = { Allow = "INVITE, ACK, BYE, CANCEL, OPTIONS" } })
  end
  local number = dialplan.e164(req.ruri.user or "", HABITS)
  if not number then return req:reply(484) end -- Address Incomplete
  local routes, err = lcr.routes(number)
  if not routes then
    record(number, 503)
    sip.log.warn("%s: %s", number, err)
    return req:reply(503, { headers = { ["Retry-After"] = "30" } })
  end
  req:record_route()
  req:relay(routes, { reply_timeout = 4,
    on_response = function(res)
      if res.code < 200 or res.code > 299 then return end
      local route = res.target
      calls:add(req.call_id,
        { number = number, carrier = route.carrier, cost = route.cost, answered = sip.now() })
    end,
    on_failure = function(res) record(number, res.code) end,
  })
end
