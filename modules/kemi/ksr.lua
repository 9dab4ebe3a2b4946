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

-- run is call without arguments, and without an outcome: it is what each message needs.
local function run(name)
  local f = _G[name]
  if type(f) ~= "function" then return end
  local ok, err = pcall(f)
  if not ok and err ~= EXIT then core.failed(name, tostring(err)) end
end

-- The names of routes that a configuration may change.
local reply_route = core.callback_of("core", "kemi.reply_route_callback") or "ksr_reply_route"
local onsend_route = core.callback_of("core", "kemi.onsend_route_callback") or "ksr_onsend_route"

local function onsend()
  core.quiet()
  run(onsend_route)
end

-- What a function of the script is called for: now, the branch or the response; of, its request;
-- reply, whether it is a response.
local current = {}

local function here() return current.now and current.of == core.request() and current.now or nil end
local function replying() return here() ~= nil and current.reply end

-- forget lets go of both: what they hold keeps its generation.
local function forget() current.now, current.of = nil, nil end

local relayed

relayed = {
  on_branch = function(branch)
    local req, named = core.branch(branch)
    current.now, current.of, current.reply = branch, req, false
    if named then run(named) end
    local watched = _G[onsend_route] ~= nil
    local dropped = core.finish(watched)
    if watched then
      if not dropped then onsend() end
      core.leave()
    end
    forget()
    if dropped then core.refuse(branch) end
  end,
  on_response = function(res)
    local final
    if res.cause then
      final = res.final
    else
      current.now, current.reply = res, true
      current.of, final = core.reply(res)
      run(reply_route)
      local named = core.callback()
      if named then run(named) end
      local watched = _G[onsend_route] ~= nil
      -- A reliable provisional one must be acknowledged, and a final one ends the transaction.
      local dropped = core.finish(watched) and not final and not res:header("RSeq")
      if dropped then res:drop() end
      if watched then
        if not dropped then onsend() end
        core.leave()
      end
      forget()
    end
    local failed = final and core.branch_failed(res)
    if failed then
      run(failed)
      core.leave()
    end
  end,
  on_failure = function(res)
    local name = core.failure(res)
    if not name then return end
    forget()
    run(name)
    core.leave()
  end,
}

-- target is where branch i goes.
local function target(req, i)
  local contact, uri, hop, routed = core.destination(i)
  local known = contact and req.vars.kemi_contacts and req.vars.kemi_contacts[contact]
  if known and not hop then return known end
  return { uri = known or uri, next_hop = hop or routed and uri or nil, path = routed and req.routes or nil }
end

local function options(inv, any)
  if not inv and not any then return relayed end
  return { on_branch = relayed.on_branch, on_response = relayed.on_response, on_failure = relayed.on_failure, timeout = inv, reply_timeout = any }
end

-- What the callback for dialogs reads of $dlg_var is kept with the call.
local keep_values

local function relay()
  local req = core.request()
  if keep_values then keep_values(req) end
  local n, inv, any = core.plan()
  if not n then return 0 end -- in a reply
  if n < 0 then return n end
  local ok
  if req.method == "CANCEL" then
    ok = req:forward(n > 0 and target(req, 1) or nil)
  elseif n == 0 then
    ok = req:relay(options(inv, any))
  elseif n == 1 then
    ok = req:relay(target(req, 1), options(inv, any))
  else
    local list = {}
    for i = 1, n do list[i] = target(req, i) end
    ok = req:relay(list, options(inv, any))
  end
  return ok and 1 or -1
end

define("tm.t_relay", 0, relay)

define("forward", 0, function()
  local req = core.request()
  local n = core.plan() or -1
  if n < 0 then return -1 end
  local ok
  if n == 0 then ok = req:forward() else ok = req:forward(target(req, 1)) end
  return ok and 1 or -1
end)
define("forward_uri", 1, function(uri)
  local req = core.request()
  if not sip.uri(text(uri)) or (core.plan() or -1) < 0 then return -1 end
  return req:forward { next_hop = text(uri), uri = core.uri() } and 1 or -1
end)

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
  local req = core.request()
  local uri = home(core.uri())
  if not uri then return -1 end
  local list = registrar.lookup(uri)
  if not list or #list == 0 then return -1 end
  local uris = {}
  for i, b in ipairs(list) do uris[i] = tostring(b.uri) end
  req.vars.kemi_contacts = list
  core.found(uris, list[1].received or "")
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
  forget()
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
