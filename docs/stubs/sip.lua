---@meta sip
-- Made by `sipscript stubs`. Available to every script without a require.

---An object of a module that names a target, such as a binding.
---@class sip.targeter

---@alias sip.destination string|sip.uri|sip.address|sip.target|sip.targeter
---@alias sip.targets sip.destination|sip.destination[]

---Loads a module of the server, or the Lua file NAME.lua of the script's directory. Only while the
---file loads.
---@param name string
---@return any
function require(name) end

---The request that route was called for. Fields are read from the message on access; absent ones are nil. It lives until its handlers end.
---@class sip.request
---@field method string as in the request
---@field ruri sip.uri the Request-URI; assigning it, or a part of it, edits the request
---@field from sip.address From
---@field to sip.address To
---@field call_id string Call-ID
---@field cseq sip.cseq CSeq
---@field max_forwards integer|nil Max-Forwards
---@field contacts sip.address[] the Contacts, without malformed ones
---@field routes sip.address[] the Route entries after this server's own
---@field body string|nil the body; set_body replaces it
---@field parts sip.part[]|nil the parts of a multipart body; nil for any other body, and for one that can't be read
---@field content_type string|nil Content-Type
---@field user_agent string|nil User-Agent
---@field expires number|nil Expires
---@field id string identifies this request, also among those of other processes
---@field vars table values of your own, kept with the transaction
---@field in_dialog boolean whether it has a To tag (the ACK of a non-2xx has one too)
---@field answered integer|nil the code of the final response that was sent
---@field cancelled boolean whether the caller cancelled
---@field source sip.source where it came from
---@field received_on sip.listener the listener it arrived on
---@field route_params table|nil the parameters of this server's own Record-Route, {} if it had none; nil unless the request followed one with a valid signature
local sip_request = {}

---Reports whether the method is one of these. Returns boolean: whether it is.
---```lua
---if req:is("INVITE", "SUBSCRIBE") then req:record_route() end
---```
---@param ... string in capitals
---@return boolean result whether it is
function sip_request:is(...) end

---Answers the request. A provisional code (1xx) decides nothing; a response returned by fork is
---forwarded as it is, with its own reason. A body needs a content_type. Returns boolean or nil: false
---if the request is over. Raises for a second decision, a response to another request, and CR or LF in
---what becomes a line. It is the request's decision.
---```lua
---req:reply(486, "Busy Here", { headers = { ["Retry-After"] = "60" } })
---```
---@param code integer|sip.response from 100 to 699, or a response that fork returned
---@param reason? string default the standard one
---@param options? sip.request.reply.options optional
---@overload fun(self: sip.request, code: integer|sip.response, options?: sip.request.reply.options): boolean|nil, string|nil
---@return boolean|nil result false if the request is over
---@return string|nil err why it failed
function sip_request:reply(code, reason, options) end

---Answers 3xx with the targets as Contacts, in their order and with their q. nil, err in place of
---targets answers 503, an empty list 480. Returns boolean or nil: false if the request is over. It is
---the request's decision.
---```lua
---req:redirect({ "sip:bob@192.0.2.7", "sip:bob@198.51.100.7" }, { code = 302, expires = 60 })
---```
---@param targets sip.destination|nil|sip.targets a target or a list of them; nil, err from a failed lookup
---@param options? sip.request.redirect.options|string optional
---@return boolean|nil result false if the request is over
---@return string|nil err why it failed
function sip_request:redirect(targets, options) end

---Stays in the path of the dialog that this request may start (§16.6 step 4): its later requests come
---here, and params are then available as req.route_params. Adds two entries if transport or interface
---changes (RFC 5658); does nothing if no dialog can start.
---```lua
---req:record_route({ account = "7" })
---```
---@param params? table|string {name = value} or ";name=value"; optional
function sip_request:record_route(params) end

---Passes the request to the engine, which handles the transaction, and returns at once. Without a
---target it goes only where this server vouches for it: along its signed Record-Route (otherwise 481),
---or to a req.ruri that the script assigned (otherwise 403). nil, err in place of targets answers 503,
---an empty list 480. Returns boolean or nil: false if the request is over. Raises for a second
---decision, unknown keys, and nil alone. It is the request's decision.
---```lua
---req:relay({ uri = "sip:bob@192.0.2.7", timeout = 20 }, { on_failure = function(res) sip.log.info("%d", res.code) end })
---```
---@param targets? sip.destination|nil|sip.targets a target or a list of them; nil, err from a failed lookup; default where this server vouches for
---@param options? sip.request.relay.options|string optional
---@overload fun(self: sip.request, options?: sip.request.relay.options|string): boolean|nil, string|nil
---@return boolean|nil result false if the request is over
---@return string|nil err why it failed
function sip_request:relay(targets, options) end

---Like relay, but waits for the outcome and returns it: the best response (§16.7), or one made here,
---whose cause says why. It is not a decision: if route ends without one, the best response of all its
---forks is sent. Returns response: always one, at shutdown too. Raises after a decision. Waits.
---```lua
---local res = req:fork("sip:bob@192.0.2.7", { timeout = 20 })
---```
---@param targets? sip.destination|nil|sip.targets a target or a list of them; nil, err from a failed lookup; default where this server vouches for
---@param options? sip.request.fork.options|string optional
---@overload fun(self: sip.request, options?: sip.request.fork.options|string): sip.response
---@return sip.response res always one, at shutdown too
function sip_request:fork(targets, options) end

---Forwards the request statelessly (§16.11): no transaction, no timers, no fork. A keyed branch leads
---the responses back. The script also sees retransmissions, ACK and CANCEL, and must choose the same
---target for them, without waiting. Returns boolean or nil: false if the request is over. It is the
---request's decision.
---```lua
---req:forward("sip:192.0.2.7")
---```
---@param target? sip.destination|nil default: along the route, or to the assigned req.ruri; optional
---@param err? string from a failed lookup; optional
---@return boolean|nil result false if the request is over
---@return string|nil err why it failed
function sip_request:forward(target, err) end

---Sends no answer and keeps no state. Returns boolean or nil: false if the request is over. It is the
---request's decision.
---```lua
---req:drop()
---```
---@return boolean|nil result false if the request is over
---@return string|nil err why it failed
function sip_request:drop() end

---Cancels branches without a final response; the caller gets the outcome.
---```lua
---sip.after(20, function() req:cancel("no answer") end)
---```
---@param reason? string for the Reason header: text, or a value such as "SIP;cause=480"; optional
function sip_request:cancel(reason) end

