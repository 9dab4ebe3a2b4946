---@meta nat
-- Made by `sipscript stubs`. Detects senders behind NATs, and keeps clients behind NATs reachable.

---One contact of a registered user. relay and fork accept it as a target.
---@class nat.binding : sip.targeter
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
local nat_binding = {}

---@class nat
local nat = {}

---Sets options, once, while the file loads. Only while the file loads.
---```lua
---nat.configure({ keepalive = { interval = 25 } })
---```
---@param options nat.configure.options
function nat.configure(options) end

---Which addresses in a message do not lead to its sender: {contact, via, sdp}, each true or false;
---false if all do. Media with ICE are not looked at, nor are requests that came through other proxies.
---Returns table: {contact, via, sdp}, or false.
---```lua
---local behind = nat.detect(req)
---```
---@param message sip.request|sip.response|sip.branch a request, response or branch
---@return table result {contact, via, sdp}, or false
function nat.detect(message) end

---Puts the address and port that a message came from into its Contact. Dialogs that this server
---record-routes do not need it. nil, err for a response that was made here. Returns boolean or nil:
---whether something was changed.
---```lua
---if nat.detect(req) then nat.fix_contact(req) end
---```
---@param message sip.request|sip.response|sip.branch a request, response or branch
---@return boolean|nil result whether something was changed
---@return string|nil err why it failed
function nat.fix_contact(message) end

---Has the media of a session description go to the address that the message came from, or to another
---one, as sdp's set_address does; descriptions with ICE stay. nil, err for a description that can't be
---read. Returns boolean or nil: whether something was changed.
---```lua
---if nat.detect(req) then nat.fix_sdp(req) end
---```
---@param message sip.request|sip.response|sip.branch a request, response or branch
---@param options? nat.fix_sdp.options optional
---@return boolean|nil result whether something was changed
---@return string|nil err why it failed
function nat.fix_sdp(message, options) end

---@class nat.configure.options
---@field keepalive? nat.configure.options.keepalive keep-alives for registered clients behind NATs and on connections
---@field remove_lost? boolean the binding of a lost client is removed

---@class nat.fix_sdp.options
---@field address? string an IP address

---@class nat.configure.options.keepalive
---@field interval? number seconds between two keep-alives for one client
---@field method? "OPTIONS"|"crlf"|"stun" what is sent; only OPTIONS is answered
---@field lost_after? integer unanswered ones in a row after which a client that answered before is lost

return nat
