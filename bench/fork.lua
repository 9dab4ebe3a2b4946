-- The decisions of route.lua, but all contacts of the user ring at once.
local registrar = require "registrar"

function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  if req:is("INVITE", "SUBSCRIBE") then req:record_route() end
  if not req.ruri.user then return req:reply(484) end

  local bindings, err = registrar.lookup(req.ruri)
  if not bindings then
    sip.log.error("lookup: %s", err)
    return req:reply(503)
  end
  if #bindings == 0 then return req:reply(404) end
  req:relay(bindings)
end
