---@meta b2b
-- Made by `sipscript stubs`. Makes calls of this server's own: a caller's leg, legs that are dialled, and bridges between them.

---One end of a call of this server's own. It ends with the handler or task that made it, unless join has given it away.
---@class b2b.leg
---@field id string names it
---@field call_id string the Call-ID of its messages
---@field state string "ringing", "calling", "answered" or "ended"
---@field why string|nil why it ended: "bye", "cancelled", "rejected", "hang up", "timeout", "elsewhere", "no ack", "lost", "media", "duration", "keepalive", "shutdown", "replaced"; nil before
---@field from sip.uri who called
---@field to sip.uri who was called
---@field peer any|nil the leg that it is bridged with
---@field local_sdp string|nil what this side sent last
---@field remote_sdp string|nil what the party sent last
---@field vars table those of the options of incoming, dial or originate; a copy
local b2b_leg = {}

---Sends the caller a provisional answer. nil, err if it is not ringing any more. Raises for a code
---that is not 101 to 199. Only in handlers. Waits.
---```lua
---local a = b2b.incoming(req)
---if not a then return end
---a:reply(180)
---```
---@param code integer 101 to 199
---@param options? b2b.leg.reply.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function b2b_leg:reply(code, options) end

---Answers the caller with a description: that of a media server. A bridge answers by itself. nil, err
---if it is not ringing any more. Only in handlers. Waits.
---```lua
---local a = b2b.incoming(req)
---if not a then return end
---a:answer("v=0\r\no=- 1 1 IN IP4 192.0.2.20\r\ns=-\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n")
---```
---@param sdp string
---@return boolean|nil result true
---@return string|nil err why it failed
function b2b_leg:answer(sdp) end

---Refuses the caller. nil, err if it is not ringing any more: it gave up, or was answered. Only in
---handlers. Waits.
---```lua
---local a = b2b.incoming(req)
---if not a then return end
---a:reject(486, { headers = { ["Retry-After"] = "60" } })
---```
---@param code integer|sip.response or a response: its code, reason, Retry-After and Warning; 401 and 407 become 503, 3xx 480
---@param options? b2b.leg.reject.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function b2b_leg:reject(code, options) end

---Calls others for the leg, and waits until one has answered; a bridge then joins the two. The far leg
---has its own Call-ID, tags and numbers, and gets of the caller's INVITE no more than From,
---Max-Forwards and the offer. If the caller gives up the others are cancelled, and the response has
---the cause "cancelled"; targets that are nil, a lookup that failed, are a 503. Returns leg or nil:
---the leg that answered. Then response or nil: the best refusal; cause "cancelled" if the caller gave
---up. Only in handlers. Waits.
---```lua
---local a = b2b.incoming(req)
---if not a then return end
---local b, res = a:dial("sip:bob@192.0.2.7", { timeout = 20 })
---if not b then return a:reject(res) end
---a:bridge(b)
---```
---@param targets sip.destination as relay takes them; each needs a uri
---@param options? b2b.leg.dial.options optional
---@return b2b.leg|nil result the leg that answered
---@return sip.response|nil response the best refusal; cause "cancelled" if the caller gave up
function b2b_leg:dial(targets, options) end

---Joins two legs and waits until one has ended. A caller that was not answered is answered with what
---the other side said; from then on each INVITE of one side goes to the other. It ends neither leg,
---and may be called again: with the same leg, nothing is sent; with another, the two negotiate.
---Returns leg or nil: the one that ended; nil if neither did. Then string or nil: as leg.why;
---"timeout": its time is over; "moved": a party went to somebody else; "parted": one is parked;
---"media": the parties agree on none; "busy": a leg is in another bridge; "elsewhere": they are on
---different lanes, and the other cannot come. Only in handlers. Waits.
---```lua
---local a = b2b.incoming(req)
---if not a then return end
---local b, res = a:dial("sip:bob@192.0.2.7")
---if not b then return a:reject(res) end
---local ended, why = a:bridge(b, { timeout = 3600 })
---sip.log.info("%s", why)
---```
---@param other any a leg
---@param options? b2b.leg.bridge.options optional
---@return b2b.leg|nil leg the one that ended; nil if neither did
---@return string|nil why as leg.why; "timeout": its time is over; "moved": a party went to somebody else; "parted": one is parked; "media": the parties agree on none; "busy": a leg is in another bridge; "elsewhere": they are on different lanes, and the other cannot come
function b2b_leg:bridge(other, options) end

