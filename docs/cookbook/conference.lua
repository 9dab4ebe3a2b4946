-- conference.lua: rooms are spread over conference servers. A hash of the room's name finds its
-- server, so all callers of a room meet; a server that fails moves its own rooms and no others, and
-- one that is marked "draining" (`sipscript dispatch mark halls URI draining`) gets no new callers.
--
-- trunk  the address that calls come from

local dispatch = require "dispatch"

local TRUNK = sip.args.trunk or "10.0.0.20"

dispatch.configure {
  sets = {
    trunks = { "sip:" .. TRUNK },
    halls = {
      { next_hop = "sip:10.0.4.1", max_calls = 400 },
      { next_hop = "sip:10.0.4.2", max_calls = 400 },
      { next_hop = "sip:10.0.4.3", max_calls = 400 },
    },
  },
  probe = { interval = 5, down_after = 2 },
}

function route(req)
  if req.in_dialog then return req:relay() end
  if not dispatch.is_from(req, "trunks") then return req:reply(403) end
  if req.method ~= "INVITE" then return req:reply(405, { headers = { Allow = "INVITE" } }) end
  local room = (req.ruri.user or ""):match("^room%-%w+$")
  if not room then return req:reply(404) end

  req:record_route()
  local halls, err = dispatch.targets("halls", { by = "hash", key = room, limit = 2 })
  req:relay(halls, err or { reply_timeout = 2 })
end