---The first element of a header, with folded lines joined; nil if there is none. The engine handles
---compact forms and case. Returns string or nil: the element, without the header's name.
---```lua
---local subject = req:header("Subject")
---```
---@param name string of the header, in any case
---@return string|nil result the element, without the header's name
function sip_request:header(name) end

---All elements of a header, one per value if the RFC defines the header as a list; an empty list if
---there are none. Returns list: strings.
---```lua
---for _, value in ipairs(req:headers("Diversion")) do sip.log.info("%s", value) end
---```
---@param name string of the header, in any case
---@return any[] result strings
function sip_request:headers(name) end

---Replaces a header by a value, or by one field for each value of a list; an empty list removes it.
---Raises for CR, LF, NUL, and headers that the engine owns (Via, CSeq, Content-Length …).
---```lua
---req:set_header("Subject", "sales")
---```
---@param name string of the header, in any case
---@param value string|any[] a string or a list of strings
function sip_request:set_header(name, value) end

---Adds a field to a header, after the existing ones or before them. Raises as set_header does.
---```lua
---req:add_header("Diversion", "<sip:bob@example.com>;reason=no-answer", "first")
---```
---@param name string of the header, in any case
---@param value string
---@param where? "first" default last
function sip_request:add_header(name, value, where) end

---Removes all fields of a header. Raises as set_header does.
---```lua
---req:remove_header("User-Agent")
---```
---@param name string of the header, in any case
function sip_request:remove_header(name) end

---Replaces the body and its Content-Type; a nil body removes both.
---```lua
---req:set_body("v=0\r\n", "application/sdp")
---```
---@param body string|nil
---@param content_type? string required for a body that is not empty; optional
function sip_request:set_body(body, content_type) end

---Replaces the body by a multipart one. A message that is multipart keeps its type, any other becomes
---multipart/mixed; an empty list removes the body. Raises for a part without content_type, and for CR,
---LF or NUL in headers.
---```lua
---req:set_parts({ { content_type = "text/plain", body = "hello" }, { content_type = "application/sdp", body = req.body or "v=0\r\n" } })
---```
---@param parts sip.request.set_parts.parts|any[] tables as the field parts has them
function sip_request:set_parts(parts) end

---A response: from fork, in a callback, or from sip.send. It lives until the handlers of its request end; one from sip.send as long as the script holds it.
---@class sip.response
---@field code integer from 101 to 699
---@field reason string the reason phrase
---@field final boolean whether the code is 200 or more
---@field body string|nil the body; set_body replaces it
---@field parts sip.part[]|nil the parts of a multipart body; nil for any other body, and for one that can't be read
---@field content_type string|nil Content-Type
---@field contacts sip.address[] the Contacts, without malformed ones
---@field source sip.endpoint|nil where it came from; nil for one made here
---@field target any the target that answered, as the script passed it
---@field cause string|nil why there is no response from the network: "timeout", "unreachable", "cancelled", "empty", "full" or "shutdown"; nil for one from the network
---@field failed boolean whether where the request was sent has failed, such as a gateway, and not whoever was called: unreachable or full, no answer before an 18x, or 500, 502, 503 or 504
local sip_response = {}

---Keeps a provisional response from being forwarded. Raises for a final one, and a reliable one
---(RSeq).
---```lua
---req:relay("sip:bob@192.0.2.7", { on_response = function(res) if res.code == 181 then res:drop() end end })
---```
function sip_response:drop() end

---The first element of a header, with folded lines joined; nil if there is none. The engine handles
---compact forms and case. Returns string or nil: the element, without the header's name.
---```lua
---local subject = req:header("Subject")
---```
---@param name string of the header, in any case
---@return string|nil result the element, without the header's name
function sip_response:header(name) end

---All elements of a header, one per value if the RFC defines the header as a list; an empty list if
---there are none. Returns list: strings.
---```lua
---for _, value in ipairs(req:headers("Diversion")) do sip.log.info("%s", value) end
---```
---@param name string of the header, in any case
---@return any[] result strings
function sip_response:headers(name) end

---Replaces a header by a value, or by one field for each value of a list; an empty list removes it.
---Raises for CR, LF, NUL, and headers that the engine owns (Via, CSeq, Content-Length …).
---```lua
---req:set_header("Subject", "sales")
---```
---@param name string of the header, in any case
---@param value string|any[] a string or a list of strings
function sip_response:set_header(name, value) end

---Adds a field to a header, after the existing ones or before them. Raises as set_header does.
---```lua
---req:add_header("Diversion", "<sip:bob@example.com>;reason=no-answer", "first")
---```
---@param name string of the header, in any case
---@param value string
---@param where? "first" default last
function sip_response:add_header(name, value, where) end

---Removes all fields of a header. Raises as set_header does.
---```lua
---req:remove_header("User-Agent")
---```
---@param name string of the header, in any case
function sip_response:remove_header(name) end

---Replaces the body and its Content-Type; a nil body removes both.
---```lua
---req:set_body("v=0\r\n", "application/sdp")
---```
---@param body string|nil
---@param content_type? string required for a body that is not empty; optional
function sip_response:set_body(body, content_type) end

---Replaces the body by a multipart one. A message that is multipart keeps its type, any other becomes
---multipart/mixed; an empty list removes the body. Raises for a part without content_type, and for CR,
---LF or NUL in headers.
---```lua
---req:set_parts({ { content_type = "text/plain", body = "hello" }, { content_type = "application/sdp", body = req.body or "v=0\r\n" } })
---```
---@param parts sip.response.set_parts.parts|any[] tables as the field parts has them
function sip_response:set_parts(parts) end

---The request of one branch of relay or fork. It can be edited only while its on_branch runs.
---@class sip.branch
---@field ruri sip.uri the Request-URI of this branch; assigning it, or its parts, edits the branch
---@field target any the target as the script passed it
---@field method string as in the request
---@field body string|nil the body; set_body replaces it
---@field parts sip.part[]|nil the parts of a multipart body; nil for any other body, and for one that can't be read
---@field content_type string|nil Content-Type
local sip_branch = {}

---The first element of a header, with folded lines joined; nil if there is none. The engine handles
---compact forms and case. Returns string or nil: the element, without the header's name.
---```lua
---local subject = req:header("Subject")
---```
---@param name string of the header, in any case
---@return string|nil result the element, without the header's name
function sip_branch:header(name) end

---All elements of a header, one per value if the RFC defines the header as a list; an empty list if
---there are none. Returns list: strings.
---```lua
---for _, value in ipairs(req:headers("Diversion")) do sip.log.info("%s", value) end
---```
---@param name string of the header, in any case
---@return any[] result strings
function sip_branch:headers(name) end

