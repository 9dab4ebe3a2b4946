-- rest.lua: a REST service decides where each call goes.
--
--     GET /route?from=sip:alice@example.com&to=sip:bob@example.com
--     200 {"targets": ["sip:bob@10.0.0.9"], "timeout": 20}
--     200 {"reject": 603}
--     404
--
-- service   its URL
-- fallback  where calls go while the service is away; without it they are answered 503

local http = require "http"

local SERVICE = sip.args.service or "http://127.0.0.1:8080"
local FALLBACK = sip.args.fallback

-- What the service says about a call; nil, err if it says nothing that can be used.
local function ask(from, to)
  local res, err = http.get(SERVICE .. "/route", { query = { from = from, to = to }, timeout = 1 })
  if not res then return nil, err end
  if res.status == 404 then return { reject = 404 } end
  if res.status ~= 200 then return nil, "status " .. res.status end
  local answer, bad = res:json()
  if type(answer) ~= "table" then return nil, bad or "not an object" end
  return answer
end

-- The targets that can be read. The service is trusted, its spelling is not.
local function targets_of(answer)
  local targets = {}
  for _, text in ipairs(type(answer.targets) == "table" and answer.targets or {}) do
    local uri, err = sip.uri(text)
    if uri then
      targets[#targets + 1] = { uri = uri, timeout = tonumber(answer.timeout) or 30 }
    else
      sip.log.warn("the service names %q: %s", text, err)
    end
  end
  return targets
end

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "OPTIONS" then return req:reply(200) end
  if req.method ~= "INVITE" then
    return req:reply(405, { headers = { Allow = "INVITE, ACK, BYE, CANCEL, OPTIONS" } })
  end

  local answer, err = ask(req.from.uri.aor, req.ruri.aor)
  if not answer then
    sip.log.warn("routing service: %s", err)
    if not FALLBACK then return req:reply(503, { headers = { ["Retry-After"] = 10 } }) end
    req:record_route()
    return req:relay { uri = req.ruri, next_hop = FALLBACK }
  end

  local code = tonumber(answer.reject)
  if code then return req:reply(code >= 400 and code <= 699 and code or 500) end
  req:record_route()
  req:relay(targets_of(answer), { order = "serial" })       -- none: 480
end
