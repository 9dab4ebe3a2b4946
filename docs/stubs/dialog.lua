---@meta dialog
-- Made by `sipscript stubs`. Knows the calls that pass: limits how many there are and how long they last, ends them, and tells what becomes of them.

---A call that is tracked. Its fields are those of the moment they are read; after its end it stays as it was.
---@class dialog.call
---@field id string names it; hexadecimal
---@field call_id string the Call-ID of its messages
---@field state string "early", "confirmed" or "ended"
---@field started number when, as sip.now() has it
---@field answered number|nil when; nil before
---@field ended number|nil when; nil before
---@field by string|nil who ended it: "caller", "callee" or "server"; nil if that is not known
---@field cause string|nil why it ended: "bye", "cancelled", "rejected" …
---@field held boolean hold has put the parties on hold
---@field code integer|nil of the response that answered or ended it; nil for none
---@field caller string the address of the caller, by From: "sip:alice@example.com"
---@field callee string the address of the called, by the Request-URI when it was tracked
---@field from_uri sip.uri the URI in From
---@field to_uri sip.uri the URI in To
---@field a table the caller's side: {tag, contact, received}
---@field b table|nil the side that answered, or rings: {tag, contact, received}; nil before
---@field node string|nil the node that has it, of a call in list; nil for this one. Of another node's call its parties, state and times are known, and hang_up alone has an effect
---@field legs any[] of {uri, tag, state, code, cause, started, answered, ended}: the branches, in their order; of a call of b2b those that were called
---@field vars table what track and keep have kept; a copy
local dialog_call = {}

---Ends the call: BYE to both sides of an answered one, otherwise CANCEL and 480. Returns at once.
---Returns boolean: false if it has ended, or its node can't be told: Redis is away.
---```lua
---local call = dialog.of(req)
---if call then call:hang_up("Q.850;cause=16") end
---```
---@param reason? string the value of a Reason header (RFC 3326); optional
---@return boolean result false if it has ended, or its node can't be told: Redis is away
function dialog_call:hang_up(reason) end

---Has the call count for further keys, all or none: for what is known only later. Then string or nil:
---that is full. Waits. `check` warns where nobody looks at the result.
---```lua
---local call = dialog.track(req)
---local ok, key = call:limit({ ["trunk:9"] = 100 })
---```
---@param limits table how many calls may have each key: {["customer:7"] = 30}
---@return boolean result
---@return string|nil key that is full
function dialog_call:limit(limits) end

---Puts both parties on hold: each gets an INVITE within the dialog, in the name of the other, by which
---all media are inactive. Waits for both. nil, err, code if one refuses; the other may be on hold
---then, until resume. Then integer or nil: what a party answered; 408 for nothing. Waits.
---```lua
---local call = dialog.of(req)
---if call then call:hold() end
---```
---@return boolean|nil result true
---@return string|nil err why not
---@return integer|nil code what a party answered; 408 for nothing
function dialog_call:hold() end

---Ends a hold: both parties negotiate again. Then integer or nil: what a party answered; 408 for
---nothing. Waits.
---```lua
---local call = dialog.of(req)
---if call then call:resume() end
---```
---@return boolean|nil result true
---@return string|nil err why not
---@return integer|nil code what a party answered; 408 for nothing
function dialog_call:resume() end

---Has one party call somebody else (REFER, in the name of the other), and waits for what becomes of
---that: true when the target has answered, and the call ends; otherwise nil, err, code, and the call
---goes on. Then integer or nil: what a party answered; 408 for nothing. Raises if the target is not a
---sip or sips URI. Waits.
---```lua
---local call = dialog.of(req)
---if call then call:transfer("sip:desk@example.com", { who = "callee" }) end
---```
---@param target sip.uri|string a sip or sips URI
---@param options? dialog.call.transfer.options optional
---@return boolean|nil result true
---@return string|nil err why not
---@return integer|nil code what a party answered; 408 for nothing
function dialog_call:transfer(target, options) end

---Has the call last longer than max_duration by so many seconds.
---```lua
---local call = dialog.of(req)
---if call then call:extend(600) end
---```
---@param seconds number
function dialog_call:extend(seconds) end

