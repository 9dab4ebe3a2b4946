---@meta topology
-- Made by `sipscript stubs`. Hides the two sides of a call from each other.

---@class topology
local topology = {}

---Hides the sender of the request, and those whom it goes to, from each other: Via, Record-Route and
---Contact, in all messages of the dialog. It record-routes where that was not done. In a dialog it
---does nothing; a second call changes the options. Raises for an ACK or CANCEL, and for a contact_user
---that is not the user of a URI; forward raises after it. Only in handlers.
---```lua
---topology.hide(req)
---```
---@param req sip.request the request
---@param options? topology.hide.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function topology.hide(req, options) end

---@class topology.hide.options
---@field call_id? boolean the Call-ID too, and where Refer-To and Target-Dialog name one
---@field contact_user? string the user of the Contacts that are shown
---@field warning? boolean Warning too, which names hosts
---@field history? boolean History-Info and Diversion too

return topology
