---@meta messages
-- Made by `sipscript stubs`. Keeps MESSAGEs for users who are not reachable, and delivers them when they register.

---A message that waits for its user.
---@class messages.message
---@field from string the From it came with
---@field call_id string
---@field content_type string|nil nil: it has no body
---@field size integer bytes of its body
---@field age number since it arrived
---@field expires number left until it is given up
local messages_message = {}

---@class messages
local messages = {}

---Sets options, once, while the file loads. Only while the file loads.
---```lua
---messages.configure({ max_per_user = 50, ttl = 3 * 24 * 3600 })
---```
---@param options messages.configure.options
function messages.configure(options) end

---Keeps a MESSAGE for the user in its Request-URI and answers it: 202; 404 for somebody who is not a
---user; 413 if it is too long; 480 if the user has as many as are kept; 503 if the store is not
---available. It is the request's decision. An is-composing message is answered 202 and not kept.
---Returns boolean: whether it is kept. Then string or nil: if it is not. Raises for another method.
---Only in handlers. Waits. It is the request's decision.
---```lua
---if req.method == "MESSAGE" and #registrar.lookup(req.ruri) == 0 then return messages.store(req) end
---```
---@param req sip.request the request
---@return boolean result whether it is kept
---@return string|nil why if it is not
function messages.store(req) end

---The messages that wait for a user, the oldest first. Only in handlers.
---```lua
---local list, err = messages.pending("sip:bob@example.com")
---```
---@param aor sip.uri|string any spelling of the address-of-record
---@param options? messages.pending.options optional
---@return messages.message[]|nil result
---@return string|nil err why it failed
function messages.pending(aor, options) end

---@class messages.configure.options
---@field max_per_user? integer messages that are kept for one user
---@field max_size? integer the longest body that is kept, in bytes
---@field ttl? number for how long a message is kept, in seconds; its own Expires may shorten it
---@field receipts? boolean senders who ask for it (IMDN, RFC 5438: "processing") are told that a message is stored, or that its time is over

---@class messages.pending.options
---@field limit? integer how many at most

return messages
