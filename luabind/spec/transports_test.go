package spec_test

// This file looks at phones over streams and WebSockets, through specs.

import "testing"

// router registers, relays, and answers OPTIONS with what it sees of the source.
const router = `
local router = [[
  local registrar = require "registrar"
  function route(req)
    if req.in_dialog then return req:relay() end
    if req.method == "REGISTER" then return registrar.save(req) end
    if req.method == "OPTIONS" then
      local s, on = req.source, req.received_on
      return req:reply(200, ("%s %s %s:%d"):format(s.transport, s.ip, on.transport, on.port))
    end
    req:record_route()
    req:relay(registrar.lookup(req.ruri))
  end
]]
t.server { source = router }
local function phone(user, transport, more)
  local o = { transport = transport }
  for k, v in pairs(more or {}) do o[k] = v end
  return t.ua("sip:" .. user .. "@example.com", o)
end
`

func TestTransports(t *testing.T) {
	for _, c := range []struct{ name, lua string }{
		{"the script sees where requests come from", `
			for transport, port in pairs { udp = 5060, tcp = 5060, tls = 5061, ws = 80, wss = 443 } do
				local ua = phone("alice", transport)
				local res = ua:send { method = "OPTIONS" }:expect(200)
				t.equal(res.reason, transport .. " " .. ua.addr:match("^[%d.]+") .. " " .. transport .. ":" .. port)
			end`},
		{"calls cross over between transports, and every request of the dialog arrives", `
			local last
			for _, transport in ipairs { "udp", "tcp", "tls", "ws", "wss" } do
				local ua = phone(transport, transport)
				ua:register()
				if last then
					for _, pair in ipairs { { ua, last }, { last, ua } } do
						local call = pair[1]:invite(pair[2].uri)
						local leg = pair[2]:expect("INVITE")
						leg:reply(180)
						call:expect(180)
						leg:reply(200)
						call:expect(200)
						leg:expect("ACK")
						leg:send { method = "INFO" }
						call:expect("INFO"):reply(200)
						call:bye()
						leg:expect("BYE")
					end
				end
				last = ua
			end`},
		{"a browser gives a name that leads nowhere, and tls its connection", `
			for _, transport in ipairs { "ws", "wss" } do
				t.match(tostring(phone("alice", transport).contact), "^sip:alice@%x+%.invalid;transport=ws$")
			end
			local alice = phone("alice", "wss")
			alice:register()
			local bob = phone("bob", "tls")
			bob:register()
			local leg, call
			call = alice:invite("sip:bob@example.com")
			leg = bob:expect("INVITE")
			local vias = leg:headers("Via")
			t.match(vias[#vias], "^SIP/2.0/WSS %x+%.invalid;")
			local port = tostring(bob.contact):match("^sip:bob@10%.0%.1%.%d+:(4%d+);transport=tls$")
			t.ok(port and port ~= "5061", tostring(bob.contact))
			leg:reply(486)
			call:expect(486)`},
		{"outbound and instance are in the registration", `
			local alice = phone("alice", "wss", { outbound = true })
			local contact = alice:register():header("Contact")
			t.match(contact, "%+sip%.instance=\"<urn:uuid:%x+%-%x+%-4%x+%-8%x+%-%x+>\"")
			t.match(contact, "reg%-id=1")
			local bob = phone("bob", "ws", { instance = "urn:uuid:00000000-0000-1000-8000-000A95A0E128" })
			contact = bob:register():header("Contact")
			t.match(contact, "000A95A0E128")
			t.ok(not contact:find("reg%-id"), contact)
			local call = bob:invite("sip:alice@example.com")
			local leg = alice:expect("INVITE")
			leg:reply(200)
			t.match(tostring(call:expect(200).contact), ";ob$")`},
		{"only the connection leads to a browser or a tls phone", `
			for _, transport in ipairs { "ws", "wss", "tls" } do
				local bob, alice = phone("bob", transport), phone("alice", "udp")
				bob:register()
				bob:disconnect()
				alice:invite("sip:bob@example.com"):expect(480)
				bob:expect_nothing()
				bob:reconnect()
				bob:register()
				local call = alice:invite("sip:bob@example.com")
				bob:expect("INVITE"):reply(486)
				call:expect(486)
				bob:unregister()
			end`},
		{"a phone that vanishes is still believed to be there", `
			local bob, alice = phone("bob", "wss", { outbound = true }), phone("alice", "udp")
			bob:register()
			bob:disconnect { silent = true }
			local call = alice:invite("sip:bob@example.com")
			t.advance(5)
			call:cancel()
			bob:reconnect()
			bob:register()
			bob:expect_nothing()
			call = alice:invite("sip:bob@example.com")
			bob:expect("INVITE"):reply(486)
			call:expect(486)`},
		{"a udp phone comes back where it was", `
			local bob, alice = phone("bob", "udp"), phone("alice", "udp")
			bob:register()
			bob:disconnect()
			local call = alice:invite("sip:bob@example.com")
			t.advance(2)
			bob:expect_nothing(0)
			bob:reconnect()
			bob:expect("INVITE"):reply(486)
			call:expect(486)`},
		{"others connect to a tls gateway at its address", `
			t.server { source = [[ function route(req) req:relay("sip:gw@10.0.0.9;transport=tls") end ]], addr = "10.0.0.2" }
			local gw = t.ua("sip:gw@10.0.0.9", { transport = "tls" })
			t.equal(gw.addr, "10.0.0.9:5061")
			local call = t.ua("sip:alice@example.com", { proxy = "10.0.0.2" }):invite("sip:x@example.com")
			gw:expect("INVITE"):reply(486)
			call:expect(486)`},
		{"listeners are what t.server says", `
			t.server { source = router, addr = "10.0.0.3", listen = { "wss:10.0.0.3:8443" } }
			local res = phone("alice", "wss", { proxy = "10.0.0.3" }):send { method = "OPTIONS" }:expect(200)
			t.match(res.reason, "wss:8443")
			t.raises(function() phone("bob", "ws", { proxy = "10.0.0.3" }) end, 'does not listen for ws: t.server{ listen = { "ws:10.0.0.3:80" } }')
			t.server { source = router, addr = "10.0.0.4:5080" }
			t.raises(function() phone("bob", "tls", { proxy = "10.0.0.4" }) end, "does not listen for tls")`},
	} {
		t.Run(c.name, func(t *testing.T) { passes(t, "t.it('does', function() "+router+c.lua+"\nend)") })
	}
}

