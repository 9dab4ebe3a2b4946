-- Records of calls for billing: each call, with the customer and each gateway that was tried, in a
-- file and in a database. What the database can't take waits on disk.
--
--   sipscript run docs/cookbook/records.lua --data /var/lib/sipscript

local acc = require "acc"

acc.configure {
  to = { "json:cdr.jsonl", "sqlite:cdr.db" },
  rotate = { every = 86400 },
  fields = {
    customer = function(req) return req.from.uri.user end,
  },
}

local gateways = { "sip:10.0.3.1", "sip:10.0.3.2" }

function route(req)
  acc.record(req)
  if req.in_dialog then return req:relay() end
  if req.method ~= "INVITE" then return req:reply(405) end

  local targets = {}
  for i, gateway in ipairs(gateways) do
    targets[i] = { next_hop = gateway }
  end
  req:relay(targets, {
    order = "serial",
    on_branch = function(branch) acc.set(branch, { gateway = branch.target.next_hop }) end,
  })
end
