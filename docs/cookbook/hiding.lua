-- hiding.lua: users inside, a carrier outside, and neither sees who is behind this server.
--
--     sipscript run -l udp:192.0.2.1:5060 -d example.com --secret file:secret hiding.lua
--
-- carrier   the address of the carrier, that other calls come from and go to
--
-- Nothing is kept: with the same --secret calls go on after a restart, and at another server.

local registrar, topology = require "registrar", require "topology"
local CARRIER = sip.args.carrier or "127.0.0.1"

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end
  if req:is("REGISTER") then return registrar.save(req) end
  if not req:is("INVITE") then return req:reply(405, { headers = { Allow = "INVITE, REGISTER" } }) end
  local from_carrier = req.source.ip == CARRIER
  if not from_carrier and sip.is_local(req.ruri) and registrar.lookup(req.ruri)[1] then
    req:record_route()                            -- users know each other
    return req:relay(registrar.lookup(req.ruri))
  end
  if not from_carrier and not (req.ruri.user or ""):find("^%+%d+$") then return req:reply(404) end
  -- Phones write their address into the Call-ID; Warning and History-Info name hosts, too.
  topology.hide(req, { call_id = true, warning = true, history = true })
  if from_carrier then return req:relay(registrar.lookup(req.ruri)) end
  -- What is not the phone's to say out there, and would say more of the inside than a number.
  req:remove_header("User-Agent")
  req:remove_header("P-Preferred-Identity")
  req:relay("sip:" .. (req.ruri.user or "") .. "@" .. CARRIER)
end
