-- forwarding.lua: users forward their calls always, when busy, or when nobody answers; what they
-- have set is in a database.
--
--     CREATE TABLE forwards (aor VARCHAR(255) PRIMARY KEY,
--       always VARCHAR(255), busy VARCHAR(255), no_answer VARCHAR(255))
--
-- db    the database: "sqlite:PATH", "postgres://…" or "mysql://…"
-- ring  how many seconds phones ring before no_answer applies, 20 by default

local registrar, sql = require "registrar", require "sql"

local db = sql.open(sip.args.db or "sqlite:forwards.db", { timeout = 1, create = true })
local RING = tonumber(sip.args.ring) or 20
local MAX_HOPS = 5
local BUSY = { [486] = "user-busy", [600] = "user-busy" }
local NO_ANSWER = { [408] = "no-answer", [480] = "unavailable" }

-- What a user has set, as URIs. While the database is away, nobody has set anything.
local function forwards_of(aor)
  local row, err = db:row("SELECT always, busy, no_answer FROM forwards WHERE aor = ?", aor)
  if err then sip.log.warn("forwards of %s: %s", aor, err) end
  local set = {}
  for name, text in pairs(row or {}) do
    local uri, bad = sip.uri(text)
    if not uri then sip.log.warn("%s of %s: %q: %s", name, aor, text, bad) end
    set[name] = uri
  end
  return set
end

-- Where a call goes after its phones have failed, and why; nil for nowhere.
local function next_after(res, set)
  if BUSY[res.code] then return set.busy, BUSY[res.code] end
  if NO_ANSWER[res.code] then return set.no_answer, NO_ANSWER[res.code] end
end

local function call(req)
  local uri, seen = sip.uri(req.ruri), {}
  for _ = 1, MAX_HOPS do
    seen[uri.aor] = true
    local set = forwards_of(uri.aor)
    local target, reason = set.always, "unconditional"
    if not target then
      local phones, err = registrar.lookup(uri)
      if not phones then return req:relay(nil, err) end    -- logged, answered 503
      local res = req:fork(phones, { timeout = RING })
      target, reason = next_after(res, set)
      if not target or req.cancelled then return end       -- the caller gets the best response
    end
    if seen[target.aor] then break end                     -- two users who forward to each other
    req:add_header("Diversion", "<" .. uri.aor .. ">;reason=" .. reason, "first")
    if not sip.is_local(target) then return req:relay(target) end
    uri = target
  end
  req:reply(482)
end

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  if not sip.is_local(req.ruri) then return req:reply(404) end

  req:record_route()
  if req.method ~= "INVITE" then return req:relay(registrar.lookup(req.ruri)) end
  call(req)
end
