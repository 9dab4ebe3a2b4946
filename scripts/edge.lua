-- edge.lua: the edge of a phone system. Browsers and phones behind NATs are outside; a core server,
-- which has the registrar and the routing, is inside; media passes rtpengine.
--
--     sipscript run -l wss:203.0.113.1:443 -l udp:203.0.113.1:5060 -l udp:10.0.0.1:5060 \
--       --tls-cert cert.pem --tls-key key.pem -d example.com \
--       --set core=10.0.0.5 --set media=udp:127.0.0.1:2223 edge.lua
--
-- core   the address of the core server, which supports Path (RFC 3327), with its port
--        if that is not 5060
-- media  the rtpengine, or several with commas between them; without it media is not touched

local auth, registrar, rtpengine = require "auth", require "registrar", require "rtpengine"

local NEXT_HOP = assert(sip.uri("sip:" .. (sip.args.core or "10.0.0.5")))
local CORE = NEXT_HOP.host:match "^%[?(.-)%]?$" -- as sources have it: IPv6 without brackets
local METHODS = "REGISTER, INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, SUBSCRIBE, REFER, NOTIFY"

local engines = {}
for uri in (sip.args.media or ""):gmatch("[^,%s]+") do engines[#engines + 1] = uri end
rtpengine.configure { engines = engines }

-- What strangers assert of themselves stops here (RFC 3325 §5).
auth.configure { identity_headers = "trusted", trusted = { CORE } }

-- Stays in the path of what a request begins, and has the media of calls pass.
---@param req sip.request
local function follow(req)
  if req:is("INVITE", "SUBSCRIBE", "REFER", "NOTIFY") then req:record_route() end
  if req:is("INVITE") and #engines > 0 then rtpengine.manage(req) end
end

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end

  -- What the core sends for a client carries the Path of its REGISTER, along which it goes on; other
  -- requests of the core are for nobody here, and are refused.
  if req.source.ip == CORE then
    follow(req)
    return req:relay()
  end

  if not sip.is_local(req.ruri) then return req:reply(404) end
  if not req.ruri.user and req:is("OPTIONS") then
    return req:reply(200, { headers = { Allow = METHODS } })
  end
  if not req:is("REGISTER", "INVITE", "MESSAGE", "SUBSCRIBE", "REFER", "NOTIFY", "OPTIONS") then
    return req:reply(405, { headers = { Allow = METHODS } })
  end

  -- With route, calls for the client come to the function above, not straight to it.
  if req.method == "REGISTER" then registrar.add_path(req, { force = true, route = true }) end
  follow(req)
  req:relay { uri = req.ruri, next_hop = NEXT_HOP, reply_timeout = 4 }
end
