-- The route of route.lua with a record of each call: what that costs.
local registrar = require "registrar"
local acc = require "acc"

acc.configure { to = { sip.args.to or "json:cdr.jsonl" } }

function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  if req:is("INVITE", "SUBSCRIBE") then req:record_route() end
  if not req.ruri.user then return req:reply(484) end
  if req.method == "INVITE" then acc.record(req) end

  local bindings, err = registrar.lookup(req.ruri)
  if not bindings then
    sip.log.error("lookup: %s", err)
    return req:reply(503)
  end
  if #bindings == 0 then return req:reply(404) end
  req:relay(bindings[1])
end
