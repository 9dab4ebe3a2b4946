-- The functions of KSR that other modules carry out. It is part of ksr.lua, whose locals it has.

local dispatch, dialog, rtpengine, sql, uac = require "dispatch", require "dialog", require "rtpengine", require "sql", require "uac"
local messages = require "messages"

-- Gateways.

local orders = { [4] = "round_robin", [6] = "random", [8] = "weight", [9] = "weight", [10] = "least_calls" }

-- choose notes the gateways of a set, in the order to try them, and takes the first.
local function choose(set, alg, take)
  local req = core.request()
  local by = orders[core.int(alg)] or "hash"
  local key = nil
  if by == "hash" then
    key = core.int(alg) == 0 and req.call_id or tostring(core.int(alg) == 1 and req.from.uri or core.int(alg) == 2 and req.to.uri or core.uri())
  end
  local ok, list = pcall(dispatch.targets, "set" .. core.int(set), { by = by, key = key })
  if not ok or not list then return -1 end
  local uris = {}
  for i, g in ipairs(list) do uris[i] = g.next_hop end
  if core.gateways() and core.int(core.param("dispatcher", "flags")) % 4 < 2 then uris = { uris[1] } end -- no failover
  req.vars.kemi_ds = uris
  req.vars.kemi_ds_set = "set" .. core.int(set)
  return take()
end

-- to_du and to_domain take the first gateway that is left.
local function nextly(take)
  return function()
    local vars = core.request().vars
    local list = vars.kemi_ds
    if not list or #list == 0 then return -1 end
    local uri = table.remove(list, 1)
    vars.kemi_ds, vars.kemi_ds_now = list, uri
    take(uri)
    return 1
  end
end

local to_du = nextly(function(uri) KSR.setdsturi(uri) end)
local to_domain = nextly(function(uri)
  local u = sip.uri(uri)
  KSR.sethost(u.port and u.host .. ":" .. u.port or u.host)
end)

define("dispatcher.ds_select_dst", 2, function(set, alg) return choose(set, alg, to_du) end)
define("dispatcher.ds_select_domain", 2, function(set, alg) return choose(set, alg, to_domain) end)
define("dispatcher.ds_select", 2, function(set, alg) return choose(set, alg, function() return 1 end) end)
define("dispatcher.ds_next_dst", 0, to_du)
define("dispatcher.ds_next_domain", 0, to_domain)
define("dispatcher.ds_set_dst", 0, to_du)
define("dispatcher.ds_set_domain", 0, to_domain)

define("dispatcher.ds_mark_dst", 0, function()
  local vars = core.request().vars
  if not core.failing() or not vars.kemi_ds_now then return -1 end
  return dispatch.mark(vars.kemi_ds_set, vars.kemi_ds_now, "down", 30) and 1 or -1
end)

-- party is what a URI, or the source of the message, is compared by.
local function party(uri)
  if not uri then return { ip = KSR.pv.get("$si"), port = KSR.pv.get("$sp"), proto = KSR.pv.get("$pr") } end
  local u = sip.uri(text(uri))
  return u and { ip = u.host, port = u.port or 0, proto = u.params.transport or "" }
end

local function bit(mode, n) return math.floor(mode / n) % 2 == 1 end

-- sent reports whether a gateway is the party. The port counts, unless the gateway names none; bits
-- of mode: 1 it does not count, 2 nor does the transport, 4 the gateway must be up.
local function sent(g, from, mode)
  local u = sip.uri(g.uri)
  if bit(mode, 4) and g.state ~= "up" then return false end
  if not bit(mode, 2) and (u.params.transport or ""):lower() ~= from.proto:lower() then return false end
  if not bit(mode, 1) and u.port and u.port ~= from.port then return false end
  if u.host == from.ip then return true end
  for _, a in ipairs(g.addresses) do
    if a.address:match("^%w+:%[?(.-)%]?:%d+$") == from.ip then return true end
  end
  return false
end

-- is_from is 1 if the party is a gateway of a set, or for -1 of any.
local function is_from(set, mode, uri)
  set, mode = core.int(set), core.int(mode)
  local name = nil
  if set ~= -1 then name = "set" .. set end
  local ok, gateways = pcall(dispatch.list, name)
  local from = party(uri)
  if not ok or not from then return -1 end
  for _, g in ipairs(gateways) do
    if sent(g, from, mode) then return 1 end
  end
  return -1
end

