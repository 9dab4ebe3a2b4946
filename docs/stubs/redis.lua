---@meta redis
-- Made by `sipscript stubs`. Redis: one server, sentinels, or a cluster.

---What redis.open returns.
---@class redis.server
local redis_server = {}

---Sends a command. A missing value is nil alone. Returns any or nil: text, a number, a list, or a
---table where Redis has a map. Waits.
---```lua
---r:call("SET", "forward:alice", "sip:bob@example.com", "EX", 3600)
---local target, err = r:call("GET", "forward:alice")
---```
---@param ... string|number|sip.uri|string the command and its arguments
---@return any|nil result text, a number, a list, or a table where Redis has a map
---@return string|nil err why it failed
function redis_server:call(...) end

---Sends commands at once. Returns list or nil: a result for each: as of call, false for a missing
---value, {error = text} for a command that was refused. Waits.
---```lua
---local results, err = r:pipeline({ { "INCR", "calls" }, { "EXPIRE", "calls", 60 } })
---```
---@param commands any[] {{"INCR", key}, …}
---@return any[]|nil result a result for each: as of call, false for a missing value, {error = text} for a command that was refused
---@return string|nil err why it failed
function redis_server:pipeline(commands) end

---Runs a Lua script on the server, atomically. It is sent once and then known there by its hash.
---Returns any or nil: as of call. Waits.
---```lua
---local n, err = r:script("return redis.call('INCRBY', KEYS[1], ARGV[1])", { "calls" }, { 5 })
---```
---@param text string of the script
---@param keys? any[] strings and numbers; optional
---@param args? any[] strings and numbers; optional
---@return any|nil result as of call
---@return string|nil err why it failed
function redis_server:script(text, keys, args) end

---Calls fn for each message of a channel, once in the process. A lost connection is made again; what
---was sent meanwhile is missed. Only while the file loads.
---```lua
---r:subscribe("reload", function(message) sip.log.info("told: %s", message) end)
---```
---@param channel string
---@param fn fun(message: any): ...any it may wait
function redis_server:subscribe(channel, fn) end

---@class redis
local redis = {}

---A server by its URL, a cluster, or a master that sentinels know. It connects with the first call.
---Connections survive reloads. Raises for a URL that can't be read. Only while the file loads.
---```lua
---local r = redis.open("redis://127.0.0.1:6379/0", { timeout = 0.5 })
---```
---@param url redis.open.url|string|table "redis://user:password@host:6379/0", "rediss://…" for TLS, "unix:///path", or a table
---@param options? redis.open.options optional
---@return redis.server result
function redis.open(url, options) end

---@class redis.open.url
---@field cluster? string|any[]|fun(res: sip.response): boolean addresses of a cluster, "host:port"
---@field sentinel? string|any[]|fun(res: sip.response): boolean addresses of sentinels, "host:port"
---@field master? string the name by which sentinels know the master
---@field user? string
---@field password? string
---@field tls? boolean
---@field database? integer

---@class redis.open.options
---@field timeout? number of one call

return redis
