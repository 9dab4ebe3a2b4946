-- registrar.lua: a registrar and nothing else. It keeps where the users of the local domains are; another proxy, sharing
-- its store, does the calls. Who subscribes to a user's registrations (Event: reg, RFC 3680) is told of their changes:
-- in front of it, say who may (auth.require).
--
--     sipscript run -d example.com registrar.lua
--     sipscript run -d example.com --set min_expires=300 registrar.lua

local registrar = require "registrar"
local ALLOW = "REGISTER, SUBSCRIBE, OPTIONS"

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
  if req.method == "SUBSCRIBE" and not req.in_dialog then   -- the later ones of a subscription never come here
    return registrar.subscribe(req)
  end
  if req:is("OPTIONS") and sip.is_local(req.ruri) and not req.ruri.user then
    return req:reply(200, { headers = { Allow = ALLOW, ["Allow-Events"] = "reg", Supported = "path" } })
  end
  -- §21.4.6: a 405 says what would have been allowed. (To an ACK nothing is ever answered.)
  req:reply(405, { headers = { Allow = ALLOW } })
end
