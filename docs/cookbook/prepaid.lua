-- prepaid.lua: a call needs credit, and its BYE charges for it.
--
--     CREATE TABLE accounts (name VARCHAR(255) PRIMARY KEY, credit INTEGER NOT NULL)   -- in cents
--     CREATE TABLE rates (prefix VARCHAR(16) PRIMARY KEY, cents INTEGER NOT NULL)      -- a minute
--     CREATE TABLE charges (call_id VARCHAR(255) PRIMARY KEY, account VARCHAR(255),
--       seconds INTEGER, cents INTEGER)
--
-- db       the database: "sqlite:PATH", "postgres://…" or "mysql://…"
-- carrier  where calls go

local auth, sql = require "auth", require "sql"

local db = sql.open(sip.args.db or "sqlite:prepaid.db", { timeout = 1, create = true })
local CARRIER = sip.args.carrier or "sip:10.0.3.1"
local RESERVE = 3      -- the minutes that the credit must cover

-- For trying it out: --set password=SECRET. Replace it by your users: auth.users "file:users".
auth.users { alice = assert(sip.args.password, "set password, or name your users in the script") }

-- When calls were answered. A day is longer than a signed route lives.
local answered = sip.shared("prepaid.answered", { capacity = 200000, ttl = 90000, durable = true })

-- Cents a minute: the rate of the longest prefix. nil for none, nil, err without a database.
local function rate_of(number)
  local prefixes, marks = {}, {}
  for i = 1, math.min(#number, 16) do prefixes[i], marks[i] = number:sub(1, i), "?" end
  return db:value("SELECT cents FROM rates WHERE prefix IN (" .. table.concat(marks, ", ") .. ")"
    .. " ORDER BY length(prefix) DESC LIMIT 1", unpack(prefixes))
end

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
  local began = answered:get(req.call_id)
  if not began then return end                       -- not answered, or charged
  answered:delete(req.call_id)
  charge(req.call_id, call.account, tonumber(call.rate), sip.now() - began)
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

  local rate, err = rate_of(number)
  local credit
  if not err then credit, err = db:value("SELECT credit FROM accounts WHERE name = ?", account) end
  if err then
    sip.log.error("prepaid: %s", err)
    return req:reply(503, { headers = { ["Retry-After"] = 30 } })   -- no call without a check
  end
  if not rate then return req:reply(404) end
  if not credit or credit < rate * RESERVE then return req:reply(402) end   -- Payment Required

  req:record_route { account = account, rate = tostring(rate) }
  local uri = sip.uri(CARRIER)
  uri.user = number
  req:relay(uri, {
    on_response = function(res)
      if res.code >= 200 and res.code < 300 then answered:add(req.call_id, sip.now()) end
    end,
  })
end