---A bridge that nobody waits for: it returns at once, the handler no longer owns the legs, and when
---one of them ends the other is ended too. Only in handlers. Waits.
---```lua
---local a = b2b.incoming(req)
---if not a then return end
---local b, res = a:dial("sip:bob@192.0.2.7")
---if not b then return a:reject(res) end
---a:join(b)
---```
---@param other any a leg
---@param options? b2b.leg.join.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function b2b_leg:join(other, options) end

---Ends the leg: BYE, in its time; 480 for a caller that was not answered; CANCEL for one that rings.
---Returns boolean: false if it has ended. Only in handlers. Waits.
---```lua
---local a = b2b.incoming(req)
---if not a then return end
---a:hang_up("Q.850;cause=16")
---```
---@param reason? string the value of a Reason header (RFC 3326); default none
---@return boolean result false if it has ended
function b2b_leg:hang_up(reason) end

---Puts the party on hold by an INVITE, and waits for its answer. A leg that is joined still hears its
---peer, and is not heard; without a peer it hears nobody. Whatever the peer says meanwhile goes to the
---party with that direction. A party's own hold needs nothing of this: it passes. Returns boolean or
---nil: true if the party has agreed. Then response or nil: its refusal; 487 with the cause "cancelled"
---if the leg has ended, 491 if the two sides' offers met again and again. Only in handlers. Waits.
---```lua
---local a = b2b.incoming(req)
---if not a then return end
---local b, res = a:dial("sip:bob@192.0.2.7")
---if not b then return a:reject(res) end
---a:bridge(b, { timeout = 30 })
---a:hold()
---sip.sleep(10)
---a:resume()
---a:bridge(b)
---```
---@return boolean|nil agreed true if the party has agreed
---@return sip.response|nil response its refusal; 487 with the cause "cancelled" if the leg has ended, 491 if the two sides' offers met again and again
function b2b_leg:hold() end

---Takes hold back. Of a leg that is not on hold it says true. Returns boolean or nil: true if the
---party has agreed. Then response or nil: its refusal; 487 with the cause "cancelled" if the leg has
---ended, 491 if the two sides' offers met again and again. Only in handlers. Waits.
---```lua
---local a = b2b.incoming(req)
---if not a then return end
---local b, res = a:dial("sip:bob@192.0.2.7")
---if not b then return a:reject(res) end
---a:bridge(b, { timeout = 30 })
---a:hold()
---a:resume()
---a:bridge(b)
---```
---@return boolean|nil agreed true if the party has agreed
---@return sip.response|nil response its refusal; 487 with the cause "cancelled" if the leg has ended, 491 if the two sides' offers met again and again
function b2b_leg:resume() end

---Has the party go to somebody else, without a REFER: to the first of the targets that answers, or to
---the party of a leg that was called before. Whoever either talked to is ended, and the two stay
---together for 12 hours at the most. If nobody answers it talks to its peer again. A bridge that waits
---returns nil, "moved" at once, and the handler no longer owns the legs. Returns boolean or nil: true
---if the party has agreed. Then response or nil: its refusal; 487 with the cause "cancelled" if the
---leg has ended, 491 if the two sides' offers met again and again. Only in handlers. Waits.
---```lua
---local a = b2b.incoming(req)
---if not a then return end
---local b, res = a:dial("sip:bob@192.0.2.7")
---if not b then return a:reject(res) end
---a:bridge(b, { timeout = 60 })
---local ok, res = a:transfer("sip:desk@192.0.2.9", { timeout = 20 })
---if not ok then sip.log.info("%d", res.code) end
---```
---@param to any a leg, or targets as dial takes them
---@param options? b2b.leg.transfer.options optional
---@return boolean|nil agreed true if the party has agreed
---@return sip.response|nil response its refusal; 487 with the cause "cancelled" if the leg has ended, 491 if the two sides' offers met again and again
function b2b_leg:transfer(to, options) end

