-- proxy.lua: the shortest complete registrar and proxy, used by the load tests: each new request is
-- looked up and relayed to all contacts in parallel, record-routed so that the whole call comes
-- through here.
--
--     sipscript run -d example.com proxy.lua

local registrar = require "registrar"
local auth = require "auth"

-- Identities asserted by anybody are worthless here, and phones would display them (RFC 3325 §5).
auth.configure { identity_headers = "trusted" } -- and nobody is

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end -- only along our own signed Record-Route; otherwise 481
  if req.method == "REGISTER" then return registrar.save(req) end -- 200, 423, 400, 403 or 404
  if not sip.is_local(req.ruri) then return req:reply(404) end -- not an open relay
  if req.method == "PUBLISH" or req.method == "SUBSCRIBE" and req.from.uri.aor == req.ruri.aor then
    return req:reply(489)  -- nothing here serves these, least of all the phone itself
  end

  req:record_route()  -- does nothing if no dialog can start
  req:relay(registrar.lookup(req.ruri))  -- nobody registered: 480
end
