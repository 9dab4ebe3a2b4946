---@meta enum
-- Made by `sipscript stubs`. Finds the URIs of telephone numbers in the DNS.

---@class enum
local enum = {}

---The URIs of a number with its country code, the most preferred first. nil, err if it has none, and
---if the DNS can't be asked. Returns list or nil: a list of URIs, as text. Raises for a suffix that is
---not a domain. Waits.
---```lua
---local uris, err = enum.lookup("+4930123456")
---if uris then sip.log.info("reached without a carrier: %s", uris[1]) end
---```
---@param number string with or without + in front; blanks and - . ( ) are left out
---@param options? enum.lookup.options optional
---@return any[]|nil result a list of URIs, as text
---@return string|nil err why it failed
function enum.lookup(number, options) end

---@class enum.lookup.options
---@field suffix? string the domain below which numbers are
---@field service? string the enumservice: sip, tel, mailto, voice:sip

return enum
