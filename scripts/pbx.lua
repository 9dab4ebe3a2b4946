-- pbx.lua: a small telephone exchange. Users have passwords and any number of phones, which ring
-- together; unanswered calls go to voicemail; calls to a busy user can be forwarded; texts wait for
-- users who are away.
--
--     sipscript user add --store sqlite:users.db --realm example.com alice
--     sipscript run -l udp:192.0.2.1:5060 -d example.com --set users=sqlite:users.db \
--         --set voicemail=sip:voicemail@192.0.2.9 --set forward=bob=carol,carol=reception pbx.lua
--
-- users      the store of users and passwords: "sqlite:…", "postgres:…" or "file:…". To try the script
--            out, the variable PBX_USERS will do: PBX_USERS="alice:secret bob:secret2"
-- voicemail  takes the call if nobody answers or no phone is registered; without it the caller gets
--            the failure
-- forward    who takes the calls of a busy user
-- algorithms how passwords are checked: "auto" (the default) offers SHA-256 and MD5, and MD5 alone to
--            phones that cannot choose; or "MD5"; or a list separated by commas
-- trusted    peers whose asserted identities (P-Asserted-Identity) are kept: addresses, networks,
--            cert:DOMAIN, separated by commas
-- ring       how many seconds phones ring, 20 by default
-- presence   "on": users see who is there and who is in a call, and whose messages wait; trusted
--            peers, a voicemail server, may say so (PUBLISH)

local registrar = require "registrar"
local auth = require "auth"
local messages = require "messages"
local presence = require "presence"

local voicemail = sip.args.voicemail
local ring = tonumber(sip.args.ring) or 20
local present = sip.args.presence == "on"

-- All users of an exchange may see each other, but not each other's mailboxes and watchers. Phones
-- that never publish are there while they are registered.
presence.configure { from = "registrations", blf = present,
  authorize = function(watcher, user, package)
    return watcher == user or package == "presence" or package == "dialog"
  end }

local trusted = {}
for peer in (sip.args.trusted or ""):gmatch("[^,%s]+") do
  trusted[#trusted + 1] = peer
end
-- Identities asserted by strangers are worthless, and phones would display them (RFC 3325 §5).
auth.configure { algorithms = sip.args.algorithms or "auto", identity_headers = "trusted", trusted = trusted }

local forward = {}
for user, to in (sip.args.forward or ""):gmatch("([^,=%s]+)=([^,=%s]+)") do
  forward[user] = to
end

if sip.args.users then
  auth.users(sip.args.users)
else
  local passwords = {}
  for user, password in (sip.env("PBX_USERS") or ""):gmatch("([^:%s]+):(%S+)") do
    passwords[user] = password
  end
  if not next(passwords) then
    sip.log.warn("there are no users: name them with --set users=sqlite:users.db")
  end
  auth.users(passwords)
end

-- Rings all phones of the called user and, if the user is busy, those of the user the calls are
-- forwarded to, and so on; the caller gets the outcome of the last one. Returns the user who was
-- called last, and the outcome.
local function call(req)
  local uri, called = sip.uri(req.ruri), {}
  while true do
    called[uri.user] = true
    local phones, err = registrar.lookup(uri)
    if not phones then
      sip.log.error("lookup: %s", err)
      req:reply(503)
      return uri
    end
    local res = req:fork(phones, { timeout = ring }) -- waits; other calls carry on
    local to = forward[uri.user]
    if (res.code ~= 486 and res.code ~= 600) or not to or called[to] then
      return uri, res
    end
    uri.user = to
  end
end

---@param req sip.request
function route(req)
  if req.in_dialog then
    return req:relay()
  end

  -- Anybody who claims to be one of our users must prove it. Others may only call us.
  if req.method == "REGISTER" then
    if auth.require(req) then
      registrar.save(req)
    end
    return
  end
  if sip.is_local(req.from.uri) and not auth.require(req) then
    return
  end

  if not sip.is_local(req.ruri) then
    return req:reply(404)
  end
  if not req.ruri.user then
    return req:reply(req:is("OPTIONS") and 200 or 404)
  end
  if present and req:is("SUBSCRIBE", "PUBLISH") then
    local peer = not sip.is_local(req.from.uri) and auth.trusted(req) ~= false
    if req.method == "PUBLISH" then
      return presence.publish(req, { trusted = peer })
    end
    return presence.subscribe(req)
  end
  -- A phone subscribes to its own address (did anybody leave a message?), or publishes: without
  -- presence nothing here serves that, least of all the phone itself.
  if req.method == "PUBLISH" or req.method == "SUBSCRIBE" and req.from.uri.aor == req.ruri.aor then
    return req:reply(489)
  end

  req:record_route() -- for all dialogs: the NOTIFY of a SUBSCRIBE also comes back through here
  if req.method == "MESSAGE" then
    -- A text for a user who is away is kept until a phone of theirs registers.
    return req:relay(registrar.lookup(req.ruri), { on_failure = function(failure)
      if failure.code == 408 or failure.code == 480 then return messages.store(req) end
    end })
  end
  if req.method ~= "INVITE" then
    return req:relay(registrar.lookup(req.ruri))
  end

  local user, res = call(req)

  -- Nobody answered (408), or no phone is registered (480). An answer, a refusal, and a caller who
  -- has hung up need nothing more: when route ends without a decision, the best response of all
  -- phones is sent.
  if res and voicemail and not req.answered and (res.code == 408 or res.code == 480) then
    local reason = res.code == 408 and "no-answer" or "unavailable"
    req:relay { uri = voicemail, headers = { Diversion = "<" .. user .. ">;reason=" .. reason } }
  end
end