---Replaces a header by a value, or by one field for each value of a list; an empty list removes it.
---Raises for CR, LF, NUL, and headers that the engine owns (Via, CSeq, Content-Length …).
---```lua
---req:set_header("Subject", "sales")
---```
---@param name string of the header, in any case
---@param value string|any[] a string or a list of strings
function sip_branch:set_header(name, value) end

---Adds a field to a header, after the existing ones or before them. Raises as set_header does.
---```lua
---req:add_header("Diversion", "<sip:bob@example.com>;reason=no-answer", "first")
---```
---@param name string of the header, in any case
---@param value string
---@param where? "first" default last
function sip_branch:add_header(name, value, where) end

---Removes all fields of a header. Raises as set_header does.
---```lua
---req:remove_header("User-Agent")
---```
---@param name string of the header, in any case
function sip_branch:remove_header(name) end

---Replaces the body and its Content-Type; a nil body removes both.
---```lua
---req:set_body("v=0\r\n", "application/sdp")
---```
---@param body string|nil
---@param content_type? string required for a body that is not empty; optional
function sip_branch:set_body(body, content_type) end

---Replaces the body by a multipart one. A message that is multipart keeps its type, any other becomes
---multipart/mixed; an empty list removes the body. Raises for a part without content_type, and for CR,
---LF or NUL in headers.
---```lua
---req:set_parts({ { content_type = "text/plain", body = "hello" }, { content_type = "application/sdp", body = req.body or "v=0\r\n" } })
---```
---@param parts sip.branch.set_parts.parts|any[] tables as the field parts has them
function sip_branch:set_parts(parts) end

---A SIP, SIPS or tel URI. Those of a request or branch are views: assigning a part edits the message. sip.uri(u) makes a copy. tostring, .. and %s give its text; == compares two uris (§19.1.4), never a uri and a string.
---@class sip.uri
---@field scheme string in lower case
---@field user string|nil with escapes undone
---@field host string a name or an address, IPv6 without brackets
---@field port integer|nil nil if none is given
---@field params sip.params parameters, by name in any case; one without a value reads ""
---@field headers sip.params the headers after "?", by name in any case
---@field aor string the canonical key of the address, "sip:bob@example.com": the same for each spelling
local sip_uri = {}

---Compares with a uri or a string (§19.1.4). A string that is not a URI is equal to none. Returns
---boolean: whether they are equal.
---```lua
---if req.ruri:equals("sip:bob@example.com") then req:reply(486) end
---```
---@param other sip.uri|string a uri or text
---@return boolean result whether they are equal
function sip_uri:equals(other) end

---A header element with a URI: From, To, one Contact, one Route, or the result of sip.address. It is read-only; tostring gives its text.
---@class sip.address
---@field display string|nil the name without its quotes
---@field uri sip.uri|nil read-only; nil for Contact: *
---@field tag string|nil the parameter tag
---@field params sip.params the parameters after the URI
local sip_address = {}

---Parameters of a uri or of an address, or the headers of a uri: read by name in any case; pairs visits them in order. One without a value reads "", which is true. Those of a uri that may be changed can be assigned: a string, a number, true for a name alone, nil or false to remove one.
---@class sip.params
---@field [string] string|boolean|number|nil
local sip_params = {}

---The result of sip.shared. Values are strings, numbers, booleans and plain tables, which are copied; each call is atomic across all lanes.
---@class sip.dictionary
local sip_dictionary = {}

---The value of a key, or nil. With load, a missing key is filled with the result of load(key), which
---runs once at a time across all lanes: a value and, optionally, its ttl; nil, err stores nothing.
---Waits if `load` is given.
---```lua
---local route = sip.shared("routes"):get("alice", function(key) return "sip:" .. key .. "@192.0.2.7", 60 end)
---```
---@param key string|number|sip.uri|string its text counts
---@param load? fun(key: any): ...any returns value [, ttl], or nil, err; it may wait; optional
---@return any|nil result
---@return string|nil err of load
function sip_dictionary:get(key, load) end

---Stores a value. Returns boolean: whether it was stored. Raises for nil, and a value larger than 1
---MiB.
---```lua
---local stored = sip.shared("calls"):set("alice", 1, 60)
---```
---@param key string|number|sip.uri|string its text counts
---@param value any a string, number, boolean or plain table
---@param ttl? number 0 for ever; default the dictionary's
---@return boolean result whether it was stored
function sip_dictionary:set(key, value, ttl) end

---Stores a value if the key has none. Returns boolean: whether it was stored. Raises for nil, and a
---value larger than 1 MiB.
---```lua
---local stored = sip.shared("calls"):add("alice", 1, 60)
---```
---@param key string|number|sip.uri|string its text counts
---@param value any a string, number, boolean or plain table
---@param ttl? number 0 for ever; default the dictionary's
---@return boolean result whether it was stored
function sip_dictionary:add(key, value, ttl) end

---Stores a value if the key has one. Returns boolean: whether it was stored. Raises for nil, and a
---value larger than 1 MiB.
---```lua
---local stored = sip.shared("calls"):replace("alice", 1, 60)
---```
---@param key string|number|sip.uri|string its text counts
---@param value any a string, number, boolean or plain table
---@param ttl? number 0 for ever; default the dictionary's
---@return boolean result whether it was stored
function sip_dictionary:replace(key, value, ttl) end

---Replaces a value by what fn(value) returns; nil removes the key. If another lane changes the key
---meanwhile, fn is called again with what it then holds. Without ttl a key keeps its time. Returns any
---or nil: the new value. Raises for a value larger than 1 MiB, and where the key changed 100 times
---meanwhile.
---```lua
---local list = sip.shared("queues"):update("sales", function(list)
---  list = list or {}
---  list[#list + 1] = req.call_id
---  return list
---end)
---```
---@param key string|number|sip.uri|string its text counts
---@param fn fun(value: any): ...any may not wait
---@param ttl? number 0 for ever; default the dictionary's
---@return any|nil result the new value
function sip_dictionary:update(key, fn, ttl) end

---Removes a key. Returns boolean: whether there was one.
---```lua
---sip.shared("calls"):delete("alice")
---```
---@param key string|number|sip.uri|string its text counts
---@return boolean result whether there was one
function sip_dictionary:delete(key) end

