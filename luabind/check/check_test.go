package check_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sipscript/sipscript/luabind/check"
)

// end is a route that nothing is said of.
const end = "\nfunction route(req) req:reply(404) end\n"

// mistake is a script with one mistake.
type mistake struct {
	name   string
	script string
	at     string // line:column
	rule   string
	text   string // in the message
	// mend is what makes it right: "old => new".
	mend string
}

// handler is a script whose route is body, then an answer.
func handler(body string) string {
	return "local registrar, auth = require \"registrar\", require \"auth\"\nfunction route(req)\n" + body + "\nreq:reply(404)\nend\n"
}

// routed is a script whose route is body.
func routed(body string) string {
	return "local registrar, auth = require \"registrar\", require \"auth\"\nfunction route(req)\n" + body + "\nend\n"
}

// along is a handler that stays on the path.
func along(body string) string { return handler("req:record_route()\n" + body) }

var mistakes = []mistake{
	// unused
	{"a limit that nobody looks at", "local dialog = require \"dialog\"\n" + along("dialog.track(req, { limits = { all = 3 } })"), "5:8", "unused", "dialog.track returns", "dialog.track(req, => local call = dialog.track(req,"},
	{"limits in a variable", "local dialog = require \"dialog\"\n" + along("local o = { limits = { all = 3 } }\ndialog.track(req, o)"), "6:8", "unused", "it is what says no", "limits = { => vars = {"},
	{"a method", "local dialog = require \"dialog\"\n" + along("local call = dialog.track(req)\ncall:limit({ all = 3 })"), "6:6", "unused", "call:limit", "call:limit => local ok = call:limit"},
	{"a source that is looked up for nothing", handler("auth.trusted(req)"), "3:6", "unused", "auth.trusted", "auth.trusted(req) => if not auth.trusted(req) then return req:reply(403) end"},

	// syntax
	{"a token", "function route(req)\n  if req.method != \"INVITE\" then return req:reply(405) end\n  req:reply(200)\nend", "2:17", "syntax", "not equal is ~=", "!= => ~="},
	{"no end", "function route(req)\n  req:reply(200)\n", "3:1", "syntax", "is an \"end\" missing?", "(200)\n => (200)\nend"},
	{"text without an end", "local x = \"abc\n" + end, "2:1", "syntax", "unterminated string", "abc => abc\""},
	{"a break outside of a loop", "do break end" + end, "1:1", "syntax", "no loop to break", "do break => do"},

	// globals
	{"a misspelt global", handler(`print(sip.now(), tostrng(req))`), "3:18", "globals", "did you mean 'tostring'?", "tostrng => tostring"},
	{"a module that is not loaded", "function route(req) registrar.save(req) end", "1:21", "globals",
		`local registrar = require "registrar"`, `function => local registrar = require "registrar" function`},
	{"exit", handler(`if req.answered then exit() end`), "3:22", "globals", "return ends a handler", "exit() => return"},
	{"a global assigned in a handler", handler(`count = 1`), "3:1", "globals", `write "local count = ..."`, "count => local count"},
	{"a function of Lua's own assigned in a handler", handler(`print = nil`), "3:1", "read-only", "print is read-only in handlers", "print => local print"},

	// names
	{"a misspelt function", handler(`registrar.lookpu(req.ruri)`), "3:11", "names", "did you mean 'lookup'?", "lookpu => lookup"},
	{"a misspelt function of a part", handler(`sip.log.warning("x")`), "3:9", "names", "did you mean 'warn'?", "warning => warn"},
	{"a misspelt field", handler(`sip.log.info(req.metod)`), "3:18", "names", "a request has no field 'metod'; did you mean 'method'?", "metod => method"},
	{"a misspelt method", handler(`req:set_heder("X", "1")`), "3:5", "names", "did you mean 'set_header'?", "heder => header"},
	{"a field of a uri", handler(`sip.log.info(req.from.uri.username)`), "3:27", "names", "did you mean 'user'?", "username => user"},
	{"a field of a shape", handler(`sip.log.info(req.source.address)`), "3:25", "names", "a source has no field 'address'", "address => ip"},
	{"a field of what was found", handler("local list = registrar.lookup(req.ruri) or {}\nfor _, b in ipairs(list) do sip.log.info(b.agent) end"),
		"4:44", "names", "a binding has no field 'agent'", "b.agent => b.user_agent"},
	{"a field of an outcome", routed(`req:record_route() local res = req:fork("sip:a@192.0.2.7") if res.status > 400 then req:reply(404) end`), "3:67", "names",
		"a response has no field 'status'", "status => code"},
	{"a method of a string", handler(`local user = req.ruri.user or "" sip.log.info(user:trim())`), "3:52", "names", "a string has no method 'trim'", "trim => upper"},
	{"a field of a callback's parameter", routed("req:record_route()\nreq:relay(\"sip:a@192.0.2.7\", { on_response = function(r) sip.log.info(r.statuscode) end })"),
		"4:73", "names", "a response has no field 'statuscode'", "statuscode => code"},
	{"a field of an event's parameter", `local registrar = require "registrar"
sip.on("registrar.bound", function(aor, b) sip.log.info(b.adress) end)` + end, "2:59", "names", "a binding has no field 'adress'", "adress => user_agent"},
	{"in a helper that takes req", "local function f(req) return req.cal_id end\n" + handler("f(req)"), "1:34", "names", "did you mean 'call_id'?", "cal_id => call_id"},
	{"in a helper by its call", "local function f(r) return r.cal_id end\n" + handler("f(req)"), "1:30", "names", "did you mean 'call_id'?", "cal_id => call_id"},

	// calls
	{"a method by a dot", handler(`sip.log.info(req.header("To"))`), "3:18", "calls", "write req:header(…), not req.header(…)", "req.header => req:header"},
	{"a function by a colon", handler(`registrar:lookup(req.ruri)`), "3:11", "calls", "write registrar.lookup(…)", "registrar:lookup => registrar.lookup"},
	{"a field called", handler(`sip.log.info(req.method())`), "3:18", "calls", "req.method is a field", "method() => method"},
	{"a field called as a method", handler(`sip.log.info(req:method())`), "3:18", "calls", "req.method is a field", "req:method() => req.method"},

	// arguments
	{"too few", handler(`registrar.lookup()`), "3:11", "arguments", "registrar.lookup needs 'uri'", "lookup() => lookup(req.ruri)"},
	{"too many", handler(`sip.now(1)`), "3:9", "arguments", "sip.now takes no arguments", "now(1) => now()"},
	{"one too many", handler(`registrar.lookup(req.ruri, true)`), "3:28", "arguments", "takes at most 1 argument, not 2", ", true => "},
	{"too few for a method", handler(`req:set_header("X")`), "3:5", "arguments", "needs 'value'", `"X" => "X", "1"`},
	{"too few for Lua's own", handler(`setmetatable({})`), "3:1", "arguments", "needs 'metatable'", "{} => {}, {}"},
	{"none for is", handler(`if req:is() then return req:reply(405) end`), "3:8", "arguments", "needs 'method'", `is() => is("INVITE")`},

	// types
	{"a number for a uri", handler(`registrar.lookup(1234)`), "3:18", "types", "must be a uri, not a number", "1234 => req.ruri"},
	{"text for a number", "sip.every(\"60\", function() end)" + end, "1:11", "types", "must be a number of seconds, not a string", `"60" => 60`},
	{"a table for text", handler(`sip.hash.md5({})`), "3:14", "types", "must be a string, not a table", "{} => \"x\""},
	{"a call for a function", "sip.every(60, true)" + end, "1:15", "types", "must be a function, not a boolean", "true => function() end"},
	{"an address for a uri", handler(`registrar.lookup(req.to)`), "3:22", "types", "must be a uri, not an address", "req.to => req.to.uri"},
	{"text for req", "local registrar = require \"registrar\"\nfunction route(req) registrar.save(\"req\") end", "2:36", "types",
		"must be the request, not a string", `"req" => req`},
	{"nil where something must be", handler(`registrar.lookup(nil)`), "3:18", "types", "must be a uri, not nil", "nil => req.ruri"},
	{"the type of an option", along(`req:fork("sip:a@192.0.2.7", { timeout = "20" })`), "4:41", "types",
		"the option timeout must be a number of seconds, not a string", `"20" => 20`},
	{"the type of a field", handler(`req.ruri.port = "5060"`), "3:10", "types", "uri.port must be a number, not a string", `"5060" => 5060`},

	// values
	{"a word that is nearly one of some", `require("b2b") sip.on("b2b.answered", function(leg) leg:dial("sip:x@y", { early = "eech" }) end)` + end, "1:83", "values",
		`must be one of "first", "ringing", "each", not "eech"; did you mean "each"?`, "eech => each"},
	{"a word where a truth value may be", `require("b2b") sip.on("b2b.answered", function(leg) leg:dial("sip:x@y", { early = "none" }) end)` + end, "1:83", "values",
		`must be one of "first", "ringing", "each", not "none"`, `"none" => false`},
	{"a word where a function may be", `require("b2b").configure { refer = "pas" }` + end, "1:36", "values", `did you mean "pass"?`, "pas => pass"},
	{"a word of an HTTP handler", `require("http").handle("GET /x", { auth = "baerer" }, function() return { status = 200 } end)` + end, "1:43", "values", `did you mean "bearer"?`, "baerer => bearer"},
	{"a word in a list", `require("auth").configure { qop = { "auth", "auth_int" } }` + end, "1:45", "values", `did you mean "auth-int"?`, "auth_int => auth-int"},
	{"a word in the place of a list", `require("auth").configure { qop = "auth_int" }` + end, "1:35", "values", `did you mean "auth-int"?`, "auth_int => auth-int"},
	{"a word that is none of some", `local auth = require "auth" auth.configure { identity_headers = "none" }` + end, "1:65", "values",
		`must be one of "any", "trusted", not "none"`, `"none" => "any"`},
	{"an argument that is none of some", handler(`req:add_header("X", "1", "last")`), "3:26", "values", `must be one of "first"`, `, "last" => `},
	{"less than the least", `local registrar = require "registrar" registrar.configure { max_contacts = 0 }` + end, "1:76", "values",
		"must be at least 1, not 0", "= 0 => = 1"},
	{"a metric of the server", `local c = sip.metric.counter("sipscript_calls_total", "Calls.")` + end, "1:30", "values", "begins with sipscript_", "sipscript_ => my_"},
	{"a metric in a handler", handler(`sip.metric.gauge("my_load", "Load.")`), "3:12", "place", "sip.metric.gauge", "sip.metric.gauge => print"},
	{"a metric that can't do it", `local g = sip.metric.gauge("my_load", "Load.") function count() g:observe(1) end` + end, "1:67", "names", "a gauge has no method 'observe'", "observe => set"},
	{"more than the most", handler(`sip.token(5000)`), "3:11", "values", "must be at most 1024", "5000 => 16"},
	{"a fraction", handler(`sip.random(1.5)`), "3:12", "values", "must be a whole number, not 1.5", "1.5 => 2"},
	{"negative seconds", handler(`sip.sleep(-1)`), "3:11", "values", "must be a number of seconds, not -1", "-1 => 1"},
	{"a code that is none", routed(`req:reply(900)`), "3:11", "values", "must be at most 699", "900 => 200"},

	// options
	{"an unknown option", `local auth = require "auth" auth.configure { relm = "x" }` + end, "1:46", "options", "did you mean 'realm'?", "relm => realm"},
	{"an unknown option within", "local registrar = require \"registrar\"\nregistrar.configure { subscriptions = { max_expire = 5 } }" + end,
		"2:41", "options", `unknown option "subscriptions.max_expire"; did you mean 'max_expires'?`, "max_expire => max_expires"},
	{"an unknown option in a variable", along("local o = { timout = 3 }\nreq:fork(\"sip:a@192.0.2.7\", o)"), "4:13", "options",
		"did you mean 'timeout'?", "timout => timeout"},
	{"an unknown key of a target", along(`req:fork { uri = "sip:a@192.0.2.7", header = {} }`), "4:37", "options", "did you mean 'headers'?", "header => headers"},
	{"of a target in a list", along(`req:fork { { uri = "sip:a@192.0.2.7", nexthop = "sip:b" } }`), "4:39", "options", "did you mean 'next_hop'?", "nexthop => next_hop"},
	{"an option in a target", along(`req:fork({ uri = "sip:a@192.0.2.7", order = "serial" })`), "4:37", "options",
		"options go into the next argument", `, order => }, { order`},
	{"an option that fork has not", along(`req:fork("sip:a@192.0.2.7", { on_failure = function() end })`), "4:31", "options",
		`unknown option "on_failure"`, "on_failure => on_response"},
	{"an option without a name", along(`req:fork("sip:a@192.0.2.7", { 20 })`), "4:31", "options", "this one has no name", "{ 20 => { timeout = 20"},
	{"an unknown key in a list of tables", along(`req:set_parts { { content_type = "text/plain", body = "x", ide = "1" } }`), "4:60", "options", "did you mean 'id'?", "ide => id"},
	{"an unknown option of a branch", along("local rtpengine = require \"rtpengine\"\nreq:record_route() rtpengine.manage(req, { callee = { ise = \"remove\" } })"), "5:55", "options",
		`unknown option "callee.ise"; did you mean 'ice'?`, "ise => ice"},
	{"a required option", "local uac = require \"uac\"\nuac.register { registrar = \"sip:example.net\", user = \"x\" }" + end, "2:14", "options",
		`"password" is required`, `"x" => "x", password = "y"`},
	{"no destination", routed(`req:redirect { q = 1 }`), "3:14", "options", "names no destination", `q = 1 => uri = "sip:a@192.0.2.7"`},
	{"an unknown option of sip.send", handler(`sip.send { method = "OPTIONS", uri = "sip:a@192.0.2.7", timout = 1 }`), "3:57", "options",
		"did you mean 'timeout'?", "timout => timeout"},

	// events, formats, require
	{"an unknown event", `sip.on("registrar.bond", function() end)` + end, "1:8", "events", "did you mean 'registrar.bound'?", "bond => bound"},
	{"too few values", handler(`sip.log.info("%s from %s", req.method)`), "3:14", "format", "asks for 2 values and gets 1", "req.method => req.method, req.source.ip"},
	{"too few for string.format", handler(`local s = string.format("%d%%")`), "3:25", "format", "asks for 1 value and gets 0", `"%d%%" => "%d%%", 5`},
	{"too few for a text's format", handler(`local s = ("%s-%s"):format("a")`), "3:12", "format", "asks for 2 values and gets 1", `"a" => "a", "b"`},
	{"a format that ends early", handler(`sip.log.info("100%", req.method)`), "3:14", "format", "ends within a '%'", "100% => %s"},
	{"an unknown module", `local x = require "registar"` + end, "1:19", "require", "did you mean 'registrar'?", "registar => registrar"},
	{"a file required in a handler", handler(`local lib = require "lib"`), "3:21", "require", "move the require to the top of the file", `require "lib" => nil`},

	// place
	{"waiting while the file runs", "sip.sleep(1)" + end, "1:5", "place", "sip.sleep waits", "sip.sleep(1) => sip.after(1, function() sip.sleep(1) end)"},
	{"waiting in a function that the file calls", "local function f() sip.sleep(1) end\nf()" + end, "1:24", "place", "sip.sleep waits", "\nf() => \nsip.after(1, f)"},
	{"waiting for Redis", "local d = sip.shared(\"x\", { capacity = 5, redis = true })\nd:get(\"k\")" + end, "2:3", "place", "dict:get waits", "redis = true => redis = false"},
	{"an option of a dictionary", "sip.shared(\"x\", { redsi = true })" + end, "1:19", "options", "did you mean 'redis'?", "redsi => redis"},
	{"waiting with a load", "sip.shared(\"x\"):get(\"k\", function() return 1 end)" + end, "1:17", "place", "dict:get waits", ", function() return 1 end => "},
	{"configure in a handler", handler(`auth.configure { realm = "x" }`), "3:6", "place", "only be called while the file runs", `auth.configure { realm = "x" } => auth.forget("x")`},
	{"on in a handler", handler(`sip.on("start", function() end)`), "3:5", "place", "handlers run once in the process", `sip.on("start", => sip.after(1,`},
	{"every in a helper", "local function f() sip.every(1, print) end\n" + handler("f()"), "1:24", "place", "only be called while the file runs", "every => after"},
	{"for handlers only", "local registrar = require \"registrar\"\nregistrar.count()" + end, "2:11", "place", "only be called in a handler", "registrar.count() => print()"},

	// comparison, read-only, file variables
	{"a uri and a string", handler(`if req.ruri == "sip:a@example.com" then return req:reply(486) end`), "3:13", "comparison", "write uri:equals",
		` == "sip:a@example.com" => :equals("sip:a@example.com")`},
	{"a string and a uri", handler(`if "sip:a@example.com" ~= req.from.uri then return req:reply(486) end`), "3:24", "comparison", "write uri:equals", "from.uri => from.uri.aor"},
	{"an address and a string", handler(`if req.from == "sip:a@example.com" then return req:reply(486) end`), "3:13", "comparison", "an address never equals a string", "from => from.uri.aor"},
	{"a field that can't be assigned", handler(`req.body = "x"`), "3:5", "read-only", "req:set_body(…) replaces it", `req.body = "x" => req:set_body("x", "text/plain")`},
	{"aor", handler(`req.ruri.aor = "x"`), "3:10", "read-only", "uri.aor is read-only", "ruri.aor => ruri.user"},
	{"a method assigned", handler(`req.reply = nil`), "3:5", "read-only", "it is a method", "req.reply => req.vars.reply"},
	{"an unknown field assigned", handler(`req.account = 1`), "3:5", "names", "a request has no field 'account'", "req.account => req.vars.account"},
	{"a new name in a module", "sip.foo = 1" + end, "1:5", "read-only", "sip can't get new names", "sip.foo => local foo"},
	{"a library in a handler", handler(`string.trim = print`), "3:8", "read-only", "string is read-only in handlers", "string.trim => local trim"},
	{"a variable of the file", "local calls = 0\n" + handler(`calls = calls + 1`), "4:1", "file-variables", "keep it in sip.shared", "\ncalls = => \nlocal n ="},
	{"a variable of the file in a timer", "local routes = {}\nsip.every(60, function() routes = {} end)" + end, "2:26", "file-variables", "each lane has its own", "routes = {} end => routes.x = 1 end"},
	{"a global of the file", "calls = 0\n" + handler(`calls = calls + 1`), "4:1", "file-variables", "keep it in sip.shared", "calls = calls => local n = calls"},

	// route
	{"no route", `local x = 1`, "1:1", "route", "defines no function route(req)", "local x = 1 => function route(req) req:reply(404) end"},
	{"a local route", `local function route(req) req:reply(404) end`, "1:16", "route", "must be a global function", "local function => function"},
}

