-- webrtc.lua: telephony for web pages. Browsers register and call each other over WebSockets; plain
-- phones register too, and media between the two passes rtpengine.
--
--     sipscript user add --store sqlite:users.db --realm example.com alice
--     sipscript run -l 'wss:203.0.113.1:443?origin=https://app.example.com' -l udp:203.0.113.1:5060 \
--       --tls-cert cert.pem --tls-key key.pem -d example.com \
--       --set users=sqlite:users.db --set media=udp:127.0.0.1:2223 webrtc.lua
--
-- users       the store of users and passwords: "sqlite:…", "postgres:…" or "file:…". To try the
--             script out, the variable WEBRTC_USERS will do: WEBRTC_USERS="alice:secret bob:secret2"
-- algorithms  how passwords are checked: "auto" (the default), or "MD5" for phones that know no other
--             one, and take long to find out
-- token       of pages, in place of passwords: the key of the tokens (JWT) with which they connect, as
--             wss://…/?token=…; "file:PATH" of a public key, or a secret. sub is the user, aud "sip",
--             and what a page asks after exp is refused: it connects again, with a new one
-- media       the rtpengine, or several with commas between them; without it browsers can call
--             browsers, and phones can call phones
--
-- Pages of other origins than the listener's are not let in. Programs can say any origin; passwords
-- and tokens keep them out.

local auth, jwt, registrar = require "auth", require "jwt", require "registrar"
local rtpengine = require "rtpengine"

local METHODS = "REGISTER, INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, MESSAGE, PRACK, UPDATE, REFER, NOTIFY"

local engines = {}
for uri in (sip.args.media or ""):gmatch("[^,%s]+") do engines[#engines + 1] = uri end
rtpengine.configure { engines = engines }

-- What clients assert of themselves, phones would display (RFC 3325 §5).
auth.configure { algorithms = sip.args.algorithms or "auto", identity_headers = "trusted" }

if sip.args.users then
  auth.users(sip.args.users)
else
  local passwords = {}
  for user, password in (sip.env("WEBRTC_USERS") or ""):gmatch("([^:%s]+):(%S+)") do
    passwords[user] = password
  end
  if not next(passwords) and not sip.args.token then
    sip.log.warn("there are no users: name them with --set users=sqlite:users.db")
  end
  auth.users(passwords)
end

-- Whether the sender is who From says; if not, the request has been answered.
---@param req sip.request
local function proven(req)
  local upgrade = req.source.http
  if not upgrade or not sip.args.token then return auth.require(req) end
  local claims, why = jwt.verify(upgrade.query.token or "", { keys = sip.args.token, aud = "sip" })
  if claims and claims.sub then return auth.identify(req, claims.sub) end
  sip.log.info("token refused: %s", why or "it names no user")
  req:reply(403)
  return false
end

-- Whether a target is a browser: a page's connection is a WebSocket.
---@param branch sip.branch
local function is_browser(branch)
  local transport = branch.ruri.params.transport
  return transport == "ws" or transport == "wss"
end

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end
  if not sip.is_local(req.ruri) then return req:reply(404) end
  if not req.ruri.user and req:is("OPTIONS") then
    return req:reply(200, { headers = { Allow = METHODS } })
  end
  if not req:is("REGISTER", "INVITE", "MESSAGE", "OPTIONS", "REFER") then
    return req:reply(405, { headers = { Allow = METHODS } })
  end
  if not proven(req) then return end
  if req.method == "REGISTER" then return registrar.save(req) end

  req:record_route()
  if req.method == "INVITE" and #engines > 0 then
    local page = req.source.http ~= nil
    -- Two browsers need no help: ICE finds the way between them, and their media stays theirs.
    rtpengine.manage(req, { callee = function(branch) return not (page and is_browser(branch)) and {} end })
  end
  req:relay(registrar.lookup(req.ruri))
end
