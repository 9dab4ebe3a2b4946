-- webrtc.lua: an edge for browsers. It holds their WebSocket connections; registrar and routing are
-- on a core server behind it.
--
--     sipscript run -l wss:192.0.2.1:443 -l udp:10.0.0.1:5060 --tls-cert cert.pem --tls-key key.pem \
--         -d example.com --set core=10.0.0.5 webrtc.lua
--
-- core  the address of the core server, which supports Path (RFC 3327)

local registrar = require "registrar"

local CORE = sip.args.core or "10.0.0.5"
local NEXT_HOP = "sip:" .. CORE
local METHODS = "REGISTER, INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, SUBSCRIBE, NOTIFY"

---@param req sip.request
function route(req)
  -- Requests of the core for a registered browser carry the Path of its REGISTER. They go to the
  -- browser's connection, and do not come here.
  if req.in_dialog then return req:relay() end
  if req.source.ip == CORE then return req:reply(404) end   -- no Path of ours: for nobody here
  if not sip.is_local(req.ruri) then return req:reply(404) end

  if req.method == "REGISTER" then
    registrar.add_path(req, { force = true })   -- browsers that do not list "path" need it too
  elseif req:is("INVITE", "MESSAGE", "SUBSCRIBE") then
    req:record_route()                          -- the core cannot open a connection to a browser
  else
    return req:reply(405, { headers = { Allow = METHODS } })
  end
  req:relay { uri = req.ruri, next_hop = NEXT_HOP, reply_timeout = 4 }
end
