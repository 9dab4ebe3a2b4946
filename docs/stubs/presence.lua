---@meta presence
-- Made by `sipscript stubs`. Who is there, who is in a call, and for whom messages wait: PUBLISH, SUBSCRIBE and NOTIFY.

---A subscription to the state of a user.
---@class presence.watcher
---@field id string for terminate
---@field watcher sip.uri who watches
---@field package string the event package
---@field state string "active", "pending", or "polite" for one who is told that the user is not there
---@field expires number left
local presence_watcher = {}

---@class presence
local presence = {}

---Sets options, once, while the file loads. Raises if options contradict each other, or a source can't
---be read. Only while the file loads.
---```lua
---presence.configure({ authorize = function(watcher, user, package) return (package == "presence" or package == "dialog") and watcher:match("@(.*)") == user:match("@(.*)") or watcher == user end })
---```
---@param options presence.configure.options
function presence.configure(options) end

---Processes a PUBLISH (RFC 3903) and answers it: 200, 400, 403, 404, 412, 413, 415, 420, 423, 489 or
---503. It is 403 unless From, which was authenticated, is the user of the Request-URI. It is the
---request's decision. Returns boolean: whether it was accepted. Then string or nil: if it was not.
---Only in handlers. Waits. It is the request's decision.
---```lua
---if req.method == "PUBLISH" then return presence.publish(req) end
---```
---@param req sip.request the request
---@param options? presence.publish.options optional
---@return boolean result whether it was accepted
---@return string|nil why if it was not
function presence.publish(req, options) end

---Answers a SUBSCRIBE to the state of a local user (RFC 6665): 200, 400, 403, 404, 406, 420, 423, 481,
---482, 489, 500 or 503, and sends the NOTIFYs; later SUBSCRIBEs of the dialog never reach the script.
---The watcher is From, which was authenticated. It is the request's decision. Returns boolean: whether
---it was accepted. Then string or nil: if it was not. Only in handlers. Waits. It is the request's
---decision.
---```lua
---if req.method == "SUBSCRIBE" then return presence.subscribe(req) end
---```
---@param req sip.request the request
---@param options? presence.subscribe.options optional
---@return boolean result whether it was accepted
---@return string|nil why if it was not
function presence.subscribe(req, options) end

---Publishes for a user, in place of what was set before; nil ends it. Tables: presence {open=, note=,
---activity=, contact=}; message-summary {messages_waiting=, voice={new=, old=, urgent_new=,
---urgent_old=}, fax=, video=, text=, account=}; dialog {state=, direction=, remote=, display=,
---call_id=, local_tag=, remote_tag=, id=}. A string is a whole document. Only in handlers. Waits.
---```lua
---presence.set("sip:bob@example.com", "message-summary", { voice = { new = 2, old = 5 } })
---```
---@param aor sip.uri|string any spelling of the user's address
---@param package string "presence", "dialog" or "message-summary"
---@param state any a table, the text of a document, or nil
---@param options? presence.set.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function presence.set(aor, package, state, options) end

---The document of a user's state. Returns string or nil: nil if nobody has said anything. Only in
---handlers. Waits.
---```lua
---local xml = presence.get("sip:bob@example.com", "presence")
---```
---@param aor sip.uri|string any spelling of the user's address
---@param package string "presence", "dialog" or "message-summary"
---@return string|nil result nil if nobody has said anything
---@return string|nil err why it failed
function presence.get(aor, package) end

---The subscriptions to a user's state, of one event package or of all. Only in handlers.
---```lua
---for _, w in ipairs(presence.watchers("sip:bob@example.com")) do sip.log.info("%s %s", w.watcher, w.state) end
---```
---@param aor sip.uri|string any spelling of the user's address
---@param package? string optional
---@return presence.watcher[] result
function presence.watchers(aor, package) end

---Asks authorize again about all who watch a user, and tells those for whom the answer is another one:
---after a user has said yes or no. Returns integer or nil: for how many it is another one. Only in
---handlers. Waits.
---```lua
---presence.refresh("sip:bob@example.com")
---```
---@param aor sip.uri|string any spelling of the user's address
---@return integer|nil result for how many it is another one
---@return string|nil err why it failed
function presence.refresh(aor) end

---Ends a subscription with a last NOTIFY (RFC 6665 §4.1.3). Returns boolean: whether it was there.
---Raises for a reason that there is not. Only in handlers.
---```lua
---for _, w in ipairs(presence.watchers("sip:bob@example.com")) do presence.terminate(w.id, { reason = "rejected" }) end
---```
---@param id string of a watcher
---@param options? presence.terminate.options optional
---@return boolean result whether it was there
function presence.terminate(id, options) end

---@class presence.configure.options
---@field packages? string|any[]|fun(res: sip.response): boolean the event packages that are served; any other is answered 489
---@field max_expires? number the longest duration of subscriptions and publications in seconds, and the default
---@field min_expires? number seconds; a shorter duration is answered 423
---@field interval? number minimum seconds between NOTIFYs of changes to one watcher; never more than 1 for dialog and message-summary
---@field from? string "registrations": who publishes nothing is there while a phone of theirs is registered
---@field blf? boolean calls give dialog documents by themselves
---@field remote_identity? boolean dialog documents name the other party of a call; a user's own phones always see it
---@field partial? boolean dialog documents between the first and the last have only what has changed
---@field unsolicited? boolean message-summary is sent to registered phones that never subscribe, too
---@field max? integer subscriptions in all; beyond it 503
---@field max_per_user? integer subscriptions to one package of one user; beyond it 403
---@field max_per_watcher? integer subscriptions of one watcher; beyond it 403
---@field max_publications? integer publications of one package by one user; beyond it 403
---@field max_size? integer bytes of a document that is published; beyond it 413
---@field authorize? any who may watch whom: function(watcher, user, package), which returns true, "pending" (nothing is told until refresh finds true), "polite" (the user seems not to be there) or false (403); or a source of rules {watcher=, user=, package=, allow=}. Without it everybody watches only themselves
---@field lists? any lists of users that are watched by one SUBSCRIBE (RFC 4662): a source of {uri=, members=}

---@class presence.publish.options
---@field trusted? boolean From is right although nobody has proved it, as for a voicemail server; publish: for any user
---@field headers? table {Name = text | list}, added to the answer

---@class presence.subscribe.options
---@field trusted? boolean From is right although nobody has proved it, as for a voicemail server; publish: for any user
---@field headers? table {Name = text | list}, added to the answer

---@class presence.set.options
---@field expires? number seconds until it ends by itself

---@class presence.terminate.options
---@field reason? string "deactivated" and "timeout": the watcher should subscribe again; "probation" and "giveup": later; "rejected", "noresource", "invariant": not again
---@field retry_after? number for probation and giveup: seconds

return presence
