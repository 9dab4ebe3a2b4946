---@meta sip.test
-- Made by `sipscript stubs`. Phones, links and virtual time: for specs.

---A server of the test.
---@class sip.test.server
---@field addr string where it listens: "10.0.0.1:5060"
---@field log string everything the test's servers have logged so far
local sip_test_server = {}

---Has the server load its script again, or another one. It raises if the script is refused; then the
---old one goes on serving. What the process keeps (bindings, sip.shared) stays. Only in handlers.
---```lua
---local server = t.server({ addr = "10.0.0.2" })
---server:reload()
---```
---@param options? sip.test.server.reload.options optional
function sip_test_server:reload(options) end

---Ends the server and starts it again. Without data = true in t.server all state is lost, and requests
---in older calls are refused; with it, what --data keeps survives. A stop takes a second at least, in
---which new calls are refused and those in progress may finish. Only in handlers.
---```lua
---local server = t.server({ addr = "10.0.0.2", data = true })
---server:restart({ kill = true })
---```
---@param options? sip.test.server.restart.options optional
function sip_test_server:restart(options) end

---Ends it, until start. Only in handlers.
---```lua
---local server = t.server({ addr = "10.0.0.2" })
---server:stop({ kill = true })
---```
---@param options? sip.test.server.stop.options optional
function sip_test_server:stop(options) end

---Starts it again. Only in handlers.
---```lua
---local server = t.server({ addr = "10.0.0.2" })
---server:stop()
---server:start()
---```
function sip_test_server:start() end

---The value of a metric as /metrics has it: of a histogram how many were observed. nil: there is none
---with this name and these labels.
---```lua
---local server = t.server({ addr = "10.0.0.2" })
---t.equal(server:metric("sipscript_script_errors_total"), 0)
---```
---@param name string the whole name
---@param labels? any {name = value}, all of them; optional
---@return number|nil result
function sip_test_server:metric(name, labels) end

---A phone, or any other user agent.
---@class sip.test.ua
---@field uri sip.uri its address of record
---@field contact sip.uri where the phone itself is reached
---@field addr string where it is: "10.0.1.1:5060"
---@field name string what the ladder calls it
local sip_test_ua = {}

---Registers, answers a challenge if it has a password, and fails unless the answer is 200, or what
---expect says. Waits.
---```lua
---bob:register({ expires = 60 })
---```
---@param options? sip.test.ua.register.options optional
---@return sip.test.response result
function sip_test_ua:register(options) end

---Removes its registration. Waits.
---```lua
---bob:unregister()
---```
---@return sip.test.response result
function sip_test_ua:unregister() end

---Calls a uri, and returns at once. Only in handlers.
---```lua
---local call = alice:invite("sip:bob@example.com")
---```
---@param uri sip.uri|string
---@param options? sip.test.ua.invite.options optional
---@return sip.test.call result
function sip_test_ua:invite(uri, options) end

---Sends a request outside a dialog, and returns at once. Only in handlers.
---```lua
---alice:send({ method = "OPTIONS", uri = "sip:example.com" }):expect(200)
---```
---@param request sip.test.ua.send.request
---@return sip.test.call result
function sip_test_ua:send(request) end

---Waits for a request with that method. Waits.
---```lua
---bob:expect("INVITE", { within = 2 })
---```
---@param what string|integer a method ("INVITE"), a code, or a class ("2xx")
---@param options? sip.test.ua.expect.options optional
---@return sip.test.leg result
function sip_test_ua:expect(what, options) end

---Fails if there is any request that the test has not expected, or one arrives within the time, except
---for ACKs. Waits.
---```lua
---bob:expect_nothing(5)
---```
---@param seconds? number to wait; default 1
function sip_test_ua:expect_nothing(seconds) end

---Takes the phone off the network: what is sent to it is lost, and its connections break. Only in
---handlers.
---```lua
---bob:leave()
---```
function sip_test_ua:leave() end

---Ends its connections and takes it off the network, until reconnect. Only in handlers.
---```lua
---bob:disconnect({ silent = true })
---```
---@param options? sip.test.ua.disconnect.options optional
function sip_test_ua:disconnect(options) end

---Brings it back, at its address and on a new connection. It does not register by itself. Only in
---handlers.
---```lua
---bob:disconnect()
---bob:reconnect()
---```
function sip_test_ua:reconnect() end

---A response, as expect returns it.
---@class sip.test.response
---@field code integer
---@field reason string the reason phrase
---@field final boolean whether the code is 200 or more
---@field method string|nil of a request; of a response, that of its CSeq
---@field from sip.test.address an address
---@field to sip.test.address an address
---@field call_id string|nil Call-ID
---@field cseq table CSeq: {number=, method=}
---@field contacts sip.test.address[] the Contacts
---@field routes sip.test.address[] the Route entries
---@field max_forwards integer|nil Max-Forwards
---@field user_agent string|nil User-Agent
---@field expires integer|nil Expires
---@field sdp table|nil its session description, nil if there is none: {origin = {user=, id=, version=, address=}, address=, hold=, media = {{kind=, port=, protocol=, address=, direction=, codecs = {{payload=, name=, rate=}}}}}
---@field contact sip.uri|nil the first Contact
---@field body string|nil nil if there is none
---@field content_type string|nil nil if there is none
---@field text string|nil the whole message
local sip_test_response = {}

