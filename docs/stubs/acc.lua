---@meta acc
-- Made by `sipscript stubs`. Records calls (CDRs): in files, databases and HTTP servers.

---@class acc
local acc = {}

---Says where records go. Only while the file loads.
---```lua
---acc.configure({ to = { "json:cdr.jsonl", "postgres://sip@db/cdr" }, fields = { user = function(req) return req.from.uri.user end } })
---```
---@param options acc.configure.options
function acc.configure(options) end

---From now on the call that an INVITE begins has a record, whatever becomes of it; it is written when
---the call ends. It record-routes if the script did not. Called again, and within the call, it changes
---fields. With a leg of b2b it is one record with all legs of the call, transfers too, until the last
---has ended. Raises for anything but an INVITE outside of a dialog, and without configure. Only in
---handlers.
---```lua
---acc.record(req, { customer = "7" })
---```
---@param req sip.request|any the request, or a leg of b2b
---@param fields? table {name = text, number or truth value} of the record; optional
---@return boolean|nil result true
---@return string|nil err why it failed
function acc.record(req, fields) end

---Changes fields of the call's record, or, with a branch, of its leg; of a call without a record,
---nothing. Only in handlers.
---```lua
---acc.record(req)
---req:relay("sip:bob@example.com", { on_branch = function(branch) acc.set(branch, { carrier = "a" }) end })
---```
---@param req sip.request|sip.branch|any a request of the call, or a branch: its leg; or a leg of b2b
---@param fields? table {name = text, number or truth value} of the record; optional
---@return boolean|nil result true
---@return string|nil err why it failed
function acc.set(req, fields) end

---Writes a record of something else at once: of a message, or of something that happens in a call,
---whose id is in it. Only in handlers.
---```lua
---acc.event(req, "message", { bytes = #(req.body or "") })
---```
---@param req sip.request the request
---@param name string of the event
---@param fields? table {name = text, number or truth value} of the record; optional
function acc.event(req, name, fields) end

---@class acc.configure.options
---@field to string|any[]|fun(res: sip.response): boolean the destinations: json:PATH, csv:PATH, sqlite:PATH, postgres://…, mysql://…, http://…, https://…; each gets every record
---@field every_leg? boolean each leg has a record of its own as well, before that of the call
---@field layout? "own"|"kamailio" of tables: "kamailio" fills acc, missed_calls and acc_cdrs
---@field rotate? acc.configure.options.rotate when files are set aside; without it, only by others such as logrotate
---@field headers? table {Name = text} of HTTP requests
---@field node? string the server's name, in each record
---@field gather? number seconds for which records are gathered before a destination gets them
---@field max_duration? number seconds after which a call that was answered and has not ended is recorded as "lost", unless it is tracked and goes on
---@field spool? acc.configure.options.spool where records wait; it takes effect at the start of the server
---@field fields? table {name = text | function(req | leg)}: in each record; a function is called at record

---@class acc.configure.options.rotate
---@field size? integer bytes
---@field every? number seconds: at each multiple of it since midnight UTC

---@class acc.configure.options.spool
---@field dir? string a directory
---@field size? integer bytes on disk at most, but for up to a quarter more for calls in progress; beyond it records wait in memory, up to 64 MiB
---@field sync? number seconds after which a record is on the disk at the latest; it outlives the process at once

return acc
