-- hunt.lua: hunt groups. A group's members ring all at once, one after the other, or one after the
-- other with a different member first at each call.

local registrar = require "registrar"

-- ring: how many seconds each member rings, or all of them where they ring at once.
local GROUPS = {
  sales = { order = "all", ring = 30, members = { "alice", "bob" } },
  support = { order = "linear", ring = 15, members = { "alice", "bob", "carol" } },
  help = { order = "round", ring = 15, members = { "alice", "bob", "carol" } },
}
local DOMAIN = sip.args.domain or "example.com"

local turns = sip.shared("hunt.turns")

local function phones_of(user)
  local phones, err = registrar.lookup("sip:" .. user .. "@" .. DOMAIN)
  if not phones then sip.log.error("lookup of %s: %s", user, err) end
  return phones or {}
end

local function ring_all(req, group)
  local phones = {}
  for _, user in ipairs(group.members) do
    for _, phone in ipairs(phones_of(user)) do phones[#phones + 1] = phone end
  end
  req:relay(phones, { timeout = group.ring })   -- nobody registered: 480
end

local function ring_in_turn(req, group, first)
  local members = group.members
  for i = 0, #members - 1 do
    local phones = phones_of(members[(first + i - 1) % #members + 1])
    if #phones > 0 then
      req:fork(phones, { timeout = group.ring })
      if req.answered or req.cancelled then return end
    end
  end
  req:reply(480)
end

local function hunt(req, name, group)
  if group.order == "all" then return ring_all(req, group) end
  local first = 1
  if group.order == "round" then first = (turns:incr(name) - 1) % #group.members + 1 end
  ring_in_turn(req, group, first)
end

---@param req sip.request
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  if not sip.is_local(req.ruri) then return req:reply(404) end

  req:record_route()
  local name = req.ruri.user or ""
  local group = GROUPS[name]
  if group and req.method == "INVITE" then return hunt(req, name, group) end
  req:relay(registrar.lookup(req.ruri))
end
