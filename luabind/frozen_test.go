package luabind_test

import (
	"testing"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// A handler that changes what all handlers of its lane use would change the next request's:
// libraries are read-only in handlers, in whatever way.
func TestLibrariesAreReadOnlyInHandlers(t *testing.T) {
	m := &module{name: "m", functions: []luabind.Function{luabind.Pure("f", "", func() int { return 1 })}}
	w := luabindtest.New(t, `
local m = require "m"
M = m
mine = {}
function string.trim(s) return s:match("^%s*(.-)%s*$") end
table.unpack = unpack
math.tau = 2 * math.pi
local floor = math.floor
math.floor = function(x) return floor(x) end
sip.log.info = sip.log.info
print = print
`+idle, luabindtest.Modules(m))
	evals(t, w, map[string][]any{
		`return (" x "):trim(), math.floor(1.5), table.unpack({7})`:                         {"x", 1.0, 7.0},
		`mine.x = 1 mine = {y = mine.x} return mine.y`:                                      {1.0},
		`local s = setmetatable({}, {__index = string}) s.foo = 1 return s.foo, string.foo`: {1.0, nil},
	})
	const only = " is read-only in handlers: only the file, while it runs, may set "
	evalFails(t, w, map[string]string{
		`string.foo = 1`:                                "string" + only + "string.foo",
		`function string.foo() end`:                     "string" + only + "string.foo",
		`string.format = nil`:                           "string" + only + "string.format",
		`string["for" .. "mat"] = nil`:                  "string" + only + "string.format",
		`string[1] = nil`:                               "string" + only + "string.1",
		`rawset(string, "format", nil)`:                 "string" + only + "string.format",
		`table.insert(table, 1)`:                        "table" + only,
		`table.concat = nil`:                            "table" + only + "table.concat",
		`math.pi = 3`:                                   "math" + only + "math.pi",
		`os.time = nil`:                                 "os" + only + "os.time",
		`coroutine.wrap = nil`:                          "coroutine" + only + "coroutine.wrap",
		`sip.reply = 1`:                                 "sip can't get new names",
		`sip.log.info = print`:                          "sip.log" + only + "sip.log.info",
		`rawset(sip.json, "encode", 1)`:                 "sip.json" + only + "sip.json.encode",
		`M.f = print`:                                   "m" + only + "m.f",
		`require("m").f = print`:                        "m" + only + "m.f",
		`setmetatable({}, {__newindex = string}).x = 1`: "string" + only + "string.x",
		`setmetatable(string, {})`:                      "cannot be changed",
		`string = {}`:                                   "string" + only + "it",
		`print = nil`:                                   "print" + only + "it",
		`_G.print = nil`:                                "print" + only + "it",
		`rawset(_G, "print", nil)`:                      "print" + only + "it",
	})
}
