-- default.lua: a registrar and a proxy for the local domains. Point two softphones at it and let
-- them call each other.
--
--     sipscript run                                     on loopback, where only this machine can reach it
--     sipscript run -l udp:192.0.2.1:5060 -d example.com
--
-- Register as alice@<server> and bob@<server>; then alice dials bob@<server>. <server> is an
-- address this server listens on, or a name given with -d. There are no passwords: anybody who can
-- reach the server can register and call. Put `auth.require(req)` in front before you open it to
-- the world.

local registrar = require "registrar"
local auth = require "auth"

-- Identities asserted by anybody are worthless here, and phones would display them (RFC 3325 §5).
auth.configure { identity_headers = "trusted" } -- and nobody is

-- route is called once for each new request. It makes one decision (relay, reply, save ...) and
-- returns. Retransmissions, CANCEL, loops and malformed requests never come here: the engine
-- handles them.
---@param req sip.request
function route(req)
  -- Within a call (ACK, BYE, re-INVITE) the request follows the Record-Route that we set and signed
  -- below. Anything else that claims to belong to a call is answered 481.
  if req.in_dialog then
    return req:relay()
  end

  -- A phone says where it is. `save` answers it; a domain that is not ours gets 404.
  if req.method == "REGISTER" then
    return registrar.save(req)
  end

  -- We serve our own users. Relaying to any address the sender names would make this server an open
  -- relay.
  if not sip.is_local(req.ruri) then
    return req:reply(404)
  end

  -- Without a user, the request is for the server itself (sip:example.com).
  if not req.ruri.user then
    if req:is("OPTIONS") then -- "are you there?"
      return req:reply(200, {
        headers = {
          Allow = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, REFER, SUBSCRIBE, NOTIFY, MESSAGE, REGISTER",
          Accept = "application/sdp",
          Supported = "path",
        },
      })
    end
    return req:reply(404)
  end

  -- A phone subscribes to its own address (did anybody leave a message?), or publishes: nothing
  -- here serves that, least of all the phone itself.
  if req.method == "PUBLISH" or req.method == "SUBSCRIBE" and req.from.uri.aor == req.ruri.aor then
    return req:reply(489)
  end

  -- Stay in the path of the call, so that its later requests come through here too.
  req:record_route()

  -- Ring all phones registered as this user: `lookup` returns a list of bindings, which `relay`
  -- accepts as it is. An empty list (nobody is registered) is answered 480.
  req:relay(registrar.lookup(req.ruri))
end