---Asks the party by a REFER to call somebody by itself, and waits until it has told how that went. The
---leg goes on, whatever that was: hang it up when the party has somebody to talk to. Phones of
---strangers refuse more often than not; transfer needs nothing of them. Returns boolean or nil: true
---if the party has told a 2xx, or refers without telling. Then response or nil: its refusal of the
---REFER, or the code that its last NOTIFY told; 408 if that did not come in time, 487 with the cause
---"cancelled" if the leg has ended, 500 if nobody knows. Only in handlers. Waits.
---```lua
---local a = b2b.incoming(req)
---if not a then return end
---local b, res = a:dial("sip:bob@192.0.2.7")
---if not b then return a:reject(res) end
---a:bridge(b, { timeout = 60 })
---local ok, res = b:refer("sip:desk@192.0.2.9", { timeout = 20 })
---if not ok then sip.log.info("%d", res.code) end
---```
---@param to any a URI, or a leg: its party, whose call with this server the other one then takes over (Replaces)
---@param options? b2b.leg.refer.options optional
---@return boolean|nil done true if the party has told a 2xx, or refers without telling
---@return sip.response|nil response its refusal of the REFER, or the code that its last NOTIFY told; 408 if that did not come in time, 487 with the cause "cancelled" if the leg has ended, 500 if nobody knows
function b2b_leg:refer(to, options) end

---Sends the party a request within the call, and waits for its answer; 408 if none came. A party that
---knows nothing of the call (481), or does not answer, has left it: the leg ends. nil, err for a leg
---that is not answered, and for methods that legs send by themselves: INVITE, BYE, REFER and others.
---Returns response or nil: its answer. Only in handlers. Waits.
---```lua
---local a = b2b.incoming(req)
---if not a then return end
---local b, res = a:dial("sip:bob@192.0.2.7")
---if not b then return a:reject(res) end
---a:bridge(b, { timeout = 60 })
---local res = a:send({ method = "MESSAGE", body = "One minute left" })
---if res then sip.log.info("%d", res.code) end
---```
---@param request b2b.leg.send.request
---@return sip.response|nil response its answer
---@return string|nil err why it failed
function b2b_leg:send(request) end

---The first element of a header of the caller's INVITE; nil if there is none, of who was called, and
---once the INVITE was answered. Returns string or nil: the element. Raises on another lane than the
---leg's. Only in handlers.
---```lua
---local a = b2b.incoming(req)
---if not a then return end
---local subject = a:header("Subject")
---```
---@param name string of the header, in any case
---@return string|nil result the element
function b2b_leg:header(name) end

---All elements of a header of the caller's INVITE, one per value if the RFC defines the header as a
---list; an empty list where header has nil. Returns list: the elements. Raises on another lane than
---the leg's. Only in handlers.
---```lua
---local a = b2b.incoming(req)
---if not a then return end
---for _, value in ipairs(a:headers("Diversion")) do sip.log.info("%s", value) end
---```
---@param name string of the header, in any case
---@return any[] result the elements
function b2b_leg:headers(name) end

---Waits until the party has pressed a key, or sent a request. Keys are those that come by INFO
---(application/dtmf-relay, application/dtmf); those in the media are known to rtpengine alone: see its
---event rtpengine.dtmf. Up to 32 keys of a party that talks to nobody are kept for a script that does
---something else meanwhile. What a bridge passes is passed, and heard as well. INFO is answered 200 by
---the leg itself; MESSAGE too while a script waits for it, and 405 at other times. Returns string or
---nil: "dtmf", or the method; nil if nothing came. Then string: the key, one of 0-9 * # A-D and ! for
---a hook flash; the body of a request; or, behind nil, "timeout", "ended", or "busy": another script
---waits. Then string or nil: the Content-Type of the request. Raises for anything else to wait for.
---Only in handlers. Waits.
---```lua
---local a = b2b.incoming(req)
---if not a then return end
---a:answer("v=0\r\no=- 1 1 IN IP4 192.0.2.20\r\ns=-\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n")
---local pin = ""
---while #pin < 4 do
---  local what, key = a:wait("dtmf", { timeout = 10 })
---  if not what then return a:hang_up() end
---  pin = pin .. key
---end
---```
---@param kinds any[] "dtmf", "INFO", "MESSAGE": one, or a list
---@param options? b2b.leg.wait.options optional
---@return string|nil what "dtmf", or the method; nil if nothing came
---@return string value the key, one of 0-9 * # A-D and ! for a hook flash; the body of a request; or, behind nil, "timeout", "ended", or "busy": another script waits
---@return string|nil type the Content-Type of the request
function b2b_leg:wait(kinds, options) end

