-- click.lua: click-to-dial. A web page asks for a call, and the caller's phone is told to make it.
--
--     curl -H "Authorization: Bearer $CLICK_TOKEN" -d '{"from": "alice", "to": "sip:bob@example.com"}' \
--         http://127.0.0.1:8080/calls
--
-- The phone gets a REFER outside a dialog (RFC 3515): it asks its user or dials at once, as it is
-- set up; many phones need this to be allowed. The server itself cannot join two calls.

local http, registrar = require "http", require "registrar"

local DOMAIN = sip.args.domain or "example.com"

http.configure { tokens = { assert(sip.env("CLICK_TOKEN"), "set CLICK_TOKEN to a long secret") } }

-- Tells the phones of a user to call a URI; the first that accepts will do. Returns true, or false,
-- an HTTP status, and why.
local function dial(user, to)
  local uri = sip.uri(to)
  if not uri or not user:find("^[%w%._-]+$") then return false, 400, "malformed" end
  if not sip.is_local(uri) then return false, 403, "not one of our users" end
  local phones, err = registrar.lookup("sip:" .. user .. "@" .. DOMAIN)
  if not phones then return false, 503, err end
  local why = "no phone is registered"
  for _, phone in ipairs(phones) do
    local res, failed = sip.send {
      method = "REFER", target = phone, timeout = 5,
      from = "sip:click@" .. DOMAIN, to = "sip:" .. user .. "@" .. DOMAIN,
      headers = {
        ["Refer-To"] = "<" .. uri .. ">",
        ["Referred-By"] = "<sip:" .. user .. "@" .. DOMAIN .. ">",
        ["Refer-Sub"] = "false",               -- no NOTIFYs about the call (RFC 4488)
        Supported = "norefersub",
      },
    }
    if res and res.code < 300 then return true, 202, "the phone will call" end
    why = res and ("the phone says %d %s"):format(res.code, res.reason) or failed or why
  end
  return false, 502, why
end

http.handle("POST /calls", { auth = "bearer" }, function(hreq)
  local ask = hreq:json()
  if type(ask) ~= "table" or type(ask.from) ~= "string" or type(ask.to) ~= "string" then
    return { status = 400, json = { error = "expected {from=, to=}" } }
  end
  local ok, status, text = dial(ask.from, ask.to)
  return { status = status, json = { [ok and "result" or "error"] = text } }
end)

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  if not sip.is_local(req.ruri) then return req:reply(404) end
  req:record_route()
  req:relay(registrar.lookup(req.ruri))
end
