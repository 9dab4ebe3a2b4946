package spec_test

import (
	"strings"
	"testing"
)

// This file tests t.dns, and that servers resolve names as they do outside.

// names relays to the user's host, and tells what it looks up.
const names = `
t.server { source = [[
  local dns = require "dns"
  function route(req)
    if req.in_dialog then return req:relay() end
    if req.method == "OPTIONS" then
      local list, err = dns.lookup(req:header("X-Name"), req:header("X-Type"))
      return req:reply(200, nil, { body = list and sip.json.encode(list) or err, content_type = "application/json" })
    end
    req:record_route()
    req:relay("sip:" .. req.ruri.user)
  end
]] }
local alice, one, two = t.ua("sip:alice@example.com"), t.ua("sip:one@10.0.3.1"), t.ua("sip:two@10.0.3.2")
local function call(host) return alice:invite("sip:" .. host .. "@example.com") end
local function look(name, type)
  return alice:send { method = "OPTIONS", headers = { ["X-Name"] = name, ["X-Type"] = type } }:expect(200).body
end
local function rings(ua, host)
  local call = call(host)
  ua:expect("INVITE"):reply(486)
  call:expect(486)
end
`

func TestDNS(t *testing.T) {
	for _, c := range []struct{ name, lua string }{
		{"an address, and one that is tried when the first is silent", `
			t.dns { ["gw.example"] = "10.0.3.1", ["pair.example"] = { "10.0.3.99", "10.0.3.2" } }
			rings(one, "gw.example")
			local c = call("pair.example")
			two:expect("INVITE", { within = 40 }):reply(486)
			c:expect(486)
			t.equal(look("PAIR.example.", "A"), '["10.0.3.99","10.0.3.2"]')`},
		{"SRV by priority and weight, with ports and transports", `
			t.dns {
				["_sip._udp.carrier.example"] = { SRV = { { priority = 2, port = 5060, target = "two.example" }, { priority = 1, port = 5070, target = "one.example" } } },
				["one.example"] = "10.0.3.1", ["two.example"] = "10.0.3.2", ["carrier.example"] = {},
			}
			local odd = t.ua("sip:odd@10.0.3.1:5070")
			local c = call("carrier.example")
			odd:expect("INVITE"):reply(503)
			two:expect("INVITE"):reply(486)
			c:expect(486)
			t.match(look("_sip._udp.carrier.example", "SRV"), '"port":5070')`},
		{"NAPTR chooses the transport", `
			t.dns {
				["carrier.example"] = { NAPTR = {
					{ order = 1, preference = 1, flags = "s", service = "SIP+D2T", replacement = "_sip._tcp.carrier.example" },
					{ order = 2, preference = 1, flags = "s", service = "SIP+D2U", replacement = "_sip._udp.carrier.example" } } },
				["_sip._tcp.carrier.example"] = { SRV = { port = 5060, target = "one.example" } },
				["_sip._udp.carrier.example"] = { SRV = { port = 5060, target = "two.example" } },
				["one.example"] = { A = "10.0.3.1" }, ["two.example"] = { A = { "10.0.3.2" } },
			}
			local c = call("carrier.example")
			local leg = one:expect("INVITE")
			t.match(leg:header("Via"), "^SIP/2.0/TCP ")
			leg:reply(486)
			c:expect(486)`},
		{"aliases, other types, and addresses as names", `
			t.dns {
				["sip.example"] = { CNAME = "one.example" }, ["one.example"] = "10.0.3.1",
				["txt.example"] = { TXT = { "a=b" }, MX = { preference = 10, target = "mail.example" } },
				["10.0.3.1"] = { PTR = "one.example" }, ["six.example"] = "2001:db8::1",
				["4.3.2.1.e164.arpa"] = { NAPTR = { order = 1, preference = 2, flags = "u", service = "E2U+sip", regexp = "!^.*$!sip:x@one.example!" } },
			}
			rings(one, "sip.example")
			t.equal(look("txt.example", "TXT"), '["a=b"]')
			t.equal(look("txt.example", "MX"), '[{"preference":10,"target":"mail.example"}]')
			t.equal(look("10.0.3.1", "PTR"), '["one.example"]')
			t.equal(look("six.example", "AAAA"), '["2001:db8::1"]')
			t.match(look("4.3.2.1.e164.arpa", "NAPTR"), "sip:x@one.example")
			t.equal(look("one.example", "TXT"), "{}")`},
		{"names that do not exist, and servers that fail", `
			t.dns { ["gone.example"] = false, ["away.example"] = { error = "SERVFAIL" } }
			call("gone.example"):expect("5xx")
			call("away.example"):expect("5xx")
			t.equal(look("gone.example", "A"), "{}")
			t.match(look("away.example", "TXT"), "SERVFAIL")`},
		{"records are kept as long as they live", `
			t.dns({ ["gw.example"] = "10.0.3.1" }, { ttl = 30 })
			rings(one, "gw.example")
			t.dns { ["gw.example"] = "10.0.3.2" }
			rings(one, "gw.example")
			t.advance(30)
			rings(two, "gw.example")`},
		{"hosts of one server, with a port", `
			t.server { addr = "10.0.0.2", hosts = { ["gw.example"] = "10.0.3.1:5070", ["plain.example"] = "10.0.3.2" },
				source = [[ function route(req) req:relay("sip:" .. req.ruri.user) end ]] }
			local odd = t.ua("sip:odd@10.0.3.1:5070")
			local carol = t.ua("sip:carol@example.com", { proxy = "10.0.0.2" })
			local c = carol:invite("sip:gw.example@example.com")
			odd:expect("INVITE"):reply(486)
			c:expect(486)
			c = carol:invite("sip:plain.example@example.com")
			two:expect("INVITE"):reply(486)
			c:expect(486)`},
		{"what is wrong is said", `
			for text, names in pairs {
				["argument 1 must be a table"] = "gw.example",
				["x.example: write an address, a list"] = { ["x.example"] = true },
				['x.example: "no" is not an address'] = { ["x.example"] = "no" },
				["x.example: XYZ: there is no such type"] = { ["x.example"] = { XYZ = "1" } },
				["x.example: A: "] = { ["x.example"] = { A = "::1" } },
				["x.example: SRV: a record must be a table {priority"] = { ["x.example"] = { SRV = "gw" } },
				["x.example: SRV: there is no field prio"] = { ["x.example"] = { SRV = { prio = 1, target = "gw" } } },
				["x.example: SRV: port must be a number from 0 to 65535"] = { ["x.example"] = { SRV = { port = 65536, target = "gw" } } },
				["x.example: SRV: a name is missing"] = { ["x.example"] = { SRV = { port = 1 } } },
				["x.example: TXT: a record must be text"] = { ["x.example"] = { TXT = 7 } },
				['x.example: error: "no" is not a code'] = { ["x.example"] = { error = "no" } },
			} do
				t.raises(function() t.dns(names) end, text)
			end
			t.raises(function() t.server { addr = "10.0.0.5", hosts = { a = "b" } } end, 'hosts: a: "b" is not an address')`},
	} {
		t.Run(c.name, func(t *testing.T) { passes(t, "t.it('does', function() "+names+c.lua+"\nend)") })
	}
}

// A name that the spec does not know fails the test, and says what to write.
func TestDNSOfNobody(t *testing.T) {
	for name, want := range map[string]string{
		`call("carrier.example"):expect("5xx")`:                          `the script looks up carrier.example, which nothing answers: t.dns({ ["carrier.example"] = "10.0.0.9" }), or false`,
		`look("txt.example", "TXT")`:                                     `t.dns({ ["txt.example"] = { TXT = … } })`,
		`look("_sip._udp.carrier.example", "SRV")`:                       `t.dns({ ["carrier.example"] = `,
		`t.dns { ["b.example"] = "10.0.3.1" }; look("a.b.example", "A")`: `looks up a.b.example, `,
	} {
		t.Run(name, func(t *testing.T) {
			if out := fails(t, "t.it('does', function() "+names+name+"\nend)"); !strings.Contains(out, want) {
				t.Errorf("want %q in\n%s", want, out)
			}
		})
	}
}
