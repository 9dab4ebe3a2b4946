---@meta acl
-- Made by `sipscript stubs`. Lists of senders, and who is not heard at all.

---An entry of a list.
---@class acl.entry
---@field address string as it was written
---@field port integer|nil nil: any
---@field transport string|nil nil: any
---@field expires number|nil left; nil: it does not end
---@field note string|nil nil: there is none
---@field attrs table as they were given, or empty
local acl_entry = {}

---@class acl
local acl = {}

---Sets the lists, once, while the file loads. A list named "blocked" is always there, and is dropped
---unless drop says otherwise. Raises if a source can't be read, or has an entry that can't be. Only
---while the file loads.
---```lua
---acl.configure({
---  lists = { trunks = { "192.0.2.0/24", { address = "198.51.100.7", port = 5060, attrs = { carrier = "one" } } } },
---  drop = { "blocked" },
---})
---```
---@param options acl.configure.options
function acl.configure(options) end

---The entry of a list that has the sender of a request, or an address: the most specific one. nil, err
---for a text that is not an address. Returns entry or false or nil: false: none has it. Raises for a
---list that was not configured. Only in handlers. `check` warns where nobody looks at the result.
---```lua
---local entry = acl.check(req, "blocked")
---if entry then sip.log.info("from %s", entry.address) end
---```
---@param sender sip.request|string the request, or an address, with or without a port
---@param list string the name of a list
---@return acl.entry|false|nil result false: none has it
---@return string|nil err why it failed
function acl.check(sender, list) end

---Adds an entry to a list at once, in place of one with the same address, port and transport: a text,
---or a table as in configure. It stays over reloads, and with --data over restarts. nil, err for an
---entry that can't be read. Raises for a list that was not configured. Only in handlers.
---```lua
---acl.add("blocked", "203.0.113.9", { ttl = 3600, note = "guesses passwords" })
---```
---@param list string the name of a list
---@param entry string|table an address, or a table as in configure
---@param options? acl.add.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function acl.add(list, entry, options) end

---Removes an entry that was added. One that comes from the list's source stays: add an exception, such
---as "!192.0.2.7". Returns boolean or nil: whether it was there. Raises for a list that was not
---configured. Only in handlers.
---```lua
---local was_there = acl.remove("blocked", "203.0.113.9")
---```
---@param list string the name of a list
---@param entry string|table an address, or a table as in configure
---@return boolean|nil result whether it was there
---@return string|nil err why it failed
function acl.remove(list, entry) end

---The entries of a list that hold now, those that were added first. Raises for a list that was not
---configured. Only in handlers.
---```lua
---for _, entry in ipairs(acl.list("blocked", { limit = 10 })) do sip.log.info("%s %s", entry.address, entry.note or "") end
---```
---@param list string the name of a list
---@param options? acl.list.options optional
---@return acl.entry[] result
function acl.list(list, options) end

---Reads the sources of all lists again. Returns boolean or nil: true, or nil and what can't be read:
---those lists stay as they were. Only in handlers. Waits.
---```lua
---local ok, err = acl.reload()
---```
---@return boolean|nil result true, or nil and what can't be read: those lists stay as they were
---@return string|nil err why it failed
function acl.reload() end

---@class acl.configure.options
---@field lists? table the lists by name, each a source of entries: texts, or tables {address=, port=, transport=, expires=, note=, attrs=}
---@field drop? string|any[]|fun(res: sip.response): boolean lists whose senders are not heard: what they send is dropped before it is parsed, and their connections are refused

---@class acl.add.options
---@field ttl? number how long it is in the list
---@field note? string for people

---@class acl.list.options
---@field limit? integer how many at most

return acl
