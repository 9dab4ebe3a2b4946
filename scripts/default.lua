-- default.lua: a registrar and a proxy for the local domains. Point two softphones at it and let them call each other.
--
--     sipscript run                                     on loopback, where only this machine can reach it
--     sipscript run -l udp:192.0.2.1:5060 -d example.com
--
-- Register as alice@<server> and bob@<server>; then alice dials bob@<server>. <server> is an address this server listens
-- on, or a name given by -d. There are no passwords: whoever can reach the server can register and call. Put
-- `auth.require(req)` in front before you open it to the world.

local registrar = require "registrar"
local auth = require "auth"

-- What anybody says of an identity beside From is worth nothing here, and phones would show it (RFC 3325 §5).
auth.configure { identity_headers = "trusted" } -- and nobody is trusted

-- route is called once for each new request. It makes one decision (relay, reply, save ...) and returns.
-- Retransmissions, CANCEL, loops and malformed requests never come here: the engine sees to them.
function route(req)
  -- Within a call (ACK, BYE, re-INVITE) the request follows the Record-Route which we set below and signed.
  -- Anything else that claims to belong to a call is answered 481. The script need not look at it.
  if req.in_dialog then
    return req:relay()
  end

  -- A phone tells where it is. `save` answers it; a domain that is not ours gets 404.
  if req.method == "REGISTER" then
    return registrar.save(req)
  end

  -- We serve our own users. Relaying to whatever address the sender names would make an open relay of this server.
  if not sip.is_local(req.ruri) then
    return req:reply(404)
  end

  -- Nobody in particular is meant: the request is for the server itself (sip:example.com).
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

  -- A phone asks about its own address (who left a message?), or publishes: nothing here serves that, and its own phone least.
  if req.method == "PUBLISH" or req.method == "SUBSCRIBE" and req.from.uri.aor == req.ruri.aor then
    return req:reply(489)
  end

  -- Stay in the path of the call, so that its later requests come through here too.
  req:record_route()

  -- Ring all phones that registered as this user: `lookup` gives a list of bindings, `relay` takes it as it is.
  -- An empty list (nobody is registered) is answered 480.
  req:relay(registrar.lookup(req.ruri))
end
