-- KSR as far as other modules do the work, and the routes by their names. See the package comment.
local core = ...
local sip = require "sip"
local registrar, auth, acl = require "registrar", require "auth", require "acl"

local KSR = core.KSR
local EXIT = "~~ksr~exit~~"

-- define puts a function that takes n arguments in its place. One that is called where there is no
-- message, or with too few arguments, returns false, as there.
local function define(name, n, f)
  local module, last = name:match("^(.-)%.([^.]+)$")
  if module and not core.has(module) then return end
  local place = KSR
  if module then
    place[module] = place[module] or {}
    place = place[module]
  end
  place[last or name] = function(...)
    local ok, otherwise = core.ready(name, n, select("#", ...))
    if not ok then return otherwise end
    return f(...)
  end
end

local function text(v)
  local kind = type(v)
  return kind == "string" and v or kind == "number" and tostring(v) or ""
end

-- Answers.

local function answer(code, reason)
  local req = core.request()
  code, reason = core.int(code), text(reason)
  if req.method == "ACK" then return -1 end
  if code < 100 or code > 699 or reason:find("[\r\n%z]") then
    core.error("KSR: " .. code .. " is not a code to answer with, or the reason has line breaks")
    return -1
  end
  if core.over() then
    core.error("KSR: the request was answered, or relayed, before: " .. code .. " is not sent")
    return 1
  end
  if code >= 200 then core.replied() end
  local headers = core.answers()
  if reason == "" then
    req:reply(code, headers and { headers = headers })
  else
    req:reply(code, reason, headers and { headers = headers })
  end
  return 1
end

define("sl.sl_send_reply", 2, answer)
define("sl.send_reply", 2, answer)
define("tm.t_reply", 2, function(code, reason)
  local late = core.over()
  local result = answer(code, reason)
  return late and -1 or result
end)
define("tm.t_send_reply", 2, answer)
define("sl.sl_reply_error", 0, function()
  local req = core.request()
  if req.method ~= "ACK" and not core.over() then answer(500, "I'm terribly sorry, server error occurred") end
  return 1
end)

-- Relays.

-- call runs a function of the script by its name, with what it gets; it returns whether it ended
-- well. Its error is counted, ends it and nothing more.
local function call(name, ...)
  local f = name and _G[name]
  if type(f) ~= "function" then return true end
  local ok, err = pcall(f, ...)
  if ok or err == EXIT then return true end
  core.failed(name, tostring(err))
  return false
end

-- here is the branch or the response that a callback is about, or nil.
local here, replying = core.here, core.replying

-- What the callback for dialogs reads of $dlg_var is kept with the call.
local keep_values

-- Registrations.

-- home is an address as the registrar knows it: by its user alone, as use_domain = 0 has it.
local function home(uri)
  local u = uri and sip.uri(uri)
  if not u or not u.user then return nil end
  if not sip.is_local(u) then
    local first = sip.domains.list()[1]
    if not first then return nil end
    u.host, u.port = first, nil
  end
  return u
end

local function same(a, b)
  for _, x in ipairs(a) do
    for _, y in ipairs(b) do
      if x.uri == y.uri then return true end
    end
  end
  return false
end