---Calls a function for each key that the party presses, or each request that it sends, as long as the
---leg lives: also when it is joined, and when the handler has ended. It takes the place of the one
---before. The function runs where the script ran that has called on, for one after the other; it may
---wait, and up to 32 wait for it meanwhile. wait hears them as well, a bridge passes what it passes;
---keys that a function has heard are not kept. When the generation of the script is over nothing is
---heard. A MESSAGE that is not passed is answered 200. nil, err if the leg has ended. Raises for
---anything else to hear. Only in handlers. Waits.
---```lua
---local a = b2b.incoming(req)
---if not a then return end
---local b, res = a:dial("sip:bob@192.0.2.7")
---if not b then return a:reject(res) end
---b:on("dtmf", function(leg, key) if key == "#" then leg:hang_up() end end)
---a:join(b)
---```
---@param what string "dtmf", "INFO" or "MESSAGE"; keys as wait has them
---@param fn fun(leg: any, value: any, type: any): ...any gets the leg, the key or the body, and the Content-Type or nil; nil: nobody hears it any more
---@return boolean|nil result true
---@return string|nil err why it failed
function b2b_leg:on(what, fn) end

---Has the party wait, on hold, until somebody takes it by the key: b2b.take. Its bridge ends (nil,
---"parted"), and its peer stays its owner's. The handler no longer owns it; it ends when the party
---leaves, or after timeout. nil, "busy" if somebody waits with that key. Only in handlers. Waits.
---```lua
---local a = b2b.incoming(req)
---if not a then return end
---local b, res = a:dial("sip:bob@192.0.2.7")
---if not b then return a:reject(res) end
---a:bridge(b, { timeout = 60 })
---a:park("701")
---```
---@param key string a number that people dial, for example
---@param options? b2b.leg.park.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function b2b_leg:park(key, options) end

---Hands the leg over to a program elsewhere that serves an app over the admin port (docs/control.md),
---and waits until it is the handler's again, or has ended. Of several programs that serve the app each
---has its turn. nil, err if the leg is in a bridge, or being dialled. Returns string or nil: "given
---back" by its master; "ended"; "nobody" took it in time; "lost": its master was gone for too long;
---"taken": it was parked, and another handler has it. Only in handlers. Waits.
---```lua
---local a = b2b.incoming(req)
---if not a then return end
---local why = a:handover("ivr", { deadline = 10, on_lost = "return" })
---if why == "nobody" or why == "lost" then a:reject(480) end
---```
---@param app string what the program says it serves
---@param options? b2b.leg.handover.options optional
---@return string|nil result "given back" by its master; "ended"; "nobody" took it in time; "lost": its master was gone for too long; "taken": it was parked, and another handler has it
---@return string|nil err why it failed
function b2b_leg:handover(app, options) end

---@class b2b
local b2b = {}

---Sets options, once, while the file loads. Only while the file loads.
---```lua
---b2b.configure({ refer = function(refer, leg)
---  return "sip:" .. (sip.uri(refer.to).user or "") .. "@192.0.2.7"
---end })
---```
---@param options b2b.configure.options
function b2b.configure(options) end

---Takes the call that an INVITE begins: the request's decision, and from here on this server is who
---was called. The leg rings until it is answered or refused, or the caller gives up; without either it
---ends with the handler, by 480, or 500 after an error. nil if the INVITE was refused because of what
---it requires (420, 415, 503), or has Replaces that leads to no leg (481, 486, 603); nil, "replaced"
---if it has taken the place of one, as b2b.configure allows; nil, "limit" and the key if that is full:
---the request is not decided then. Returns leg or nil: nil if there is none. Then string or nil:
---"limit": answer the request; "replaced": it has taken the place of a leg; otherwise why it was
---refused. Then string or nil: of limits, that is full. Raises for anything but an INVITE outside of a
---dialog. Only in handlers. It is the request's decision.
---```lua
---local a = b2b.incoming(req)
---if a then a:reject(486) end
---```
---@param req sip.request the request
---@param options? b2b.incoming.options optional
---@return b2b.leg|nil result nil if there is none
---@return string|nil why "limit": answer the request; "replaced": it has taken the place of a leg; otherwise why it was refused
---@return string|nil key of limits, that is full
function b2b.incoming(req, options) end

