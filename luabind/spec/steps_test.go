package spec_test

// This file looks at the lines of scripts behind the messages of a ladder.

import (
	"regexp"
	"strings"
	"testing"
)

// behind are the messages of a failed test's ladder that a script's line is behind, with that line.
func behind(out string) string {
	var list []string
	for _, m := range regexp.MustCompile(`-- ([^|]*?\)?) -+[>|x]*.*\|  (\S+)  (\S+)\n`).FindAllStringSubmatch(out, -1) {
		list = append(list, m[1]+": "+m[2]+" "+m[3])
	}
	return strings.Join(list, "\n")
}

func TestStepsOfScripts(t *testing.T) {
	for _, c := range []struct{ name, script, spec, want string }{
		{"reply and what comes after", "function route(req)\n  req:reply(183)\n  req:reply(486)\nend", `
			local call = t.ua("sip:a@example.com"):invite("sip:b@example.com")
			call:expect(486)`,
			"183 Session Progress (INVITE 1): reply x.lua:2\n486 Busy Here (INVITE 1): reply x.lua:3"},
		{"a fork, and what follows it", "function route(req)\n  local res = req:fork('sip:b@10.0.0.7', { timeout = 3 })\n  if res.code == 408 then\n    req:relay('sip:c@10.0.0.8')\n  end\nend", `
			local a, b, c = t.ua("sip:a@example.com"), t.ua("sip:b@10.0.0.7"), t.ua("sip:c@10.0.0.8")
			local call = a:invite("sip:x@example.com")
			b:expect("INVITE"):reply(180)
			b:expect("CANCEL")
			c:expect("INVITE"):reply(200)
			call:expect(200)`,
			"INVITE 1: fork x.lua:2\n180 Ringing (INVITE 1): fork x.lua:2\nCANCEL 1: fork x.lua:2\n" +
				"INVITE 1: relay x.lua:4\nACK 1: fork x.lua:2\n200 OK (INVITE 1): relay x.lua:4"},
		{"in a callback", "function route(req)\n  req:relay('sip:b@10.0.0.7', {\n    on_failure = function(res, req)\n      req:relay('sip:c@10.0.0.8')\n    end })\nend", `
			local a, b, c = t.ua("sip:a@example.com"), t.ua("sip:b@10.0.0.7"), t.ua("sip:c@10.0.0.8")
			local call = a:send{method = "MESSAGE", uri = "sip:x@example.com"}
			b:expect("MESSAGE"):reply(486)
			c:expect("MESSAGE"):reply(200)
			call:expect(200)`,
			"MESSAGE 1: relay x.lua:2\nMESSAGE 1: relay x.lua:4\n200 OK (MESSAGE 1): relay x.lua:4"},
		{"of an error", "function route(req)\n  local x = nil + 1\nend", `t.ua("sip:a@example.com"):send{method = "OPTIONS"}:expect(500)`,
			"500 Server Internal Error (OPTIONS 1): error x.lua:2"},
		{"what lets pass is behind nothing", "local auth = require 'auth'\nauth.configure{ users = { a = 'secret' }, realm = 'example.com' }\nfunction route(req)\n  if auth.require(req) then\n    local undecided = true\n  end\nend", `
			t.ua("sip:a@example.com", {password = "secret"}):send{method = "MESSAGE"}:expect(500)`,
			"407 Proxy Authentication Required (MESSAGE 1): auth.require x.lua:4"},
		{"a required file", "local answer = require 'answer'\nfunction route(req) answer(req) end", `t.ua("sip:a@example.com"):send{method = "OPTIONS"}:expect(404)`,
			"404 Not Found (OPTIONS 1): reply answer.lua:2"},
		{"two servers", "function route(req)\n  if sip.args.last then return req:reply(200) end\n  req:relay({ uri = 'sip:x@example.com', next_hop = 'sip:10.0.0.2' })\nend", `
			t.server{}
			t.server{addr = "10.0.0.2", args = {last = "1"}}
			t.ua("sip:a@example.com"):send{method = "OPTIONS"}:expect(200)`,
			"OPTIONS 1: relay x.lua:3\n200 OK (OPTIONS 1): reply x.lua:2\n200 OK (OPTIONS 1): relay x.lua:3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, _ := runBeside(t, c.script, "t.it('x', function() "+c.spec+"; t.fail() end)", map[string]string{"answer.lua": "return function(req)\n  req:reply(404)\nend"})
			if got := behind(out); got != c.want {
				t.Errorf("got\n%s\nwant\n%s\nin\n%s", got, c.want, out)
			}
		})
	}
}
