-- pbx-b2b.lua: a telephone exchange whose calls are its own: each call is two dialogs, one with the
-- caller and one with the called, which know nothing of each other. So a call that nobody answers
-- goes on to somebody else, one that lasts too long is ended from here, and calls are made from here.
--
--     PBX_USERS="alice:secret bob:secret2" sipscript run -l udp:192.0.2.1:5060 -d example.com \
--         --set reception=sip:reception@192.0.2.9 pbx-b2b.lua
--
-- Phones hold and transfer as they always do. Beside that:
--
-- transfer to 701 to 709   parks whom one talks to there; dialling the number picks up who waits
-- *5 before a user's name  if the user is busy, both are called when that is over
-- POST /calls              {"from": "sip:alice@example.com", "to": "sip:bob@example.com"}: the one's
--                          phone rings, then the other's; with --http, and PBX_TOKEN as bearer
--
-- reception     takes the call if nobody answers; without it the caller gets the failure
-- ring          how many seconds phones ring, 20 by default
-- longest       how many seconds a call may last, 7200 by default
-- announcement  whom the caller hears `notice` seconds before that; nobody, by default
-- notice        30 by default

local registrar = require "registrar"
local auth = require "auth"
local b2b = require "b2b"
local http = require "http"

local args = sip.args
local reception, announcement = args.reception, args.announcement
local ring = tonumber(args.ring) or 20
local longest = tonumber(args.longest) or 7200
local notice = announcement and math.min(tonumber(args.notice) or 30, longest - 1) or 0

local passwords = {}
for user, password in (sip.env("PBX_USERS") or ""):gmatch("([^:%s]+):(%S+)") do
  passwords[user] = password
end
auth.users(passwords)

-- Who wants to be called when somebody is not busy any more: users' URIs by users' URIs.
local wishes = sip.shared("pbx_wishes", { ttl = 1800 })

local function place(uri) return uri.user and uri.user:match "^70[1-9]$" end

-- The address of a user, without what else a URI may say.
local function address(uri) return ("sip:%s@%s"):format(uri.user or "", uri.host) end

-- Whom a party's transfer leads to: after a talk, to whom that was with.
local function refer(refer, leg)
  if refer.attended then return end
  if not sip.is_local(refer.to) then return nil, 403 end
  local spot = place(refer.to)
  if not spot then return registrar.lookup(refer.to) end
  if leg.peer and leg.peer:park(spot) then return true end
  return nil, 486
end
b2b.configure { refer = refer }

-- Two talk until one leaves, a transfer takes them apart, or they have done so for too long.
-- Whoever calls this ends both legs.
local function talk(a, b)
  local ended, why = a:bridge(b, { timeout = longest - notice })
  if why == "timeout" and notice > 0 then
    b:hold()
    local says = a:dial(announcement, { timeout = 5 })
    if says then
      a:bridge(says, { timeout = notice })
      says:hang_up()
    end
    ended, why = a:bridge(b, { timeout = notice })
  end
  return ended and why or why or "it lasted too long"
end

-- One user's phone rings, then the other's.
local function connect(from, to)
  local phones = registrar.lookup(from)
  if not phones then return end
  local a = b2b.originate { from = to, target = phones, timeout = ring, vars = { user = from } }
  if not a then return end
  local b = a:dial(registrar.lookup(to), { from = from, timeout = ring, vars = { user = to } })
  if b then talk(a, b) end
end

-- Why legs end that were answered.
local talked = { bye = true, ["hang up"] = true, lost = true }

sip.on("b2b.ended", function(leg, why)
  local user = talked[why] and leg.vars.user
  local who = user and wishes:get(user)
  if not who or not wishes:delete(user) then return end
  sip.spawn(function() connect(who, user) end)
end)

-- Whoever waits at a place talks to whom has dialled it.
local function pick_up(a, spot)
  local b = b2b.take(spot)
  if not b then return a:reject(404) end
  local _, why = a:bridge(b, { timeout = longest })
  if why ~= "busy" then return end
  a:reject(480) -- the phone of who waits has not answered yet
  b:park(spot)
end

local function call(req)
  local caller, uri = address(req.from.uri), req.ruri
  local wished = uri.user and uri.user:match "^%*5(.+)"
  local callee = wished and ("sip:%s@%s"):format(wished, uri.host) or address(uri)
  local a = b2b.incoming(req, { vars = { user = caller } })
  if not a then return end
  local spot = place(uri)
  if spot then return pick_up(a, spot) end

  -- All phones of the user ring. A caller who hangs up meanwhile ends everything by itself.
  -- Nothing of the INVITE is copied: an Alert-Info of a user's could have phones answer by themselves.
  local b, res = a:dial(registrar.lookup(callee), { timeout = ring, vars = { user = callee } })
  if not b and wished and res.code == 486 then
    wishes:set(callee, caller)
    return a:reject(res)
  end
  if not b and reception and res.cause ~= "cancelled" and res.code < 600 then
    b, res = a:dial(reception, { timeout = ring })
  end
  if not b then return a:reject(res) end
  sip.log.info("the call to %s is over: %s", callee, talk(a, b))
  -- Both legs end with this function.
end

local token = sip.env "PBX_TOKEN"
if token then
  http.configure { tokens = { token } }
  http.handle("POST /calls", { auth = "bearer" }, function(hreq)
    local order = hreq:json() or {}
    local from, to = sip.uri(order.from or ""), sip.uri(order.to or "")
    if not from or not to or not sip.is_local(from) or not sip.is_local(to) then return { status = 400 } end
    local one, other = address(from), address(to)
    sip.spawn(function() connect(one, other) end)
    return { status = 202 }
  end)
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
