-- redirect.lua: a redirect server. It answers an INVITE with 302 and the contacts the user has
-- registered; the caller then tries them itself, and the call never comes through here.
--
--     sipscript run -d example.com redirect.lua

local registrar = require "registrar"

---@param req sip.request
function route(req)
  if req.method == "REGISTER" then
    return registrar.save(req)
  end

  -- A redirect server is never part of a dialog: it has nothing to pass on.
  if req.in_dialog then
    return req:reply(481)
  end
  if not sip.is_local(req.ruri) then
    return req:reply(404)
  end
  if not req.ruri.user then
    if req:is("OPTIONS") then
      return req:reply(200, { headers = { Allow = "INVITE, ACK, OPTIONS, REGISTER, SUBSCRIBE, MESSAGE", Supported = "path" } })
    end
    return req:reply(404)
  end

  local bindings, why = registrar.lookup(req.ruri)
  if not bindings then                  -- the store is unavailable, which is not "not registered"
    sip.log.error("lookup: %s", why)
    return req:reply(503)
  end
  if #bindings == 0 then
    return req:reply(why and 404 or 480)  -- 404: a GRUU that was never issued
  end

  -- A browser has no address that others could reach (RFC 7118 §5): its contact is a made-up name,
  -- and only a proxy that it is connected to can call it. Callers cannot use it.
  local places = {}
  for _, b in ipairs(bindings) do
    if not b.uri.host:lower():find("%.invalid%.?$") then places[#places + 1] = b end
  end
  if #places == 0 then
    return req:reply(480)
  end
  req:redirect(places)                  -- 302, with a Contact and q for each
end
