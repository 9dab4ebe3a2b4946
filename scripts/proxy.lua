-- proxy.lua: the shortest complete registrar and proxy, and what the load tests run: each new request is looked up and
-- relayed to all contacts in parallel, record-routed so that the whole call comes through here.
--
--     sipscript run -d example.com proxy.lua

local registrar = require "registrar"

function route(req)
  if req.in_dialog then return req:relay() end                      -- along our own signed Record-Route, else 481
  if req.method == "REGISTER" then return registrar.save(req) end   -- 200, 423, 400, 403 or 404
  if not sip.is_local(req.ruri) then return req:reply(404) end      -- not an open relay

  req:record_route()                                                -- does nothing where no dialog can start
  req:relay(registrar.lookup(req.ruri))                             -- nobody registered: 480
end
