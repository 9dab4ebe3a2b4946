---@meta limit
-- Made by `sipscript stubs`. How often something may happen, floods, and scanners.

---@class limit
local limit = {}

---Bounds what sources may send, once, while the file loads. Raises if the list of scanners can't be
---read, or except names a list that acl does not have. Only while the file loads.
---```lua
---limit.configure({ flood = { requests = 100, per = 2, ban = 600 }, total = { calls_per_second = 200 } })
---```
---@param options limit.configure.options
function limit.configure(options) end

---Takes a token from the bucket of a key, which gets n tokens in each per, evenly, and holds burst.
---Returns boolean: whether it may happen. Then seconds or nil: if not: after how long it may; else
---nil. Raises if n is not above 0, or per not from a millisecond to a year. Only in handlers.
---```lua
---local ok, retry = limit.rate("calls:" .. req.from.uri.user, 10, 60, { burst = 3 })
---if retry then req:reply(503, { headers = { ["Retry-After"] = math.ceil(retry) } }) end
---```
---@param key string what is counted: any text
---@param n number how often
---@param per number
---@param options? limit.rate.options optional
---@return boolean result whether it may happen
---@return number|nil retry_after if not: after how long it may; else nil
function limit.rate(key, n, per, options) end

---Counts one in the window of a key, which lasts per and begins with the first, unless there are n
---already. Returns boolean: whether it may happen. Then seconds or nil: if not: after how long it may;
---else nil. Raises if n is not above 0, or per not from a millisecond to a year. Only in handlers.
---```lua
---if not limit.window("minutes:" .. req.from.uri.user, 1000, 86400) then req:reply(403) end
---```
---@param key string what is counted: any text
---@param n number how often
---@param per number
---@return boolean result whether it may happen
---@return number|nil retry_after if not: after how long it may; else nil
function limit.window(key, n, per) end

---Hears a source again. Returns boolean: whether it was banned. Only in handlers.
---```lua
---limit.unban("203.0.113.9")
---```
---@param ip string an address
---@return boolean result whether it was banned
function limit.unban(ip) end

---Reads the list of scanners again. Returns boolean or nil: true, or nil and why it can't be read: it
---stays as it was. Only in handlers. Waits.
---```lua
---limit.reload()
---```
---@return boolean|nil result true, or nil and why it can't be read: it stays as it was
---@return string|nil err why it failed
function limit.reload() end

---@class limit.configure.options
---@field flood? limit.configure.options.flood what one source may send, an address or a /64 of IPv6, before it is looked at
---@field total? limit.configure.options.total what all sources may send
---@field scanners? any the source of what gives scanners away, as agent:PATTERN, from:PATTERN, user:PATTERN or method:NAME; true: the shipped list; false: none
---@field shared? boolean rate and window count what all nodes with the same --redis count

---@class limit.rate.options
---@field burst? integer how many may come at once

---@class limit.configure.options.flood
---@field requests integer how many one source may send in each per
---@field per? number seconds
---@field ban? number seconds for which a source that sends more is not heard; 0: only what is too much is dropped
---@field except? string|any[]|fun(res: sip.response): boolean lists of acl whose senders are not counted

---@class limit.configure.options.total
---@field calls_per_second number new INVITEs; beyond them 503 with Retry-After

return limit
