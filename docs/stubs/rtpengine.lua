---@meta rtpengine
-- Made by `sipscript stubs`. Has the media of calls pass rtpengine.

---@class rtpengine
local rtpengine = {}

---Names the daemons. Only while the file loads.
---```lua
---rtpengine.configure({ engines = { "udp:127.0.0.1:2223", { uri = "udp:127.0.0.1:2224", weight = 2 } } })
---```
---@param options rtpengine.configure.options
function rtpengine.configure(options) end

---Has the media of the call pass a daemon, from its INVITE to its end: branches, answers, early media,
---later offers, failover and failure are followed by themselves. Waits for nothing. Raises for
---anything but an INVITE outside of a dialog, and without record_route. Only in handlers.
---```lua
---req:record_route()
---rtpengine.manage(req, { callee = { transport = "RTP/AVP", ice = "remove" } })
---```
---@param req sip.request the request
---@param options? rtpengine.manage.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function rtpengine.manage(req, options) end

---Passes the offer in a request or branch to a daemon and puts what it makes of it in its place: for
---those who do by hand what manage does. Only in handlers. Waits.
---```lua
---local ok, err = rtpengine.offer(req, { ice = "remove" })
---```
---@param message sip.request|sip.response|sip.branch a request, response or branch
---@param options? rtpengine.offer.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function rtpengine.offer(message, options) end

---Passes the answer in a response, or in an ACK, to the call's daemon and puts what it makes of it in
---its place. Only in handlers. Waits.
---```lua
---req:relay("sip:bob@example.com", { on_response = function(res) if res.body then rtpengine.answer(res) end end })
---```
---@param message sip.request|sip.response|sip.branch a request, response or branch
---@param options? rtpengine.answer.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function rtpengine.answer(message, options) end

---Ends the media of a request's call, or of a Call-ID. Only in handlers. Waits.
---```lua
---rtpengine.delete(req)
---```
---@param call sip.request|string|any a request of the call, or its Call-ID, or a leg of b2b
---@return boolean|nil result true
---@return string|nil err why it failed
function rtpengine.delete(call) end

---What the daemon knows of a call. Returns table or nil: what the daemon knows: created, last_signal,
---tags, totals …. Only in handlers. Waits.
---```lua
---local media, err = rtpengine.query(req)
---```
---@param call sip.request|string|any a request of the call, or its Call-ID, or a leg of b2b
---@return table|nil result what the daemon knows: created, last_signal, tags, totals …
---@return string|nil err why it failed
function rtpengine.query(call) end

---The daemons. Returns list: of {uri=, set=, weight=, up=, waiting=, commands=, errors=}. Only in
---handlers.
---```lua
---for _, e in ipairs(rtpengine.engines()) do sip.log.info("%s %s", e.uri, e.up) end
---```
---@return any[] result of {uri=, set=, weight=, up=, waiting=, commands=, errors=}
function rtpengine.engines() end

---Plays a sound to a party. Returns when it has begun. Returns number or nil: seconds that it takes; 0
---where the daemon does not say. Raises without a sound. Only in handlers. Waits.
---```lua
---rtpengine.play(req, { file = "/usr/share/sounds/busy.wav" })
---```
---@param call sip.request|string|any a request of the call, or its Call-ID, or a leg of b2b
---@param options rtpengine.play.options
---@return number|nil result seconds that it takes; 0 where the daemon does not say
---@return string|nil err why it failed
function rtpengine.play(call, options) end

---Ends what play has begun. Only in handlers. Waits.
---```lua
---rtpengine.stop(req)
---```
---@param call sip.request|string|any a request of the call, or its Call-ID, or a leg of b2b
---@param options? rtpengine.stop.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function rtpengine.stop(call, options) end

---Keeps the digits of a party from the other. Only in handlers. Waits.
---```lua
---rtpengine.block_dtmf(req)
---```
---@param call sip.request|string|any a request of the call, or its Call-ID, or a leg of b2b
---@param options? rtpengine.block_dtmf.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function rtpengine.block_dtmf(call, options) end

---Ends block_dtmf. Only in handlers. Waits.
---```lua
---rtpengine.unblock_dtmf(req)
---```
---@param call sip.request|string|any a request of the call, or its Call-ID, or a leg of b2b
---@param options? rtpengine.unblock_dtmf.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function rtpengine.unblock_dtmf(call, options) end

---Keeps the media of a party from the other. Only in handlers. Waits.
---```lua
---rtpengine.block_media(req)
---```
---@param call sip.request|string|any a request of the call, or its Call-ID, or a leg of b2b
---@param options? rtpengine.block_media.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function rtpengine.block_media(call, options) end

---Ends block_media. Only in handlers. Waits.
---```lua
---rtpengine.unblock_media(req)
---```
---@param call sip.request|string|any a request of the call, or its Call-ID, or a leg of b2b
---@param options? rtpengine.unblock_media.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function rtpengine.unblock_media(call, options) end