---The first value of a header; nil if there is none.
---```lua
---t.equal(leg:header("Max-Forwards"), "69")
---```
---@param name string of the header, in any case
---@return string|nil result
function sip_test_response:header(name) end

---All values of a header, one per element if the RFC defines it as a list.
---```lua
---t.equal(#leg:headers("Via"), 2)
---```
---@param name string of the header, in any case
---@return any[] result
function sip_test_response:headers(name) end

---A From or To. tostring gives its text.
---@class sip.test.address
---@field display string|nil the name without its quotes
---@field uri sip.uri
---@field tag string|nil
local sip_test_address = {}

---A request that a phone sent: what ua:invite and ua:send return.
---@class sip.test.call
---@field call_id string Call-ID
---@field method string
---@field ruri sip.uri the Request-URI
local sip_test_call = {}

---Waits for a response with that code or class ("2xx"), skipping provisional ones before it, or for a
---request in its dialog. Returns response or object: the response; a leg where a method was expected.
---Waits.
---```lua
---call:expect(180)
---```
---@param what string|integer a method ("INVITE"), a code, or a class ("2xx")
---@param options? sip.test.call.expect.options optional
---@return sip.test.response|any result the response; a leg where a method was expected
function sip_test_call:expect(what, options) end

---Cancels the INVITE: the CANCEL is sent once a provisional response has arrived. Only in handlers.
---```lua
---call:cancel({ headers = { Reason = "SIP;cause=480" } })
---```
---@param options? sip.test.call.cancel.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function sip_test_call:cancel(options) end

---Acknowledges the 2xx of an INVITE whose ack option leaves that to the spec, or before its time has
---come. Only in handlers.
---```lua
---local call = alice:invite("sip:bob@example.com", { ack = false })
---bob:expect("INVITE"):answer()
---call:expect(200)
---call:ack()
---bob:expect("ACK")
---```
---@param options? sip.test.call.ack.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function sip_test_call:ack(options) end

---Acknowledges the last reliable provisional response of an INVITE whose prack option leaves that to
---the spec, and returns at once. Only in handlers.
---```lua
---local call = alice:invite("sip:bob@example.com", { reliable = true, prack = false })
---local leg = bob:expect("INVITE")
---leg:reply(183, { reliable = true })
---call:expect(183)
---local prack = call:prack()
---leg:expect("PRACK"):reply(200)
---prack:expect(200)
---```
---@param options? sip.test.call.prack.options optional
---@return sip.test.call result
function sip_test_call:prack(options) end

---Hangs up, and returns at once; the test fails unless the BYE is answered 2xx, or as the test
---expects. Only in handlers.
---```lua
---call:bye()
---```
---@param options? sip.test.call.bye.options optional
---@return sip.test.call result
function sip_test_call:bye(options) end

---Sends a request in the dialog, and returns at once. Only in handlers.
---```lua
---call:send({ method = "INFO" })
---```
---@param request sip.test.call.send.request
---@return sip.test.call result
function sip_test_call:send(request) end

---Fails if there is anything in the call that the test has not expected, or it arrives within the
---time, except for ACKs and 100. Waits.
---```lua
---bob:expect_nothing(5)
---```
---@param seconds? number to wait; default 1
function sip_test_call:expect_nothing(seconds) end

---Sends an INVITE in the dialog, with the phone's own description unless the options say otherwise
---(sdp = false: a late offer), and returns at once. Only in handlers.
---```lua
---leg:answer()
---call:expect(200)
---local again = call:reinvite()
---leg:expect("INVITE"):reply(200)
---again:expect(200)
---```
---@param options? sip.test.call.reinvite.options optional
---@return sip.test.call result
function sip_test_call:reinvite(options) end

---Puts the other side on hold by a re-INVITE with sendonly or inactive (RFC 3264 §8.4), and returns at
---once. Only in handlers.
---```lua
---leg:answer()
---call:expect(200)
---local again = call:hold()
---leg:expect("INVITE"):reply(200)
---again:expect(200)
---```
---@param options? sip.test.call.hold.options optional
---@return sip.test.call result
function sip_test_call:hold(options) end

---Ends the hold by a re-INVITE, and returns at once. Only in handlers.
---```lua
---leg:answer()
---call:expect(200)
---local again = call:resume()
---leg:expect("INVITE"):reply(200)
---again:expect(200)
---```
---@param options? sip.test.call.resume.options optional
---@return sip.test.call result
function sip_test_call:resume(options) end

---Sends a REFER in the dialog, and returns at once: the other side is to call the target, or with
---another call of this phone to take its place there. With uri the other call is sought there, and not
---at its Contact. Only in handlers.
---```lua
---leg:answer()
---call:expect(200)
---local refer = call:refer("sip:carol@example.com")
---leg:expect("REFER"):reply(202)
---refer:expect(202)
---```
---@param target sip.uri|string|any a uri: a blind transfer; another call or leg of the same phone: an attended one, with Replaces
---@param options? sip.test.call.refer.options optional
---@return sip.test.call result
function sip_test_call:refer(target, options) end

