-- migration.lua: users move here from Kamailio, one phone after the other. Their table is read as it
-- is, and whoever has not registered here yet is called at the old server.
--
-- users  the old database; its user needs no more than SELECT on subscriber
-- old    the address of the old server

local auth, registrar = require "auth", require "registrar"

local USERS = sip.args.users or "mysql://kamailio@127.0.0.1/kamailio"
local OLD = sip.args.old or "10.0.0.5"

-- The same realm as there, since passwords are hashed with it.
auth.configure { realm = sip.args.realm or "example.com", trusted = { OLD } }
auth.users { url = USERS, layout = "kamailio" }

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end
  -- The old server has checked its users' passwords; anybody else who claims to be ours proves it.
  local from_old = auth.trusted(req)
  if req.method == "REGISTER" then
    if auth.require(req) then registrar.save(req) end
    return
  end
  if not from_old and sip.is_local(req.from.uri) and not auth.require(req) then return end
  if not sip.is_local(req.ruri) then return req:reply(404) end

  req:record_route()
  local phones, err = registrar.lookup(req.ruri)
  if phones and #phones == 0 and not from_old then     -- what comes from there does not go back
    return req:relay { uri = req.ruri, next_hop = "sip:" .. OLD, reply_timeout = 4 }
  end
  req:relay(phones, err)
end