---Adds to a number; a missing key starts at init. nil, err if the value is not a number. Returns
---number or nil: the new number.
---```lua
---local n = sip.shared("calls"):incr("alice", 1, 0, 60)
---```
---@param key string|number|sip.uri|string its text counts
---@param by? number default 1
---@param init? number default 0
---@param ttl? number 0 for ever; default the dictionary's
---@return number|nil result the new number
---@return string|nil err why it failed
function sip_dictionary:incr(key, by, init, ttl) end

---The remaining lifetime of a key. Returns seconds or nil: math.huge for ever; nil if there is no such
---key.
---```lua
---local left = sip.shared("calls"):ttl("alice")
---```
---@param key string|number|sip.uri|string its text counts
---@return number|nil result math.huge for ever; nil if there is no such key
function sip_dictionary:ttl(key) end

---All keys, in no particular order.
---```lua
---local keys = sip.shared("calls"):keys()
---```
---@return any[] result
function sip_dictionary:keys() end

---Removes all keys.
---```lua
---sip.shared("calls"):flush()
---```
function sip_dictionary:flush() end

---The result of sip.shared with redis = true: a dictionary that all servers with the same --redis have in common. Each call is atomic across all of them, and waits. get returns a value that was read before without asking Redis, unless it was changed since; such a value is at most 2 s old, or as old as stale says while Redis is away. While Redis is away everything else returns nil, err; after an error of what changes something it is not known whether the change was made.
---@class sip.redis_dictionary
local sip_redis_dictionary = {}

---The value of a key, or nil. With load, a missing key is filled with the result of load(key), which
---runs once at a time in each server: a value and, optionally, its ttl; nil, err stores nothing.
---Waits.
---```lua
---local route, err = sip.shared("routes", { redis = true }):get("alice", function(key) return "sip:" .. key .. "@192.0.2.7", 60 end)
---```
---@param key string|number|sip.uri|string its text counts
---@param load? fun(key: any): ...any returns value [, ttl], or nil, err; it may wait; optional
---@return any|nil result
---@return string|nil err of Redis or of load
function sip_redis_dictionary:get(key, load) end

---Stores a value. Returns boolean or nil: whether it was stored. Raises for nil, and a value larger
---than 1 MiB. Waits.
---```lua
---local stored, err = sip.shared("calls", { redis = true }):set("alice", 1, 60)
---```
---@param key string|number|sip.uri|string its text counts
---@param value any a string, number, boolean or plain table
---@param ttl? number 0 for ever; default the dictionary's
---@return boolean|nil result whether it was stored
---@return string|nil err why it failed
function sip_redis_dictionary:set(key, value, ttl) end

---Stores a value if the key has none. Returns boolean or nil: whether it was stored. Raises for nil,
---and a value larger than 1 MiB. Waits.
---```lua
---local stored, err = sip.shared("calls", { redis = true }):add("alice", 1, 60)
---```
---@param key string|number|sip.uri|string its text counts
---@param value any a string, number, boolean or plain table
---@param ttl? number 0 for ever; default the dictionary's
---@return boolean|nil result whether it was stored
---@return string|nil err why it failed
function sip_redis_dictionary:add(key, value, ttl) end

---Stores a value if the key has one. Returns boolean or nil: whether it was stored. Raises for nil,
---and a value larger than 1 MiB. Waits.
---```lua
---local stored, err = sip.shared("calls", { redis = true }):replace("alice", 1, 60)
---```
---@param key string|number|sip.uri|string its text counts
---@param value any a string, number, boolean or plain table
---@param ttl? number 0 for ever; default the dictionary's
---@return boolean|nil result whether it was stored
---@return string|nil err why it failed
function sip_redis_dictionary:replace(key, value, ttl) end

---Replaces a value by what fn(value) returns; nil removes the key. If the key was changed since, fn is
---called again with what it then holds. Without ttl a key keeps its time. Returns any or nil: the new
---value. Raises for a value larger than 1 MiB. Waits.
---```lua
---local list, err = sip.shared("queues", { redis = true }):update("sales", function(list)
---  list = list or {}
---  list[#list + 1] = req.call_id
---  return list
---end)
---```
---@param key string|number|sip.uri|string its text counts
---@param fn fun(value: any): ...any may not wait
---@param ttl? number 0 for ever; default the dictionary's
---@return any|nil result the new value
---@return string|nil err why it failed
function sip_redis_dictionary:update(key, fn, ttl) end

---Removes a key. Returns boolean or nil: whether there was one. Waits.
---```lua
---sip.shared("calls", { redis = true }):delete("alice")
---```
---@param key string|number|sip.uri|string its text counts
---@return boolean|nil result whether there was one
---@return string|nil err why it failed
function sip_redis_dictionary:delete(key) end

---Adds to a number; a missing key starts at init. nil, err also if the value is not a number. Returns
---number or nil: the new number. Waits.
---```lua
---local n, err = sip.shared("calls", { redis = true }):incr("alice", 1, 0, 60)
---```
---@param key string|number|sip.uri|string its text counts
---@param by? number default 1
---@param init? number default 0
---@param ttl? number 0 for ever; default the dictionary's
---@return number|nil result the new number
---@return string|nil err why it failed
function sip_redis_dictionary:incr(key, by, init, ttl) end

---The remaining lifetime of a key. Returns seconds or nil: math.huge for ever; nil if there is no such
---key. Waits.
---```lua
---local left, err = sip.shared("calls", { redis = true }):ttl("alice")
---```
---@param key string|number|sip.uri|string its text counts
---@return number|nil result math.huge for ever; nil if there is no such key
---@return string|nil err why it failed
function sip_redis_dictionary:ttl(key) end

---All keys, in no particular order. A key that is set or removed meanwhile may be missing or listed.
---Waits.
---```lua
---local keys, err = sip.shared("calls", { redis = true }):keys()
---```
---@return any[]|nil result
---@return string|nil err why it failed
function sip_redis_dictionary:keys() end

---Removes all keys, some at a time. Waits.
---```lua
---sip.shared("calls", { redis = true }):flush()
---```
---@return boolean|nil result true
---@return string|nil err why it failed
function sip_redis_dictionary:flush() end

---A metric that only grows, the result of sip.metric.counter.
---@class sip.counter
local sip_counter = {}

---Adds 1. Raises if there are not as many values as labels; beyond 1000 series of one metric, or 10000
---of all, nothing is counted.
---```lua
---sip.metric.counter("my_calls_total", "Calls.", { "country" }):inc("de")
---```
---@param ... any of the labels, in their order; their text counts, nil is none
function sip_counter:inc(...) end