---Sends a NOTIFY in the dialog, and returns at once: of any event, or with code of the progress of a
---REFER (RFC 3515 §2.4). Only in handlers.
---```lua
---leg:answer()
---call:expect(200)
---call:refer("sip:carol@example.com")
---leg:expect("REFER"):reply(202)
---local notify = leg:notify({ code = 200 })
---call:expect("NOTIFY"):reply(200)
---notify:expect(200)
---```
---@param options? sip.test.call.notify.options optional
---@return sip.test.call result
function sip_test_call:notify(options) end

---Sends an UPDATE (RFC 3311) in the dialog, an early one too, and returns at once; sdp = true gives it
---the phone's own description. Only in handlers.
---```lua
---leg:answer()
---call:expect(200)
---local again = call:update()
---leg:expect("UPDATE"):reply(200)
---again:expect(200)
---```
---@param options? sip.test.call.update.options optional
---@return sip.test.call result
function sip_test_call:update(options) end

---Sends an INFO in the dialog, and returns at once. Only in handlers.
---```lua
---leg:answer()
---call:expect(200)
---local again = call:info()
---leg:expect("INFO"):reply(200)
---again:expect(200)
---```
---@param options? sip.test.call.info.options optional
---@return sip.test.call result
function sip_test_call:info(options) end

---Sends a MESSAGE in the dialog, and returns at once; a body is text/plain unless content_type says
---otherwise. Only in handlers.
---```lua
---leg:answer()
---call:expect(200)
---local again = call:message()
---leg:expect("MESSAGE"):reply(200)
---again:expect(200)
---```
---@param options? sip.test.call.message.options optional
---@return sip.test.call result
function sip_test_call:message(options) end

---Sends an OPTIONS in the dialog, and returns at once. Only in handlers.
---```lua
---leg:answer()
---call:expect(200)
---local again = call:options()
---leg:expect("OPTIONS"):reply(200)
---again:expect(200)
---```
---@param options? sip.test.call.options.options optional
---@return sip.test.call result
function sip_test_call:options(options) end

---A request that came to a phone: what expect("INVITE") returns.
---@class sip.test.leg
---@field ruri sip.uri the Request-URI
---@field in_dialog boolean whether it has a To tag
---@field answered integer|nil the code of the final response that the phone sent
---@field refer_to sip.uri|nil of a REFER: where to; Replaces is among its headers
---@field replaces any|any|nil the call or leg of this phone that Replaces names: end it after the answer
---@field method string|nil of a request; of a response, that of its CSeq
---@field from sip.test.address an address
---@field to sip.test.address an address
---@field call_id string|nil Call-ID
---@field cseq table CSeq: {number=, method=}
---@field contacts sip.test.address[] the Contacts
---@field routes sip.test.address[] the Route entries
---@field max_forwards integer|nil Max-Forwards
---@field user_agent string|nil User-Agent
---@field expires integer|nil Expires
---@field sdp table|nil its session description, nil if there is none: {origin = {user=, id=, version=, address=}, address=, hold=, media = {{kind=, port=, protocol=, address=, direction=, codecs = {{payload=, name=, rate=}}}}}
---@field contact sip.uri|nil the first Contact
---@field body string|nil nil if there is none
---@field content_type string|nil nil if there is none
---@field text string|nil the whole message
local sip_test_leg = {}

---Answers. A 2xx to an INVITE is repeated until its ACK arrives. Only in handlers.
---```lua
---leg:reply(486, "Busy Here", { headers = { ["Retry-After"] = "60" } })
---```
---@param code integer
---@param reason? string default the standard one
---@param options? sip.test.leg.reply.options optional
---@overload fun(self: sip.test.leg, code: integer, options?: sip.test.leg.reply.options)
function sip_test_leg:reply(code, reason, options) end

---Plays dead for this request: answers neither its retransmissions nor its CANCEL. Only in handlers.
---```lua
---leg:ignore()
---```
function sip_test_leg:ignore() end

---Waits for a request with that method in the same call. Waits.
---```lua
---leg:expect("CANCEL")
---```
---@param what string|integer a method ("INVITE"), a code, or a class ("2xx")
---@param options? sip.test.leg.expect.options optional
---@return sip.test.leg result
function sip_test_leg:expect(what, options) end

---Answers 200, with the phone's own description unless the options say otherwise. Only in handlers.
---```lua
---leg:answer()
---call:expect(200)
---```
---@param options? sip.test.leg.answer.options optional
function sip_test_leg:answer(options) end

---Does what a REFER asks: sends an INVITE to its Refer-To, with the Replaces in it, and returns at
---once. Only in handlers.
---```lua
---local carol = t.ua("sip:carol@example.com")
---carol:register()
---leg:answer()
---call:expect(200)
---call:refer("sip:carol@example.com")
---local refer = leg:expect("REFER")
---refer:reply(202)
---local transferred = refer:follow()
---carol:expect("INVITE"):answer()
---transferred:expect(200)
---```
---@param options? sip.test.leg.follow.options optional
---@return sip.test.call result
function sip_test_leg:follow(options) end

