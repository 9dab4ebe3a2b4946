-- A registrar that asks for passwords, for Kamailio's Lua interface: the decisions of bench/register.lua.
-- The users, with the first request: Lua isn't there yet when tables are made.
local filled = false
local function fill()
  filled = true
  for i = 0, 9999 do KSR.htable.sht_sets("users", "user" .. i, "secret" .. i) end
end

function ksr_request_route()
  if not filled then fill() end
  if KSR.maxfwd.process_maxfwd(10) < 0 then KSR.sl.sl_send_reply(483, "Too Many Hops") return 1 end
  if KSR.sanity.sanity_check(17895, 7) < 0 then return 1 end
  if not KSR.is_REGISTER() then KSR.sl.sl_send_reply(405, "Method Not Allowed") return 1 end
  local user = KSR.pv.get("$au")
  local password = user and KSR.htable.sht_get("users", user)
  if not password or KSR.auth.pv_auth_check("example.com", password, 0, 1) < 0 then
    KSR.auth.auth_challenge("example.com", 1)
    return 1
  end
  if user ~= KSR.pv.get("$tU") then KSR.sl.sl_send_reply(403, "Forbidden") return 1 end
  if KSR.registrar.save("location", 0) < 0 then KSR.sl.sl_reply_error() end
  return 1
end
