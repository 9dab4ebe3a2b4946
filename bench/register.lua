-- A registrar that asks for passwords, for the comparison of bench/flood: the decisions that the compared servers are configured to take.
local registrar = require "registrar"
local auth = require "auth"

local users = {}
for i = 0, 9999 do users["user" .. i] = "secret" .. i end
auth.configure { realm = "example.com", algorithms = { "MD5" }, users = users }

function route(req)
  if req.method ~= "REGISTER" then return req:reply(405) end
  if auth.require(req) then registrar.save(req) end
end