define("registrar.save", 2, function(_, flags)
  local req = core.request()
  if core.int(flags) ~= 0 then error("KSR.registrar.save: flags other than 0 have no meaning here; the answer is always sent", 2) end
  if core.over() then return -1 end
  local contacts, gone = req.contacts, req.expires == 0
  local star = req:header("Contact") == "*"
  local before = registrar.bindings(req.to.uri) or {}
  local known = same(before, contacts)
  core.replied()
  local headers = core.answers()
  local ok = registrar.save(req, headers and { headers = headers })
  if not ok then return -1 end
  if #contacts == 0 and not star then return 4 end
  if #contacts > 0 and contacts[1].params.expires == "0" then gone = true end
  if star or gone then return (star and #before > 0 or known) and 3 or 1 end
  return known and 2 or 1
end)

define("registrar.lookup", 1, function()
  local uri = home(core.uri())
  if not uri then return -1 end
  local list = registrar.lookup(uri)
  if not list or #list == 0 then return -1 end
  core.found(list, list[1].received or "")
  return 1
end)

local function registered(uri)
  local home_uri = home(uri)
  local list = home_uri and registrar.lookup(home_uri)
  return list and #list > 0 and 1 or -1
end

define("registrar.registered", 1, function() return registered(core.uri()) end)
define("registrar.registered_uri", 2, function(_, uri) return registered(text(uri)) end)
define("registrar.unregister", 2, function(_, uri)
  local u = home(text(uri))
  if u then registrar.remove(u) end
  return 1
end)

-- Credentials.

local codes = { missing = -5, failed = -2, banned = -2, identity = -8 }

-- claims reports whether the request says that it is from a user, by the user's part.
local function claims(req, user)
  local claimed = (req.method == "REGISTER" or req.method == "PUBLISH") and req.to.uri or req.from.uri
  return claimed.user == (user:match("^(.*)@") or user)
end

define("auth_db.auth_check", 3, function(realm, _, flags)
  local req = core.request()
  if req.method == "ACK" then return 1 end
  realm = text(realm)
  local code = req.method == "REGISTER" and 401 or 407
  local user, why = auth.check(req, { realm = realm, code = code, identity = false })
  if not user then
    core.claimed(realm)
    return codes[why] or -1
  end
  core.user(user, realm)
  return core.int(flags) % 2 == 1 and not claims(req, user) and -8 or 1
end)

define("auth.pv_auth_check", 4, function(realm, password, flags, checks)
  local req = core.request()
  if req.method == "ACK" then return 1 end
  realm, password = text(realm), text(password)
  if realm == "" or password == "" then return -1 end
  local known = core.int(flags) % 2 == 1 and { ha1 = password } or { password = password }
  known.realm, known.code, known.identity = realm, req.method == "REGISTER" and 401 or 407, false
  local ran, user, why = pcall(auth.check, req, known)
  if not ran then return -1 end
  if not user then
    core.claimed(realm)
    return codes[why] or -1
  end
  core.user(user, realm)
  return core.int(checks) % 2 == 1 and not claims(req, user) and -8 or 1
end)

define("auth.auth_challenge", 2, function(realm)
  local req = core.request()
  if req.method == "ACK" then return -3 end
  if core.over() then return -1 end
  core.replied()
  auth.challenge(req, { realm = text(realm) })
  return 1
end)

define("auth.consume_credentials", 0, function()
  local req = core.request()
  return (req:header("Authorization") or req:header("Proxy-Authorization")) and 1 or -1
end)

define("rtpproxy.rtpproxy_manage", 1, function()
  core.error("KSR.rtpproxy.rtpproxy_manage: media passes no proxy: this server works with rtpengine")
  return -1
end)

define("permissions.allow_source_address", 1, function(group)
  local ok, entry = pcall(acl.check, core.request(), "group" .. core.int(group))
  return ok and entry and 1 or -1
end)

--SERVICES

--EVENTS

if keep_values then
  local relay = KSR.tm.t_relay
  KSR.tm.t_relay = function(...)
    local req = core.request()
    if req then keep_values(req) end
    return relay(...)
  end
end

-- The routes.

-- waited is the function that a suspended request goes on with, "" when it has waited for too long,
-- nil when it is over before.
local function waited(id)
  local wait, later = core.later()
  if wait then
    if wait > 0 and not sip.sleep(wait) then return nil end
    if type(_G[later]) == "function" then return later end
    core.error("KSR.async: there is no function " .. later)
    if not core.over() then answer(500, "I'm terribly sorry, server error occurred") end
    return nil
  end
  local pause, left = 0.01, core.times() or 30
  while left > 0 do
    if not sip.sleep(pause) then break end
    local name = core.resumed(id)
    if name then return name end
    left, pause = left - pause, math.min(pause * 1.2, 0.1)
  end
  core.forget()
  return left <= 0 and "" or nil
end

-- go_on has a suspended request wait, and go on; false if it is over.
local function go_on(id)
  while id do
    local name = waited(id)
    if not name or core.over() then return false end
    if name == "" then
      answer(408, "Request Timeout")
      return false
    end
    call(name)
    id = core.suspended()
  end
  return true
end

local function handler(req)
  core.begin()
  local f = _G.ksr_request_route
  if type(f) ~= "function" then error("the script has no function ksr_request_route", 0) end
  local ok, err = pcall(f)
  if not ok and err ~= EXIT then
    if core.suspended() then core.forget() end
    error(err, 0)
  end
  local id, over = core.suspended()
  if id then
    if not go_on(id) then return end
    over = core.over()
  end
  if not over then req:drop() end
end

_G.KSR, _G.KSRVERSION = KSR, "2.0"

-- The file may have configured them before.
pcall(registrar.configure, { domains = "all", max_expires = tonumber(core.param("registrar", "max_expires") or "") or 3600 })
pcall(auth.configure, { algorithms = "MD5" })
local users = core.has("auth_db") and core.users()
if users then auth.users { url = users, layout = "kamailio" } end
local addresses = core.has("permissions") and core.addresses()
if addresses then
  local lists = {}
  for _, group in ipairs(core.groups()) do
    lists["group" .. group] = { url = addresses, query = "SELECT ip_addr AS address, mask, port, tag FROM address WHERE grp = " .. group }
  end
  acl.configure { lists = lists }
end

return { route = handler, libraries = { KSR = KSR } }
