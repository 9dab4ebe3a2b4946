-- The call of route.lua as two calls that are joined: what it costs to be in the middle of it.
local registrar = require "registrar"
local b2b = require "b2b"

function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  if req.method ~= "INVITE" then return req:reply(405) end

  local bindings, err = registrar.lookup(req.ruri)
  if not bindings then
    sip.log.error("lookup: %s", err)
    return req:reply(503)
  end
  if #bindings == 0 then return req:reply(404) end
  local a = b2b.incoming(req)
  if not a then return end
  local b, res = a:dial(bindings[1])
  if not b then return a:reject(res) end
  a:join(b)
end
