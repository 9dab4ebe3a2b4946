-- calls.lua: a user has two calls at a time, of at most an hour, and what is lost ends by itself.
--
--     sipscript run -l udp:192.0.2.1:5060 -d example.com --data /var/lib/sipscript calls.lua
--
-- calls   how many a user may have at a time, 2 by default
--
-- POST /hold, /resume, /transfer?to=URI and /hang-up with user=NAME are for a switchboard.

local registrar, dialog, http = require "registrar", require "dialog", require "http"
local MOST = tonumber(sip.args.calls) or 2

-- The oldest call of a user, whoever called.
local function call_of(user)
  return user and dialog.list({ key = "user:" .. user, limit = 1 })[1]
end

for path, ask in pairs {
  ["/hold"] = function(call) return call:hold() end,
  ["/resume"] = function(call) return call:resume() end,
  ["/hang-up"] = function(call) return call:hang_up("Q.850;cause=16") end,
  ["/transfer"] = function(call, hreq) return call:transfer(hreq.query.to or "", { timeout = 30 }) end,
} do
  http.handle("POST " .. path, function(hreq)
    local call = call_of(hreq.query.user)
    if not call then return { status = 404, json = { error = "there is no call" } } end
    local done, worked, err = pcall(ask, call, hreq) -- a target that is none raises
    if not done then return { status = 400, json = { error = "the target is not a sip URI" } } end
    return { status = worked and 200 or 409, json = { error = err } }
  end)
end

---@param req sip.request
function route(req)
  if req.in_dialog then
    -- A request that fits no call of ours is answered as one that has ended.
    if not req:is("ACK") and dialog.of(req) and not dialog.validate(req) then return req:reply(481) end
    return req:relay()
  end
  if req:is("REGISTER") then return registrar.save(req) end
  if not req:is("INVITE") then return req:reply(405, { headers = { Allow = "INVITE, REGISTER" } }) end
  local call = dialog.track(req, {
    limits = { ["user:" .. (req.from.uri.user or "")] = MOST, ["user:" .. (req.ruri.user or "")] = MOST },
    max_duration = 3600, keepalive = 60, flow_lost = 10, session_timer = { interval = 1800, min = 90 },
  })
  if not call then return req:reply(486, "Too Many Calls") end
  req:relay(registrar.lookup(req.ruri))
end
