-- identity.lua: calls that leave are signed, and calls that come in verified (STIR/SHAKEN).
--
--     sipscript run -l udp:192.0.2.1:5060 -d example.com --config config.yaml identity.lua
--
-- carrier   the address of the carrier that all other calls come from and go to
-- certificate, key, x5u   files of ours, and the URL where others get the certificate
-- roots     a file with the authorities that others' certificates are from

local registrar, stir = require "registrar", require "stir"
local args = sip.args
local CARRIER = args.carrier or "127.0.0.1"
local OURS = "^%+493011"                          -- numbers that only our users call from
local MOVED = { ["+493011199"] = "+4989555123" }  -- whose calls go to another network

stir.configure { certificate = args.certificate, key = args.key, x5u = args.x5u, roots = { args.roots } }

-- What a phone shows beside a caller: nobody but this server says that.
local function show(req, status)
  local uri = stir.verstat(req.from.uri, status)
  req:set_header("P-Asserted-Identity", uri and "<" .. uri .. ">" or nil)
end

local function incoming(req)
  local caller, why, code = stir.verify(req)
  -- Unsigned, or its certificate can't be had now: it rings without a sign of trust. A signature
  -- that is wrong is worse than none.
  if not caller and code ~= 428 and code ~= 436 then
    sip.log.warn("call from %s refused: %s", req.from.uri, why)
    return req:reply(code, why)
  end
  local moved = MOVED[req.ruri.user]
  if moved then
    req.ruri = "sip:" .. moved .. "@" .. CARRIER
    if caller then assert(stir.divert(req)) end
    return req:relay("sip:" .. moved .. "@" .. CARRIER)
  end
  show(req, caller and caller.attest == "A" and "TN-Validation-Passed" or "No-TN-Validation")
  req:relay(registrar.lookup(req.ruri))
end

local function outgoing(req)
  local attest = (req.from.uri.user or ""):find(OURS) and "A" or "C"
  assert(stir.sign(req, { attest = attest, dest = req.ruri.user }))
  req:remove_header("P-Asserted-Identity")
  req:relay("sip:" .. req.ruri.user .. "@" .. CARRIER)
end

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end
  if req:is("REGISTER") then return registrar.save(req) end
  if not req:is("INVITE") then return req:reply(405, { headers = { Allow = "INVITE, REGISTER" } }) end
  req:record_route()
  if req.source.ip == CARRIER then return incoming(req) end
  outgoing(req)
end
