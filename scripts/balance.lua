-- balance.lua: spreads calls over a list of servers without keeping state: no transaction, no
-- timer, no memory of the call. Everything in one call has the same Call-ID, so a hash of it finds
-- the same server each time.
--
--     sipscript run -l udp:192.0.2.1:5060 --set servers=sip:10.0.0.1:5060,sip:10.0.0.2:5060 balance.lua
--
-- Being stateless, the script also sees retransmissions, ACK and CANCEL, and must make the same
-- choice for all of them: it may depend only on the request. A server that is down is not noticed;
-- take it off the list.
--
-- With --set trusted=192.0.2.0/24,… identities asserted by these peers (P-Asserted-Identity) are
-- kept. List the servers too, if their assertions about who answered should reach the caller.

local auth = require "auth"

local trusted = {}
for peer in (sip.args.trusted or ""):gmatch("[^,%s]+") do
  trusted[#trusted + 1] = peer
end
-- Identities asserted by strangers are worthless, and phones would display them (RFC 3325 §5).
auth.configure { identity_headers = "trusted", trusted = trusted }

local servers = {}
for uri in (sip.args.servers or "sip:127.0.0.1:5070,sip:127.0.0.1:5080"):gmatch("[^,%s]+") do
  local parsed, err = sip.uri(uri)
  if not parsed then
    error("servers: " .. uri .. ": " .. err)
  end
  servers[#servers + 1] = { next_hop = uri } -- only the next hop: the Request-URI stays
end
if #servers == 0 then
  error("servers: the list is empty")
end

-- The first 7 hex digits of a hash make a number that is evenly distributed over Call-IDs, and the
-- same after a restart.
local function choose(call_id)
  local n = tonumber(sip.hash.sha256(call_id):sub(1, 7), 16)
  return servers[n % #servers + 1]
end

---@param req sip.request
function route(req)
  -- A health check: OPTIONS sip:<this server>, without a user.
  if req:is("OPTIONS") and not req.ruri.user and sip.is_local(req.ruri) then
    return req:reply(200, { headers = { Allow = "OPTIONS" } })
  end
  req:forward(choose(req.call_id))
end
