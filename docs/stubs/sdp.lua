---@meta sdp
-- Made by `sipscript stubs`. Reads and edits session descriptions.

---The session description of a message. It follows the message, and lives as long; an edit changes the message at once, and leaves byte for byte what it does not name. Each edit raises an error if the description would be longer than 64 KiB.
---@class sdp.sdp
---@field origin table|nil {user, id, version, address} of the o= line; nil without one
---@field address string|nil of the session's own c= line; nil without one
---@field hold boolean whether all media are on hold: sendonly, inactive, or, without ICE, at the address 0.0.0.0
---@field bandwidth table|nil the b= lines, {AS = 512}; nil without any
---@field media sdp.medium[] one for each m= line
local sdp_sdp = {}

---The values of the session's own attributes of that name, in order; "" for one without a value.
---Returns list: values.
---```lua
---local groups = sdp.of(req):attributes("group")
---```
---@param name string
---@return any[] result values
function sdp_sdp:attributes(name) end

---Makes this the session's only attribute of that name, or removes it.
---```lua
---sdp.of(req):set_attribute("tool", false)
---```
---@param name string of the attribute
---@param value string|boolean what follows the colon; true for an attribute without a value, false for none
function sdp_sdp:set_attribute(name, value) end

---Puts an address into all c= lines, and into the address of a=rtcp. 0.0.0.0 stays, which is hold, or
---means nothing beside ICE; the o= line and candidates stay.
---```lua
---sdp.of(req):set_address("203.0.113.5")
---```
---@param ip string an IP address
function sdp_sdp:set_address(ip) end

---Removes all codecs but these from media that are RTP. What refers to a codec that goes, as rtx does,
---goes too. A medium that has no codec left for sound or pictures is refused, as by m:remove().
---Returns boolean: false if a medium was refused.
---```lua
---sdp.of(req):keep_codecs({ "PCMA", "telephone-event" })
---```
---@param names any[] codecs as a=rtpmap has them, in any case: "PCMA", "L16/44100"; static payload types without a=rtpmap have their usual names
---@return boolean result false if a medium was refused
function sdp_sdp:keep_codecs(names) end

---Removes codecs from media that are RTP. What refers to a codec that goes, as rtx does, goes too. A
---medium that has no codec left for sound or pictures is refused, as by m:remove(). Returns boolean:
---false if a medium was refused.
---```lua
---sdp.of(req):remove_codecs({ "PCMA", "telephone-event" })
---```
---@param names any[] codecs as a=rtpmap has them, in any case: "PCMA", "L16/44100"; static payload types without a=rtpmap have their usual names
---@return boolean result false if a medium was refused
function sdp_sdp:remove_codecs(names) end

---Puts codecs first, in this order.
---```lua
---sdp.of(req):prefer_codecs({ "opus", "G722" })
---```
---@param names any[] codecs as a=rtpmap has them, in any case: "PCMA", "L16/44100"; static payload types without a=rtpmap have their usual names
function sdp_sdp:prefer_codecs(names) end

---Removes the ICE candidates of a type, or all, from all media. Returns integer: how many were
---removed.
---```lua
---sdp.of(req):remove_candidates("host")
---```
---@param type? "host"|"srflx"|"prflx"|"relay" default: all; optional
---@return integer result how many were removed
function sdp_sdp:remove_candidates(type) end

---One m= line of a session description, with what belongs to it.
---@class sdp.medium
---@field kind string "audio", "video", "application" …
---@field port integer 0 for a medium that is refused
---@field ports integer how many ports; usually 1
---@field protocol string "RTP/AVP", "UDP/TLS/RTP/SAVPF" …
---@field address string|nil of its c= line, or of the session's; nil without one
---@field direction string "sendrecv", "sendonly", "recvonly" or "inactive": its own, or the session's
---@field mid string|nil a=mid; nil without one
---@field ptime integer|nil a=ptime in milliseconds; nil without one
---@field bandwidth table|nil its b= lines, {AS = 512}; nil without any
---@field dtls table|nil {fingerprint, setup} of DTLS-SRTP; nil without a fingerprint
---@field ice table|nil {ufrag, pwd, lite, candidates} of ICE; nil without it. A candidate is a table as add_candidate takes it
---@field codecs any[] {payload, name, rate, channels, fmtp, feedback} for each codec, in their order; fmtp is nil and feedback empty without such lines. Empty for a medium that is not RTP
local sdp_medium = {}

