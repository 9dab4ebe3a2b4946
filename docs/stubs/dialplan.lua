---@meta dialplan
-- Made by `sipscript stubs`. Rewrites numbers, by rules and by a country's habits.

---@class dialplan
local dialplan = {}

---Sets the plans, once, while the file loads. Raises for rules that contradict themselves, and for a
---list that can't be read. Only while the file loads.
---```lua
---dialplan.configure({ plans = { outbound = { { match = "^00(.*)", replace = "+%1" }, { prefix = "0", strip = 1, add = "+49" } } } })
---```
---@param options dialplan.configure.options
function dialplan.configure(options) end

---The text as the plan's first rule that fits makes it, and the rule's attrs; nil, "no match" if none
---fits. Rules with a lower priority go first; of equal ones those with match in their order, then the
---longest prefix. Returns string or nil: the text. Then table or string: the rule's attrs, {} if it
---has none; or "no match". Raises for a plan that is not configured, and what a rule's function
---raises. Only in handlers. Waits.
---```lua
---local number, attrs = dialplan.translate("outbound", req.ruri.user)
---```
---@param plan string
---@param text string at most 256 bytes; a longer one does not match
---@return string|nil result the text
---@return table|string result2 the rule's attrs, {} if it has none; or "no match"
function dialplan.translate(plan, text) end

---The number with its country code, "+4930123456", of what somebody wrote or dialled in a country.
---Blanks and - . / ( ) are left out. nil, err for what is not a number of the public network: names,
---short codes, numbers that need an area code. Returns string or nil: the number. Raises for options
---that are not digits, and for a country whose habits are not known and not given.
---```lua
---local number, err = dialplan.e164("(030) 123 456", { country = "49" })
---```
---@param text string
---@param options dialplan.e164.options
---@return string|nil result the number
---@return string|nil err why it failed
function dialplan.e164(text, options) end

---Reads the lists of all plans again, or of one. Files are read by themselves when they have changed,
---databases in their time. Returns boolean or nil: true, or nil and why it can't be read: the list
---before remains. Raises for a plan that is not configured. Only in handlers. Waits.
---```lua
---local ok, err = dialplan.reload("outbound")
---```
---@param plan? string default all
---@return boolean|nil result true, or nil and why it can't be read: the list before remains
---@return string|nil err why it failed
function dialplan.reload(plan) end

---@class dialplan.configure.options
---@field plans any by name: lists of rules, or where they come from

---@class dialplan.e164.options
---@field country string the country code, such as "49"
---@field international? string|any[]|fun(res: sip.response): boolean what is dialled before a country code, or several of these
---@field national? string|any[]|fun(res: sip.response): boolean what is dialled before a national number, or several of these; "" where numbers are always dialled whole
---@field area? string the area code, for numbers that are dialled without it; without area they are refused
---@field digits? integer how many digits a national number has, where all have the same: so many need no national prefix

return dialplan
