---@meta registrar
-- Made by `sipscript stubs`. Where users are registered: REGISTER, lookups, GRUUs, Path, and the event package reg.

---One contact of a registered user. relay and fork accept it as a target.
---@class registrar.binding : sip.targeter
---@field uri sip.uri the contact
---@field q number preference, 0 to 1; 1 if the client gave none
---@field path any[]|nil Path values, topmost first (RFC 3327); nil if there are none
---@field flow number|nil identifies the connection it came on; nil if there is none
---@field received string|nil "udp:192.0.2.7:1024" for a client behind a NAT, "tcp:192.0.2.7:49152" for one on a connection; otherwise nil
---@field user_agent string|nil of the last REGISTER; nil if it had none
---@field instance string|nil "urn:uuid:…" (RFC 5626 §4.1); nil if there is none
---@field reg_id integer|nil RFC 5626 §4.2; nil if there is none
---@field params table the contact's header parameters, by name in lower case; true for those without a value. Capabilities are among them (RFC 3840)
---@field expires number left
local registrar_binding = {}

---@class registrar
local registrar = {}

---Sets options, once, while the file loads. Raises when options contradict each other. Only while the
---file loads.
---```lua
---registrar.configure({ max_contacts = 5, max_expires = 3600 })
---```
---@param options registrar.configure.options
function registrar.configure(options) end

---Processes a REGISTER and answers it: 200, 400, 403, 404, 420, 423, 500 or 503. It is the request's
---decision. Returns boolean: whether it was accepted. Then string or nil: if it was not. Only in
---handlers. It is the request's decision.
---```lua
---if req.method == "REGISTER" then return registrar.save(req) end
---```
---@param req sip.request the request
---@param options? registrar.save.options optional
---@return boolean result whether it was accepted
---@return string|nil why if it was not
function registrar.save(req, options) end

---Answers a SUBSCRIBE to the event package reg of a local user (RFC 3680): 200, 400, 403, 404, 406,
---420, 423, 481, 489, 500 or 503, and sends the NOTIFYs. It is the request's decision. Returns
---boolean: whether it was accepted. Then string or nil: if it was not. Only in handlers. It is the
---request's decision.
---```lua
---if req.method == "SUBSCRIBE" then return registrar.subscribe(req) end
---```
---@param req sip.request the request
---@param options? registrar.subscribe.options optional
---@return boolean result whether it was accepted
---@return string|nil why if it was not
function registrar.subscribe(req, options) end

---Writes this server into the Path of a REGISTER for another registrar, so that the client's requests
---come back here and reach it on its flow. Returns boolean: whether it was written. Then string or
---nil: the client does not support Path. Only in handlers.
---```lua
---if req.method == "REGISTER" then registrar.add_path(req, { force = true }) end
---```
---@param req sip.request the request
---@param options? registrar.add_path.options optional
---@return boolean result whether it was written
---@return string|nil why the client does not support Path
function registrar.add_path(req, options) end

---Lists where a user is registered. nil and an error if the store is unavailable; an empty list and a
---reason for a GRUU that was never issued. Returns list of binding or nil: bindings, the highest q
---first. Only in handlers.
---```lua
---req:relay(registrar.lookup(req.ruri))
---```
---@param uri sip.uri|string any spelling of the address-of-record
---@return registrar.binding[]|nil result bindings, the highest q first
---@return string|nil err why it failed
function registrar.lookup(uri) end

---Lists all bindings of an address, while lookup returns one for each client: for administration.
---Returns list of binding or nil: bindings, the highest q first. Only in handlers.
---```lua
---local all = registrar.bindings("sip:bob@example.com")
---```
---@param aor sip.uri|string any spelling of the address-of-record
---@return registrar.binding[]|nil result bindings, the highest q first
---@return string|nil err why it failed
function registrar.bindings(aor) end

---Waits until a user is registered, s seconds have passed, or the request is over, and lists the
---bindings. Returns list of binding or nil: bindings, the highest q first. Only in handlers. Waits.
---```lua
---req:relay(registrar.wait(req.ruri, 5))
---```
---@param uri sip.uri|string any spelling of the address-of-record
---@param s number to wait at most
---@return registrar.binding[]|nil result bindings, the highest q first
---@return string|nil err why it failed
function registrar.wait(uri, s) end

---Removes the bindings of an address, or those that equal contact. Returns integer or nil: how many
---were removed. Only in handlers.
---```lua
---registrar.remove("sip:bob@example.com")
---```
---@param aor sip.uri|string any spelling of the address-of-record
---@param contact? sip.uri|string default all
---@return integer|nil result how many were removed
---@return string|nil err why it failed
function registrar.remove(aor, contact) end

---The number of bindings. Only in handlers.
---```lua
---sip.log.info("%d bindings", registrar.count())
---```
---@return integer|nil result
---@return string|nil err why it failed
function registrar.count() end

---@class registrar.configure.options
---@field domains? "alias"|"separate"|"all" which domains share users. "alias": bob at an address of this server (bob@192.0.2.1) is bob of the first domain, and other domains have their own users; "separate": each domain and address has its own; "all": all share those of the first domain. auth follows this option. A dot at the end of a domain is ignored
---@field max_contacts? integer bindings per address
---@field at_limit? "reject"|"replace" what happens to a REGISTER that exceeds max_contacts: "reject" answers 403; "replace" replaces the contacts registered least recently
---@field max_bindings? integer bindings of all addresses together: a REGISTER that would exceed it is answered 503; refreshing and removing still work
---@field min_expires? number seconds. As the RFC requires, an hour or more is never refused as too brief
---@field max_expires? number seconds; longer times are shortened
---@field default_expires? number seconds, if the client names none
---@field use_path? boolean store the Path
---@field gruu? boolean give GRUUs to clients that name an instance and list gruu in Supported
---@field outbound? boolean distinguish the flows of one client. Not set: if the client and its first hop support it; other clients are registered without it. true: as in RFC 5626, 439 if the first hop does not support it (after which some phones never register again). false: never
---@field flow_timer? number seconds within which clients with flows must send keep-alives (Flow-Timer); at most 25 for UDP clients
---@field service_route? string|any[]|fun(res: sip.response): boolean Route entries that clients should use for their requests: "<sip:proxy.example.com;lr>" or a list
---@field durability? "commit"|"relaxed" "commit": a 200 means that the binding is on disk; "relaxed": it is written soon after. Has no effect on bindings kept only in memory
---@field subscriptions? registrar.configure.options.subscriptions a table with the options of subscribe:

---@class registrar.save.options
---@field headers? table {Name = text | list}, added to the answer

---@class registrar.subscribe.options
---@field headers? table {Name = text | list}, added to the answer

---@class registrar.add_path.options
---@field force? boolean also if the client does not list path in Supported
---@field route? boolean requests that come back for the client reach route, where req:relay() takes its flow; otherwise they go to the client unseen

---@class registrar.configure.options.subscriptions
---@field max_expires? number the longest duration of a subscription in seconds, and the default
---@field min_expires? number seconds; as for min_expires, an hour or more is never refused
---@field interval? number minimum seconds between NOTIFYs of changes to one subscriber; 0 for no minimum
---@field max? integer subscriptions in all
---@field max_per_user? integer subscriptions to one user's registrations

return registrar