---Adds a number. Raises if there are not as many values as labels; beyond 1000 series of one metric,
---or 10000 of all, nothing is counted.
---```lua
---sip.metric.counter("my_bytes_total", "Bytes of bodies."):add(312)
---```
---@param by number not negative
---@param ... any of the labels, in their order; their text counts, nil is none
function sip_counter:add(by, ...) end

---A metric that goes up and down, the result of sip.metric.gauge.
---@class sip.gauge
local sip_gauge = {}

---Sets it. Raises if there are not as many values as labels; beyond 1000 series of one metric, or
---10000 of all, nothing is counted.
---```lua
---sip.metric.gauge("my_waiting_calls", "Calls that wait."):set(3)
---```
---@param to number
---@param ... any of the labels, in their order; their text counts, nil is none
function sip_gauge:set(to, ...) end

---Adds a number, which may be negative. Raises if there are not as many values as labels; beyond 1000
---series of one metric, or 10000 of all, nothing is counted.
---```lua
---sip.metric.gauge("my_waiting_calls", "Calls that wait."):add(-2)
---```
---@param by number
---@param ... any of the labels, in their order; their text counts, nil is none
function sip_gauge:add(by, ...) end

---Adds 1. Raises if there are not as many values as labels; beyond 1000 series of one metric, or 10000
---of all, nothing is counted.
---```lua
---sip.metric.gauge("my_waiting_calls", "Calls that wait."):inc()
---```
---@param ... any of the labels, in their order; their text counts, nil is none
function sip_gauge:inc(...) end

---Subtracts 1. Raises if there are not as many values as labels; beyond 1000 series of one metric, or
---10000 of all, nothing is counted.
---```lua
---sip.metric.gauge("my_waiting_calls", "Calls that wait."):dec()
---```
---@param ... any of the labels, in their order; their text counts, nil is none
function sip_gauge:dec(...) end

---A metric that counts observations by their size, the result of sip.metric.histogram.
---@class sip.histogram
local sip_histogram = {}

---Counts a value. Raises if there are not as many values as labels; beyond 1000 series of one metric,
---or 10000 of all, nothing is counted.
---```lua
---sip.metric.histogram("my_score", "Scores.", nil, { 1, 5, 10 }):observe(7)
---```
---@param value number
---@param ... any of the labels, in their order; their text counts, nil is none
function sip_histogram:observe(value, ...) end

---A task started by sip.spawn.
---@class sip.task
local sip_task = {}

---Waits until the function has ended. Returns any or nil: what the function returned; nil, err if it
---raised an error. Waits.
---```lua
---sip.spawn(function() return 1 end):wait()
---```
---@return any ... what the function returned; nil, err if it raised an error
function sip_task:wait() end

---A timer started by sip.after or sip.every.
---@class sip.timer
local sip_timer = {}

---Stops the timer; a call already in progress continues.
---```lua
---sip.after(30, function() end):cancel()
---```
function sip_timer:cancel() end

---A sequence number and its method.
---@class sip.cseq
---@field number integer
---@field method string
local sip_cseq = {}

---An address with its transport.
---@class sip.endpoint
---@field ip string the address, without brackets
---@field port integer
---@field transport string udp, tcp, tls, ws or wss
local sip_endpoint = {}

---Where a request came from.
---@class sip.source
---@field ip string the address, without brackets
---@field port integer
---@field transport string udp, tcp, tls, ws or wss
---@field identity any[] the domains that the sender's certificate is valid for
---@field http sip.upgrade|nil over ws and wss: the request that opened the connection
local sip_source = {}

---The HTTP request that opened a WebSocket. All of it is what the client says.
---@class sip.upgrade
---@field path string without the query
---@field query table the parameters after "?", the first of each name
---@field headers table by name in lower case; at most 4 KiB in all
---@field origin string|nil of the web page, which only browsers say truly
local sip_upgrade = {}

---Where a request was received.
---@class sip.listener
---@field ip string the address, without brackets
---@field port integer
---@field transport string udp, tcp, tls, ws or wss
---@field name string of the listener, for from_socket
local sip_listener = {}

---A part of a multipart body.
---@class sip.part
---@field content_type string|nil its Content-Type; nil if it has none
---@field disposition string|nil its Content-Disposition; nil if it has none
---@field id string|nil its Content-ID; nil if it has none
---@field headers table its other headers, {Name = value}, as they are written
---@field body string its content
local sip_part = {}

---@class sip.target
---@field uri? sip.uri|string the new Request-URI, default unchanged; may be a binding, whose other keys then apply too
---@field next_hop? sip.uri|string the next hop only
---@field path? string|any[]|fun(res: sip.response): boolean the Route set to write: a route or a list of them
---@field flow? number of a binding: the connection to use
---@field received? string of a binding: the address its client was seen at
---@field from_socket? string the name of the listener to send from
---@field q? number from 0 to 1, for order "q"
---@field delay? number to wait before trying this target; 0 for none
---@field timeout? number to a final response
---@field ring_timeout? number from its first 18x to a final response
---@field reply_timeout? number to any response
---@field headers? table {Name = text | list | false}, set or removed on this branch
---@field credentials? sip.target.credentials {user=, password=}, to answer a challenge with
---@field vars? table values of your own, read back as res.target.vars

---@class sip
---@field args table the values of --set KEY=VALUE, by KEY; nil for a key that was not set
sip = {}

---@class sip.base64
sip.base64 = {}

---@class sip.domains
sip.domains = {}

---@class sip.hash
sip.hash = {}

---@class sip.json
---@field null any null in JSON, in both directions
---@field empty_list any [] in JSON, because {} would be an object
sip.json = {}

---@class sip.log
sip.log = {}

---@class sip.metric
sip.metric = {}

---Creates a uri from a string, or a copy of a uri or of an address's uri. nil, err for a string that
---is not a URI. Returns uri or nil: a uri that may be changed.
---```lua
---local u = sip.uri("sip:bob@example.com")
---```
---@param text string
---@overload fun(text: sip.address|sip.uri): sip.uri
---@return sip.uri|nil result a uri that may be changed
---@return string|nil err why it failed
function sip.uri(text) end

---Reads an address as in P-Asserted-Identity, Diversion or Refer-To, or builds one from its parts.
---nil, err for a string that is not an address. Returns address or nil: read-only.
---```lua
---local a = sip.address('"Bob" <sip:bob@example.com>;reason=busy')
---```
---@param text sip.address.text|string|table or {display=, uri=, params=}
---@return sip.address|nil result read-only
---@return string|nil err why it failed
function sip.address(text) end

---An environment variable of the process; nil if it is not set or empty.
---```lua
---local key = sip.env("API_KEY")
---```
---@param name string
---@return string|nil result
function sip.env(name) end