// The script sees the request by which a browser opened its connection.
func TestUpgradeInSpecs(t *testing.T) {
	passes(t, `
local source = [[
  function route(req)
    local http = req.source.http
    if not http then return req:reply(404, "none") end
    req:reply(200, ("%s %s %s %s"):format(http.path, http.query.token or "-", http.origin or "-", http.headers["x-name"] or "-"))
  end
]]
t.it("does", function()
  t.server { source = source }
  local function asks(o, code) return t.ua("sip:alice@example.com", o):send { method = "OPTIONS" }:expect(code or 200).reason end
  t.equal(asks { transport = "wss", http = { path = "/ws?token=x%20y", origin = "https://app.example.com", headers = { ["X-Name"] = "n" } } },
    "/ws x y https://app.example.com n")
  t.equal(asks { transport = "ws" }, "/ - - -")
  for _, transport in ipairs { "udp", "tcp", "tls" } do
    t.equal(asks({ transport = transport, http = { path = "/ws" } }, 404), "none")
  end
  t.raises(function() t.ua("sip:x@example.com", { transport = "ws", http = { path = "ws" } }) end, 'http.path: "ws" is not a path')
end)
t.it("lets in only pages of the listener's origins", function()
  t.server { source = source, listen = { "wss:10.0.0.1:443?origin=https://app.example.com" } }
  t.ua("sip:alice@example.com", { transport = "wss", http = { origin = "https://app.example.com" } }):send { method = "OPTIONS" }:expect(200)
  t.ua("sip:alice@example.com", { transport = "wss" }):send { method = "OPTIONS" }:expect(200)
  local evil = t.ua("sip:alice@example.com", { transport = "wss", http = { origin = "https://evil.example.com" } })
  t.raises(function() evil:send { method = "OPTIONS" }:expect(200) end, "failed")
end)`)
}
