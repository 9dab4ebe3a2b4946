package spec_test

// This file looks at how phones behave, through specs.

import "testing"

const pair = `local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com"); bob:register()
local function connect(options)
  local call = alice:invite("sip:bob@example.com", options)
  local leg = bob:expect("INVITE")
  return call, leg
end
`

func TestPhones(t *testing.T) {
	for _, c := range []struct{ name, lua string }{
		{"a 2xx is repeated until it is acknowledged, and acknowledged each time", `
			local call, leg = connect()
			t.link{loss = 1, from = alice.addr, to = "10.0.0.1"}
			leg:reply(200)
			call:expect(200)
			t.advance(3)
			leg:expect_nothing()
			t.raises(function() leg:expect("ACK", {within = 0}) end, "no ACK")
			t.link{from = alice.addr, to = "10.0.0.1"}
			leg:expect("ACK")
			t.raises(function() leg:expect("ACK") end, "no ACK")`},
		{"one that is never acknowledged ends in a BYE", `
			local call, leg = connect()
			t.link{loss = 1, from = alice.addr, to = "10.0.0.1"}
			leg:reply(200)
			call:expect(200)
			call:expect("BYE", {within = 33})`},
		{"CANCEL is answered 200 and 487", `
			local call, leg = connect()
			leg:reply(180)
			call:cancel{headers = {Reason = "SIP;cause=200"}}
			leg:expect("CANCEL"):reply(200)
			call:expect(487)
			leg:reply(487)
			t.raises(function() leg:reply(200) end, "by itself")`},
		{"CANCEL waits for a provisional response", `
			local call = alice:invite("sip:bob@example.com")
			call:cancel()
			local leg = bob:expect("INVITE")
			leg:expect("CANCEL")
			call:expect(487)`},
		{"an answer may cross the CANCEL", `
			local call, leg = connect()
			leg:reply(180)
			call:expect(180)
			call:cancel()
			leg:reply(200)
			call:expect(200)
			leg:expect("CANCEL")
			call:bye()`},
		{"auto = false leaves CANCEL's INVITE and BYE to the spec", `
			local carol = t.ua("sip:carol@example.com", {auto = false})
			carol:register()
			local call = alice:invite("sip:carol@example.com")
			local leg = carol:expect("INVITE")
			leg:reply(180)
			call:cancel()
			leg:expect("CANCEL")
			t.advance(1)
			leg:reply(487)
			call:expect(487)`},
		{"a dead phone answers nothing, not even CANCEL", `
			local call, leg = connect()
			leg:reply(180)
			leg:ignore()
			call:expect(180)
			call:cancel()
			leg:expect("CANCEL")
			leg:expect_nothing()
			call:expect(487, {within = 40})`},
		{"an ignored INVITE comes again and stays ignored", `
			local call, leg = connect()
			leg:ignore()
			t.advance(5)
			bob:expect_nothing()
			t.raises(function() leg:reply(200) end, "ignored")`},
		{"re-INVITE, UPDATE and INFO within a call", `
			local call, leg = connect()
			leg:reply(183, {body = "v=0\r\n"})
			t.equal(call:expect(183).body, "v=0\r\n")
			leg:reply(200, "Fine", {headers = {["X-Y"] = {"1", "2"}}})
			local res = call:expect("2xx")
			t.equal(res.reason, "Fine")
			t.equal(table.concat(res:headers("X-Y"), ","), "1,2")
			t.equal(res.to.uri.user, "bob")
			t.ok(res.to.tag)
			local again = call:send{method = "INVITE"}
			leg:expect("INVITE"):reply(200)
			again:expect(200)
			local update = leg:send{method = "UPDATE"}
			call:expect("UPDATE"):reply(200)
			update:expect(200)
			call:bye():expect(200)`},
		{"a BYE without a dialog is answered 481", `
			local stray = alice:send{method = "BYE", uri = "sip:bob@" .. bob.addr, to = "<sip:bob@example.com>;tag=x", route = {"<sip:" .. bob.addr .. ";lr>"}}
			stray:expect(481)
			bob:expect("BYE")`},
		{"headers can be set, added to and taken out", `
			local call, leg = connect{headers = {["X-A"] = {"1", "2"}, Contact = false, Subject = "hi"}, body = "x", content_type = "text/plain"}
			t.equal(leg:header("Subject"), "hi")
			t.equal(leg:header("X-A"), "1")
			t.equal(leg.contact, nil)
			t.equal(leg.content_type, "text/plain")
			t.match(leg.text, "^INVITE sip:bob@")
			leg:reply(486)
			call:expect(486)`},
		{"a second phone that answers is hung up", `
			t.link{delay = 0.05}
			local bob2 = t.ua("sip:bob@example.com")
			bob2:register()
			local call, leg = connect()
			local leg2 = bob2:expect("INVITE")
			leg:reply(200)
			leg2:reply(200)
			call:expect(200)
			leg2:expect("ACK")
			leg2:expect("BYE", {within = 1})
			call:bye():expect(200)`},
		{"tasks of the spec wait beside each other", `
			local task = sip.spawn(function() return bob:expect("INVITE").from.uri.user end)
			sip.sleep(1)
			alice:invite("sip:bob@example.com")
			t.equal(task:wait(), "alice")`},
		{"virtual time goes by as told", `
			local before = sip.now()
			t.advance(7200)
			t.ok(math.abs(sip.now() - before - 7200) < 0.001)`},
		{"what is taken off the network is gone", `
			bob:leave()
			alice:send{method = "MESSAGE", uri = "sip:bob@example.com"}:expect_nothing(20)`},
		{"over TCP", `
			local carol, dave = t.ua("sip:carol@example.com", {transport = "tcp"}), t.ua("sip:dave@example.com", {transport = "tcp"})
			dave:register()
			local call = carol:invite("sip:dave@example.com")
			local leg = dave:expect("INVITE")
			t.equal(leg.contact.params.transport, "tcp")
			leg:reply(200)
			call:expect(200)
			leg:expect("ACK")
			call:bye():expect(200)
			dave:unregister()
			carol:invite("sip:dave@example.com"):expect(480)`},
	} {
		t.Run(c.name, func(t *testing.T) { passes(t, "t.it('does', function() "+pair+c.lua+"\nend)") })
	}
}