---Reports whether a host is this server: its domains at any port, its listen addresses at their port.
---```lua
---if not sip.is_local(req.ruri) then return req:reply(403) end
---```
---@param host string|sip.uri|string "host", "host:port", or a uri
---@return boolean result
function sip.is_local(host) end

---Reports whether an address is one that this server listens at, whatever the port: a message from
---there comes from this machine.
---```lua
---if sip.listens_at(req.source.ip) then sip.log.info("from this machine") end
---```
---@param ip string an address
---@return boolean result
function sip.listens_at(ip) end

---Adds a local domain, until the process ends.
---```lua
---sip.domains.add("example.net")
---```
---@param name string of the domain
---@return boolean|nil result true
---@return string|nil err why it failed
function sip.domains.add(name) end

---Removes a local domain.
---```lua
---sip.domains.remove("example.net")
---```
---@param name string of the domain
---@return boolean result true
function sip.domains.remove(name) end

---The local domains.
---```lua
---local domains = sip.domains.list()
---```
---@return any[] result
function sip.domains.list() end

---Sends a request of this server's own and waits for its final response. nil, err if none arrives in
---time, or nothing can be sent. Raises for INVITE, ACK and CANCEL, and headers that the engine owns.
---Waits.
---```lua
---local res, err = sip.send({ method = "OPTIONS", uri = "sip:bob@192.0.2.7", timeout = 2 })
---```
---@param options sip.send.options
---@return sip.response|nil result
---@return string|nil err why it failed
function sip.send(options) end

---Names option tags that the script implements: requests that require them with Proxy-Require come to
---it. Several calls add up. Only while the file loads.
---```lua
---sip.supported({ "gruu", "outbound" })
---```
---@param tags any[] option tags, such as "path", in any case
function sip.supported(tags) end

---The time of day in seconds since 1970, with fractions. Returns number: seconds.
---```lua
---req.vars.began = sip.now()
---```
---@return number result seconds
function sip.now() end

---Waits; other calls carry on. nil, err if the request was over first. Waits.
---```lua
---sip.sleep(0.5)
---```
---@param s number
---@return boolean|nil result true
---@return string|nil err why it failed
function sip.sleep(s) end

---Calls a function repeatedly while the script is in service, once per process. If a call is still
---running when the next is due, that one is skipped. Only while the file loads.
---```lua
---sip.every(60, function() sip.log.info("a minute") end, { jitter = 5 })
---```
---@param s number above 0
---@param fn fun(): ...any it may wait
---@param options? sip.every.options optional
---@return sip.timer result
function sip.every(s, fn, options) end

---Calls a function once, after that many seconds, on the lane that asked for it. At file level it runs
---once per process. Raises beyond 100 timers and tasks of one request at a time.
---```lua
---local timer = sip.after(30, function() req:cancel("too long") end)
---```
---@param s number
---@param fn fun(): ...any it may wait
---@return sip.timer result
function sip.after(s, fn) end

---Runs a function concurrently with the caller, on the same lane. At file level it runs once per
---process, when the script goes into service. Raises beyond 100 timers and tasks of one request at a
---time.
---```lua
---local task = sip.spawn(function() return sip.send({ method = "OPTIONS", uri = "sip:bob@192.0.2.7" }) end)
---```
---@param fn fun(): ...any it may wait
---@return sip.task result
function sip.spawn(fn) end

---Calls a function at each event with that name: start, stop, and those of modules. It runs in its own
---VM, once per process, and may wait. Raises for an event that no module has. Only while the file
---loads.
---```lua
---sip.on("start", function(why) sip.log.info("serving after %s", why) end)
---```
---@param event string
---@param fn fun(...: any): ...any its arguments are listed with the event
---@param options? sip.on.options optional
---@overload fun(event: "start", fn: fun(why: string), options?: sip.on.options)
---@overload fun(event: "stop", fn: fun(why: string), options?: sip.on.options)
---@overload fun(event: "acl.added", fn: fun(list: string, address: string, note?: string), options?: sip.on.options)
---@overload fun(event: "acl.removed", fn: fun(list: string, address: string), options?: sip.on.options)
---@overload fun(event: "limit.banned", fn: fun(ip: string, why: string), options?: sip.on.options)
---@overload fun(event: "auth.failed", fn: fun(user: string, source: string, reason: string), options?: sip.on.options)
---@overload fun(event: "auth.banned", fn: fun(source: string, user?: string, seconds: number), options?: sip.on.options)
---@overload fun(event: "b2b.ringing", fn: fun(leg: b2b.leg), options?: sip.on.options)
---@overload fun(event: "b2b.answered", fn: fun(leg: b2b.leg), options?: sip.on.options)
---@overload fun(event: "b2b.bridged", fn: fun(leg: b2b.leg, other: b2b.leg), options?: sip.on.options)
---@overload fun(event: "b2b.moved", fn: fun(leg: b2b.leg, other: b2b.leg), options?: sip.on.options)
---@overload fun(event: "b2b.expiring", fn: fun(leg: b2b.leg, seconds: number), options?: sip.on.options)
---@overload fun(event: "b2b.ended", fn: fun(leg: b2b.leg, why: string), options?: sip.on.options)
---@overload fun(event: "registrar.bound", fn: fun(aor: string, binding: registrar.binding), options?: sip.on.options)
---@overload fun(event: "registrar.refreshed", fn: fun(aor: string, binding: registrar.binding), options?: sip.on.options)
---@overload fun(event: "registrar.expired", fn: fun(aor: string, binding: registrar.binding), options?: sip.on.options)
---@overload fun(event: "registrar.removed", fn: fun(aor: string, binding: registrar.binding), options?: sip.on.options)
---@overload fun(event: "uac.registered", fn: fun(name: string, seconds: number), options?: sip.on.options)
---@overload fun(event: "uac.failed", fn: fun(name: string, error: string, code?: integer), options?: sip.on.options)
---@overload fun(event: "uac.unregistered", fn: fun(name: string), options?: sip.on.options)
---@overload fun(event: "dispatch.up", fn: fun(set: string, uri: string, why: string), options?: sip.on.options)
---@overload fun(event: "dispatch.down", fn: fun(set: string, uri: string, why: string), options?: sip.on.options)
---@overload fun(event: "nat.lost", fn: fun(aor: string, binding: nat.binding), options?: sip.on.options)
---@overload fun(event: "messages.delivered", fn: fun(aor: string, from: string, call_id: string), options?: sip.on.options)
---@overload fun(event: "messages.failed", fn: fun(aor: string, from: string, call_id: string, why: string), options?: sip.on.options)
---@overload fun(event: "rtpengine.up", fn: fun(uri: string), options?: sip.on.options)
---@overload fun(event: "rtpengine.down", fn: fun(uri: string, why: string), options?: sip.on.options)
---@overload fun(event: "rtpengine.dtmf", fn: fun(call_id: string, tag: string, digit: string), options?: sip.on.options)
---@overload fun(event: "rtpengine.timeout", fn: fun(call_id: string), options?: sip.on.options)
---@overload fun(event: "dialog.early", fn: fun(call: dialog.call), options?: sip.on.options)
---@overload fun(event: "dialog.answered", fn: fun(call: dialog.call), options?: sip.on.options)
---@overload fun(event: "dialog.ended", fn: fun(call: dialog.call), options?: sip.on.options)
---@overload fun(event: "acc.down", fn: fun(destination: string, why: string), options?: sip.on.options)
---@overload fun(event: "acc.up", fn: fun(destination: string), options?: sip.on.options)
---@overload fun(event: "presence.changed", fn: fun(aor: string, package: string), options?: sip.on.options)
function sip.on(event, fn, options) end

