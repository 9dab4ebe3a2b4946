-- route.lua: a registrar, and a proxy to what registered. Edit it: a running server reads it again as you save it.
-- route_spec.lua beside it says what it promises; `sipscript test` tries that.

local registrar = require "registrar"
local auth = require "auth"

-- What anybody says of an identity beside From (P-Asserted-Identity …) does not pass: phones would show it.
-- `trusted = { "192.0.2.10" }` beside it lets it pass from a trunk at that address.
auth.configure { identity_headers = "trusted" }

-- route is called once for each new request. It makes one decision (relay, reply, save ...) and returns.
function route(req)
  -- Within a call the request follows the Record-Route that we signed below. Anything else is answered 481.
  if req.in_dialog then
    return req:relay()
  end

  -- A phone tells where it is. There are no passwords yet: put `if not auth.require(req) then return end` before
  -- this line, and say above where users are: see the README of modules/auth.
  if req.method == "REGISTER" then
    return registrar.save(req)
  end

  -- Only our own users: relaying to any address that a sender names would be an open relay.
  if not sip.is_local(req.ruri) then
    return req:reply(404)
  end

  -- For the server itself (sip:example.com): "are you there?"
  if not req.ruri.user then
    return req:reply(req:is("OPTIONS") and 200 or 404)
  end

  -- Stay in the path of the call, and ring all phones of the user. Nobody is registered: 480.
  req:record_route()
  req:relay(registrar.lookup(req.ruri))
end
