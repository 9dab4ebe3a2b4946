-- prepaid.lua: a call needs credit, and its BYE charges for it.
--
--     CREATE TABLE accounts (name VARCHAR(255) PRIMARY KEY, credit INTEGER NOT NULL)   -- in cents
--     CREATE TABLE charges (call_id VARCHAR(255) PRIMARY KEY, account VARCHAR(255),
--       seconds INTEGER, cents INTEGER)
--
-- What a minute costs, in cents, and which carrier takes the call, are rates of lcr in the same
-- database, in the table that `sipscript schema lcr` prints; their carrier is "main" or "other".
--
-- db  the database: "sqlite:PATH", "postgres://…" or "mysql://…"

local auth, lcr, sql = require "auth", require "lcr", require "sql"

local DB = sip.args.db or "sqlite:prepaid.db"
local db = sql.open(DB, { timeout = 1, create = true })
lcr.configure {
  rates = DB, timezone = "UTC",
  carriers = { main = { targets = "sip:10.0.3.1" }, other = { targets = "sip:10.0.3.2" } },
}
local RESERVE = 3      -- the minutes that the credit must cover

-- For trying it out: --set password=SECRET. Replace it by your users: auth.users "file:users".
auth.users { alice = assert(sip.args.password, "set password, or name your users in the script") }

-- When calls were answered, and what a minute costs. A day is longer than a signed route lives.
local answered = sip.shared("prepaid.answered", { capacity = 200000, ttl = 90000, durable = true })

-- Charges for a call, once: the key of charges keeps a second BYE from doing it again.
local function charge(call_id, account, cents_a_minute, seconds)
  local cents = math.ceil(seconds / 60) * cents_a_minute
  local ok, err = db:transaction(function(tx)
    local done, failed = tx:exec("INSERT INTO charges (call_id, account, seconds, cents)"
      .. " VALUES (?, ?, ?, ?)", call_id, account, math.floor(seconds), cents)
    if not done then return nil, failed end
    return tx:exec("UPDATE accounts SET credit = credit - ? WHERE name = ?", cents, account)
  end)
  if not ok then
    -- The line has all that is needed to do it by hand.
    sip.log.error("not charged: %s %s %.0f s %d cents: %s", call_id, account, seconds, cents, err)
  end
end

-- A request within a call. What record_route was given comes back signed, so it is true.
local function in_dialog(req)
  local call = req.route_params
  req:relay()
  if req.method ~= "BYE" or not call or not call.account then return end
  local one = answered:get(req.call_id)
  if not one then return end                         -- not answered, or charged
  answered:delete(req.call_id)
  charge(req.call_id, call.account, one.rate, sip.now() - one.began)
end

---@param req sip.request
function route(req)
  if req.in_dialog then return in_dialog(req) end
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

  req:record_route { account = account }
  req:relay(routes, {
    on_response = function(res)
      if res.code < 200 or res.code > 299 then return end
      answered:add(req.call_id, { began = sip.now(), rate = res.target.cost })
    end,
  })
end
