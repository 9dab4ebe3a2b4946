-- Callbacks of events. It is part of ksr.lua, whose locals it has.

-- event calls a function of the script for what has happened: its name, and what its message is
-- made of.
local function event(callback, name, of)
  core.event(of)
  call(callback, name)
end

local on_http = core.callback_of("xhttp", "event_callback")
if on_http then
  local http = require "http"
  -- The script decides who may ask, as there: --http says where requests come in.
  http.handle("/", { auth = function() return true end }, function(hreq)
    core.event { http = true, method = hreq.method, target = hreq.target, headers = hreq.headers, body = hreq.body, ip = hreq.source.ip, port = hreq.source.port }
    if not call(on_http, "xhttp:request") then return { status = 500 } end
    local code, kind, body = core.http_answer()
    if not code then return { status = 404 } end
    local headers = {}
    for header, values in pairs(core.answers() or {}) do headers[header] = table.concat(values, ", ") end
    if kind ~= "" then headers["Content-Type"] = kind end
    return { status = code, headers = headers, body = body }
  end)
end

local on_dispatcher = core.callback_of("dispatcher", "event_callback")
if on_dispatcher then
  sip.on("dispatch.down", function(_, uri) event(on_dispatcher, "dispatcher:dst-down", { uri = uri }) end)
  sip.on("dispatch.up", function(_, uri) event(on_dispatcher, "dispatcher:dst-up", { uri = uri }) end)
end

local on_htable = core.callback_of("htable", "event_callback")
if on_htable then
  sip.on("start", function() event(on_htable, "htable:mod-init", { uri = "sip:you@kamailio.org" }) end)
end

local on_start = core.callback_of("core", "kemi.event_route_callback")
if on_start then
  sip.on("start", function() event(on_start, "core:worker-one-init", { uri = "sip:you@kamailio.org" }) end)
end

local on_registrar = core.callback_of("registrar", "event_callback")
if on_registrar then
  sip.on("registrar.expired", function(aor, binding)
    local u = sip.uri(aor)
    event(on_registrar, "usrloc:contact-expired", { uri = "sip:you@kamailio.org", values = {
      aor = u and u.user or aor, addr = tostring(binding.uri), domain = "location", expires = tostring(math.floor(sip.now())),
      received = binding.received or "", user_agent = binding.user_agent or "n/a",
    } })
  end)
end

local on_dialog = core.callback_of("dialog", "event_callback")
if on_dialog then
  local function party(uri, side) return "<" .. tostring(uri) .. ">" .. (side and side.tag and ";tag=" .. side.tag or "") end
  keep_values = function(req)
    local values = core.dialog_values()
    local c = values and dialog.of(req)
    if c then
      for key, value in pairs(values) do c:keep(key, value) end
    end
  end
  local function ended(name, method)
    return function(c)
      local values = {}
      for key, value in pairs(c.vars) do values[key] = tostring(value) end
      event(on_dialog, name(c), { method = method(c), call_id = c.call_id, from = party(c.from_uri, c.a), to = party(c.to_uri, c.b), status = c.state == "ended" and c.answered and 0 or c.code, values = values, dialog = call_values(c) })
    end
  end
  sip.on("dialog.answered", ended(function() return "dialog:start" end, function() return "INVITE" end))
  sip.on("dialog.ended", ended(function(c) return c.answered and "dialog:end" or "dialog:failed" end, function(c) return c.answered and "BYE" or "INVITE" end))
end