---Hangs up, and returns at once; the test fails unless the BYE is answered 2xx, or as the test
---expects. Only in handlers.
---```lua
---call:bye()
---```
---@param options? sip.test.leg.bye.options optional
---@return sip.test.call result
function sip_test_leg:bye(options) end

---Sends a request in the dialog, and returns at once. Only in handlers.
---```lua
---call:send({ method = "INFO" })
---```
---@param request sip.test.leg.send.request
---@return sip.test.call result
function sip_test_leg:send(request) end

---Fails if there is anything in the call that the test has not expected, or it arrives within the
---time, except for ACKs and 100. Waits.
---```lua
---bob:expect_nothing(5)
---```
---@param seconds? number to wait; default 1
function sip_test_leg:expect_nothing(seconds) end

---Sends an INVITE in the dialog, with the phone's own description unless the options say otherwise
---(sdp = false: a late offer), and returns at once. Only in handlers.
---```lua
---leg:answer()
---call:expect(200)
---local again = call:reinvite()
---leg:expect("INVITE"):reply(200)
---again:expect(200)
---```
---@param options? sip.test.leg.reinvite.options optional
---@return sip.test.call result
function sip_test_leg:reinvite(options) end

---Puts the other side on hold by a re-INVITE with sendonly or inactive (RFC 3264 §8.4), and returns at
---once. Only in handlers.
---```lua
---leg:answer()
---call:expect(200)
---local again = call:hold()
---leg:expect("INVITE"):reply(200)
---again:expect(200)
---```
---@param options? sip.test.leg.hold.options optional
---@return sip.test.call result
function sip_test_leg:hold(options) end

---Ends the hold by a re-INVITE, and returns at once. Only in handlers.
---```lua
---leg:answer()
---call:expect(200)
---local again = call:resume()
---leg:expect("INVITE"):reply(200)
---again:expect(200)
---```
---@param options? sip.test.leg.resume.options optional
---@return sip.test.call result
function sip_test_leg:resume(options) end

---Sends a REFER in the dialog, and returns at once: the other side is to call the target, or with
---another call of this phone to take its place there. With uri the other call is sought there, and not
---at its Contact. Only in handlers.
---```lua
---leg:answer()
---call:expect(200)
---local refer = call:refer("sip:carol@example.com")
---leg:expect("REFER"):reply(202)
---refer:expect(202)
---```
---@param target sip.uri|string|any a uri: a blind transfer; another call or leg of the same phone: an attended one, with Replaces
---@param options? sip.test.leg.refer.options optional
---@return sip.test.call result
function sip_test_leg:refer(target, options) end

---Sends a NOTIFY in the dialog, and returns at once: of any event, or with code of the progress of a
---REFER (RFC 3515 §2.4). Only in handlers.
---```lua
---leg:answer()
---call:expect(200)
---call:refer("sip:carol@example.com")
---leg:expect("REFER"):reply(202)
---local notify = leg:notify({ code = 200 })
---call:expect("NOTIFY"):reply(200)
---notify:expect(200)
---```
---@param options? sip.test.leg.notify.options optional
---@return sip.test.call result
function sip_test_leg:notify(options) end

---Sends an UPDATE (RFC 3311) in the dialog, an early one too, and returns at once; sdp = true gives it
---the phone's own description. Only in handlers.
---```lua
---leg:answer()
---call:expect(200)
---local again = call:update()
---leg:expect("UPDATE"):reply(200)
---again:expect(200)
---```
---@param options? sip.test.leg.update.options optional
---@return sip.test.call result
function sip_test_leg:update(options) end

---Sends an INFO in the dialog, and returns at once. Only in handlers.
---```lua
---leg:answer()
---call:expect(200)
---local again = call:info()
---leg:expect("INFO"):reply(200)
---again:expect(200)
---```
---@param options? sip.test.leg.info.options optional
---@return sip.test.call result
function sip_test_leg:info(options) end

---Sends a MESSAGE in the dialog, and returns at once; a body is text/plain unless content_type says
---otherwise. Only in handlers.
---```lua
---leg:answer()
---call:expect(200)
---local again = call:message()
---leg:expect("MESSAGE"):reply(200)
---again:expect(200)
---```
---@param options? sip.test.leg.message.options optional
---@return sip.test.call result
function sip_test_leg:message(options) end

---Sends an OPTIONS in the dialog, and returns at once. Only in handlers.
---```lua
---leg:answer()
---call:expect(200)
---local again = call:options()
---leg:expect("OPTIONS"):reply(200)
---again:expect(200)
---```
---@param options? sip.test.leg.options.options optional
---@return sip.test.call result
function sip_test_leg:options(options) end

---The first value of a header; nil if there is none.
---```lua
---t.equal(leg:header("Max-Forwards"), "69")
---```
---@param name string of the header, in any case
---@return string|nil result
function sip_test_leg:header(name) end

---All values of a header, one per element if the RFC defines it as a list.
---```lua
---t.equal(#leg:headers("Via"), 2)
---```
---@param name string of the header, in any case
---@return any[] result
function sip_test_leg:headers(name) end

---A NAT of the test.
---@class sip.test.nat
---@field public string its address outside
local sip_test_nat = {}

