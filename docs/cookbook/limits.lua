-- limits.lua: a blacklist that several servers share in Redis, and a limit on requests.
--
--     redis-cli SET blocked:192.0.2.7 "by hand"            # until it is deleted
--     redis-cli SET blocked:192.0.2.7 "by hand" EX 3600
--
-- redis  the server, "redis://…"
-- rate   requests from one address in 10 seconds, 50 by default

local registrar, auth, redis = require "registrar", require "auth", require "redis"

local r = redis.open(sip.args.redis or "redis://127.0.0.1:6379", { timeout = 0.5 })
local RATE, WINDOW = tonumber(sip.args.rate) or 50, 10
local REMEMBER = 10                               -- seconds for which Redis is not asked again

local recent = sip.shared("limits.recent", { capacity = 200000 })
local blocked = sip.shared("limits.blocked", { capacity = 200000 })

auth.configure { max_failures = 5, max_source_failures = 20 }
-- For trying it out: --set password=SECRET. Replace it by your users: auth.users "file:users".
local password = assert(sip.args.password, "set password, or name your users in the script")
auth.users { alice = password, bob = password }

-- A source that guesses passwords is blocked at all servers.
sip.on("auth.banned", function(source, user, seconds)
  local _, err = r:call("SET", "blocked:" .. source, user or "many users", "EX", math.ceil(seconds))
  if err then sip.log.warn("blocking %s: %s", source, err) end
end)

-- While Redis is away, only the limits of this server hold.
local function is_blocked(ip)
  local answer, err = blocked:get(ip, function()
    local n, failed = r:call("EXISTS", "blocked:" .. ip)
    if not n then return nil, failed end
    return n, REMEMBER
  end)
  if err then sip.log.warn("blacklist: %s", err) end
  return answer == 1
end

---@param req sip.request
function route(req)
  -- Calls in progress are not disturbed, and BYE must always get through.
  if req.in_dialog then return req:relay() end

  local ip = req.source.ip
  local n = recent:incr(ip, 1, 0, WINDOW)
  if n == RATE + 1 then sip.log.warn("%s sends more than %d in %d s", ip, RATE, WINDOW) end
  if n > RATE then return req:drop() end          -- an answer would only help a flood
  if is_blocked(ip) then return req:drop() end

  if not auth.require(req) then return end
  if req.method == "REGISTER" then return registrar.save(req) end
  if not sip.is_local(req.ruri) then return req:reply(404) end
  req:record_route()
  req:relay(registrar.lookup(req.ruri))
end