// decisions are mistakes on the paths of route.
var decisions = []mistake{
	{"a missing return", routed("if not sip.is_local(req.ruri) then req:reply(404) end\nreq:drop()"), "4:5", "second-decision", "is a return missing?", "req:reply => return req:reply"},
	{"one after the other", routed("req:reply(404)\nregistrar.save(req)"), "4:11", "second-decision", "registrar.save comes after a decision", "req:reply(404) => "},
	{"a fork after a decision", routed("req:record_route()\nreq:reply(404)\nreq:fork(\"sip:a@192.0.2.7\")"), "5:5", "second-decision", "req:fork comes after", "reply(404) => reply(180)"},
	{"after a refusal by auth.require", routed("if not auth.require(req) then req:reply(403) end\nreq:reply(200)"), "3:35", "second-decision", "req:reply comes after",
		"req:reply(403) => return"},
	{"after a refusal that is kept", routed("local user = auth.require(req)\nif not user then return req:reply(403) end\nreq:reply(200)"), "4:29", "second-decision",
		"req:reply comes after", "return req:reply(403) => return"},
	{"after a refusal that nobody looks at", routed("auth.require(req)\nreq:reply(200)"), "4:5", "second-decision", "req:reply comes after", "auth.require => auth.check"},
	{"after a helper that decided", "local function deny(req) req:reply(403) end\n" + routed("deny(req)\nreq:drop()"), "5:5", "second-decision", "req:drop comes after", "deny(req)\nreq => return deny(req)\n--"},
	{"after a helper that may decide", "local function busy(req) if req.ruri.user then req:reply(486) return true end return false end\n" +
		routed("busy(req)\nreq:drop()"), "5:5", "second-decision", "req:drop comes after", "busy(req)\n => if busy(req) then return end\n"},
	{"after a loop that decides", routed("for _, t in ipairs({ \"sip:a@192.0.2.7\" }) do\nif sip.now() > 1 then req:redirect(t) break end\nend\nreq:reply(404)"), "6:5",
		"second-decision", "req:reply comes after", "req:redirect(t) break => return req:redirect(t)"},
	{"within a closure of route", routed("local function deny(code) req:reply(code) end\nif req.ruri.user then deny(404) end\nreq:drop()"), "5:5", "second-decision",
		"req:drop comes after", "then deny => then return deny"},
	{"in on_failure", routed("req:record_route()\nreq:relay(\"sip:a@192.0.2.7\", { on_failure = function(res, req)\nreq:reply(486)\nreq:reply(487)\nend })"), "6:5",
		"second-decision", "req:reply comes after", "req:reply(486) => "},

	{"a decision that no path leads to", routed("if req.method ~= \"INVITE\" then return req:reply(405) end\nif req.method == \"REGISTER\" then return registrar.save(req) end\nreq:reply(404)"),
		"4:51", "unreachable", "registrar.save is never called", `"INVITE" then return => "INVITE" and req.method ~= "REGISTER" then return`},
	{"a decision after both branches returned", routed("if req.ruri.user then return req:reply(404) else return req:reply(484) end\nreq:drop()"), "4:5", "unreachable",
		"req:drop is never called", "else return req:reply(484) end => end"},
	{"a decision after error", routed("error(\"x\")\nreq:drop()"), "4:5", "unreachable", "req:drop is never called", "error(\"x\") => "},

	{"an end without a decision", routed("if req.method == \"REGISTER\" then registrar.save(req) end"), "4:1", "no-decision", "answered 500", " end => else req:drop() end"},
	{"a return without a decision", routed("if not req.ruri.user then return end\nreq:reply(404)"), "3:27", "no-decision", "answered 500", "return end => return req:drop() end"},
	{"a provisional answer decides nothing", routed("req:reply(180)"), "4:1", "no-decision", "answered 500", "180 => 486"},
	{"a user who is let in and forgotten", routed("if auth.require(req) then sip.log.info(\"in\") end"), "4:1", "no-decision", "answered 500", "sip.log.info(\"in\") => req:drop()"},

	{"an open relay", routed("req:record_route()\nreq:relay(req.ruri)"), "4:15", "open-relay", "nothing on this path looks at who that is", "req:record_route() => if not auth.require(req) then return end req:record_route()"},
	{"an open relay by a table", routed("req:record_route()\nreq:relay { uri = req.ruri, path = req.routes }"), "4:11", "open-relay", "an open relay",
		"req:record_route() => if not sip.is_local(req.ruri) then return req:reply(404) end req:record_route()"},
	{"an open relay by a variable", routed("local to = req.ruri\nreq:forward(to)"), "4:13", "open-relay", "req:forward sends", "req:forward(to) => if auth.trusted(req) then return req:forward(to) end req:reply(403)"},
	{"an open relay on one of two paths", routed("req:record_route()\nif req.method == \"INVITE\" and not auth.require(req) then return end\nreq:relay(req.ruri)"), "5:15",
		"open-relay", "an open relay", "req.method == \"INVITE\" and => "},
	{"an open relay in a helper", "local function on(req) req:record_route() req:relay(tostring(req.ruri)) end\n" + routed("on(req)"), "1:53", "open-relay", "an open relay",
		"\non(req) => \nif sip.is_local(req.ruri) then on(req) else req:drop() end"},

	{"no record_route", routed("req:relay(registrar.lookup(req.ruri))"), "3:5", "record-route", "INVITE or SUBSCRIBE can pass here without req:record_route()", "req:relay => req:record_route() req:relay"},
	{"none for SUBSCRIBE", routed("if req.method == \"INVITE\" then req:record_route() end\nreq:relay(registrar.lookup(req.ruri))"), "4:5", "record-route", "SUBSCRIBE can pass",
		"req.method == \"INVITE\" => req:is(\"INVITE\", \"SUBSCRIBE\")"},
	{"none for REFER", routed("if req.method ~= \"REFER\" then req:record_route() end\nreq:relay(registrar.lookup(req.ruri))"), "4:5", "record-route", "REFER can pass",
		"if req.method ~= \"REFER\" then req:record_route() end => req:record_route()"},
	{"none after a change of the Request-URI", routed("req.ruri.host = \"192.0.2.7\"\nreq:relay()"), "4:5", "record-route", "without req:record_route()", "req:relay => req:record_route() req:relay"},
	{"none before a fork", routed("local res = req:fork(registrar.lookup(req.ruri))"), "3:17", "record-route", "without req:record_route()", "local res => req:record_route() local res"},
}