---Has it start again: it forgets all ports, and lets nothing pass on old connections, of which the
---server is not told. A phone opens a new one when it sends. Only in handlers.
---```lua
---local home = t.nat({ kind = "symmetric" })
---local carol = t.ua("sip:carol@example.com", { nat = home })
---carol:register()
---home:rebind({ public = "203.0.113.99" })
---```
---@param options? sip.test.nat.rebind.options optional
function sip_test_nat:rebind(options) end

---A request to the HTTP handlers of the script: what t.request returns.
---@class sip.test.asked
local sip_test_asked = {}

---Waits for the answer, which must have that status, or one of that class ("2xx"). Waits.
---```lua
---local answer = t.request({ path = "/nothing" }):expect(404)
---```
---@param what string|integer a method ("INVITE"), a code, or a class ("2xx")
---@param options? sip.test.asked.expect.options optional
---@return sip.test.answer result
function sip_test_asked:expect(what, options) end

---What an HTTP handler of the script answered.
---@class sip.test.answer
---@field status integer 200, 404 …
---@field headers table by name in lower case
---@field body string any bytes
local sip_test_answer = {}

---The value of a body that is JSON; nil, err for another.
---```lua
---local value, err = t.request({ path = "/nothing" }):expect(404):json()
---```
---@return any|nil result
---@return string|nil err
function sip_test_answer:json() end

---An HTTP request of the script.
---@class sip.test.hreq
---@field method string GET, POST …
---@field url string the whole URL
---@field path string without the query
---@field query table the parameters after "?", the first of each name
---@field headers table by name in lower case
---@field body string any bytes
local sip_test_hreq = {}

---The value of a body that is JSON; nil, err for another.
---```lua
---t.http("POST /calls", function(hreq) return { json = hreq:json() } end)
---```
---@return any|nil result
---@return string|nil err
function sip_test_hreq:json() end

---A Redis in memory.
---@class sip.test.redis
local sip_test_redis = {}

---The text of a key.
---```lua
---t.equal(t.redis():get("none"), nil)
---```
---@param key string
---@return string|nil result
function sip_test_redis:get(key) end

---Sets a key to a text.
---```lua
---t.redis():set("forward:alice", "sip:bob@10.0.0.9")
---```
---@param key string
---@param text string
function sip_test_redis:set(key, text) end

---Takes it away: calls fail from now on.
---```lua
---t.redis():stop()
---```
function sip_test_redis:stop() end

---Brings it back, with what it had.
---```lua
---local r = t.redis()
---r:stop()
---r:restart()
---```
function sip_test_redis:restart() end

---@class sip.test
local sip_test = {}

---A test: fn runs in a world of its own. Only while the file loads.
---```lua
---t.it("rings bob", function() t.ua("sip:bob@example.com"):register() end)
---```
---@param name string
---@param fn fun(): ...any
function sip_test.it(name, fn) end

---Groups tests: their names begin with its name. Only while the file loads.
---```lua
---t.describe("calls", function() t.it("are refused", function() end) end)
---```
---@param name string
---@param fn fun(): ...any
function sip_test.describe(name, fn) end

---Fn runs before each test that follows in the file or the group. Only while the file loads.
---```lua
---t.before(function() t.advance(1) end)
---```
---@param fn fun(): ...any
function sip_test.before(fn) end

---Starts the test's server with options other than the defaults; outside tests, for all later tests in
---the file or the group. Returns server: nil outside of tests.
---```lua
---t.server({ addr = "10.0.0.2:5060", args = { limit = "2" } })
---```
---@param options? sip.test.server.options optional
---@return sip.test.server result nil outside of tests
function sip_test.server(options) end

---Starts a server that shares with the test's other nodes what --redis shares: registrations,
---sip.shared with redis = true, limits that are shared. t.redis() is their Redis, server:stop{ kill =
---true } ends one. Returns server: nil outside of tests.
---```lua
---local a, b = t.node({ addr = "10.0.0.2" }), t.node({ addr = "10.0.0.3" })
---local carol = t.ua("sip:carol@example.com", { proxy = b.addr })
---a:stop({ kill = true })
---```
---@param options? sip.test.node.options optional
---@return sip.test.server result nil outside of tests
function sip_test.node(options) end

---A phone, or any other user agent, with an address of record, or with an IP address
---("sip:vm@10.0.0.9"), at which it then is. Waits.
---```lua
---local carol = t.ua("sip:carol@example.com", { password = "secret", transport = "tcp" })
---```
---@param uri sip.uri|string
---@param options? sip.test.ua.options optional
---@return sip.test.ua result
function sip_test.ua(uri, options) end

---Lets virtual time pass. Only in handlers. Waits.
---```lua
---t.advance(60)
---```
---@param seconds number
function sip_test.advance(seconds) end

---Says what date and time it is. Before the test's first phone or server, and outside tests for all
---later tests in the file or the group, it sets the clock. After that it lets time pass until then, as
---advance does: timers fire, and registrations expire. It raises if that moment is over.
---```lua
---t.clock("2026-01-01 18:00", "Europe/Berlin")
---```
---@param at string|number "2026-12-24 18:00", with or without seconds, "2026-12-24", or what os.time returns
---@param zone? string the time zone of the script and the spec; default that of before; at first UTC
function sip_test.clock(at, zone) end

