---@meta uac
-- Made by `sipscript stubs`. A client of other servers: registrations with trunks, and masks of From and To.

---The state of an account at its registrar.
---@class uac.registration
---@field name string of the account
---@field state string registering, registered or failed
---@field expires number|nil seconds left; nil if not registered
---@field error string|nil of the last attempt; nil if it was accepted
---@field code integer|nil of the last answer; nil for none
---@field aor sip.uri what is registered
---@field contact sip.uri|nil where calls arrive; nil before the first attempt if the account names none
local uac_registration = {}

---@class uac
local uac = {}

---Sets options, once, while the file loads. Only while the file loads.
---```lua
---uac.configure({ retry = 60 })
---```
---@param options uac.configure.options
function uac.configure(options) end

---Keeps an address registered elsewhere, as long as the script names it. Reloads do not disturb
---unchanged registrations. Raises for two accounts of one name, and one that differs from lane to
---lane. Only while the file loads.
---```lua
---uac.register({ registrar = "sip:provider.example", user = "4930123", password = "secret" })
---```
---@param account uac.register.account
function uac.register(account) end

---The state of the registrations, by name. Only in handlers.
---```lua
---for _, r in ipairs(uac.registrations()) do sip.log.info("%s: %s", r.name, r.state) end
---```
---@return uac.registration[] result
function uac.registrations() end

---A target by way of an account: along the Service-Route supplied by its registrar (RFC 3608), by its
---proxy and from its socket, with its credentials. nil and the reason if it is not registered. Returns
---target or nil: for relay and fork. Only in handlers.
---```lua
---req:relay(uac.target("4930123"))
---```
---@param name string of the account
---@param uri? sip.uri|string default the unchanged Request-URI
---@return sip.destination|nil result for relay and fork
---@return string|nil err why it failed
function uac.target(name, uri) end

---Shows the far side another From or To, to the end of the dialog. Needs record_route before it if a
---dialog can start. Raises without record_route, and if no new name is given. Only in handlers.
---```lua
---req:record_route()
---uac.mask(req, { from = "sip:4930123@provider.example", display = "" })
---```
---@param req sip.request|sip.branch the request, or the branch of an on_branch
---@param options uac.mask.options
---@return boolean|nil result true
---@return string|nil err why it failed
function uac.mask(req, options) end

---@class uac.configure.options
---@field retry? number seconds to wait after a first failure
---@field max_retry? number seconds between attempts, at most

---@class uac.register.account
---@field name? string what registrations and events call it
---@field registrar string a URI: where REGISTER is sent, "sip:trunk.example", with ;transport=tcp and the like
---@field user string the credentials
---@field password string the credentials
---@field aor? string what is registered
---@field contact? string where calls should arrive
---@field proxy? string a URI to send to instead of the registrar
---@field socket? string the listener to send from, as named by --listen
---@field expires? number seconds to request, up to a week

---@class uac.mask.options
---@field from? string the uri in From
---@field display? string the name in From; "" for none
---@field to? string the uri in To
---@field to_display? string the name in To; "" for none

return uac
