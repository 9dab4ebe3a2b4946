-- carrier.lua: calls of customers and other networks go to the cheapest carrier that takes them.
--
--     sipscript run -l udp:192.0.2.1:5060 --data /var/lib/sipscript --config config.yaml carrier.lua
--
-- peers     who may call (acl): address, attrs {name, calls = at once, rate = a second, prefix}
-- plan      what is dialled, made +E.164 (dialplan); rates (lcr); gateways (dispatch, carrier)
-- records   where calls are recorded (acc); certificate, key, x5u, roots: of stir
--
-- A peer with a prefix is a customer, who is vouched for; others have to send calls signed (STIR).
local acc, acl, auth, dialog = require "acc", require "acl", require "auth", require "dialog"
local dialplan, dispatch, lcr = require "dialplan", require "dispatch", require "lcr"
local limit, stir, topology = require "limit", require "stir", require "topology"
local args = sip.args
acl.configure { lists = { peers = args.peers or {} } }
auth.configure { identity_headers = "trusted", trusted = { "peers" } }
limit.configure { flood = { requests = 100, per = 2, except = { "peers" } } }
dialplan.configure { plans = { plan = args.plan or { { match = "^\\+[1-9]\\d{6,14}$" } } } }
dispatch.configure { sets = { gateways = args.gateways or { "127.0.0.1:5070" } } }
lcr.configure { rates = args.rates or {}, timezone = "UTC", carriers = { set = "gateways" } }
acc.configure { to = { args.records or "json:cdr.jsonl" } }
stir.configure { certificate = args.certificate, key = args.key, x5u = args.x5u, roots = { args.roots } }

-- Says no to a call that is recorded.
local function refuse(req, code, reason, headers)
  acc.set(req, { refused = reason })
  return req:reply(code, reason, { headers = headers })
end

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end
  local peer = acl.check(req, "peers")
  if not peer then return req:reply(403) end
  if req:is("OPTIONS") then return req:reply(200) end
  if not req:is("INVITE") then return req:reply(405, { headers = { Allow = "INVITE, OPTIONS" } }) end
  local who = peer.attrs
  acc.record(req, { customer = who.name })
  local ok, wait = limit.rate(who.name, who.rate or 10, 1)
  if not ok then return refuse(req, 503, "Too Fast", { ["Retry-After"] = math.ceil(wait) }) end
  local number = dialplan.translate("plan", req.ruri.user or "")
  if not number then return refuse(req, 484, "Number Does Not Fit") end
  if not who.prefix then
    local caller, why, code = stir.verify(req)
    if not caller then return refuse(req, code, "Identity: " .. why) end
    acc.set(req, { attest = caller.attest })
  end
  local routes, why = lcr.routes(number, { account = who.name })
  if not routes then return refuse(req, 503, "No Route: " .. why, { ["Retry-After"] = 30 }) end
  local call = dialog.track(req, { limits = { [who.name] = who.calls or 10 }, max_duration = 14400 })
  if not call then return refuse(req, 486, "Too Many Calls") end
  if who.prefix then
    req:remove_header("P-Asserted-Identity") -- a customer's word, which would be signed in place of From
    local ours = (req.from.uri.user or ""):sub(1, #who.prefix) == who.prefix
    local signed, err = stir.sign(req, { attest = ours and "A" or "B", dest = number })
    if not signed then return refuse(req, 403, "Caller: " .. err) end
  end
  topology.hide(req, { call_id = true })
  req:relay(routes, { reply_timeout = 4 })
end