---Records the call from now on, as the daemon is set up. Only in handlers. Waits.
---```lua
---rtpengine.start_recording(req)
---```
---@param call sip.request|string|any a request of the call, or its Call-ID, or a leg of b2b
---@param options? rtpengine.start_recording.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function rtpengine.start_recording(call, options) end

---Interrupts the recording. Only in handlers. Waits.
---```lua
---rtpengine.pause_recording(req)
---```
---@param call sip.request|string|any a request of the call, or its Call-ID, or a leg of b2b
---@param options? rtpengine.pause_recording.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function rtpengine.pause_recording(call, options) end

---Ends the recording. Only in handlers. Waits.
---```lua
---rtpengine.stop_recording(req)
---```
---@param call sip.request|string|any a request of the call, or its Call-ID, or a leg of b2b
---@param options? rtpengine.stop_recording.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function rtpengine.stop_recording(call, options) end

---Sends a digit in the media of a party. Only in handlers. Waits.
---```lua
---rtpengine.send_dtmf(req, { digit = "1" })
---```
---@param call sip.request|string|any a request of the call, or its Call-ID, or a leg of b2b
---@param options rtpengine.send_dtmf.options
---@return boolean|nil result true
---@return string|nil err why it failed
function rtpengine.send_dtmf(call, options) end

---@class rtpengine.configure.options
---@field timeout? number how long a daemon has to answer; over udp: it is asked again meanwhile
---@field on_failure? "503"|"pass" "503": a branch without a daemon fails, with the cause "media"; "pass": it goes on unchanged
---@field engines any the daemons: a list of {uri=, weight=, set=} or of URIs

---@class rtpengine.manage.options
---@field set? string of daemons
---@field caller? rtpengine.manage.options.caller what the caller is shown, whoever offers
---@field callee? rtpengine.manage.options.callee what a callee is shown; false: the media of this branch is left alone

---@class rtpengine.offer.options
---@field interface? string the daemon's interface towards this side
---@field transport? "RTP/AVP"|"RTP/AVPF"|"RTP/SAVP"|"RTP/SAVPF"|"UDP/TLS/RTP/SAVP"|"UDP/TLS/RTP/SAVPF" the profile of its media lines
---@field ice? "remove"|"force"|"optional" candidates: taken away, only the daemon's, or the daemon's beside the others
---@field dtls? "off"|"passive"|"active" the daemon's role in DTLS-SRTP
---@field rtcp_mux? "offer"|"require"|"demux"|"accept"|"reject" RTP and RTCP on one port
---@field codec? rtpengine.offer.options.codec {strip=, transcode=, mask=, except=, offer=}
---@field address? string shown in place of the interface's own
---@field record? boolean its media is recorded, as the daemon is set up
---@field label? string names the side in recordings, and for play
---@field flags? string|any[]|fun(res: sip.response): boolean further flags of the protocol: {"symmetric", "trust-address"}
---@field set? string of daemons

---@class rtpengine.answer.options
---@field interface? string the daemon's interface towards this side
---@field transport? "RTP/AVP"|"RTP/AVPF"|"RTP/SAVP"|"RTP/SAVPF"|"UDP/TLS/RTP/SAVP"|"UDP/TLS/RTP/SAVPF" the profile of its media lines
---@field ice? "remove"|"force"|"optional" candidates: taken away, only the daemon's, or the daemon's beside the others
---@field dtls? "off"|"passive"|"active" the daemon's role in DTLS-SRTP
---@field rtcp_mux? "offer"|"require"|"demux"|"accept"|"reject" RTP and RTCP on one port
---@field codec? rtpengine.answer.options.codec {strip=, transcode=, mask=, except=, offer=}
---@field address? string shown in place of the interface's own
---@field record? boolean its media is recorded, as the daemon is set up
---@field label? string names the side in recordings, and for play
---@field flags? string|any[]|fun(res: sip.response): boolean further flags of the protocol: {"symmetric", "trust-address"}
---@field set? string of daemons

---@class rtpengine.play.options
---@field from? string the tag of one party; without it and label the call's parties are all meant
---@field label? string of one side, as manage was given it
---@field file? string a path on the daemon's machine
---@field blob? string the bytes of a sound file
---@field db? integer the ID of a sound in the daemon's database
---@field repeat? integer how often
---@field seconds? integer at most

---@class rtpengine.stop.options
---@field from? string the tag of one party; without it and label the call's parties are all meant
---@field label? string of one side, as manage was given it

---@class rtpengine.block_dtmf.options
---@field from? string the tag of one party; without it and label the call's parties are all meant
---@field label? string of one side, as manage was given it

---@class rtpengine.unblock_dtmf.options
---@field from? string the tag of one party; without it and label the call's parties are all meant
---@field label? string of one side, as manage was given it

---@class rtpengine.block_media.options
---@field from? string the tag of one party; without it and label the call's parties are all meant
---@field label? string of one side, as manage was given it

---@class rtpengine.unblock_media.options
---@field from? string the tag of one party; without it and label the call's parties are all meant
---@field label? string of one side, as manage was given it

