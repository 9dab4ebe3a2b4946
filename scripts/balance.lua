-- balance.lua: spreads calls over a list of servers without keeping state: no transaction, no
-- timer, no memory of the call. Everything in one call has the same Call-ID, so a hash of it finds
-- the same server each time.
--
--     sipscript run -l udp:192.0.2.1:5060 --set servers=sip:10.0.0.1:5060,sip:10.0.0.2:5060 balance.lua
--
-- Being stateless, the script also sees retransmissions, ACK and CANCEL, and must make the same
-- choice for all of them: it may depend only on the request, and on which servers are up. OPTIONS
-- every 10 seconds find out about that; a server that is down loses its calls to the others, and
-- the calls of those stay where they are. `sipscript dispatch list` shows the servers.
--
-- With --set trusted=192.0.2.0/24,… identities asserted by these peers (P-Asserted-Identity) are
-- kept. List the servers too, if their assertions about who answered should reach the caller.

local auth, dispatch = require "auth", require "dispatch"

local function list_of(text)
  local list = {}
  for entry in text:gmatch("[^,%s]+") do
    list[#list + 1] = entry
  end
  return list
end

-- Identities asserted by strangers are worthless, and phones would display them (RFC 3325 §5).
auth.configure { identity_headers = "trusted", trusted = list_of(sip.args.trusted or "") }

local servers = list_of(sip.args.servers or "sip:127.0.0.1:5070,sip:127.0.0.1:5080")
if #servers == 0 then
  error("servers: the list is empty")
end
dispatch.configure { sets = { servers = servers } }

function route(req)
  -- A health check: OPTIONS sip:<this server>, without a user.
  if req:is("OPTIONS") and not req.ruri.user and sip.is_local(req.ruri) then
    return req:reply(200, { headers = { Allow = "OPTIONS" } })
  end
  req:forward(dispatch.select("servers", { by = "hash", key = req.call_id }))
end