// required is what scripts of the tests can require.
var required = fstest.MapFS{"lib.lua": {Data: []byte("return { f = function() return 1 end }\n")}}

func TestMistakesAreFound(t *testing.T) {
	c := checker(t)
	for _, m := range append(append([]mistake{}, mistakes...), decisions...) {
		t.Run(m.name, func(t *testing.T) {
			list := c.Source("x.lua", m.script, required)
			if len(list) != 1 {
				t.Fatalf("%d findings, want 1:\n%s\n%s", len(list), m.script, lines(list))
			}
			f := list[0]
			if at := fmt.Sprintf("%d:%d", f.Line, f.Column); at != m.at || f.Rule != m.rule || !strings.Contains(f.Message, m.text) {
				t.Errorf("%s: %s\nwant %s %s: …%s…\n%s", f.Rule, f, m.at, m.rule, m.text, m.script)
			}
			old, mended, _ := strings.Cut(m.mend, " => ")
			if !strings.Contains(m.script, old) {
				t.Fatalf("there is no %q in the script", old)
			}
			right := strings.Replace(m.script, old, mended, 1)
			if list := c.Source("x.lua", right, required); len(list) > 0 {
				t.Errorf("what is right is found too:\n%s\n%s", right, lines(list))
			}
		})
	}
}

func lines(list []check.Finding) string {
	var b strings.Builder
	for _, f := range list {
		fmt.Fprintf(&b, "%s: %s\n", f.Rule, f)
	}
	return b.String()
}