---Says which names there are: an address, a list of addresses, or {TYPE = record or list of records}
---with the types and fields of dns.lookup; false for a name that does not exist, {error = "SERVFAIL"}
---for one whose servers fail. It replaces what a name had before. A name that nobody named fails the
---test.
---```lua
---t.dns({
---  ["gw.example"] = "10.0.0.9", ["gone.example"] = false,
---  ["_sip._udp.carrier.example"] = { SRV = { { priority = 1, weight = 1, port = 5080, target = "gw.example" } } },
---})
---```
---@param names any {name = …}
---@param options? sip.test.dns.options optional
function sip_test.dns(names, options) end

---A NAT, as home routers have it, for phones: t.ua(uri, { nat = home }). Phones behind it get
---addresses in 192.168.N. Only in handlers.
---```lua
---local home = t.nat({ kind = "port_restricted", timeout = 30 })
---t.ua("sip:carol@example.com", { nat = home }):register()
---```
---@param options? sip.test.nat.options optional
---@return sip.test.nat result
function sip_test.nat(options) end

---Sends a request to the HTTP handlers of the script (http.handle), and returns at once; expect waits
---for the answer. --http need not be given: nothing leaves the process. Only in handlers.
---```lua
---t.server({ addr = "10.0.0.2", source = [[
---  local http = require "http"
---  http.handle("POST /calls/{id}", function(hreq)
---    return { json = { id = hreq.params.id, to = hreq:json().to } }
---  end)
---  function route(req) req:reply(404) end
---]] })
---t.request({ path = "/nothing" }):expect(404)
---```
---@param request sip.test.request.request
---@return sip.test.asked result
function sip_test.request(request) end

---Has the server load its script again, or another one. It raises if the script is refused; then the
---old one goes on serving. What the process keeps (bindings, sip.shared) stays. It is the test's first
---server. Only in handlers.
---```lua
---t.reload({ args = { fallback = "sip:desk@10.0.0.7" } })
---```
---@param options? sip.test.reload.options optional
function sip_test.reload(options) end

---Ends the server and starts it again. Without data = true in t.server all state is lost, and requests
---in older calls are refused; with it, what --data keeps survives. A stop takes a second at least, in
---which new calls are refused and those in progress may finish. It is the test's first server. Only in
---handlers.
---```lua
---t.restart({ kill = true })
---```
---@param options? sip.test.restart.options optional
function sip_test.restart(options) end

---Sets the quality of the links from now on. Only datagrams are lost, duplicated or reordered. Only in
---handlers.
---```lua
---t.link({ loss = 0.2, delay = 0.05 })
---```
---@param options? sip.test.link.options optional
function sip_test.link(options) end

---Answers the script's HTTP requests that fit a pattern by a function; nothing leaves the process.
---Patterns are those of http.handle, with or without a host. The function answers at once: it cannot
---wait. A request that nothing answers fails the test.
---```lua
---t.http("GET /route", function(hreq) return { json = { target = "sip:bob@10.0.0.9" } } end)
---```
---@param pattern string "GET /calls/{id}", "POST api.example/"
---@param fn fun(hreq: sip.test.hreq): ...any returns {status=, headers=, body= | json=}, or {error = text}: no answer comes
function sip_test.http(pattern, fn) end

---Answers the script's queries that contain a text, in any case, or all: by rows, or by a function. Of
---several that fit, the last one answers.
---```lua
---t.sql({ { uri = "sip:bob@10.0.0.9" } })
---t.sql("update targets", function(query, q, name) return { changed = 1 } end)
---```
---@param text string|table|function a part of the query; may be left out
---@param rows? table|function {{column = value}}, or function(query, ...), which returns {rows=, changed=} or {error = text}; optional
function sip_test.sql(text, rows) end

---A Redis in memory, which all of the script's clients reach, dictionaries with redis = true among
---them, and which ends with the test.
---```lua
---local r = t.redis({ ["forward:alice"] = "sip:bob@10.0.0.9" })
---t.equal(r:get("forward:alice"), "sip:bob@10.0.0.9")
---```
---@param keys? any {key = text}: what is in it at first; optional
---@return sip.test.redis result
function sip_test.redis(keys) end

---Stands for the script's rtpengine: every command is carried out, and a description gets the address
---203.0.113.99. A function decides otherwise: it gets the command as a table, with the names of the
---protocol, and cannot wait. A command that nothing answers fails the test. The end of a call's media
---is not shown.
---```lua
---t.rtpengine(function(command)
---  if command.command == "offer" then return { error = "no ports left" } end
---end)
---```
---@param fn? fun(command: any): ...any returns {sdp=}, {error=} or nothing; optional
function sip_test.rtpengine(fn) end

---The records that acc has made so far, in their order: of each call that has ended, and of acc.event.
---A table each, with the names of the JSON: from_uri, to_uri, code, cause, ended_by, duration, legs,
---fields … They go nowhere else. Returns list: of tables.
---```lua
---t.equal(#t.cdrs(), 0)
---```
---@return any[] result of tables
function sip_test.cdrs() end

---Fails unless got and want are equal; tables are compared by their contents, a uri by its text.
---```lua
---t.equal({ 1, 2 }, { 1, 2 }, "the list")
---```
---@param got any
---@param want any
---@param message? string put in front of the failure; optional
function sip_test.equal(got, want, message) end

