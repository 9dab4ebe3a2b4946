-- registrar.lua: a registrar and nothing else. It knows where the users of the local domains are;
-- another proxy, sharing its store, handles the calls. With subscriptions=open, anybody may
-- subscribe to a user's registrations (Event: reg, RFC 3680) and is notified of changes. Nobody has
-- to prove who they are: use this only in networks where everybody may know; elsewhere put
-- auth.require in front.
--
--     sipscript run -d example.com registrar.lua
--     sipscript run -d example.com --set min_expires=300 --set subscriptions=open registrar.lua

local registrar = require "registrar"
local open = sip.args.subscriptions == "open"
local ALLOW = open and "REGISTER, SUBSCRIBE, OPTIONS" or "REGISTER, OPTIONS"

-- Settings are made while the file loads. Times are in seconds. Options given with --set are
-- strings, or nil.
registrar.configure {
  max_contacts = tonumber(sip.args.max_contacts) or 10,     -- phones per user; another one gets 403
  min_expires = tonumber(sip.args.min_expires) or 60,       -- a shorter time gets 423
  max_expires = tonumber(sip.args.max_expires) or 7200,     -- a longer time is shortened
  default_expires = tonumber(sip.args.default_expires) or 3600,
}

---@param req sip.request
function route(req)
  if req.method == "REGISTER" then
    return registrar.save(req)
  end
  if open and req.method == "SUBSCRIBE" and not req.in_dialog then -- refreshes never come here
    return registrar.subscribe(req)
  end
  if req:is("OPTIONS") and sip.is_local(req.ruri) and not req.ruri.user then
    return req:reply(200, { headers = { Allow = ALLOW, ["Allow-Events"] = open and "reg" or {}, Supported = "path, outbound, gruu" } })
  end
  -- §21.4.6: a 405 lists what is allowed. (An ACK is never answered.)
  req:reply(405, { headers = { Allow = ALLOW } })
end