---@class rtpengine.start_recording.options
---@field from? string the tag of one party; without it and label the call's parties are all meant
---@field label? string of one side, as manage was given it

---@class rtpengine.pause_recording.options
---@field from? string the tag of one party; without it and label the call's parties are all meant
---@field label? string of one side, as manage was given it

---@class rtpengine.stop_recording.options
---@field from? string the tag of one party; without it and label the call's parties are all meant
---@field label? string of one side, as manage was given it

---@class rtpengine.send_dtmf.options
---@field from? string the tag of one party; without it and label the call's parties are all meant
---@field label? string of one side, as manage was given it
---@field digit string 0 to 9, *, #, A to D
---@field ms? integer how long
---@field volume? integer in dBm0

---@class rtpengine.manage.options.caller
---@field interface? string the daemon's interface towards this side
---@field transport? "RTP/AVP"|"RTP/AVPF"|"RTP/SAVP"|"RTP/SAVPF"|"UDP/TLS/RTP/SAVP"|"UDP/TLS/RTP/SAVPF" the profile of its media lines
---@field ice? "remove"|"force"|"optional" candidates: taken away, only the daemon's, or the daemon's beside the others
---@field dtls? "off"|"passive"|"active" the daemon's role in DTLS-SRTP
---@field rtcp_mux? "offer"|"require"|"demux"|"accept"|"reject" RTP and RTCP on one port
---@field codec? rtpengine.manage.options.caller.codec {strip=, transcode=, mask=, except=, offer=}
---@field address? string shown in place of the interface's own
---@field record? boolean its media is recorded, as the daemon is set up
---@field label? string names the side in recordings, and for play
---@field flags? string|any[]|fun(res: sip.response): boolean further flags of the protocol: {"symmetric", "trust-address"}

---@class rtpengine.manage.options.callee
---@field interface? string the daemon's interface towards this side
---@field transport? "RTP/AVP"|"RTP/AVPF"|"RTP/SAVP"|"RTP/SAVPF"|"UDP/TLS/RTP/SAVP"|"UDP/TLS/RTP/SAVPF" the profile of its media lines
---@field ice? "remove"|"force"|"optional" candidates: taken away, only the daemon's, or the daemon's beside the others
---@field dtls? "off"|"passive"|"active" the daemon's role in DTLS-SRTP
---@field rtcp_mux? "offer"|"require"|"demux"|"accept"|"reject" RTP and RTCP on one port
---@field codec? rtpengine.manage.options.callee.codec {strip=, transcode=, mask=, except=, offer=}
---@field address? string shown in place of the interface's own
---@field record? boolean its media is recorded, as the daemon is set up
---@field label? string names the side in recordings, and for play
---@field flags? string|any[]|fun(res: sip.response): boolean further flags of the protocol: {"symmetric", "trust-address"}

---@class rtpengine.offer.options.codec
---@field strip? string|any[]|fun(res: sip.response): boolean taken away: {"opus"}; {"all"} with except
---@field transcode? string|any[]|fun(res: sip.response): boolean added, and transcoded where the other side lacks them
---@field mask? string|any[]|fun(res: sip.response): boolean hidden from this side, and transcoded
---@field except? string|any[]|fun(res: sip.response): boolean kept where all are stripped
---@field offer? string|any[]|fun(res: sip.response): boolean the only ones, in this order, of those that are there

---@class rtpengine.answer.options.codec
---@field strip? string|any[]|fun(res: sip.response): boolean taken away: {"opus"}; {"all"} with except
---@field transcode? string|any[]|fun(res: sip.response): boolean added, and transcoded where the other side lacks them
---@field mask? string|any[]|fun(res: sip.response): boolean hidden from this side, and transcoded
---@field except? string|any[]|fun(res: sip.response): boolean kept where all are stripped
---@field offer? string|any[]|fun(res: sip.response): boolean the only ones, in this order, of those that are there

---@class rtpengine.manage.options.caller.codec
---@field strip? string|any[]|fun(res: sip.response): boolean taken away: {"opus"}; {"all"} with except
---@field transcode? string|any[]|fun(res: sip.response): boolean added, and transcoded where the other side lacks them
---@field mask? string|any[]|fun(res: sip.response): boolean hidden from this side, and transcoded
---@field except? string|any[]|fun(res: sip.response): boolean kept where all are stripped
---@field offer? string|any[]|fun(res: sip.response): boolean the only ones, in this order, of those that are there

---@class rtpengine.manage.options.callee.codec
---@field strip? string|any[]|fun(res: sip.response): boolean taken away: {"opus"}; {"all"} with except
---@field transcode? string|any[]|fun(res: sip.response): boolean added, and transcoded where the other side lacks them
---@field mask? string|any[]|fun(res: sip.response): boolean hidden from this side, and transcoded
---@field except? string|any[]|fun(res: sip.response): boolean kept where all are stripped
---@field offer? string|any[]|fun(res: sip.response): boolean the only ones, in this order, of those that are there

return rtpengine
