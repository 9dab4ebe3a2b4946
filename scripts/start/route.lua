-- route.lua: a registrar, and a proxy to the phones that registered. Edit it: a running server
-- reloads it when you save it. route_spec.lua, next to it, describes what it does; `sipscript test`
-- checks that.

local registrar = require "registrar"
local auth = require "auth"

-- Identities asserted by anybody (P-Asserted-Identity …) are removed: phones would display them.
-- Add `trusted = { "192.0.2.10" }` to keep those from a trunk at that address.
auth.configure { identity_headers = "trusted" }

-- route is called once for each new request. It makes one decision (relay, reply, save ...) and
-- returns.
---@param req sip.request
function route(req)
  -- Within a call the request follows the Record-Route that we signed below. Otherwise it is
  -- answered 481.
  if req.in_dialog then
    return req:relay()
  end

  -- A phone says where it is. There are no passwords yet: put `if not auth.require(req) then return
  -- end` before this line, and name the store of users above: see the README of modules/auth.
  if req.method == "REGISTER" then
    return registrar.save(req)
  end

  -- Only our own users: relaying to any address a sender names would make this an open relay.
  if not sip.is_local(req.ruri) then
    return req:reply(404)
  end

  -- For the server itself (sip:example.com): "are you there?"
  if not req.ruri.user then
    return req:reply(req:is("OPTIONS") and 200 or 404)
  end

  -- What a phone sends for its own address is not for itself, and nothing here serves it yet: see the
  -- README of modules/presence.
  if req.method == "PUBLISH" or req.method == "SUBSCRIBE" and req.from.uri.aor == req.ruri.aor then
    return req:reply(489)
  end

  -- Stay in the path of the call, and ring all phones of the user. If nobody is registered: 480.
  req:record_route()
  req:relay(registrar.lookup(req.ruri))
end
