-- trunk.lua: calls of trusted peers go to the cheapest carrier that takes them.
--
--     sipscript run -l udp:192.0.2.1:5060 --set trusted=10.0.0.0/8 --set country=49 \
--       --set rates=file:rates.csv --set gateways=file:gateways.csv trunk.lua
--
-- rates     columns prefix, carrier, cost and others of lcr; or the URL of a database
-- gateways  columns next_hop, carrier and others of dispatch
-- records   where calls are recorded, by acc: "json:cdr.jsonl" if it is not set
-- country   the code of numbers that are dialled without one; timezone that of hours in rates
--
-- Without rates and gateways all calls go to sip:127.0.0.1:5070.

local acc, auth, dialplan = require "acc", require "auth", require "dialplan"
local dispatch, lcr = require "dispatch", require "lcr"

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

acc.configure { to = { sip.args.records or "json:cdr.jsonl" } }

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end
  if not auth.trusted(req) then return req:reply(403) end
  if req:is("OPTIONS") then return req:reply(200) end
  if not req:is("INVITE") then
    return req:reply(405, { headers = { Allow = "INVITE, ACK, BYE, CANCEL, OPTIONS" } })
  end
  acc.record(req) -- which goes on until the BYE
  local number = dialplan.e164(req.ruri.user or "", HABITS)
  if not number then return req:reply(484) end -- Address Incomplete
  acc.set(req, { number = number })
  local routes, err = lcr.routes(number)
  if not routes then
    acc.set(req, { refused = err })
    return req:reply(503, { headers = { ["Retry-After"] = "30" } })
  end
  req:relay(routes, { reply_timeout = 4,
    on_branch = function(branch)
      acc.set(branch, { carrier = branch.target.carrier, cost = branch.target.cost })
    end,
    on_response = function(res)
      if res.code < 200 or res.code > 299 then return end
      acc.set(req, { carrier = res.target.carrier, cost = res.target.cost })
    end,
  })
end
