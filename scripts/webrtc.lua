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
-- relay_to    networks to which TURN may relay although they are not public: "10.1.0.0/16"
-- turn        TURN servers elsewhere that have the same secret (--turn-secret), in place of our own:
--             "turn:turn.example.com:3478"
--
-- With -l turn:203.0.113.1:3478 browsers find each other through NATs. With --http pages get what
-- RTCPeerConnection needs for that, at GET /ice?token=…; without tokens only programs on this machine
-- do, such as the web application: GET /ice?user=alice.
--
-- Pages of other origins than the listener's are not let in. Programs can say any origin; passwords
-- and tokens keep them out.

local auth, http, jwt = require "auth", require "http", require "jwt"
local registrar, rtpengine, turn = require "registrar", require "rtpengine", require "turn"

local METHODS = "REGISTER, INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, MESSAGE, PRACK, UPDATE, REFER"

-- What stands between commas.
local function list(text)
  local parts = {}
  for part in (text or ""):gmatch("[^,%s]+") do parts[#parts + 1] = part end
  return parts
end

local engines = list(sip.args.media)
rtpengine.configure { engines = engines }
turn.configure { allow = list(sip.args.relay_to), uris = list(sip.args.turn) }

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

-- What a page's token says, or nil.
local function claims_of(token)
  local claims, why = jwt.verify(token or "", { keys = sip.args.token, aud = "sip" })
  if not claims then sip.log.info("token refused: %s", why) end
  return claims
end

-- Whether the sender is who From says; if not, the request has been answered.
---@param req sip.request
local function proven(req)
  local upgrade = req.source.http
  if not upgrade or not sip.args.token then return auth.require(req) end
  local claims = claims_of(upgrade.query.token)
  if not claims then return req:reply(403) and false end
  return auth.identify(req, claims.sub)
end

-- Servers for the ICE of a user's page.
local function ice(user)
  local c = turn.credentials(user, 3600)
  local server = { urls = c.uris, username = c.username, credential = c.password }
  return {
    headers = { ["Access-Control-Allow-Origin"] = "*", ["Cache-Control"] = "no-store" },
    json = { iceServers = #c.uris > 0 and { server } or {} },
  }
end

if sip.args.token then
  local function asks(hreq) return claims_of(hreq.query.token) ~= nil end
  http.handle("GET /ice", { auth = asks }, function(hreq) return ice(claims_of(hreq.query.token).sub) end)
else
  http.handle("GET /ice", function(hreq) return ice(hreq.query.user) end)
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
