-- registrar.lua: a registrar and nothing else. It keeps where the users of the local domains are; another proxy, sharing
-- its store, does the calls. With subscriptions=open, whoever subscribes to a user's registrations (Event: reg, RFC 3680)
-- is told of them and of their changes. Nobody is asked who he is: that is for networks where all may know; else put
-- auth.require in front of it.
--
--     sipscript run -d example.com registrar.lua
--     sipscript run -d example.com --set min_expires=300 --set subscriptions=open registrar.lua

local registrar = require "registrar"
local open = sip.args.subscriptions == "open"
local ALLOW = open and "REGISTER, SUBSCRIBE, OPTIONS" or "REGISTER, OPTIONS"

-- Settings are made while the file loads. Times are seconds. Options given by --set are strings, or nil.
registrar.configure {
  max_contacts = tonumber(sip.args.max_contacts) or 10,     -- phones per user; one more is answered 403
  min_expires = tonumber(sip.args.min_expires) or 60,       -- shorter is answered 423
  max_expires = tonumber(sip.args.max_expires) or 7200,     -- longer is cut
  default_expires = tonumber(sip.args.default_expires) or 3600,
}

function route(req)
  if req.method == "REGISTER" then
    return registrar.save(req)
  end
  if open and req.method == "SUBSCRIBE" and not req.in_dialog then   -- the later ones of a subscription never come here
    return registrar.subscribe(req)
  end
  if req:is("OPTIONS") and sip.is_local(req.ruri) and not req.ruri.user then
    return req:reply(200, { headers = { Allow = ALLOW, ["Allow-Events"] = open and "reg" or {}, Supported = "path, outbound, gruu" } })
  end
  -- §21.4.6: a 405 says what would have been allowed. (To an ACK nothing is ever answered.)
  req:reply(405, { headers = { Allow = ALLOW } })
end
