package spec_test

import (
	"strings"
	"testing"
)

// This file tests phones behind NATs, through specs.

const behindNAT = router + `
local function at(home, user, more)
  local o = { nat = home }
  for k, v in pairs(more or {}) do o[k] = v end
  return t.ua("sip:" .. user .. "@example.com", o)
end
local function rings(from, to)
  local call = from:invite(to.uri)
  local leg = to:expect("INVITE")
  leg:reply(180)
  call:expect(180)
  leg:reply(200)
  call:expect(200)
  leg:bye():expect(200)
  call:expect("BYE")
end
`

func TestNAT(t *testing.T) {
	for _, c := range []struct{ name, lua string }{
		{"calls through each kind, in both directions", `
			for i, kind in ipairs { "full_cone", "restricted", "port_restricted", "symmetric" } do
				local home = t.nat { kind = kind }
				t.equal(home.public, "203.0.113." .. i)
				local bob, alice = at(home, "b" .. i), phone("a" .. i)
				t.equal(bob.addr, "192.168." .. i .. ".2:5060")
				t.match(tostring(bob.contact), "@192%.168%.")
				bob:register()
				alice:register()
				rings(alice, bob)
				rings(bob, alice)
				local res = bob:send { method = "OPTIONS" }:expect(200)
				t.equal(res.reason, "udp 203.0.113." .. i .. " udp:5060")
			end`},
		{"over streams and WebSockets", `
			local home, alice = t.nat {}, phone("alice")
			alice:register()
			for _, transport in ipairs { "tcp", "tls", "wss" } do
				local bob = at(home, "bob-" .. transport, { transport = transport })
				bob:register()
				rings(alice, bob)
				rings(bob, alice)
				t.equal(bob:send { method = "OPTIONS" }:expect(200).reason:match("^%S+ %S+"), transport .. " 203.0.113.1")
			end`},
		{"a port that was not used for too long is closed, unless the phone keeps it open", `
			local home = t.nat { timeout = 30 }
			local bob, carol, alice = at(home, "bob"), at(home, "carol", { keepalive = 20 }), phone("alice")
			bob:register()
			carol:register()
			t.advance(31)
			rings(alice, carol)
			local call = alice:invite(bob.uri)
			bob:expect_nothing(5)
			call:cancel()
			bob:register()
			rings(alice, bob)`},
		{"a router that starts again, also with another address", `
			local home, alice = t.nat {}, phone("alice")
			local bob, carol = at(home, "bob"), at(home, "carol", { transport = "tls" })
			bob:register()
			carol:register()
			home:rebind { public = "203.0.113.50" }
			for _, ua in ipairs { bob, carol } do
				local call = alice:invite(ua.uri)
				ua:expect_nothing(5)
				call:cancel()
				ua:register()
				local res = ua:send { method = "OPTIONS" }:expect(200)
				t.match(res.reason, "203%.0%.113%.50")
			end
			t.equal(home.public, "203.0.113.50")
			rings(alice, carol)`},
		{"an old connection that nothing used", `
			local home, alice = t.nat { stream_timeout = 60 }, phone("alice")
			local bob = at(home, "bob", { transport = "wss", outbound = true })
			bob:register()
			t.advance(61)
			local call = alice:invite(bob.uri)
			bob:expect_nothing(5)
			call:cancel()
			bob:register()
			rings(alice, bob)`},
		{"an ALG rewrites Contact, and the worse one SDP too", `
			local alice = phone("alice")
			alice:register()
			for alg, sdp in pairs { headers = "192.168.", body = "203.0.113." } do
				local bob = at(t.nat { alg = alg }, "bob")
				local body = "v=0\r\no=- 1 1 IN IP4 " .. bob.addr:match("^[%d.]+") .. "\r\n"
				local call = bob:invite(alice.uri, { body = body .. "a=some more, so that nothing is lacking when the address is longer" })
				local leg = alice:expect("INVITE")
				t.match(tostring(leg.contact), "@203%.0%.113%.%d+:%d+")
				t.match(leg.body, "IN IP4 " .. sdp:gsub("%.", "%%."))
				leg:reply(486)
				call:expect(486)
			end`},
		{"what is wrong is said", `
			t.raises(function() t.nat { kind = "cone" } end, "option kind must be one of full_cone, restricted, port_restricted, symmetric")
			t.raises(function() t.nat { public = "home" } end, '"home" is not an address')
			t.raises(function() t.ua("sip:x@example.com", { nat = "home" }) end, "option nat must be a nat, not")
			t.raises(function() t.ua("sip:x@example.com", { nat = t.ua("sip:y@example.com") }) end, "option nat must be a nat, not")`},
	} {
		t.Run(c.name, func(t *testing.T) { passes(t, "t.it('does', function() "+behindNAT+c.lua+"\nend)") })
	}
}

// The ladder shows phones behind a NAT as themselves, and what the NAT refuses as lost.
func TestLadderOfNAT(t *testing.T) {
	out := fails(t, "t.it('does', function() "+behindNAT+`
		local bob, alice = at(t.nat { timeout = 5 }, "bob", { keepalive = 2 }), phone("alice")
		bob:register()
		bob:disconnect()
		t.advance(6)
		alice:invite(bob.uri)
		bob:expect("INVITE", { within = 0.4 })
	end)`)
	for _, want := range []string{"|-- REGISTER 1 ", "<-- 200 OK (REGISTER 1)", "|x-- INVITE 1 --"} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "203.0.113") || strings.Contains(out, `\r`) {
		t.Errorf("a column of the NAT's, or keep-alives:\n%s", out)
	}
}
