---@meta dispatch
-- Made by `sipscript stubs`. Spreads calls over gateways that work: it probes them, learns from what becomes of calls, and orders them by weight, load or a hash.

---A gateway of a set, at one of its addresses. relay, fork and forward accept it as a target, and `res.target` returns it.
---@class dispatch.gateway : sip.targeter
---@field set string the name of its set
---@field next_hop string as in the list, with its scheme
---@field address string|nil where it is: "udp:192.0.2.1:5060"; nil while its name has not been looked up
---@field carrier string|nil as in the list; nil for none
---@field priority integer as in the list
---@field weight integer as in the list
---@field calls integer how many calls it has now
---@field attrs table|nil as in the list; nil for none
local dispatch_gateway = {}

---How a gateway fares at one moment.
---@class dispatch.gateway_status
---@field set string the name of its set
---@field uri string its next_hop
---@field state string up, down, draining or disabled
---@field why string|nil what the last change was for; nil if there was none
---@field since number since the last change
---@field left number|nil for which a mark still lasts; nil without a time
---@field calls integer those under way, and those in progress that were record-routed
---@field max_calls integer|nil nil for no limit
---@field sent integer requests since the start
---@field failed integer those that it failed
---@field priority integer as in the list
---@field weight integer as in the list
---@field carrier string|nil as in the list; nil for none
---@field attrs table|nil as in the list; nil for none
---@field addresses any[] {address, up, why, since} of each address; empty while its name has not been looked up
local dispatch_gateway_status = {}

---@class dispatch
local dispatch = {}

---Sets options, once, while the file loads. Raises if a list cannot be read. Only while the file
---loads.
---```lua
---dispatch.configure({ sets = { carriers = { "sip:10.0.0.8", { next_hop = "sip:10.0.0.9", priority = 1 } } } })
---```
---@param options dispatch.configure.options
function dispatch.configure(options) end

---The gateways of a set that are up, in the order to try them: by priority, and those of one priority
---as `by` says. relay and fork try them one after the other: the next follows if one is silent before
---it rings, unreachable or full, or answers 500, 502, 503 or 504; options override that. Returns list
---of gateway or nil: for relay and fork; nil and the reason if none is up. Raises for an unknown set,
---and for `hash` without a key; relay raises without record_route before it, if calls are counted:
---`least_calls`, `max_calls`. Only in handlers.
---```lua
---req:relay(dispatch.targets("carriers"), { reply_timeout = 2 })
---```
---@param set string a name of configure's sets
---@param options? dispatch.targets.options optional
---@return dispatch.gateway[]|nil result for relay and fork; nil and the reason if none is up
---@return string|nil err why it failed
function dispatch.targets(set, options) end

---The first of what `targets` returns. Returns gateway or nil: for relay, fork and forward; nil and
---the reason if none is up. Raises as for `targets`. Only in handlers.
---```lua
---req:forward(dispatch.select("carriers", { by = "hash", key = req.call_id }))
---```
---@param set string a name of configure's sets
---@param options? dispatch.select.options optional
---@return dispatch.gateway|nil result for relay, fork and forward; nil and the reason if none is up
---@return string|nil err why it failed
function dispatch.select(set, options) end

---The gateway that a request comes from, by its source address, whether it is up or not; otherwise
---false. Names count with all their addresses. A port that next_hop names counts too, unless the
---request came along a connection: that of a connection is any. Returns gateway or false: false if it
---is from none. Raises for an unknown set. Only in handlers.
---```lua
---if not dispatch.is_from(req, "carriers") then return req:reply(403) end
---```
---@param req sip.request the request
---@param set string a name of configure's sets
---@return dispatch.gateway|false result false if it is from none
function dispatch.is_from(req, set) end

---Marks a gateway: "draining": no new requests, while calls go on; "disabled": neither requests nor
---probes; "down": until a probe is answered, or for a time; "up": every mark ends. All lanes see it at
---once, and a reload keeps it. Returns boolean or nil: true; nil and why if there is no such gateway.
---Raises for an unknown set. Only in handlers.
---```lua
---dispatch.mark("carriers", "sip:10.0.0.9", "draining", 600)
---```
---@param set string a name of configure's sets
---@param uri sip.uri|string its next_hop
---@param state "up"|"down"|"draining"|"disabled"
---@param seconds? number for how long; default until it is marked again
---@return boolean|nil result true; nil and why if there is no such gateway
---@return string|nil err why it failed
function dispatch.mark(set, uri, state, seconds) end

---The gateways of a set, or of all sets, and how they fare now. Raises for an unknown set. Only in
---handlers.
---```lua
---for _, g in ipairs(dispatch.list("carriers")) do sip.log.info("%s: %s, %d calls", g.uri, g.state, g.calls) end
---```
---@param set? string a name of configure's sets; optional
---@return dispatch.gateway_status[] result
function dispatch.list(set) end