---Fails unless the Lua pattern matches somewhere in the text.
---```lua
---t.match("sip:bob@example.com", "^sip:")
---```
---@param text any
---@param pattern string a Lua pattern
---@param message? string put in front of the failure; optional
function sip_test.match(text, pattern, message) end

---Fails if value is nil or false.
---```lua
---t.ok(bob.contact, "a contact")
---```
---@param value any
---@param message? string put in front of the failure; optional
function sip_test.ok(value, message) end

---Fails unless fn raises an error in which the Lua pattern matches. Waits.
---```lua
---t.raises(function() error("no way") end, "no way")
---```
---@param fn fun(): ...any
---@param pattern? string a Lua pattern; optional
function sip_test.raises(fn, pattern) end

---Fails the test.
---```lua
---if bob.name ~= "bob" then t.fail("not bob") end
---```
---@param message? string optional
function sip_test.fail(message) end

---@class sip.test.server.reload.options
---@field script? string another file from now on, from the spec's directory
---@field source? string another script's text, in place of a file
---@field args? table sip.args from now on

---@class sip.test.server.restart.options
---@field script? string another file from now on, from the spec's directory
---@field source? string another script's text, in place of a file
---@field args? table sip.args from now on
---@field kill? boolean as a process that is killed ends: without a drain, a handler of "stop", or anything sent

---@class sip.test.server.stop.options
---@field kill? boolean as a process that is killed ends

---@class sip.test.ua.register.options
---@field expires? number seconds; default 3600
---@field contact? string|any[]|fun(res: sip.response): boolean whole values of Contact; default: the phone's own
---@field headers? table {Name = text | list | false}
---@field expect? any the answer's code, or class ("4xx"); default 200

---@class sip.test.ua.invite.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.ua.send.request
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.ua.expect.options
---@field within? number seconds; default 10
---@field headers? table {Name = pattern}: one of the header's values must match
---@field sdp? any {direction=, codec=, address=, hold=}: the description must be so; false: there must be none

---@class sip.test.ua.disconnect.options
---@field silent? boolean the other ends of its connections are not told, as when a mobile loses its network

---@class sip.test.call.expect.options
---@field within? number seconds; default 10
---@field headers? table {Name = pattern}: one of the header's values must match
---@field sdp? any {direction=, codec=, address=, hold=}: the description must be so; false: there must be none

---@class sip.test.call.cancel.options
---@field headers? table {Name = text}: Reason

---@class sip.test.call.ack.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.call.prack.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.call.bye.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.call.send.request
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.call.reinvite.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.call.hold.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.call.resume.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.call.refer.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.call.notify.options
---@field event? string the Event; default: refer with code
---@field state? string the Subscription-State; default: active, and terminated with a final code
---@field code? integer how the call that a REFER asked for fares: the body says so (message/sipfrag)
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.call.update.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.call.info.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.call.message.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.call.options.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.leg.reply.options
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own (the answer to an offer, or else an offer), or a table to change that
---@field reliable? boolean of a provisional one: it is repeated until its PRACK comes (RFC 3262)

---@class sip.test.leg.expect.options
---@field within? number seconds; default 10
---@field headers? table {Name = pattern}: one of the header's values must match
---@field sdp? any {direction=, codec=, address=, hold=}: the description must be so; false: there must be none

---@class sip.test.leg.answer.options
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own (the answer to an offer, or else an offer), or a table to change that
---@field reliable? boolean of a provisional one: it is repeated until its PRACK comes (RFC 3262)

---@class sip.test.leg.follow.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.leg.bye.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.leg.send.request
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.leg.reinvite.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.leg.hold.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.leg.resume.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.leg.refer.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.leg.notify.options
---@field event? string the Event; default: refer with code
---@field state? string the Subscription-State; default: active, and terminated with a final code
---@field code? integer how the call that a REFER asked for fares: the body says so (message/sipfrag)
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.leg.update.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.leg.info.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.leg.message.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.leg.options.options
---@field method? string
---@field uri? string default: the domain of the phone; in a dialog, its target
---@field from? string default: the phone's address of record
---@field to? string default: the uri
---@field call_id? string default: a new one
---@field route? string|any[]|fun(res: sip.response): boolean values of Route; the request goes to the first
---@field headers? table {Name = text | list | false}
---@field body? string
---@field content_type? string default application/sdp
---@field sdp? any in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that
---@field ack? any of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it
---@field reliable? boolean of an INVITE: offers 100rel (RFC 3262)
---@field prack? boolean of an INVITE: false leaves PRACK to call:prack()

---@class sip.test.nat.rebind.options
---@field public? string its address from now on; default: the same

---@class sip.test.asked.expect.options
---@field within? number seconds; default 10
---@field headers? table {Name = pattern}: one of the header's values must match
---@field sdp? any {direction=, codec=, address=, hold=}: the description must be so; false: there must be none