---Logs at level debug, with Call-ID and method in handlers. A single argument, of any type, is logged
---as it is. Raises if the format needs more arguments than there are.
---```lua
---sip.log.debug("%s called %s", req.from.uri, req.ruri)
---```
---@param format any as of string.format
---@param ... any of the format
function sip.log.debug(format, ...) end

---Logs at level info, with Call-ID and method in handlers. A single argument, of any type, is logged
---as it is. Raises if the format needs more arguments than there are.
---```lua
---sip.log.info("%s called %s", req.from.uri, req.ruri)
---```
---@param format any as of string.format
---@param ... any of the format
function sip.log.info(format, ...) end

---Logs at level warn, with Call-ID and method in handlers. A single argument, of any type, is logged
---as it is. Raises if the format needs more arguments than there are.
---```lua
---sip.log.warn("%s called %s", req.from.uri, req.ruri)
---```
---@param format any as of string.format
---@param ... any of the format
function sip.log.warn(format, ...) end

---Logs at level error, with Call-ID and method in handlers. A single argument, of any type, is logged
---as it is. Raises if the format needs more arguments than there are.
---```lua
---sip.log.error("%s called %s", req.from.uri, req.ruri)
---```
---@param format any as of string.format
---@param ... any of the format
function sip.log.error(format, ...) end

---The MD5 of text. Returns string: in hexadecimal, lower case.
---```lua
---local h = sip.hash.md5("alice:example.com:secret")
---```
---@param text string any bytes
---@return string result in hexadecimal, lower case
function sip.hash.md5(text) end

---The SHA-256 of text. Returns string: in hexadecimal, lower case.
---```lua
---local h = sip.hash.sha256("alice")
---```
---@param text string any bytes
---@return string result in hexadecimal, lower case
function sip.hash.sha256(text) end

---The HMAC of text with SHA-256. Returns string: in hexadecimal, lower case.
---```lua
---local h = sip.hash.hmac_sha256("key", "text")
---```
---@param key string
---@param text string any bytes
---@return string result in hexadecimal, lower case
function sip.hash.hmac_sha256(key, text) end

---Encodes text as Base64 (RFC 4648 §4).
---```lua
---local s = sip.base64.encode("alice:secret")
---```
---@param text string any bytes
---@return string result
function sip.base64.encode(text) end

---Decodes Base64 text; nil, err if it is malformed. Returns string or nil: any bytes.
---```lua
---local s, err = sip.base64.decode("YWxpY2U=")
---```
---@param text string any bytes
---@return string|nil result any bytes
---@return string|nil err why it failed
function sip.base64.decode(text) end

---Unpredictable random bytes. Returns string: in hexadecimal, lower case.
---```lua
---local id = sip.token(8)
---```
---@param bytes? integer from 1 to 1024; default 16
---@return string result in hexadecimal, lower case
function sip.token(bytes) end

---An unpredictable whole number from 1 to n. Returns number: from 1 to n.
---```lua
---if sip.random(100) <= 5 then sip.log.info("one of twenty") end
---```
---@param n integer above 0
---@return number result from 1 to n
function sip.random(n) end

---Encodes a value as JSON: a table with the keys 1 to n is a list, any other an object, an empty one
---{}. Raises for what JSON cannot represent: functions, NaN, tables of both kinds.
---```lua
---local text = sip.json.encode({ to = tostring(req.ruri), codes = { 486, 600 } })
---```
---@param value any
---@return string result
function sip.json.encode(value) end

---Decodes JSON text; nil, err if it is malformed. A whole number beyond 2^53, which a number in Lua
---cannot hold, is a string.
---```lua
---local rule, err = sip.json.decode('{"to": "sip:bob@example.com"}')
---```
---@param text string any bytes
---@return any|nil result
---@return string|nil err why it failed
function sip.json.decode(text) end

---Declares a metric that only grows. /metrics has it, all lanes count into it, and a reload that
---declares it alike keeps its values. Raises for a name that the server or another metric has, and
---beyond 100 metrics of 8 labels. Only while the file loads.
---```lua
---local calls = sip.metric.counter("my_calls_total", "Calls by country.", { "country" })
---```
---@param name string as it is exported: my_calls_total
---@param help string a sentence: what it counts
---@param labels? any[] names; optional
---@return sip.counter result
function sip.metric.counter(name, help, labels) end

---Declares a metric that goes up and down. Otherwise as metric.counter. Raises for a name that the
---server or another metric has, and beyond 100 metrics of 8 labels. Only while the file loads.
---```lua
---local waiting = sip.metric.gauge("my_waiting_calls", "Calls that wait for an agent.")
---```
---@param name string as it is exported: my_calls_total
---@param help string a sentence: what it counts
---@param labels? any[] names; optional
---@return sip.gauge result
function sip.metric.gauge(name, help, labels) end

---Declares a metric that counts observations by their size. Otherwise as metric.counter. Raises for a
---name that the server or another metric has, and beyond 100 metrics of 8 labels. Only while the file
---loads.
---```lua
---local score = sip.metric.histogram("my_score", "Scores of callers.", nil, { 1, 5, 10, 50 })
---```
---@param name string as it is exported: my_calls_total
---@param help string a sentence: what it counts
---@param labels? any[] names; optional
---@param buckets? any[] upper bounds in ascending order, at most 30; default from 0.005 to 60
---@return sip.histogram result
function sip.metric.histogram(name, help, labels, buckets) end

