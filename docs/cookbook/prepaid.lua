-- prepaid.lua: a call needs credit, lasts as long as that, and is charged for when it ends.
--
--     CREATE TABLE accounts (name VARCHAR(255) PRIMARY KEY, credit INTEGER NOT NULL)   -- in cents
--     CREATE TABLE charges (call_id VARCHAR(255) PRIMARY KEY, account VARCHAR(255),
--       seconds INTEGER, cents INTEGER)                                 -- call_id: of dialog.track
--
-- What a minute costs, in cents, and which carrier takes the call, are rates of lcr in the same
-- database, in the table that `sipscript schema lcr` prints; their carrier is "main" or "other".
--
-- db  the database: "sqlite:PATH", "postgres://…" or "mysql://…"

local auth, dialog, lcr, sql = require "auth", require "dialog", require "lcr", require "sql"

local DB = sip.args.db or "sqlite:prepaid.db"
local db = sql.open(DB, { timeout = 1, create = true })
lcr.configure {
  rates = DB, timezone = "UTC",
  carriers = { main = { targets = "sip:10.0.3.1" }, other = { targets = "sip:10.0.3.2" } },
}
local RESERVE = 3      -- the minutes that the credit must cover

-- For trying it out: --set password=SECRET. Replace it by your users: auth.users "file:users".
auth.users { alice = assert(sip.args.password, "set password, or name your users in the script") }

-- Charges for a call, once: the key of charges keeps a second event from doing it again. The key is
-- the call's own id: a caller may use a Call-ID twice.
local function charge(call)
  local account, rate = call.vars.account, call.vars.rate
  if not call.answered or not rate then return end    -- nobody talked
  local seconds = math.floor((call.ended or sip.now()) - call.answered)
  local cents = math.ceil(seconds / 60) * rate
  local ok, err = db:transaction(function(tx)
    local done, failed = tx:exec("INSERT INTO charges (call_id, account, seconds, cents)"
      .. " VALUES (?, ?, ?, ?)", call.id, account, seconds, cents)
    if not done then return nil, failed end
    return tx:exec("UPDATE accounts SET credit = credit - ? WHERE name = ?", cents, account)
  end)
  if not ok then
    -- The line has all that is needed to do it by hand.
    sip.log.error("not charged: %s %s %.0f s %d cents: %s", call.id, account, seconds, cents, err)
  end
end

-- However it ends: by a BYE that the other side takes, a lost connection, or its last minute.
sip.on("dialog.ended", charge)

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method ~= "INVITE" then
    return req:reply(405, { headers = { Allow = "INVITE, ACK, BYE, CANCEL" } })
  end
  local account = auth.require(req)
  if not account then return end
  local number = (req.ruri.user or ""):match("^%+%d+$")
  if not number then return req:reply(404) end

  local credit, err = db:value("SELECT credit FROM accounts WHERE name = ?", account)
  if err then
    sip.log.error("prepaid: %s", err)
    return req:reply(503, { headers = { ["Retry-After"] = 30 } })   -- no call without a check
  end
  -- The cheapest first; those that the credit does not cover are left out.
  local routes = lcr.routes(number, { max_cost = math.max(credit or 0, 0) / RESERVE })
  if not routes then
    return req:reply(lcr.routes(number) and 402 or 404)              -- Payment Required
  end

  -- As many minutes as the credit covers at the dearest carrier. One call at a time: two would spend
  -- the same credit.
  local dearest = 0
  for _, one in ipairs(routes) do dearest = math.max(dearest, one.cost) end
  local minutes = dearest > 0 and math.floor(credit / dearest) or 12 * 60
  local call, why = dialog.track(req, {
    vars = { account = account }, max_duration = math.min(minutes * 60, 12 * 3600),
    limits = { ["prepaid:" .. account] = 1 },
  })
  if not call then return req:reply(why == "limit" and 486 or 503) end
  req:relay(routes, {
    on_response = function(res)
      if res.code >= 200 and res.code <= 299 then call:keep("rate", res.target.cost) end
    end,
  })
end