---Calls somebody for nobody yet: click-to-dial, a call-back, an alarm. Without sdp the INVITE makes no
---offer; what is offered then waits 5 s for a bridge or a dial, which puts it on hold. Returns leg or
---nil: the leg that answered. Then response or nil: the best refusal; cause "cancelled" if the caller
---gave up. Only in handlers. Waits.
---```lua
---local a, res = b2b.originate({ from = "sip:alarm@example.com", target = "sip:bob@192.0.2.7", timeout = 20 })
---if a then a:hang_up() end
---```
---@param call b2b.originate.call
---@param options? table optional
---@return b2b.leg|nil result the leg that answered
---@return sip.response|nil response the best refusal; cause "cancelled" if the caller gave up
function b2b.originate(call, options) end

---The leg that waits with a key; of several who ask at once one gets it, and owns it then. Only in
---handlers. Waits.
---```lua
---local a = b2b.take("701")
---if a then a:hang_up() end
---```
---@param key string as park had it
---@return b2b.leg|nil result
---@return string|nil err why it failed
function b2b.take(key) end

---The leg that has an id. Only in handlers. Waits.
---```lua
---local a, why = b2b.leg("0.12ab")
---```
---@param id string as leg.id
---@return b2b.leg|nil result
---@return string|nil err why it failed
function b2b.leg(id) end

---The legs that have not ended. Only in handlers. Waits.
---```lua
---sip.log.info("%d legs", #b2b.list())
---```
---@return b2b.leg[] result
function b2b.list() end

---@class b2b.leg.reply.options
---@field sdp? string early media; of a caller that has made no offer only one with 100rel gets it, as an offer

---@class b2b.leg.reject.options
---@field headers? table {Name = text | list}

---@class b2b.leg.dial.options
---@field flow_lost? number seconds for which the one connection that leads to the party, such as a browser's WebSocket, may be gone: then the leg is ended; default: it is not
---@field session_timer? any false: none is negotiated on this leg (RFC 4028); default: one of 1800 s with a party that has them
---@field limits? any how many calls may have each of these keys at the same time: with those of dialog.track, checked and counted in one step, and given back once
---@field max_duration? number seconds from the answer, then the leg is ended; default: it is not
---@field warn? number seconds before that when b2b.expiring tells of it, if max_duration is more
---@field vars? any kept with the leg: texts, numbers, truth values
---@field media? any "rtpengine": the media of the party and of whoever it talks to pass a daemon of rtpengine.configure, in each of its calls; or a table: the same, with set, and what the party is shown (the options of a side of rtpengine.manage). A leg that is dialled has it as its caller, with what suits it
---@field timeout? number seconds until somebody has answered, for each target
---@field from? string the URI in From; default: the caller's, or this server
---@field display? string its display name; default: the caller's
---@field headers? table {Name = text | list}: of each INVITE
---@field sdp? string what is offered; default: what the caller offers
---@field id? string the id of the leg, up to 64 letters, digits and _.:- with a letter first; of several targets the first has it, the others ID-2, ID-3; default: one of ours
---@field early? "first"|"ringing"|"each"|false what the caller hears meanwhile: "first", the early media of the first that has some, is the default for one target; "ringing", 180 alone, for several; "each": the early media of each, in a dialog of its own, as a proxy that forks would; false: nothing
---@field order? "parallel"|"serial" all targets at once, or one after the other
---@field replaces? string the INVITE takes the place of a dialog of who is called (RFC 3891): the id of the leg that has it, or the value of a Replaces header
---@field copy? string|any[]|fun(res: sip.response): boolean names of headers of the caller's INVITE that the others get

---@class b2b.leg.bridge.options
---@field timeout? number seconds after which the bridge ends, and the legs go on
---@field pass? string|any[]|fun(res: sip.response): boolean methods that are passed beside INVITE: INFO, MESSAGE
---@field refer? "refuse"|"pass" what becomes of REFERs meanwhile; default: what b2b.configure says

