---@meta lcr
-- Made by `sipscript stubs`. Finds the cheapest carriers for a number.

---A gateway of a carrier. relay and fork accept it as a target; a list is tried in its order, until somebody has been reached.
---@class lcr.route : sip.targeter
---@field carrier string the carrier's name
---@field prefix string the prefix of the rate, without +
---@field cost number of the rate
---@field quality number of the rate; 0 if it has none
---@field attrs table of the rate, a copy; {} if it has none
---@field uri sip.uri the Request-URI: the number as the carrier wants it, at the gateway
local lcr_route = {}

---@class lcr
local lcr = {}

---Sets rates and carriers, once, while the file loads. Raises for rates that can't be read. Only while
---the file loads.
---```lua
---lcr.configure({ timezone = "Europe/Berlin", rates = { { prefix = "49", carrier = "acme", cost = "0.0125" } },
---  carriers = { acme = { strip = 1, add = "00", targets = { "sip:192.0.2.7" } } } })
---```
---@param options lcr.configure.options
function lcr.configure(options) end

---Gateways for a number, those of the cheapest carrier first. Of each carrier the longest prefix
---counts. nil, err if no carrier takes the number, or none has a gateway that is up. Returns list of
---route or nil: a list of routes. Raises before configure, and for options that are not what they
---should be. Only in handlers.
---```lua
---local routes, err = lcr.routes("+4930123456", { limit = 3 })
---req:record_route()
---req:relay(routes, err)
---```
---@param number string digits, with or without + in front
---@param options? lcr.routes.options optional
---@return lcr.route[]|nil result a list of routes
---@return string|nil err why it failed
function lcr.routes(number, options) end

---Reads the rates again. A file is read by itself when it has changed, a database in its time. Returns
---boolean or nil: true, or nil and why they can't be read: the rates before remain. Raises before
---configure. Only in handlers. Waits.
---```lua
---local ok, err = lcr.reload()
---```
---@return boolean|nil result true, or nil and why they can't be read: the rates before remain
---@return string|nil err why it failed
function lcr.reload() end

---@class lcr.configure.options
---@field rates any a list of rates, or where it comes from
---@field timezone? string of hours, days, and times without a zone: "Europe/Berlin"
---@field carriers? any {set = a set of dispatch, NAME = {strip =, add =, targets = URIs of its gateways in place of the set's}}

---@class lcr.routes.options
---@field account? string whose rates go before those for all
---@field at? any when: seconds since 1970, or text such as "2026-01-31T12:00:00Z"
---@field max_cost? any what costs more is left out: a number, or text
---@field min_quality? number what has less quality is left out
---@field limit? integer at most so many carriers

return lcr
