---@meta dns
-- Made by `sipscript stubs`. Looks up DNS records.

---@class dns
local dns = {}

---The records of a name, in no order; an empty list where there are none. For PTR an address will do
---for the name. Answers are kept as long as they live; nil, err where the servers can't be asked.
---Returns list or nil: strings for A, AAAA, TXT, PTR and CNAME; tables {priority, weight, port,
---target} for SRV, {order, preference, flags, service, regexp, replacement} for NAPTR, {preference,
---target} for MX. Waits.
---```lua
---local list, err = dns.lookup("_sip._udp.example.com", "SRV")
---for _, srv in ipairs(list or {}) do sip.log.info("%s:%d", srv.target, srv.port) end
---```
---@param name string
---@param type "A"|"AAAA"|"SRV"|"NAPTR"|"TXT"|"PTR"|"CNAME"|"MX"
---@return any[]|nil result strings for A, AAAA, TXT, PTR and CNAME; tables {priority, weight, port, target} for SRV, {order, preference, flags, service, regexp, replacement} for NAPTR, {preference, target} for MX
---@return string|nil err why it failed
function dns.lookup(name, type) end

return dns
