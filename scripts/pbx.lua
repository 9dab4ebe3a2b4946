-- pbx.lua: a small telephone exchange. Users have passwords and as many phones as they like, which ring together; who does not
-- answer has a voicemail; who is busy can have his calls forwarded.
--
--     sipscript user add --store sqlite:users.db --realm example.com alice
--     sipscript run -l udp:192.0.2.1:5060 -d example.com --set users=sqlite:users.db \
--         --set voicemail=sip:voicemail@192.0.2.9 --set forward=bob=carol,carol=reception pbx.lua
--
-- users      where users and passwords are: "sqlite:…", "postgres:…" or "file:…". To try it out, the variable PBX_USERS will do:
--            PBX_USERS="alice:secret bob:secret2"
-- voicemail  who takes the call when nobody answers, or no phone is there; without it the caller is told so
-- forward    who takes the calls of a user who is busy
-- algorithms what passwords are asked with: "auto" (default) offers SHA-256 and MD5, and MD5 alone to phones that can't choose;
--            "MD5", or a list with commas
-- trusted    whose word on an identity passes (P-Asserted-Identity): addresses, networks, cert:DOMAIN, with commas
-- ring       how many seconds phones ring, 20 by default

local registrar = require "registrar"
local auth = require "auth"

local voicemail = sip.args.voicemail
local ring = tonumber(sip.args.ring) or 20

local trusted = {}
for peer in (sip.args.trusted or ""):gmatch("[^,%s]+") do
  trusted[#trusted + 1] = peer
end
-- What strangers say of an identity beside From is worth nothing, and phones would show it (RFC 3325 §5).
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

-- Rings all phones of the user called. If he is busy, those of the user his calls are forwarded to, and so on; the caller is told
-- of the last one. Returns the user who was called last, and the outcome.
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
    local res = req:fork(phones, { timeout = ring }) -- waits; other calls go on meanwhile
    local to = forward[uri.user]
    if (res.code ~= 486 and res.code ~= 600) or not to or called[to] then
      return uri, res
    end
    uri.user = to
  end
end

function route(req)
  if req.in_dialog then
    return req:relay()
  end

  -- Who claims to be one of us proves it. Others may call us, and that is all they may.
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
  -- A phone asks about its own address (who left a message?), or publishes: nothing here serves that, and its own phone least.
  if req.method == "PUBLISH" or req.method == "SUBSCRIBE" and req.from.uri.aor == req.ruri.aor then
    return req:reply(489)
  end

  req:record_route() -- all that forms a dialog: a SUBSCRIBE's NOTIFY comes back through here
  if req.method ~= "INVITE" then
    return req:relay(registrar.lookup(req.ruri))
  end

  local user, res = call(req)

  -- Nobody answered (408), or nobody is there (480). An answer, a refusal, and a caller who has hung up are left as they are: when
  -- route ends without a decision, the best response of all that rang is sent.
  if res and voicemail and not req.answered and (res.code == 408 or res.code == 480) then
    local reason = res.code == 408 and "no-answer" or "unavailable"
    req:relay { uri = voicemail, headers = { Diversion = "<" .. user .. ">;reason=" .. reason } }
  end
end
