-- pbx-b2b.lua: a small telephone exchange whose calls are its own: each call is two dialogs, one
-- with the caller and one with the called, which know nothing of each other. So a call that nobody
-- answers goes on to somebody else, and one that lasts too long is ended from here.
--
--     PBX_USERS="alice:secret bob:secret2" sipscript run -l udp:192.0.2.1:5060 -d example.com \
--         --set reception=sip:reception@192.0.2.9 pbx-b2b.lua
--
-- reception  takes the call if nobody answers; without it the caller gets the failure
-- ring       how many seconds phones ring, 20 by default
-- longest    how many seconds a call may last, 7200 by default

local registrar = require "registrar"
local auth = require "auth"
local b2b = require "b2b"

local reception = sip.args.reception
local ring = tonumber(sip.args.ring) or 20
local longest = tonumber(sip.args.longest) or 7200

local passwords = {}
for user, password in (sip.env("PBX_USERS") or ""):gmatch("([^:%s]+):(%S+)") do
  passwords[user] = password
end
auth.users(passwords)

local function call(req)
  local a = b2b.incoming(req)
  if not a then return end

  -- All phones of the user ring. A caller who hangs up meanwhile ends everything by itself.
  -- Nothing of the INVITE is copied: an Alert-Info of a user's could have phones answer by themselves.
  local b, res = a:dial(registrar.lookup(req.ruri), { timeout = ring })
  if not b and reception and res.cause ~= "cancelled" and res.code < 600 then
    b, res = a:dial(reception, { timeout = ring })
  end
  if not b then return a:reject(res) end

  local ended, why = a:bridge(b, { timeout = longest })
  sip.log.info("the call to %s is over: %s", b.to, ended and why or "it lasted too long")
  -- Both legs end with this function.
end

function route(req)
  if req.in_dialog then return req:relay() end -- none of ours: 481
  if req.method == "REGISTER" then
    if auth.require(req) then registrar.save(req) end
    return
  end
  if not auth.require(req) then return end
  if not sip.is_local(req.ruri) then return req:reply(403) end
  if req.method ~= "INVITE" then return req:reply(405, { headers = { Allow = "INVITE, REGISTER" } }) end
  return call(req)
end