---Adds a gateway to a set, or replaces one that was added, until the process ends: also when the list
---is read again. Returns boolean or nil: true; nil and why if the set is full. Raises for an unknown
---set, and for what is not a gateway. Only in handlers.
---```lua
---dispatch.add("carriers", { next_hop = "sip:10.0.0.10", weight = 2 })
---```
---@param set string a name of configure's sets
---@param entry dispatch.add.entry|string a gateway as in the list: its next_hop, or a table
---@return boolean|nil result true; nil and why if the set is full
---@return string|nil err why it failed
function dispatch.add(set, entry) end

---Removes a gateway from a set, also one of the list, until it is added again or the process ends. Its
---calls go on. Returns boolean or nil: true; nil and why if there is no such gateway. Raises for an
---unknown set, and for what is not a gateway. Only in handlers.
---```lua
---dispatch.remove("carriers", "sip:10.0.0.10")
---```
---@param set string a name of configure's sets
---@param entry dispatch.remove.entry|string a gateway as in the list: its next_hop, or a table
---@return boolean|nil result true; nil and why if there is no such gateway
---@return string|nil err why it failed
function dispatch.remove(set, entry) end

---Reads the list of a set again, or those of all sets. States are kept. Returns boolean or nil: true;
---nil and why a list cannot be read: the one before remains. Raises for an unknown set. Only in
---handlers. Waits.
---```lua
---dispatch.reload("carriers")
---```
---@param set? string a name of configure's sets; optional
---@return boolean|nil result true; nil and why a list cannot be read: the one before remains
---@return string|nil err why it failed
function dispatch.reload(set) end

---@class dispatch.configure.options
---@field sets table by name: a table of gateways, "file:PATH", the URL of a database, {url=, query=, layout=, set=, every=}, or a function that returns a table
---@field probe? dispatch.configure.options.probe how gateways are probed
---@field passive? dispatch.configure.options.passive what is learned from requests
---@field slow_start? number over how many seconds a gateway that came back gets its full share

---@class dispatch.targets.options
---@field by? "weight"|"round_robin"|"hash"|"least_calls"|"random" how those of one priority are ordered
---@field key? string for hash: the same key finds the same gateway
---@field limit? integer how many at most

---@class dispatch.select.options
---@field by? "weight"|"round_robin"|"hash"|"least_calls"|"random" how those of one priority are ordered
---@field key? string for hash: the same key finds the same gateway
---@field limit? integer how many at most

---@class dispatch.add.entry
---@field next_hop string where it is: a URI, HOST or HOST:PORT
---@field rewrite? "host"|"uri" what it gets: "host": the Request-URI with its host and port; "uri": next_hop as the Request-URI; default: the Request-URI unchanged
---@field weight? integer its share among those of its priority; 0: only when no other is left
---@field priority? integer its group; the lowest number is tried first
---@field max_calls? integer calls it may have at once
---@field from_socket? string the listener to send from, for its probes too
---@field carrier? string whose it is, returned with it
---@field state? "up"|"down"|"draining"|"disabled" when it is first seen; "down": until a probe is answered
---@field headers? table {Name = text | list | false}, set or removed in what it gets
---@field attrs? table returned with it

---@class dispatch.remove.entry
---@field next_hop string where it is: a URI, HOST or HOST:PORT
---@field rewrite? "host"|"uri" what it gets: "host": the Request-URI with its host and port; "uri": next_hop as the Request-URI; default: the Request-URI unchanged
---@field weight? integer its share among those of its priority; 0: only when no other is left
---@field priority? integer its group; the lowest number is tried first
---@field max_calls? integer calls it may have at once
---@field from_socket? string the listener to send from, for its probes too
---@field carrier? string whose it is, returned with it
---@field state? "up"|"down"|"draining"|"disabled" when it is first seen; "down": until a probe is answered
---@field headers? table {Name = text | list | false}, set or removed in what it gets
---@field attrs? table returned with it

---@class dispatch.configure.options.probe
---@field interval? number seconds from one probe of an address to the next; 0: none are sent
---@field timeout? number seconds for the answer
---@field method? string what is sent
---@field ok? any answers of a gateway that is up
---@field down_after? integer failures in a row after which it is down; one that says that nobody is there counts at once
---@field up_after? integer answers in a row after which it is up
---@field from? string the URI in From

---@class dispatch.configure.options.passive
---@field failures? integer failures in a row after which it is down; 0: never
---@field within? number seconds in which they have to happen. Without probes a gateway is tried again after this time

return dispatch