define("dispatcher.ds_is_from_list", 1, function(set) return is_from(set, 2) end)
define("dispatcher.ds_is_from_list_mode", 2, function(set, mode) return is_from(set, mode) end)
define("dispatcher.ds_is_from_list_uri", 3, is_from)
define("dispatcher.ds_is_from_lists", 0, function() return is_from(-1, 2) end)
define("dispatcher.ds_list_exists", 1, function(set)
  return pcall(dispatch.list, "set" .. core.int(set)) and 1 or -1
end)

-- Calls.

local lifetime = tonumber(core.param("dialog", "default_timeout") or "") or 43200

define("dialog.dlg_manage", 0, function()
  local req = core.request()
  if req.in_dialog then return dialog.of(req) and 1 or -1 end
  if req.method ~= "INVITE" then return -1 end
  return (dialog.of(req) or dialog.track(req, { max_duration = lifetime })) and 1 or -1
end)
define("dialog.is_known_dlg", 0, function() return dialog.of(core.request()) and 1 or -1 end)
define("dialog.var_get", 1, function(name) return KSR.pv.get("$dlg_var(" .. text(name) .. ")") end)
define("dialog.var_gete", 1, function(name) return KSR.pv.gete("$dlg_var(" .. text(name) .. ")") end)
define("dialog.var_getw", 1, function(name) return KSR.pv.getw("$dlg_var(" .. text(name) .. ")") end)
define("dialog.var_sets", 2, function(name, value) return KSR.pv.sets("$dlg_var(" .. text(name) .. ")", text(value)) and 1 or -1 end)
define("dialog.var_is_null", 1, function(name) return KSR.pv.is_null("$dlg_var(" .. text(name) .. ")") and 1 or -1 end)
define("dialog.var_rm", 1, function(name) return KSR.pv.unset("$dlg_var(" .. text(name) .. ")") and 1 or -1 end)

-- of_call is what $dlg has: the state as there, 1 early, 2 ringing, 4 answered, 5 over.
local of_call = {
  h_entry = function(c) return tonumber(c.id:sub(1, 3), 16) end,
  h_id = function(c) return tonumber(c.id:sub(4, 10), 16) end,
  state = function(c)
    if c.state == "ended" then return 5 end
    if c.state == "confirmed" then return 4 end
    return c.b and 2 or 1
  end,
  lifetime = function() return lifetime end,
  start_ts = function(c) return math.floor(c.answered or 0) end,
  callid = function(c) return c.call_id end,
  from_uri = function(c) return tostring(c.from_uri) end,
  to_uri = function(c) return tostring(c.to_uri) end,
  from_tag = function(c) return c.a.tag end,
  to_tag = function(c) return c.answered and c.b and c.b.tag or nil end,
  from_contact = function(c) return c.a.contact and tostring(c.a.contact) or nil end,
  to_contact = function(c) return c.answered and c.b and c.b.contact and tostring(c.b.contact) or nil end,
  toroute = function() return 0 end,
  dflags = function() return 0 end,
  sflags = function() return 0 end,
}

-- The variables that only requests within a dialog have.
local within_call = {
  DLG_status = of_call.state,
  DLG_lifetime = function(c) return c.answered and math.floor(sip.now() - c.answered) or 0 end,
}

local function call_values(c)
  local values = {}
  for name, f in pairs(of_call) do values[name] = f(c) end
  for name, f in pairs(within_call) do values[name] = f(c) end
  values.DLG_count = dialog.count()
  return values
end

core.dialogs(function(name)
  if name == "DLG_count" then return dialog.count() end
  local req = core.request()
  local c = req and dialog.of(req)
  local f = c and (of_call[name] or req.in_dialog and within_call[name])
  return f and f(c) or nil
end)

-- Profiles are limits without an end, of those that the configuration names.
local function declared(setting, name)
  for known in (core.param("dialog", setting) or ""):gmatch("[^%s;]+") do
    if known == name then return true end
  end
  return false
end

local function profile(setting, name, value)
  if not declared(setting, name) then
    core.error("KSR.dialog: there is no profile " .. name .. " in " .. setting .. " of the configuration")
    return nil
  end
  return "profile:" .. name .. ":" .. value
end

local function set_profile(setting, name, value)
  local key = profile(setting, name, value)
  local c = key and dialog.of(core.request())
  return c and c:limit({ [key] = 1000000000 }) and 1 or -1
end

local function profile_size(setting, name, value, into)
  local key = profile(setting, name, value)
  if not key then return -1 end
  return KSR.pv.seti(into, dialog.count(key)) and 1 or -1
end

