-- A registrar and proxy that turns nuisances away, with the help of a module written in Go.
local registrar = require "registrar"
local spam = require "spam"

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  if not sip.is_local(req.ruri) then return req:reply(404) end

  if req.method == "INVITE" then
    local score, err = spam.score(req.from.uri.user or "")
    if not score then
      sip.log.warn("no score: %s", err)       -- and let the call pass
    elseif score > 0.9 then
      return req:reply(603)
    end
  end

  req:record_route()
  req:relay(registrar.lookup(req.ruri))
end