// Phones answer challenges of either algorithm, once.
func TestDigest(t *testing.T) {
	passes(t, `
local script = [[
local auth = require "auth"
auth.configure{algorithms = {sip.args.algorithm}, users = {alice = "open sesame"}, nonce_lifetime = 10}
function route(req)
  if req.in_dialog then return req:relay() end
  if not auth.require(req) then return end
  req:record_route()
  req:relay("sip:bob@10.0.0.9")
end]]
for _, algorithm in ipairs{"MD5", "SHA-256", "SHA-512-256"} do
  t.it(algorithm, function()
    t.server{source = script, args = {algorithm = algorithm}}
    local bob = t.ua("sip:bob@10.0.0.9")
    local alice = t.ua("sip:alice@example.com", {password = "open sesame"})
    local call = alice:invite("sip:bob@example.com", {body = "v=0"})
    local leg = bob:expect("INVITE")
    t.equal(leg.cseq.number, 2)
    leg:reply(200)
    call:expect(200)
    leg:expect("ACK")
    call:bye()
    leg:expect("BYE")
    local guess = t.ua("sip:alice@example.com", {password = "guess"})
    t.match(guess:invite("sip:bob@example.com"):expect(407):header("Proxy-Authenticate"), "algorithm=" .. algorithm:gsub("-", "%%-"))
    t.ua("sip:alice@example.com"):invite("sip:bob@example.com"):expect(407)
  end)
end`)
}