---Keeps a value with the call, or, with nil, keeps it no longer. Raises for other values than texts of
---at most 1024 bytes, numbers and truth values, and more than 32 of them; if another node has the
---call.
---```lua
---local call = dialog.track(req)
---call:keep("account", "7")
---```
---@param key string
---@param value any text, number or truth value
function dialog_call:keep(key, value) end

---@class dialog
local dialog = {}

---Follows the call that an INVITE begins, to its end. It record-routes if the script did not. All
---limits are checked and counted in one step, and given back once, whatever ends the call. Called
---again it changes the options that are given. Within a dialog it does nothing, and returns the call.
---With a leg of b2b, or before b2b.incoming, the call is that of the leg, of those that are called for
---it, and of those that any of these is bridged with: it is over when the last has ended. Returns call
---or nil: nil if a limit is reached: answer the request. Then string or nil: "limit"; "session
---interval": it is too short, and the INVITE was answered 422; "not tracked": it is within a dialog
---whose call is not. Then string or nil: that is full. Raises for anything but an INVITE, outside of a
---dialog, and behind its decision. Only in handlers. Waits. With `limits`, `check` warns where nobody
---looks at the result.
---```lua
---local call, why, key = dialog.track(req, { limits = { ["customer:7"] = 30 }, max_duration = 3600 })
---if not call then return req:reply(486) end
---```
---@param req sip.request|any the request, or a leg of b2b
---@param options? dialog.track.options optional
---@return dialog.call|nil result nil if a limit is reached: answer the request
---@return string|nil why "limit"; "session interval": it is too short, and the INVITE was answered 422; "not tracked": it is within a dialog whose call is not
---@return string|nil key that is full
function dialog.track(req, options) end

---The call that a request begins or belongs to, that a leg of b2b is of, or that has an id; nil if it
---is not tracked, or over. Returns call or nil: nil for none. Only in handlers.
---```lua
---local call = dialog.of(req)
---```
---@param call sip.request|string|any a request of the call, a leg of b2b, or its id
---@return dialog.call|nil result nil for none
function dialog.of(call) end

---Whether a request within a dialog belongs to a tracked call, with its tags, a CSeq number higher
---than its sender's last, and the other party's Contact as its target. Then string or nil: what is
---wrong. Only in handlers. `check` warns where nobody looks at the result.
---```lua
---if req.in_dialog and not dialog.validate(req) then return req:reply(481) end
---```
---@param req sip.request the request
---@return boolean result
---@return string|nil why what is wrong
function dialog.validate(req) end

---How many calls have a key of their limits, or how many calls there are; with --redis at all nodes,
---those of others as they were up to 20 s ago. Only in handlers.
---```lua
---local n = dialog.count("customer:7")
---```
---@param key? string of limits; default all calls
---@return integer result
function dialog.count(key) end

---The calls there are, the oldest first; with --redis those of all nodes, of others as they were up to
---20 s ago. Only in handlers.
---```lua
---for _, call in ipairs(dialog.list({ key = "customer:7" })) do call:hang_up() end
---```
---@param options? dialog.list.options optional
---@return dialog.call[] result
function dialog.list(options) end

---@class dialog.call.transfer.options
---@field who? "caller"|"callee" the party that calls the target
---@field timeout? number seconds until the target has answered

---@class dialog.track.options
---@field max_duration? number seconds from the answer, then it is ended
---@field limits? any how many calls may have each of these keys at the same time
---@field vars? any kept with the call: texts, numbers, truth values
---@field keepalive? number seconds between two pings of both parties, at least 10; 0: never. A 481 or three losses in a row end the call
---@field session_timer? dialog.track.options.session_timer asks for session timers (RFC 4028)
---@field end_without_media? boolean ends the call when its media is gone
---@field flow_lost? number seconds after which the call ends when the connection of a browser or phone is gone that has no other way; 0: never

---@class dialog.list.options
---@field key? string of their limits
---@field from? string address of the caller: as call.caller
---@field to? string address of the called: as call.callee
---@field limit? integer how many at most

---@class dialog.track.options.session_timer
---@field interval? number seconds without a refresh after which the call is over; parties may want less
---@field min? number less is refused: 422, with Min-SE
---@field refresher? "uac" who refreshes where the callee knows no timers; a proxy may not choose otherwise (RFC 4028 §8.1)

return dialog
