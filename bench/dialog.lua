-- The route of route.lua with each call tracked, and counted by two keys: what that costs.
local registrar = require "registrar"
local dialog = require "dialog"

function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  if req:is("INVITE", "SUBSCRIBE") then req:record_route() end
  if not req.ruri.user then return req:reply(484) end
  if req.method == "INVITE" and not dialog.track(req, { limits = { all = 100000, server = 100000 } }) then
    return req:reply(486)
  end

  local bindings, err = registrar.lookup(req.ruri)
  if not bindings then
    sip.log.error("lookup: %s", err)
    return req:reply(503)
  end
  if #bindings == 0 then return req:reply(404) end
  req:relay(bindings[1])
end