---A dictionary that all lanes share and that survives reloads; the same name gives the same
---dictionary. Raises beyond 1000 dictionaries.
---```lua
---local calls = sip.shared("calls", { capacity = 10000, ttl = 3600 })
---```
---@param name string
---@param options? sip.shared.options optional
---@return sip.dictionary result
function sip.shared(name, options) end

---Marks the call or request for those who look at what happened (`sipscript trace --name`) and for
---what is exported. Without a ring it does nothing. Only in handlers.
---```lua
---if req.from.uri.user == "alice" then sip.trace(req, { name = "the complaint of monday" }) end
---```
---@param req sip.request the request
---@param options? sip.trace.options optional
function sip.trace(req, options) end

---@class sip.request.reply.options
---@field headers? table {Name = text | list}, added to the response
---@field body? string
---@field content_type? string of the body

---@class sip.request.redirect.options
---@field code? integer default 302
---@field expires? number seconds for which the Contacts are valid

---@class sip.request.relay.options
---@field order? "parallel"|"serial"|"q" all targets at once (default, except for a list of `dispatch`), one after the other, or equal q at once and groups one after the other
---@field failover? string|any[]|fun(res: sip.response): boolean for serial and q: the codes and classes ("5xx") after which the next target is tried, "gateway" for a response that is failed, or a function that decides; default all except 6xx; not asked after the last target, of which on_response is told
---@field follow_redirects? boolean try the Contacts of a 3xx
---@field on_branch? fun(branch: sip.branch, req: sip.request): ...any edits the request of one branch
---@field on_response? fun(res: sip.response, req: sip.request): ...any sees each response except 100, once, before it is forwarded, and the outcome of a branch without a response (cause)
---@field on_failure? fun(res: sip.response, req: sip.request): ...any relay only: all targets failed, or the caller cancelled; it may reply, relay or fork again
---@field uri? sip.uri|string the new Request-URI, default unchanged; may be a binding, whose other keys then apply too
---@field next_hop? sip.uri|string the next hop only
---@field path? string|any[]|fun(res: sip.response): boolean the Route set to write: a route or a list of them
---@field flow? number of a binding: the connection to use
---@field received? string of a binding: the address its client was seen at
---@field from_socket? string the name of the listener to send from
---@field q? number from 0 to 1, for order "q"
---@field delay? number to wait before trying this target; 0 for none
---@field timeout? number to a final response
---@field ring_timeout? number from its first 18x to a final response
---@field reply_timeout? number to any response
---@field headers? table {Name = text | list | false}, set or removed on this branch
---@field credentials? sip.request.relay.options.credentials {user=, password=}, to answer a challenge with
---@field vars? table values of your own, read back as res.target.vars

---@class sip.request.fork.options
---@field order? "parallel"|"serial"|"q" all targets at once (default, except for a list of `dispatch`), one after the other, or equal q at once and groups one after the other
---@field failover? string|any[]|fun(res: sip.response): boolean for serial and q: the codes and classes ("5xx") after which the next target is tried, "gateway" for a response that is failed, or a function that decides; default all except 6xx; not asked after the last target, of which on_response is told
---@field follow_redirects? boolean try the Contacts of a 3xx
---@field on_branch? fun(branch: sip.branch, req: sip.request): ...any edits the request of one branch
---@field on_response? fun(res: sip.response, req: sip.request): ...any sees each response except 100, once, before it is forwarded, and the outcome of a branch without a response (cause)
---@field uri? sip.uri|string the new Request-URI, default unchanged; may be a binding, whose other keys then apply too
---@field next_hop? sip.uri|string the next hop only
---@field path? string|any[]|fun(res: sip.response): boolean the Route set to write: a route or a list of them
---@field flow? number of a binding: the connection to use
---@field received? string of a binding: the address its client was seen at
---@field from_socket? string the name of the listener to send from
---@field q? number from 0 to 1, for order "q"
---@field delay? number to wait before trying this target; 0 for none
---@field timeout? number to a final response
---@field ring_timeout? number from its first 18x to a final response
---@field reply_timeout? number to any response
---@field headers? table {Name = text | list | false}, set or removed on this branch
---@field credentials? sip.request.fork.options.credentials {user=, password=}, to answer a challenge with
---@field vars? table values of your own, read back as res.target.vars

---@class sip.request.set_parts.parts
---@field content_type string its Content-Type
---@field body string its content
---@field disposition? string its Content-Disposition
---@field id? string its Content-ID
---@field headers? table its other headers

---@class sip.response.set_parts.parts
---@field content_type string its Content-Type
---@field body string its content
---@field disposition? string its Content-Disposition
---@field id? string its Content-ID
---@field headers? table its other headers

---@class sip.branch.set_parts.parts
---@field content_type string its Content-Type
---@field body string its content
---@field disposition? string its Content-Disposition
---@field id? string its Content-ID
---@field headers? table its other headers

---@class sip.target.credentials
---@field user string
---@field password string

---@class sip.address.text
---@field display? string quoted if necessary
---@field uri sip.uri|string
---@field params? table

---@class sip.send.options
---@field method string not INVITE, ACK or CANCEL, which need a dialog
---@field headers? table {Name = text | list}
---@field body? string
---@field content_type? string of the body; a Content-Type in headers will do
---@field timeout? number to a final response, default 32
---@field from? string the URI in From, default that of the listener
---@field to? string the URI in To, default the Request-URI
---@field uri? sip.uri|string the Request-URI; this or target is required
---@field target? sip.destination as for relay
---@field credentials? sip.send.options.credentials {user=, password=}, to answer a challenge with

---@class sip.every.options
---@field jitter? number each pause is longer by up to this much

---@class sip.on.options
---@field ready? boolean of start only: the server is not ready before the function has ended

---@class sip.shared.options
---@field redis? boolean all servers with the same --redis have it in common: see redis_dictionary
---@field stale? number with redis: how old a value that was read may be while Redis is away
---@field durable? boolean survives the process, with --data: changes are on disk within 0.1 s. Only while the file loads
---@field capacity? integer number of values kept; the least recently used is dropped first
---@field bytes? integer approximate total size of values and keys in bytes
---@field ttl? number default time to live of a value in seconds; 0 for ever

---@class sip.trace.options
---@field name? string what the call is called by those who look at it

---@class sip.request.relay.options.credentials
---@field user string
---@field password string

---@class sip.request.fork.options.credentials
---@field user string
---@field password string

---@class sip.send.options.credentials
---@field user string
---@field password string

return sip
