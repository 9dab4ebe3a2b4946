---@meta geo
-- Made by `sipscript stubs`. Where addresses are: country, city, autonomous system.

---@class geo
local geo = {}

---Opens the databases. Files that change are read again. Raises if one can't be read. Only while the
---file loads.
---```lua
----- geo.configure({ database = { "GeoLite2-City.mmdb", "GeoLite2-ASN.mmdb" } })
---```
---@param options geo.configure.options
function geo.configure(options) end

---Where an address is. nil if no database has it; nil, err for a text that is not an address, and
---without databases. Returns table or nil: {country, city, asn, org}, each nil if it is not known.
---```lua
---local place = geo.lookup("203.0.113.9")
---if place and place.country == "DE" then sip.log.info("from Germany") end
---```
---@param ip string an address
---@return table|nil result {country, city, asn, org}, each nil if it is not known
---@return string|nil err why it failed
function geo.lookup(ip) end

---@class geo.configure.options
---@field database string|any[]|fun(res: sip.response): boolean the file, or a list of files: the first that has something says it

return geo
