---@meta turn
-- Made by `sipscript stubs`. Relays media for clients that cannot reach each other, and makes credentials for them.

---@class turn
local turn = {}

---Sets options, once, while the file loads. Only while the file loads.
---```lua
---turn.configure({ per_user = 10, deny = { "192.0.2.0/24" } })
---```
---@param options turn.configure.options
function turn.configure(options) end

---Credentials for our STUN and TURN listeners, as RTCPeerConnection takes them. Without a user they
---are for somebody whose name is made up. Returns table: {username, password, ttl, uris}. Raises for a
---user of more than 256 bytes, or with a line break.
---```lua
---local c = turn.credentials("alice", 3600)
---local servers = { { urls = c.uris, username = c.username, credential = c.password } }
---```
---@param user? string whose allocations are counted together; optional
---@param seconds? number 1 to 30 days; default 86400
---@return table result {username, password, ttl, uris}
function turn.credentials(user, seconds) end

---@class turn.configure.options
---@field allow? string|any[]|fun(res: sip.response): boolean networks and addresses that media may go to although they are not public: {"10.1.0.0/16"}
---@field deny? string|any[]|fun(res: sip.response): boolean networks and addresses that media must not go to although they are public
---@field per_user? integer allocations of one user; 0: any number
---@field per_ip? integer allocations of clients at one address; 0: any number
---@field total? integer all allocations; 0: any number
---@field bandwidth? integer bytes per second of one user, both ways together; 0: any number
---@field max_lifetime? number seconds that an allocation lives without a refresh, at most
---@field uris? string|any[]|fun(res: sip.response): boolean what credentials are for: other servers with the same secret

return turn