---@class b2b.leg.join.options
---@field max_duration? number seconds after which both legs are ended
---@field pass? string|any[]|fun(res: sip.response): boolean methods that are passed beside INVITE: INFO, MESSAGE
---@field refer? "refuse"|"pass" what becomes of REFERs meanwhile; default: what b2b.configure says

---@class b2b.leg.transfer.options
---@field timeout? number seconds until somebody has answered, for each target

---@class b2b.leg.refer.options
---@field timeout? number seconds until the party has told how it went
---@field headers? table {Name = text | list}: of the REFER, Referred-By for example

---@class b2b.leg.send.request
---@field method string INFO, MESSAGE, OPTIONS, or another one that changes nothing about the call
---@field headers? table {Name = text | list}
---@field body? string its body
---@field type? string the Content-Type of body; default: text/plain

---@class b2b.leg.wait.options
---@field timeout? number seconds until it gives up

---@class b2b.leg.park.options
---@field timeout? number seconds after which a leg that nobody has picked up is ended

---@class b2b.leg.handover.options
---@field deadline? number seconds that the leg may be without a master: at first, and when the connection of its master was lost
---@field on_lost? "hang_up"|"return" what happens then: the leg is ended, or the script's again

---@class b2b.configure.options
---@field refer? "refuse"|"pass"|function what becomes of a REFER: "refuse", by 603; "pass": to the other party, whose answer and NOTIFYs go back; or function(refer, leg) -> targets | nil, code: whom the peer of the leg is to talk to instead, as dial takes them; nil for whom refer.attended says; true if it has done what is wanted itself, such as parking leg.peer
---@field replaces? function function(req, leg) -> boolean: whether an INVITE with Replaces (RFC 3891) may take the place of the leg; default: no INVITE may, it is answered 481
---@field recover? "end" what becomes of the calls of a process that was killed, with --data: "end", the next one says BYE to both parties

---@class b2b.incoming.options
---@field flow_lost? number seconds for which the one connection that leads to the party, such as a browser's WebSocket, may be gone: then the leg is ended; default: it is not
---@field session_timer? any false: none is negotiated on this leg (RFC 4028); default: one of 1800 s with a party that has them
---@field limits? any how many calls may have each of these keys at the same time: with those of dialog.track, checked and counted in one step, and given back once
---@field max_duration? number seconds from the answer, then the leg is ended; default: it is not
---@field warn? number seconds before that when b2b.expiring tells of it, if max_duration is more
---@field vars? any kept with the leg: texts, numbers, truth values
---@field media? any "rtpengine": the media of the party and of whoever it talks to pass a daemon of rtpengine.configure, in each of its calls; or a table: the same, with set, and what the party is shown (the options of a side of rtpengine.manage). A leg that is dialled has it as its caller, with what suits it

---@class b2b.originate.call
---@field flow_lost? number seconds for which the one connection that leads to the party, such as a browser's WebSocket, may be gone: then the leg is ended; default: it is not
---@field session_timer? any false: none is negotiated on this leg (RFC 4028); default: one of 1800 s with a party that has them
---@field limits? any how many calls may have each of these keys at the same time: with those of dialog.track, checked and counted in one step, and given back once
---@field max_duration? number seconds from the answer, then the leg is ended; default: it is not
---@field warn? number seconds before that when b2b.expiring tells of it, if max_duration is more
---@field vars? any kept with the leg: texts, numbers, truth values
---@field media? any "rtpengine": the media of the party and of whoever it talks to pass a daemon of rtpengine.configure, in each of its calls; or a table: the same, with set, and what the party is shown (the options of a side of rtpengine.manage). A leg that is dialled has it as its caller, with what suits it
---@field timeout? number seconds until somebody has answered, for each target
---@field from? string the URI in From; default: the caller's, or this server
---@field display? string its display name; default: the caller's
---@field headers? table {Name = text | list}: of each INVITE
---@field sdp? string what is offered; default: what the caller offers
---@field id? string the id of the leg, up to 64 letters, digits and _.:- with a letter first; of several targets the first has it, the others ID-2, ID-3; default: one of ours
---@field target sip.destination who is called: a URI, or targets as dial takes them
---@field credentials? b2b.originate.call.credentials {user=, password=}, to answer a challenge with

---@class b2b.originate.call.credentials
---@field user string
---@field password string

return b2b