define("dialog.set_dlg_profile", 2, function(name, value) return set_profile("profiles_with_value", text(name), text(value)) end)
define("dialog.set_dlg_profile_static", 1, function(name) return set_profile("profiles_no_value", text(name), "") end)
define("dialog.get_profile_size", 3, function(name, value, into) return profile_size("profiles_with_value", text(name), text(value), text(into)) end)
define("dialog.get_profile_size_static", 2, function(name, into) return profile_size("profiles_no_value", text(name), "", text(into)) end)

define("dialog.dlg_bye", 1, function(side)
  local c = dialog.of(core.request())
  if not c then return -1 end
  if text(side) ~= "all" then core.error("KSR.dialog.dlg_bye: a call ends on both sides") end
  return c:hang_up() and 1 or -1
end)

-- Media.

local transports = { ["RTP/AVP"] = 1, ["RTP/AVPF"] = 1, ["RTP/SAVP"] = 1, ["RTP/SAVPF"] = 1, ["UDP/TLS/RTP/SAVP"] = 1, ["UDP/TLS/RTP/SAVPF"] = 1 }
local implied = { ["replace-origin"] = 1, ["replace-session-connection"] = 1 }

-- wishes is a text of flags as rtpengine's options.
local function wishes(flags)
  local o, further = {}, {}
  for word in text(flags):gmatch("%S+") do
    local name, value = word:match("^([%w-]+)=(.+)$")
    if transports[word] then
      o.transport = word
    elseif name and name:lower() == "ice" and (value == "remove" or value == "force") then
      o.ice = value
    elseif name and name:lower() == "dtls" and (value == "off" or value == "passive" or value == "active") then
      o.dtls = value
    elseif name == "media-address" then
      o.address = value
    elseif word:match("^rtcp%-mux%-") then
      o.rtcp_mux = word:sub(10)
    elseif not name and not implied[word] then
      further[#further + 1] = word
    end
  end
  if #further > 0 then o.flags = further end
  return o
end

local function media(f, message, flags)
  local of = replying() and message or core.request() -- a branch has the request's body
  if not of.body or not of.body:find("v=0", 1, true) then return -1 end
  local ok, done, why = pcall(f, message, wishes(flags))
  if ok and done then return 1 end
  core.error("KSR.rtpengine: " .. tostring(ok and why or done))
  return -1
end

local function offer(flags) return media(rtpengine.offer, here() or core.request(), flags) end
local function answered(flags) return media(rtpengine.answer, here() or core.request(), flags) end
local function ended()
  local ok, done = pcall(rtpengine.delete, core.request())
  return ok and done and 1 or -1
end

-- manage does what the message asks for, as there.
local function manage(flags)
  local req = core.request()
  if core.failing() or req.method == "BYE" or req.method == "CANCEL" then return ended() end
  if replying() or req.method == "ACK" then return answered(flags) end
  return offer(flags)
end

for name, f in pairs { manage = manage, offer = offer, answer = answered, delete = ended, query = function()
  local ok, found = pcall(rtpengine.query, core.request())
  return ok and found and 1 or -1
end } do
  define("rtpengine.rtpengine_" .. name, 1, f)
  define("rtpengine.rtpengine_" .. name .. "0", 0, f)
end

-- Databases.

local databases = {}
for name, url in pairs(core.databases()) do databases[name] = sql.open(url) end

-- columns are the names of a query's columns in their order, which rows do not have.
local function columns(query)
  local list = {}
  local from = query:match("^%s*[sS][eE][lL][eE][cC][tT]%s+(.-)%s+[fF][rR][oO][mM]%s") or query:match("^%s*[sS][eE][lL][eE][cC][tT]%s+(.+)$")
  if not from then return list end
  from = from:gsub("%b()", function(s) return (s:gsub(",", " ")) end)
  for part in from:gmatch("[^,]+") do
    list[#list + 1] = part:match("([%w_]+)[\"`%s]*$") or part:match("^%s*(.-)%s*$")
  end
  return list
end

local function query(con, statement, result)
  local db = databases[text(con)]
  if not db then
    core.error("KSR.sqlops: there is no connection " .. text(con))
    return -1
  end
  statement = text(statement)
  local vars = core.request().vars
  local results = vars.kemi_sql or {}
  if not statement:match("^%s*[sS][eE][lL][eE][cC][tT]%s") then
    local n, why = db:exec(statement)
    if not n then core.error("KSR.sqlops: " .. tostring(why)) end
    return n and 0 or -1
  end
  local rows, why = db:rows(statement)
  if not rows then
    core.error("KSR.sqlops: " .. tostring(why))
    return -1
  end
  results[text(result)] = { rows = rows, columns = columns(statement) }
  vars.kemi_sql = results
  return 0
end

local function result(name)
  local all = core.request().vars.kemi_sql
  return all and all[text(name)]
end

local function cell(name, row, column)
  local r = result(name)
  local at = r and r.rows[core.int(row) + 1]
  local c = at and r.columns[core.int(column) + 1]
  if not c then return nil end
  local v = at[c]
  if v == nil then
    for k, x in pairs(at) do
      if k:lower() == c:lower() then v = x end
    end
  end
  if type(v) == "number" and v % 1 ~= 0 then return nil end
  if type(v) == "boolean" then return v and 1 or 0 end
  return v
end

define("sqlops.sql_query", 3, query)
define("sqlops.sql_xquery", 3, function(con, statement, name)
  if query(con, KSR.pvx.evalx("$var(kemi_sql)", text(statement)) and KSR.pv.get("$var(kemi_sql)"), name) < 0 then return -1 end
  local r = result(name)
  for i = r and #r.rows or 0, 1, -1 do
    for j, c in ipairs(r.columns) do
      local v = cell(name, i - 1, j - 1)
      if v ~= nil then KSR.pv.sets("$xavp(" .. text(name) .. (j > 1 and "[0]" or "") .. "=>" .. c .. ")", tostring(v)) end
    end
  end
  return 1
end)
define("sqlops.sql_num_rows", 1, function(name) local r = result(name) return r and #r.rows or -1 end)
define("sqlops.sql_num_columns", 1, function(name) local r = result(name) return r and #r.columns or -1 end)
define("sqlops.sql_result_get", 3, cell)
define("sqlops.sql_result_gete", 3, function(...) local v = cell(...) if v == nil then return "" end return v end)
define("sqlops.sql_result_getz", 3, function(...) local v = cell(...) if v == nil then return 0 end return v end)
define("sqlops.sql_is_null", 3, function(...) return cell(...) == nil and 1 or 0 end)
define("sqlops.sql_result_free", 1, function(name)
  local all = core.request().vars.kemi_sql
  if all then all[text(name)] = nil end
  core.request().vars.kemi_sql = all
  return 1
end)

-- Messages for users who are away.

local function keep(uri)
  local req = core.request()
  local u = sip.uri(text(uri))
  if req.method ~= "MESSAGE" or not req.body or not req.content_type or not u or not u.user or core.over() then
    core.error("KSR.msilo: only a MESSAGE with body and type, for a user, is kept, and none that was answered or relayed")
    return -1
  end
  req.ruri = u
  core.replied()
  local ok, kept = pcall(messages.store, req)
  return ok and kept and 1 or -1
end

define("msilo.mstore", 0, function() return keep(core.uri()) end)
define("msilo.mstore_uri", 1, keep)
define("msilo.mdump", 0, function() return 1 end)
define("msilo.mdump_uri", 1, function() return 1 end)

define("websocket.handle_handshake", 0, function()
  core.error("KSR.websocket.handle_handshake: the handshake is made on the listeners -l ws:… and -l wss:…, and not on --http")
  return -1
end)

-- Names.

local function mask(what, uri, display)
  local o = {}
  if text(uri) ~= "" then o[what] = text(uri) end
  if text(display) ~= "" then o[what == "to" and "to_display" or "display"] = text(display):gsub('"', "") end
  local ok, done = pcall(uac.mask, core.request(), o)
  return ok and done and 1 or -1
end

define("uac.uac_replace_from", 2, function(display, uri) return mask("from", uri, display) end)
define("uac.uac_replace_from_uri", 1, function(uri) return mask("from", uri) end)
define("uac.uac_replace_to", 2, function(display, uri) return mask("to", uri, display) end)
define("uac.uac_replace_to_uri", 1, function(uri) return mask("to", uri) end)

define("route", 1, function() return -1 end)
define("siptrace.sip_trace", 0, function() return 1 end)
define("permissions.allow_source_address_group", 0, function()
  for _, group in ipairs(core.groups()) do
    local ok, entry = pcall(acl.check, core.request(), "group" .. group)
    if ok and entry then return tonumber(group) end
  end
  return -1
end)

-- What their modules are given.

local engines = core.engines()
if #engines > 0 then rtpengine.configure { engines = engines } end
local sets, any = {}, false
for _, set in ipairs(core.sets()) do
  sets["set" .. set], any = { url = core.gateways(), layout = "kamailio", setid = tonumber(set) }, true
end
if any and core.gateways() then dispatch.configure { sets = sets, probe = { interval = core.int(core.param("dispatcher", "ds_ping_interval")) } } end
