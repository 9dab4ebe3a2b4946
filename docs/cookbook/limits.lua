-- limits.lua: who floods or scans is not heard, nor is a blacklist that several servers share in
-- Redis.
--
--     redis-cli SET blocked:192.0.2.7 "by hand" EX 3600    # at all servers
--     sipscript acl block 192.0.2.7 --ttl 1h               # at one
--     sipscript bans
--
-- redis   the server, "redis://…"
-- rate    requests from one address in 10 seconds, 50 by default
-- trunks  a file with the addresses of trunks, one a line: they are never limited

local registrar, auth, redis = require "registrar", require "auth", require "redis"
local acl, limit = require "acl", require "limit"

local r = redis.open(sip.args.redis or "redis://127.0.0.1:6379", { timeout = 0.5 })
local REMEMBER = 10                               -- seconds for which Redis is not asked again
local seen = sip.shared("limits.blocked", { capacity = 200000 })

local trunks = sip.args.trunks
acl.configure { lists = { trunks = trunks and "file:" .. trunks or {} } }
limit.configure { flood = { requests = tonumber(sip.args.rate) or 50, per = 10, ban = 10, except = { "trunks" } } }

auth.configure { max_failures = 5, max_source_failures = 20, trusted = { "trunks" } }
-- For trying it out: --set password=SECRET. Replace it by your users: auth.users "file:users".
local password = assert(sip.args.password, "set password, or name your users in the script")
auth.users { alice = password, bob = password }

-- A source that guesses passwords is not heard any more here, and blocked at all servers.
sip.on("auth.banned", function(source, user, seconds)
  acl.add("blocked", source, { ttl = seconds, note = "guessed passwords" })
  local _, err = r:call("SET", "blocked:" .. source, user or "many users", "EX", math.ceil(seconds))
  if err then sip.log.warn("blocking %s: %s", source, err) end
end)

-- While Redis is away, only what this server knows holds.
local function is_blocked(ip)
  local answer, err = seen:get(ip, function()
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
  if is_blocked(req.source.ip) then
    -- The next ones cost nothing: they are dropped before they are parsed.
    acl.add("blocked", req.source.ip, { ttl = REMEMBER, note = "in Redis" })
    return req:drop()
  end

  if not auth.trusted(req) and not auth.require(req) then return end
  if req.method == "REGISTER" then return registrar.save(req) end
  if not sip.is_local(req.ruri) then return req:reply(404) end
  req:record_route()
  req:relay(registrar.lookup(req.ruri))
end
