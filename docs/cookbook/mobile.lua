-- mobile.lua: all phones of a user ring; if nobody answers, the user's mobile does, through a
-- gateway.
--
-- gateway  where calls to mobiles go
-- ring     how many seconds phones ring alone, 15 by default

local registrar = require "registrar"

local GATEWAY = sip.args.gateway or "sip:10.0.3.1"
local RING = tonumber(sip.args.ring) or 15
local MOBILES = { bob = "+491701000001", carol = "+491701000002" }

local function ring_mobile(req, number)
  local uri = sip.uri(GATEWAY)
  uri.user = number
  req:relay {
    uri = uri,
    timeout = 40,
    reply_timeout = 4,     -- a gateway that says nothing at all is given up after 4 seconds
    headers = { Diversion = "<" .. req.ruri.aor .. ">;reason=no-answer" },
  }
end

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  if not sip.is_local(req.ruri) then return req:reply(404) end

  req:record_route()
  local phones, err = registrar.lookup(req.ruri)
  if req.method ~= "INVITE" then return req:relay(phones, err) end
  local mobile = MOBILES[req.ruri.user or ""]
  if not phones and not mobile then return req:relay(nil, err) end   -- logged, answered 503

  local res = req:fork(phones or {}, { timeout = RING })
  -- 408: nobody answered; 480: no phone is registered. Who is busy or declines does not want to be
  -- called on the mobile either.
  if mobile and not req.cancelled and (res.code == 408 or res.code == 480) then
    ring_mobile(req, mobile)
  end
end