---The values of the medium's own attributes of that name, in order; "" for one without a value.
---Returns list: values.
---```lua
---local ssrc = sdp.of(req).media[1]:attributes("ssrc")
---```
---@param name string
---@return any[] result values
function sdp_medium:attributes(name) end

---Makes this the medium's only attribute of that name, or removes it.
---```lua
---sdp.of(req).media[1]:set_attribute("ptime", "20")
---```
---@param name string of the attribute
---@param value string|boolean what follows the colon; true for an attribute without a value, false for none
function sdp_medium:set_attribute(name, value) end

---Puts an address into the medium's c= line, whatever is there, or adds one, and into its a=rtcp.
---```lua
---sdp.of(req).media[1]:set_address("203.0.113.5")
---```
---@param ip string an IP address
function sdp_medium:set_address(ip) end

---Sets the port.
---```lua
---sdp.of(req).media[1]:set_port(40000)
---```
---@param port integer 0 to 65535
function sdp_medium:set_port(port) end

---Sets the direction.
---```lua
---sdp.of(req).media[1]:set_direction("sendonly")
---```
---@param direction "sendrecv"|"sendonly"|"recvonly"|"inactive"
function sdp_medium:set_direction(direction) end

---Refuses the medium: port 0, and in no group. Its line stays, because an answer has as many as the
---offer (RFC 3264 §6).
---```lua
---sdp.of(req).media[1]:remove()
---```
function sdp_medium:remove() end

---Removes all codecs but these, if the medium is RTP. What refers to a codec that goes, as rtx does,
---goes too. A medium that has no codec left for sound or pictures is refused, as by m:remove().
---Returns boolean: false if the medium was refused.
---```lua
---sdp.of(req).media[1]:keep_codecs({ "PCMA", "telephone-event" })
---```
---@param names any[] codecs as a=rtpmap has them, in any case: "PCMA", "L16/44100"; static payload types without a=rtpmap have their usual names
---@return boolean result false if the medium was refused
function sdp_medium:keep_codecs(names) end

---Removes codecs, if the medium is RTP. What refers to a codec that goes, as rtx does, goes too. A
---medium that has no codec left for sound or pictures is refused, as by m:remove(). Returns boolean:
---false if the medium was refused.
---```lua
---sdp.of(req).media[1]:remove_codecs({ "PCMA", "telephone-event" })
---```
---@param names any[] codecs as a=rtpmap has them, in any case: "PCMA", "L16/44100"; static payload types without a=rtpmap have their usual names
---@return boolean result false if the medium was refused
function sdp_medium:remove_codecs(names) end

---Puts codecs first, in this order.
---```lua
---sdp.of(req).media[1]:prefer_codecs({ "opus" })
---```
---@param names any[] codecs as a=rtpmap has them, in any case: "PCMA", "L16/44100"; static payload types without a=rtpmap have their usual names
function sdp_medium:prefer_codecs(names) end

---Removes the ICE candidates of a type, or all. Returns integer: how many were removed.
---```lua
---sdp.of(req).media[1]:remove_candidates("host")
---```
---@param type? "host"|"srflx"|"prflx"|"relay" default: all; optional
---@return integer result how many were removed
function sdp_medium:remove_candidates(type) end

---Adds an ICE candidate after the others and below them in priority, or before and above them. Raises
---for words with spaces, and numbers out of range.
---```lua
---sdp.of(req).media[1]:add_candidate({ address = "203.0.113.5", port = 40000, type = "relay", first = true })
---```
---@param candidate sdp.medium.add_candidate.candidate
function sdp_medium:add_candidate(candidate) end

---@class sdp
local sdp = {}

---The session description of a message: its body, or the part of a multipart body that is for the
---session. nil if there is none; nil, err if it can't be read. Edits change the message at once.
---Returns sdp or nil: the description.
---```lua
---local s = sdp.of(req)
---if s and s.hold then req:set_header("X-Hold", "yes") end
---```
---@param message sip.request|sip.response|sip.branch a request, response or branch
---@return sdp.sdp|nil result the description
---@return string|nil err why it failed
function sdp.of(message) end

---@class sdp.medium.add_candidate.candidate
---@field foundation? string the foundation
---@field component? integer 1 for RTP, 2 for RTCP
---@field transport? string the transport
---@field priority? integer the priority
---@field address string an IP address or a name
---@field port integer the port
---@field type? "host"|"srflx"|"prflx"|"relay" the type
---@field related_address? string raddr
---@field related_port? integer rport
---@field extra? string what follows
---@field first? boolean puts it before the others

return sdp