---@class sip.test.server.options
---@field script? string the script's file, from the spec's directory; default: x.lua next to x_spec.lua
---@field source? string the script's text, in place of a file
---@field domains? string|any[]|fun(res: sip.response): boolean local domains; default example.com
---@field args? table sip.args
---@field env? table the environment for sip.env
---@field hosts? table {name = address}: names that this server knows; more in t.dns
---@field lanes? integer default 1; with more, a run is not repeated exactly by its seed
---@field addr? string where it listens, UDP and TCP; default 10.0.0.1. At port 5060, also TLS at 5061, ws at 80 and wss at 443
---@field listen? string|any[]|fun(res: sip.response): boolean further listeners, in the place of those: {"wss:10.0.0.1:8443"}
---@field probes? boolean modules also send probes by themselves, which phones then receive; default false
---@field data? boolean keeps in a directory of its own what --data keeps, so that it survives a restart
---@field redis? boolean keeps with the test's Redis in memory what --redis shares, as t.node does; all such servers have one secret
---@field budget? number how many seconds a handler may compute; default 5

---@class sip.test.node.options
---@field script? string the script's file, from the spec's directory; default: x.lua next to x_spec.lua
---@field source? string the script's text, in place of a file
---@field domains? string|any[]|fun(res: sip.response): boolean local domains; default example.com
---@field args? table sip.args
---@field env? table the environment for sip.env
---@field hosts? table {name = address}: names that this server knows; more in t.dns
---@field lanes? integer default 1; with more, a run is not repeated exactly by its seed
---@field addr? string where it listens, UDP and TCP; default 10.0.0.1. At port 5060, also TLS at 5061, ws at 80 and wss at 443
---@field listen? string|any[]|fun(res: sip.response): boolean further listeners, in the place of those: {"wss:10.0.0.1:8443"}
---@field probes? boolean modules also send probes by themselves, which phones then receive; default false
---@field data? boolean keeps in a directory of its own what --data keeps, so that it survives a restart
---@field redis? boolean keeps with the test's Redis in memory what --redis shares, as t.node does; all such servers have one secret
---@field budget? number how many seconds a handler may compute; default 5

---@class sip.test.ua.options
---@field password? string answers digest challenges
---@field user? string the user name to answer them with; default: that of the URI
---@field transport? "udp"|"tcp"|"tls"|"ws"|"wss" default udp
---@field http? sip.test.ua.options.http over ws and wss: the request that opens its connection
---@field outbound? boolean registers with +sip.instance and reg-id, and writes ob into its Contact (RFC 5626), as browsers' phones do
---@field instance? string its +sip.instance, "urn:uuid:…"
---@field keepalive? number sends a keep-alive every so many seconds (RFC 5626 §3.5.1); default: none
---@field nat? any the NAT it is behind: t.nat{…}
---@field addr? string where it is, "10.0.0.9" or with a port; default: one of its own
---@field proxy? string where it sends requests without a Route; default: the test's first server
---@field name? string what the ladder calls it; default: the user of the URI
---@field auto? boolean false: it does not answer CANCEL and BYE by itself

---@class sip.test.dns.options
---@field ttl? integer how many seconds servers keep the records; that there is none they remember for 60

---@class sip.test.nat.options
---@field kind? "full_cone"|"restricted"|"port_restricted"|"symmetric" who gets in by the port that a phone has outside; default port_restricted
---@field public? string its address; default: one of its own, 203.0.113.1
---@field timeout? number how many seconds a UDP port is kept after the last datagram that went out; default 120
---@field stream_timeout? number the same for connections, in either direction; default 7440
---@field hairpin? boolean phones behind it reach each other by the public address
---@field alg? "headers"|"body" what it rewrites in SIP messages that are not encrypted: "headers" Via and Contact, "body" also SDP, without correcting Content-Length

---@class sip.test.request.request
---@field method? string default GET, or POST if there is a body
---@field path string "/calls/7", perhaps with a query
---@field query? table {name = text}, added to the path, escaped as it must be
---@field headers? table {Name = text}
---@field body? string text or any bytes
---@field content_type? string of body
---@field json? any a value that is sent as JSON, in the place of body
---@field auth? sip.test.request.request.auth {user=, password=} or {bearer=}
---@field source? string the client's address; default 127.0.0.1, from which handlers without auth answer
---@field server? any whose script is asked; default: the test's first

---@class sip.test.reload.options
---@field script? string another file from now on, from the spec's directory
---@field source? string another script's text, in place of a file
---@field args? table sip.args from now on

---@class sip.test.restart.options
---@field script? string another file from now on, from the spec's directory
---@field source? string another script's text, in place of a file
---@field args? table sip.args from now on
---@field kill? boolean as a process that is killed ends: without a drain, a handler of "stop", or anything sent

---@class sip.test.link.options
---@field loss? number the share of datagrams that are lost, 0 to 1
---@field duplicate? number the share of datagrams that arrive twice, 0 to 1
---@field delay? number seconds, one way
---@field jitter? number seconds: each datagram takes up to this much longer
---@field from? string only for datagrams from this address (needs to)
---@field to? string only for datagrams to this address (needs from)

---@class sip.test.ua.options.http
---@field path? string perhaps with a query: "/sip?token=1"
---@field origin? string of the web page: "https://app.example.com"
---@field headers? table {Name = text}

---@class sip.test.request.request.auth
---@field user? string
---@field password? string
---@field bearer? string a token

return sip_test
